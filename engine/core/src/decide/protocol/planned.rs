//! Is a planned attempt still what it was planned as? Asked under the number's lock, before the gates are asked again.

use crate::clock::Instant;
use crate::domain::enrollment::EnrollmentState;

/// A planned attempt as the claim finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned<'a> {
    pub enrollment: EnrollmentState,
    pub valid_until: Option<Instant>,
    /// The number it was planned for,
    pub number: &'a str,
    /// and the one the lead is called at now.
    pub called_at: Option<&'a str>,
    /// Its number or its lead has an intent in this very batch, which no snapshot shows.
    pub is_taken: bool,
}

/// What the claim does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtClaim {
    /// Its enrollment went elsewhere: it is cancelled.
    Gone,
    /// Left as it is: the next claim sees this one's intent.
    Taken,
    /// Taken back, and the step looked at anew.
    Stale,
    /// The gates decide.
    Fresh,
}

/// Where a planned attempt stands at `now`.
pub fn at_claim(planned: Planned<'_>, now: Instant) -> AtClaim {
    if planned.enrollment != EnrollmentState::Open {
        return AtClaim::Gone;
    }
    if planned.is_taken {
        return AtClaim::Taken;
    }
    let is_over = planned.valid_until.is_some_and(|end| end <= now);
    if is_over || planned.called_at != Some(planned.number) {
        return AtClaim::Stale;
    }
    AtClaim::Fresh
}
