//! Per lead: what was called when, and why not, as CSV.

use callwright_engine::simulate::story::LeadStory;

use super::version::Version;

const HEADER: [&str; 16] = [
    "version",
    "lead",
    "phone",
    "zone",
    "at_utc",
    "at_local",
    "what",
    "cadence",
    "step",
    "try",
    "outcome",
    "disposition",
    "talk_s",
    "gate",
    "reason",
    "until_local",
];

pub fn of(base: &Version, other: Option<&Version>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for version in std::iter::once(base).chain(other) {
        for story in LeadStory::all(&version.facts) {
            for moment in &story.moments {
                let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
                writer.write_record([
                    plain(&version.label),
                    plain(&story.name),
                    story.phone.trim_start_matches('+').to_owned(),
                    story.zone.clone(),
                    moment.at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    moment.local.clone(),
                    moment.what.to_owned(),
                    moment.cadence.clone(),
                    moment.step.clone(),
                    number(moment.attempt),
                    moment.outcome.clone(),
                    moment.disposition.clone(),
                    number(moment.talk_s),
                    moment.gate.clone(),
                    moment.reason.clone(),
                    moment.until.clone(),
                ])?;
            }
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Spreadsheets take a text that begins like this for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(plain("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(plain("lead_1"), "lead_1");
    }
}
