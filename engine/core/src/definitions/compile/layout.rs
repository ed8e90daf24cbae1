//! The steps of a cadence laid out: splits become part of one flat list, every step gets its id and its following step.

use std::collections::BTreeMap;

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepIndex;
use super::super::raw::cadence::RawCadenceStep;
use super::cadence_step::ACTIONS;

/// A step in the flat list.
pub struct Flat<'a> {
    pub raw: &'a RawCadenceStep,
    pub id: String,
    /// Path of the arm it stands in, with a slash at the end: names are looked for there first.
    pub scope: String,
    pub pointer: String,
    /// The step after this one; for the last of an arm the one after the split.
    pub following: Option<StepIndex>,
    /// First step of each arm, for splits.
    pub arms: Vec<StepIndex>,
}

/// Lays the steps out in file order.
pub fn flatten<'a>(
    steps: &'a [RawCadenceStep],
    pointer: &str,
    scope: &str,
    after: Option<StepIndex>,
    flat: &mut Vec<Flat<'a>>,
) {
    // Indexes are known before the arms are laid out: a step takes one place plus those of its arms.
    let base = flat.len();
    let mut starts = Vec::with_capacity(steps.len());
    let mut next = base;
    for step in steps {
        starts.push(next);
        next += size(step);
    }
    for (position, step) in steps.iter().enumerate() {
        let id = format!(
            "{scope}{}",
            step.id.clone().unwrap_or_else(|| format!("{}-{}", kind(step), position + 1))
        );
        let pointer = format!("{pointer}/{position}");
        let following = starts.get(position + 1).copied().or(after);
        let place = flat.len();
        flat.push(Flat {
            raw: step,
            id: id.clone(),
            scope: scope.to_owned(),
            pointer: pointer.clone(),
            following,
            arms: Vec::new(),
        });
        for (index, arm) in step.split.iter().flatten().enumerate() {
            let first = flat.len();
            flat[place].arms.push(first);
            flatten(
                &arm.steps,
                &format!("{pointer}/split/{index}/steps"),
                &format!("{id}/{}/", arm.arm),
                following,
                flat,
            );
        }
    }
}

fn size(step: &RawCadenceStep) -> usize {
    1 + step.split.iter().flatten().flat_map(|arm| &arm.steps).map(size).sum::<usize>()
}

fn kind(step: &RawCadenceStep) -> &'static str {
    let present = [
        step.call.is_some(),
        step.wait.is_some(),
        step.branch.is_some(),
        step.split.is_some(),
        step.message.is_some(),
        step.task.is_some(),
        step.update.is_some(),
        step.score.is_some(),
        step.webhook.is_some(),
        step.enroll.is_some(),
        step.switch.is_some(),
        step.end.is_some(),
    ];
    present.iter().position(|present| *present).map_or("step", |index| ACTIONS[index])
}

/// Names must be unique: enrollments remember them.
pub fn report_duplicates(flat: &[Flat<'_>], findings: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    // Steps without a name of their own only clash when their arms do, and that is reported as such.
    for step in flat.iter().filter(|step| step.raw.id.is_some()) {
        if let Some(first) = seen.insert(step.id.as_str(), &step.pointer) {
            let place = Place::value(format!("{}/id", step.pointer));
            findings
                .error(
                    "duplicate-id",
                    place,
                    format!("two steps are called `{}`", step.raw.id.as_deref().unwrap_or(&step.id)),
                )
                .label("already taken")
                .help(format!("the other one is step {}", position_words(first)));
        }
    }
}

fn position_words(pointer: &str) -> String {
    pointer
        .rsplit('/')
        .next()
        .and_then(|index| index.parse::<usize>().ok())
        .map_or_else(String::new, |index| (index + 1).to_string())
}
