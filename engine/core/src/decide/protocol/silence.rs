//! When a report is not waited for any longer, so that one lost for good leaves no enrollment waiting (I4).

use chrono::TimeDelta;

use crate::answer::LookUpResult;
use crate::clock::Instant;
use crate::domain::call::{CallState, EndStatus};

/// What was said is waited for this long after the end of a call.
pub const UNSAID_AFTER: TimeDelta = TimeDelta::hours(1);

/// A call whose end nobody reported is taken for failed after this long. No call lasts half as long.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(6);

/// The same while the provider does not answer when it is asked: what it knows may still be learned, and a call that is taken
/// for failed is made again.
pub const GIVE_UP_UNANSWERED_AFTER: TimeDelta = TimeDelta::hours(24);

/// What is not waited for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The call's end: it is taken for failed.
    End,
    /// What was said in a call that has ended.
    Words,
}

/// What is given up, if anything, about a placed call whose intent was at `intent_at` and whose look-up came to `result`.
pub fn given_up(
    call: &CallState,
    result: &LookUpResult,
    intent_at: Instant,
    now: Instant,
) -> Option<Silence> {
    let is_answered = !matches!(result, LookUpResult::Failed { .. });
    let end_after = if is_answered { GIVE_UP_AFTER } else { GIVE_UP_UNANSWERED_AFTER };
    match call.ended_at {
        Some(ended_at) if now - ended_at >= UNSAID_AFTER => Some(Silence::Words),
        None if now - intent_at >= end_after => Some(Silence::End),
        _ => None,
    }
}

/// How a call ended that its provider accepted and no longer knows: somebody talked, or it never came to that.
pub fn forgotten_end(has_conversation: bool) -> EndStatus {
    if has_conversation { EndStatus::Completed } else { EndStatus::Failed }
}

/// Is everything that was said in a call with this end in our own hands? So it is with a provider that asks turn by turn;
/// one that follows the flow itself reports the conversation in its own time.
pub fn is_all_said(end: EndStatus, follows_flow: bool) -> bool {
    end == EndStatus::Completed && !follows_flow
}
