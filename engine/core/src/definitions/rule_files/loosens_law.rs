//! Protects called people, and operators from themselves: files laid over the shipped rules may add and narrow. To ask less than
//! a shipped rule, a file has to name the profile under which that holds, and the name is kept with every decision.

use super::super::diagnostic::{Findings, Place};
use super::{RulesOf, Scope};
use crate::rules::{Profile, looser};

pub(super) fn check(scope: &Scope<'_>, file: &RulesOf<'_>, findings: &mut Findings<'_>) {
    match file.file.profile.as_deref() {
        Some(Profile::STRICT) => {
            findings
                .error(
                    "loosens-law",
                    Place::value("/profile"),
                    "`strict` is the reading that nothing loosens",
                )
                .label("not open to exceptions")
                .help("leave the key out to add rules, or name a profile of your own");
        }
        Some(_) => {}
        None => against_shipped(scope, file, findings),
    }
}

fn against_shipped(scope: &Scope<'_>, file: &RulesOf<'_>, findings: &mut Findings<'_>) {
    let Some(shipped) = scope.shipped.file(file.place) else { return };
    let help = "leave it as strict, or name a `profile:` in this file and choose it with --rules-profile";
    for (pointer, rule) in file.rules() {
        let Some(known) = shipped.rules.iter().find(|known| known.id == rule.id) else { continue };
        for found in looser(rule, known) {
            findings
                .error(
                    "loosens-law",
                    Place::key(format!("{pointer}/{}", found.key)),
                    format!(
                        "rule `{}` asks less than the law that ships with the product: {}",
                        rule.id, found.words
                    ),
                )
                .label("less strict")
                .help(help);
        }
    }
    let new = file.file.subdivisions.iter().find(|part| !shipped.subdivisions.contains(part));
    if let Some(new) = new {
        let message =
            format!("{} is given the part {new}, which could be called from then on", shipped.title);
        findings.error("loosens-law", Place::key("/subdivisions"), message).label("less strict").help(help);
    }
}
