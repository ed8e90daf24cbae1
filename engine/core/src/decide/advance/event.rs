//! An event of the lead: it may end the enrollment, or be the one its step waits for.

use super::steps::{current, on_to};
use super::{Context, Fault, Move, StepEffect, Variables, WalkState, exit};
use crate::clock::Instant;
use crate::definitions::model::cadence::{Cadence, StepAction, Wait};

/// What an event of type `kind` changes, with its data in `variables` under `event`. Nothing: the enrollment stays as it is.
pub fn on_event(
    cadence: &Cadence,
    walk: &WalkState,
    kind: &str,
    variables: &Variables<'_>,
    now: Instant,
) -> Result<Option<Move>, Fault> {
    let context = Context::new(variables);
    if let Some(moved) = exit(cadence, Some(kind), &context)? {
        return Ok(Some(moved));
    }
    if walk.waiting_event.as_deref() != Some(kind) {
        return Ok(None);
    }
    let (_, step) = current(cadence, &walk.position)?;
    let StepAction::Wait(Wait::Event { event, condition, then, .. }) = &step.action else { return Ok(None) };
    if event != kind || !context.holds(&step.id, condition.as_ref())? {
        return Ok(None);
    }
    let passed = vec![StepEffect::Passed { step: step.id.clone() }];
    Ok(Some(on_to(cadence, &walk.position, then.or(step.next), now, passed)))
}
