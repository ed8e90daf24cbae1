//! Protects citations: a decision names the rule that bound it, and a name must mean one rule.

use super::super::diagnostic::{Findings, Place};
use super::{RulesOf, Scope};

pub(super) fn check(scope: &Scope<'_>, file: &RulesOf<'_>, findings: &mut Findings<'_>) {
    for (pointer, rule) in file.rules() {
        let place = Place::value(format!("{pointer}/id"));
        // A file under a profile may take the place of rules that hold always; within one profile names are unique.
        let mut same = scope.files.iter().filter(|other| other.file.profile == file.file.profile);
        let first = same.find_map(|other| {
            let (at, _) = other.rules().find(|(_, each)| each.id == rule.id)?;
            Some((other, at))
        });
        if let Some((other, at)) = first
            && (other.source.path != file.source.path || at != pointer)
        {
            let line = if other.source.path == file.source.path { "further up" } else { &other.source.path };
            findings
                .error("duplicate-rule", place, format!("there are two rules called `{}`", rule.id))
                .label("already taken")
                .help(format!("the other one is {line}"));
            continue;
        }
        let shipped = scope.shipped.rules().find(|(place, each)| each.id == rule.id && *place != file.place);
        if let Some((owner, _)) = shipped {
            let message = format!("`{}` is a shipped rule of {owner}, not of {}", rule.id, file.place);
            findings
                .error("duplicate-rule", place, message)
                .label("already taken")
                .help("give your rule a name of its own");
        }
    }
}
