//! When a report is not waited for any longer, so that one lost for good leaves no enrollment waiting (I4).

use chrono::TimeDelta;

use crate::answer::LookUpResult;
use crate::clock::Instant;
use crate::domain::call::{CallState, EndStatus};

/// What was said is waited for this long after the end of a call.
pub const UNSAID_AFTER: TimeDelta = TimeDelta::hours(1);

/// A call whose end nobody reported is taken for failed after this long. No call lasts half as long.
pub const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(6);

/// But not while the provider fails to answer when it is asked, before it was asked so often in a row: what it knows may still
/// be learned, and a call that is taken for failed is made again. A day of look-ups ([`PATIENCE`](super::doubt::PATIENCE)):
/// counted, since nobody asks while our own processes are down.
pub const MOST_FAILED_LOOK_UPS: u32 = 720;

/// What is not waited for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The call's end: it is taken for failed.
    End,
    /// What was said in a call that has ended.
    Words,
}

/// Look-ups that failed in a row, after one more that came to `result`.
pub const fn failed_in_a_row(before: u32, result: &LookUpResult) -> u32 {
    if matches!(result, LookUpResult::Failed { .. }) { before.saturating_add(1) } else { 0 }
}

/// What is given up, if anything, about a placed call whose intent was at `intent_at`, and whose last look-ups failed, this many
/// in a row.
pub fn given_up(call: &CallState, failed_look_ups: u32, intent_at: Instant, now: Instant) -> Option<Silence> {
    let may_be_learned = (1..MOST_FAILED_LOOK_UPS).contains(&failed_look_ups);
    match call.ended_at {
        Some(ended_at) if now - ended_at >= UNSAID_AFTER => Some(Silence::Words),
        None if now - intent_at >= GIVE_UP_AFTER && !may_be_learned => Some(Silence::End),
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
