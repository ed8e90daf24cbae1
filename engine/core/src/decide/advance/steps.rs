//! Moving from step to step: visits, due times, the end.

use super::{COMPLETED, Fault, Move, Next, StepEffect, ended};
use crate::clock::Instant;
use crate::definitions::model::cadence::{Cadence, CadenceStep, StepIndex};
use crate::domain::enrollment::Position;

/// The step the position names, with its index.
pub(super) fn current<'c>(
    cadence: &'c Cadence,
    position: &Position,
) -> Result<(StepIndex, &'c CadenceStep), Fault> {
    let index = cadence
        .step(&position.step)
        .ok_or_else(|| Fault::UnknownStep { cadence: cadence.key.clone(), step: position.step.clone() })?;
    Ok((index, &cadence.steps[index]))
}

/// The position at `target`, first due at `due_since`.
///
/// Going back, or to the same step again, is a new visit. Forward keeps the count, so (step, visit) never repeats.
pub(super) fn go(
    cadence: &Cadence,
    from: &Position,
    target: StepIndex,
    due_since: Instant,
) -> Option<Position> {
    let step = cadence.steps.get(target)?;
    let is_back = cadence.step(&from.step).is_none_or(|current| target <= current);
    Some(Position {
        step: step.id.clone(),
        visit: from.visit + u32::from(is_back),
        attempt: 1,
        due_since,
        promised: false,
    })
}

/// On to `target` at `at`, or the end when there is none.
pub(super) fn on_to(
    cadence: &Cadence,
    from: &Position,
    target: Option<StepIndex>,
    at: Instant,
    effects: Vec<StepEffect>,
) -> Move {
    match target.and_then(|target| go(cadence, from, target, at)) {
        Some(position) => Move { effects, next: Next::Due { position, at } },
        None => ended(effects, COMPLETED, None),
    }
}

/// Leaves the step at `position` behind: its message was sent, or it is skipped by hand.
pub fn after_step(cadence: &Cadence, position: &Position, now: Instant) -> Result<Move, Fault> {
    let (_, step) = current(cadence, position)?;
    let passed = vec![StepEffect::Passed { step: step.id.clone() }];
    Ok(on_to(cadence, position, step.next, now, passed))
}
