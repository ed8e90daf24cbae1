//! Protects from cadences that wait for ever: their hours must share some minute with the hours the law leaves open.

use std::sync::LazyLock;

use super::super::diagnostic::{Findings, Place};
use super::{CadenceFile, Scope};
use crate::rules::{Grade, Jurisdiction, Rules};
use crate::time::Hours;

/// Places that are listed before the rest is only counted.
const LISTED: usize = 4;

/// Per place what its own law and that of its country leave open, whoever calls.
static LAWFUL: LazyLock<Vec<(String, Hours)>> = LazyLock::new(|| {
    let rules = Rules::embedded();
    let hours_of = |place: Jurisdiction| {
        rules
            .rules()
            .filter(|(owner, rule)| {
                *owner == place && rule.effective.until.is_none() && rule.grade != Grade::C
            })
            .filter(|(_, rule)| rule.voice == crate::rules::VoiceScope::Any)
            .filter_map(|(_, rule)| rule.hours.clone())
            .fold(Hours::always(), |all, hours| all.intersect(&hours))
    };
    let places = rules.places().map(|(place, title)| {
        let country = place.whole_country();
        let own = hours_of(place);
        let both = if country == place { own } else { own.intersect(&hours_of(country)) };
        (title.to_owned(), both)
    });
    places.collect()
});

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let Some(hours) = &file.model.hours else { return };
    // Hours in a zone of their own are some other hours on the lead's clock.
    if hours.zone.is_some() || hours.hours.is_never() {
        return;
    }
    let closed: Vec<&str> = LAWFUL
        .iter()
        .filter(|(_, lawful)| lawful.intersect(&hours.hours).is_never())
        .map(|(title, _)| title.as_str())
        .collect();
    if closed.is_empty() {
        return;
    }
    if closed.len() == LAWFUL.len() {
        findings
            .error("never-open", Place::key("/hours"), "the law allows no call in these hours, anywhere")
            .label("nobody would ever be called")
            .help("most places allow calls between 09:00 and 20:00 on weekdays");
        return;
    }
    let more = closed.len().saturating_sub(LISTED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    let list = closed.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    findings
        .warning(
            "never-open",
            Place::key("/hours"),
            format!("leads in {list}{rest} can never be called: their law leaves none of these hours open"),
        )
        .label("closed there by law")
        .help("widen the hours, or keep such leads out with `enter: { when: … }`");
}
