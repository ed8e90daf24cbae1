//! Protects from cadences that wait for ever: their hours must share some minute with the hours the law leaves open. For a place
//! that the cadence says it calls that is an error; for others, something to know.

use super::super::diagnostic::{Findings, Place};
use super::{CadenceFile, Scope};
use crate::rules::{Jurisdiction, Rules, VoiceScope};
use crate::time::Hours;

/// Places that are listed before the rest is only counted.
const LISTED: usize = 4;

/// What the law of a place and that of its country leave open, whoever calls.
fn lawful(rules: &Rules, place: Jurisdiction) -> Hours {
    let country = place.whole_country();
    let binding = rules.rules().filter(|(owner, rule)| {
        (*owner == place || *owner == country)
            && rule.binds()
            && rule.effective.until.is_none()
            && rule.voice == VoiceScope::Any
    });
    let hours = binding.filter_map(|(_, rule)| rule.hours.as_ref());
    hours.fold(Hours::always(), |all, hours| all.intersect(hours))
}

pub fn cadence(scope: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let Some(hours) = &file.model.hours else { return };
    // Hours in a zone of their own are some other hours on the lead's clock.
    if hours.zone.is_some() || hours.hours.is_never() {
        return;
    }
    let is_closed = |place: Jurisdiction| lawful(scope.rules, place).intersect(&hours.hours).is_never();
    let targets = &file.model.targets;
    let wanted = |place: Jurisdiction| {
        targets.is_empty() || targets.contains(&place) || targets.contains(&place.whole_country())
    };
    let places: Vec<(Jurisdiction, &str)> =
        scope.rules.places().filter(|(place, _)| wanted(*place)).collect();
    let closed: Vec<(Jurisdiction, &str)> =
        places.iter().copied().filter(|(place, _)| is_closed(*place)).collect();
    if closed.is_empty() {
        return;
    }
    if closed.len() == places.len() && targets.is_empty() {
        findings
            .error("never-open", Place::key("/hours"), "the law allows no call in these hours, anywhere")
            .label("nobody would ever be called")
            .help("most places allow calls between 09:00 and 20:00 on weekdays");
        return;
    }
    let (named, others): (Vec<_>, Vec<_>) = closed.iter().partition(|(place, _)| targets.contains(place));
    if !named.is_empty() {
        findings
            .error(
                "never-open",
                Place::key("/hours"),
                format!(
                    "the law allows no call in these hours in {}, which this cadence targets",
                    list(&named)
                ),
            )
            .label("nobody there would ever be called")
            .help("widen the hours, or take the place out of `targets`");
    }
    if !others.is_empty() {
        findings
            .warning(
                "never-open",
                Place::key("/hours"),
                format!(
                    "leads in {} can never be called: their law leaves none of these hours open",
                    list(&others)
                ),
            )
            .label("closed there by law")
            .help("widen the hours, or keep such leads out with `enter: { when: … }`");
    }
}

fn list(places: &[&(Jurisdiction, &str)]) -> String {
    let more = places.len().saturating_sub(LISTED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    let titles: Vec<&str> = places.iter().take(LISTED).map(|(_, title)| *title).collect();
    format!("{}{rest}", titles.join(", "))
}
