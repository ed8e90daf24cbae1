//! When a call is worth looking up: its answer was lost, or it was accepted and nobody reports its end.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::domain::attempt::AttemptState;

/// How long the engine waits before it asks. A look-up is due when both lengths of a state are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// An intent without an answer is in doubt this long after it was to be sent by: its process may have died.
    pub unsure: TimeDelta,
    /// A look-up that settled nothing is tried again after this long.
    pub unsure_again: TimeDelta,
    /// An accepted call without an end is looked up this long after its intent: nearly all are over by then.
    pub placed: TimeDelta,
    /// A call that does go on that long is looked up again after this long.
    pub placed_again: TimeDelta,
}

/// The engine's patience. The store asks the same question in SQL (`store::attempt::overdue`).
pub const PATIENCE: Patience = Patience {
    unsure: TimeDelta::seconds(10),
    unsure_again: TimeDelta::seconds(15),
    placed: TimeDelta::minutes(10),
    placed_again: TimeDelta::minutes(2),
};

/// What decides about a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    pub state: AttemptState,
    pub intent_at: Instant,
    pub send_by: Instant,
    /// The last time that somebody looked or the row was written.
    pub checked_at: Option<Instant>,
}

impl Doubt {
    /// The instant *after* which a look-up is due; `None` while there is nothing to look up.
    pub fn overdue_after(&self, patience: &Patience) -> Option<Instant> {
        let (since, wait, again) = match self.state {
            AttemptState::Dialing | AttemptState::Unknown => {
                (self.send_by, patience.unsure, patience.unsure_again)
            }
            AttemptState::Placed => (self.intent_at, patience.placed, patience.placed_again),
            _ => return None,
        };
        Some(self.checked_at.map_or(since + wait, |checked| (since + wait).max(checked + again)))
    }
}
