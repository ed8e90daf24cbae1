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
        let known: Vec<String> = places(scope.rules).map(|place| place.to_string()).collect();
        let found = findings.error(
            "unknown-place",
            Place::value(format!("/targets/{index}")),
            format!("there are no calling rules for {place}"),
        );
        found.label("nobody there is ever called").suggest(text, known.iter().map(String::as_str));
        if found.help.is_none() {
            found.help("rules of your own are laid over the shipped ones with --rules");
        }
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

/// Countries with rules, and their parts.
fn places(rules: &Rules) -> impl Iterator<Item = Jurisdiction> {
    let countries = rules.places().map(|(place, _)| place).filter(|place| place.subdivision().is_none());
    countries.flat_map(move |country| {
        let parts = rules.file(country).into_iter().flat_map(|file| &file.subdivisions);
        let parts = parts.filter_map(move |part| format!("{country}-{part}").parse().ok());
        std::iter::once(country).chain(parts)
    })
}
