//! A call has ended: retry it, call back, go on, or end.
//!
//! ```text
//! opted_out                      ends `opted_out`, whatever the author wrote
//! rule of the disposition        else rule of the outcome
//! wrong_number without a rule    ends `wrong_number`
//! callback_requested without one calls back when asked, else after a day
//! `default` rule                 else on to the step's `next`
//! ```

use chrono::TimeDelta;

use super::steps::{current, go, on_to};
use super::{Fault, Move, Next, StepEffect, WalkState, ended};
use crate::clock::Instant;
use crate::definitions::model::cadence::{Cadence, CallStep, OutcomeRule, StepAction, Then};
use crate::domain::enrollment::Position;
use crate::domain::outcome::Outcome;
use crate::time::duration::Delay;

const DEFAULT: &str = "default";

/// What follows the call at the position of `walk`. `call_back` is the time the callee asked for, if any.
pub fn after_call(
    cadence: &Cadence,
    walk: &WalkState,
    outcome: Outcome,
    disposition: &str,
    call_back: Option<Instant>,
    now: Instant,
) -> Result<Move, Fault> {
    let (index, step) = current(cadence, &walk.position)?;
    let StepAction::Call(call) = &step.action else { return Err(Fault::NotACall { step: step.id.clone() }) };
    let passed = || vec![StepEffect::Passed { step: step.id.clone() }];
    if outcome == Outcome::OptedOut {
        return Ok(ended(passed(), outcome.as_str(), None));
    }
    let rule = match exactly(call, outcome, disposition) {
        Some((_, rule)) => rule,
        None if outcome == Outcome::WrongNumber => return Ok(ended(passed(), outcome.as_str(), None)),
        None if outcome == Outcome::CallbackRequested => {
            let again = Delay::Exact(TimeDelta::days(1));
            return Ok(call_again(cadence, walk, index, call_back, again, now));
        }
        None => match call.outcomes.get(DEFAULT) {
            Some(rule) => rule,
            None => return Ok(on_to(cadence, &walk.position, step.next, now, passed())),
        },
    };
    if let Some(moved) = retry(walk, rule, now) {
        return Ok(moved);
    }
    Ok(match &rule.then {
        Then::Continue => on_to(cadence, &walk.position, step.next, now, passed()),
        Then::Go(target) => on_to(cadence, &walk.position, Some(*target), now, passed()),
        Then::CallBack { otherwise } => call_again(cadence, walk, index, call_back, *otherwise, now),
        Then::End { result } => ended(passed(), result, None),
    })
}

/// The author's rule that a call with this end goes by, and the key it stands under.
pub fn rule_for<'c>(
    call: &'c CallStep,
    outcome: Outcome,
    disposition: &str,
) -> Option<(&'c str, &'c OutcomeRule)> {
    let has_own_way = matches!(outcome, Outcome::WrongNumber | Outcome::CallbackRequested);
    let default = || call.outcomes.get_key_value(DEFAULT).map(|(key, rule)| (key.as_str(), rule));
    let found = exactly(call, outcome, disposition);
    found.or_else(|| if has_own_way { None } else { default() }).filter(|_| outcome != Outcome::OptedOut)
}

/// The author's rule for exactly this: by disposition first, then by outcome.
fn exactly<'c>(
    call: &'c CallStep,
    outcome: Outcome,
    disposition: &str,
) -> Option<(&'c str, &'c OutcomeRule)> {
    let by_disposition = call.outcomes.get_key_value(disposition).filter(|_| disposition != DEFAULT);
    let found = by_disposition.or_else(|| call.outcomes.get_key_value(outcome.as_str()));
    found.map(|(key, rule)| (key.as_str(), rule))
}

/// The next try of the same step, while the rule has any left. The last delay repeats.
fn retry(walk: &WalkState, rule: &OutcomeRule, now: Instant) -> Option<Move> {
    let tried = walk.position.attempt.max(1);
    if tried > rule.retry {
        return None;
    }
    let delay = rule.after.get(tried as usize - 1).or(rule.after.last()).copied();
    let at = delay.map_or(now, |delay| delay.after(now, &walk.zone, &walk.holidays));
    let position = Position { attempt: tried + 1, due_since: at, promised: false, ..walk.position.clone() };
    Some(Move { effects: Vec::new(), next: Next::Due { position, at } })
}

/// A new visit of the same step, promised when the callee named the time.
fn call_again(
    cadence: &Cadence,
    walk: &WalkState,
    index: usize,
    asked: Option<Instant>,
    otherwise: Delay,
    now: Instant,
) -> Move {
    let at = asked.map_or_else(|| otherwise.after(now, &walk.zone, &walk.holidays), |asked| asked.max(now));
    match go(cadence, &walk.position, index, at) {
        Some(position) => Move {
            effects: Vec::new(),
            next: Next::Due { position: Position { promised: asked.is_some(), ..position }, at },
        },
        None => ended(Vec::new(), super::COMPLETED, None),
    }
}
