//! In what a rule asks less than another: an operator's rule may take the place of a shipped one only when it asks no less.

use super::schema::{Rule, VoiceScope};

/// A key of the rule that is less strict, and how in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looser {
    /// The key to look at; it may be missing from the rule.
    pub key: &'static str,
    pub words: String,
}

/// Everything in which `own` asks less than `shipped`.
pub fn looser(own: &Rule, shipped: &Rule) -> Vec<Looser> {
    let mut found = Vec::new();
    let mut less = |key, words: String| found.push(Looser { key, words });
    if !shipped.binds() {
        return found;
    }
    if !own.binds() {
        let key = if own.applied { "grade" } else { "applied" };
        less(key, "it is not applied, and the shipped rule is".to_owned());
    }
    if own.voice != shipped.voice && own.voice != VoiceScope::Any {
        less("voice", "it binds fewer calls than the shipped rule".to_owned());
    }
    let ends_early =
        own.effective.until.is_some_and(|until| shipped.effective.until.is_none_or(|end| until < end));
    if own.effective.from > shipped.effective.from || ends_early {
        less("effective", "it is in force on fewer days than the shipped rule".to_owned());
    }
    if let Some(hours) = &shipped.hours {
        match &own.hours {
            None => less("hours", format!("it has no hours, and the shipped rule has {hours}")),
            Some(own) if own.intersect(hours) != *own => {
                less("hours", format!("its hours {own} go beyond the shipped {hours}"));
            }
            Some(_) => {}
        }
    }
    for cap in &shipped.caps {
        let holds = own
            .caps
            .iter()
            .any(|own| own.calls <= cap.calls && own.hours >= cap.hours && own.scope <= cap.scope);
        if !holds {
            less("caps", format!("it allows more than {} calls in {} hours", cap.calls, cap.hours));
        }
    }
    if own.consent.unwrap_or_default().form < shipped.consent.unwrap_or_default().form {
        less("consent", "it asks for a weaker consent than the shipped rule".to_owned());
    }
    if own.recording < shipped.recording {
        less("recording", "it asks fewer people about a recording than the shipped rule".to_owned());
    }
    for needed in &shipped.disclosures {
        let soon = |within: Option<u32>| within.unwrap_or(u32::MAX);
        let holds = own
            .disclosures
            .iter()
            .any(|own| own.what == needed.what && soon(own.within_seconds) <= soon(needed.within_seconds));
        if !holds {
            less(
                "disclosures",
                "it leaves out, or allows later, something that the shipped rule wants said".to_owned(),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests;
