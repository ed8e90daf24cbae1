//! When, and as what, the next attempt may come after one that did not become a call.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::domain::attempt::AttemptState;
use crate::domain::enrollment::Position;

/// A call that was refused for a passing reason is planned anew after this long.
pub const REPLAN_AFTER: TimeDelta = TimeDelta::seconds(30);

/// However long a provider asks to be left alone.
pub const LONGEST_REST: TimeDelta = TimeDelta::hours(1);

/// After an attempt that can never be resolved, its enrollment waits this long, and nobody else calls its number: the call may have
/// happened, and go on. Carriers end calls after four hours, if not told otherwise.
pub const AFTER_UNKNOWN: TimeDelta = TimeDelta::hours(4);

/// The same try of the same step under a new visit: attempts are unique per visit, and a try that never rang is not used up.
#[must_use]
pub fn next_visit(position: &Position) -> Position {
    Position { visit: position.visit + 1, ..position.clone() }
}

/// Does an attempt of `intent_at` in `state` keep its number from being called (I1b)? While it is live, and while the call of one that
/// can never be resolved may go on.
pub fn holds_number(state: AttemptState, intent_at: Instant, now: Instant) -> bool {
    state.is_live() || (state == AttemptState::UnknownFinal && now < intent_at + AFTER_UNKNOWN)
}

/// When an enrollment goes on whose attempt is written off as `state`: at once when it is proven that nothing rang.
pub fn after_write_off(state: AttemptState, now: Instant) -> Instant {
    if state == AttemptState::NotPlaced { now } else { now + AFTER_UNKNOWN }
}
