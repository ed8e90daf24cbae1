//! Protects from law by hearsay: a rule of grade C has no source that anybody has seen. It may be written down, and has to say
//! itself that it is not applied.

use super::super::diagnostic::{Findings, Place};
use super::{RulesOf, Scope};
use crate::rules::Grade;

pub(super) fn check(_: &Scope<'_>, file: &RulesOf<'_>, findings: &mut Findings<'_>) {
    for (pointer, rule) in file.rules() {
        if rule.grade == Grade::C && rule.applied {
            findings
                .error(
                    "unverified-rule",
                    Place::value(format!("{pointer}/grade")),
                    format!("rule `{}` is to be applied, and nobody has seen its source", rule.id),
                )
                .label("C is never applied")
                .help("cite a source and grade it A or B, or add `applied: false`");
        }
    }
}
