//! Protects from a cadence that names a place nobody keeps rules for: without rules nobody there is ever called.

use super::super::diagnostic::{Findings, Place};
use super::{CadenceFile, Scope};
use crate::rules::{Jurisdiction, Rules};

pub fn cadence(scope: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    for (index, text) in file.raw.targets.iter().flatten().enumerate() {
        // One that cannot be read has been reported.
        let Ok(place) = text.parse::<Jurisdiction>() else { continue };
        if is_known(scope.rules, place) {
            continue;
        }
        findings
            .error(
                "unknown-place",
                Place::value(format!("/targets/{index}")),
                format!("there are no calling rules for {place}"),
            )
            .label("nobody there is ever called")
            .help(known(scope.rules, place));
    }
}

/// Whether a place, or some part of it, has rules.
fn is_known(rules: &Rules, place: Jurisdiction) -> bool {
    let Some(country) = rules.file(place.whole_country()) else { return false };
    match place.subdivision() {
        None => true,
        Some(part) => rules.file(place).is_some() || country.subdivisions.iter().any(|known| known == part),
    }
}

/// What could be written instead: the parts of a known country, or the countries.
fn known(rules: &Rules, place: Jurisdiction) -> String {
    if let Some(country) = rules.file(place.whole_country()) {
        return if country.subdivisions.is_empty() {
            format!("write {}; all of {} has one law here", country.jurisdiction, country.title)
        } else {
            format!("parts of {} are {}", country.title, country.subdivisions.join(", "))
        };
    }
    let countries = rules.places().map(|(place, _)| place).filter(|place| place.subdivision().is_none());
    let countries: Vec<String> = countries.map(|place| place.to_string()).collect();
    format!(
        "countries with rules are {}; rules of your own are laid over them with --rules",
        countries.join(", ")
    )
}
