//! Protects from rules that never bind anybody: a state must be one that its country has, and that a number or an address can tell.

use super::super::diagnostic::{Findings, Place};
use super::{RulesOf, Scope};

pub(super) fn check(scope: &Scope<'_>, file: &RulesOf<'_>, findings: &mut Findings<'_>) {
    let Some(part) = file.place.subdivision() else { return };
    let country = file.place.whole_country();
    let own = scope.files.iter().find(|other| other.place == country).map(|other| &other.file);
    let Some(known) = scope.shipped.file(country).or(own) else {
        findings
            .error(
                "unknown-place",
                Place::value("/jurisdiction"),
                format!("there are no rules for the country {country}"),
            )
            .label("a state only narrows its country")
            .help(format!("add a file with `jurisdiction: {country}`"));
        return;
    };
    let added = own.into_iter().flat_map(|file| &file.subdivisions);
    let parts: Vec<&str> = known.subdivisions.iter().chain(added).map(String::as_str).collect();
    if parts.contains(&part) {
        return;
    }
    let found = findings.error(
        "unknown-place",
        Place::value("/jurisdiction"),
        format!("{} has no part {part} whose numbers could be told apart", known.title),
    );
    found.label("binds nobody");
    if parts.is_empty() {
        found.help(format!("write `jurisdiction: {country}`; all of it has one law here"));
    } else {
        found.help(format!("its parts are {}", parts.join(", ")));
    }
}
