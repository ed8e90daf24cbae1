//! Protects experiments: the shares of a split add up to 100, and each arm has its own name.

use std::collections::BTreeSet;

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepAction;
use super::{CadenceFile, Scope};

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        let StepAction::Split(arms) = &step.action else { continue };
        // An arm that could not be read has been reported.
        let written = file.source.root().pointer(pointer).and_then(|step| step.get("split"));
        if written.is_none_or(|node| node.items().len() != arms.len()) {
            continue;
        }
        let sum: u32 = arms.iter().map(|arm| arm.share).sum();
        if sum != 100 {
            findings
                .error(
                    "split-shares",
                    Place::key(format!("{pointer}/split")),
                    format!("the shares of `{}` add up to {sum}, not 100", step.id),
                )
                .label(format!("{sum} in all"));
        }
        let mut seen = BTreeSet::new();
        for (index, arm) in arms.iter().enumerate().filter(|(_, arm)| !seen.insert(arm.arm.clone())) {
            findings
                .error(
                    "duplicate-id",
                    Place::value(format!("{pointer}/split/{index}/arm")),
                    format!("two arms are called `{}`", arm.arm),
                )
                .label("already taken");
        }
    }
}
