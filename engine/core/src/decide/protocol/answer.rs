//! What the provider's answer to the one question means for the attempt.
//!
//! Only an attempt that is still `dialing` takes an answer; a callback or a look-up that came first has said more. The one
//! exception is a late yes, which settles a doubt.

use super::again::{LONGEST_REST, REPLAN_AFTER};
use crate::answer::Placement;
use crate::clock::Instant;
use crate::domain::attempt::AttemptState;

/// What has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAnswer<'a> {
    /// Something else was known first.
    Nothing,
    /// The provider has the call.
    Placed { provider_call_id: &'a str },
    /// It will never place this call: an outcome like any other, for the cadence to follow.
    Refused { reason: &'a str },
    /// Surely not placed: the attempt ends as `state`, and the same try is planned again at `again_at`.
    NotPlaced { state: AttemptState, reason: &'a str, again_at: Instant },
    /// It may or may not have been placed: looked up later, never asked again (I1).
    Unknown { reason: &'a str },
}

/// Follows an answer to an attempt that is in `state` by now.
pub fn after_answer(state: AttemptState, answer: &Placement, now: Instant) -> AfterAnswer<'_> {
    let is_open = state == AttemptState::Dialing;
    match answer {
        Placement::Accepted { provider_call_id } if is_open || state == AttemptState::Unknown => {
            AfterAnswer::Placed { provider_call_id }
        }
        _ if !is_open => AfterAnswer::Nothing,
        Placement::Accepted { provider_call_id } => AfterAnswer::Placed { provider_call_id },
        Placement::Refused { reason, retry: true } => {
            let again_at = now + REPLAN_AFTER;
            AfterAnswer::NotPlaced { state: AttemptState::Finished, reason, again_at }
        }
        Placement::Busy { reason, after } => {
            let again_at = now + (*after).clamp(REPLAN_AFTER, LONGEST_REST);
            AfterAnswer::NotPlaced { state: AttemptState::Finished, reason, again_at }
        }
        Placement::Refused { reason, retry: false } => AfterAnswer::Refused { reason },
        Placement::Unknown { reason } => AfterAnswer::Unknown { reason },
        Placement::NotSent { reason } => {
            AfterAnswer::NotPlaced { state: AttemptState::NotSent, reason, again_at: now }
        }
    }
}
