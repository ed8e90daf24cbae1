//! What a provider can, and what it may answer when it is asked for a call or after one: all that decisions know of it.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::domain::call::EndStatus;

/// What a provider can and cannot do; the engine adapts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Can an attempt be found again after a lost answer?
    pub look_up: bool,
    /// How long after the intent a look-up is conclusive (T_rec).
    pub conclusive_after: TimeDelta,
    /// Follows the flow itself and reports the whole conversation; otherwise it asks us turn by turn.
    pub follows_flow: bool,
    /// Is handed the complete package of every call, also of those that no trigger raised.
    pub packages: bool,
    /// Only synthetic leads, and the virtual clock is allowed.
    pub simulated: bool,
}

/// What the provider said to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    Accepted {
        provider_call_id: String,
    },
    /// It surely did not and will not place the call. `retry`: the reason may pass (rate limit).
    Refused {
        reason: String,
        retry: bool,
    },
    /// It surely did not place the call, and asks to be left alone for so long.
    Busy {
        reason: String,
        after: TimeDelta,
    },
    /// We cannot know: time-out, reset, 5xx. Never asked again.
    Unknown {
        reason: String,
    },
    /// We did not ask: too late, or stopped at the second look.
    NotSent {
        reason: String,
    },
}

/// What came of looking for an attempt at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUpResult {
    Found {
        provider_call_id: String,
        /// `None` while the call goes on, and from providers that always report the end themselves.
        end: Option<FoundEnd>,
    },
    /// Conclusive only `conclusive_after` the intent.
    Absent,
    /// The provider did not answer: stay unknown.
    Failed { reason: String },
}

/// How a call that was looked up had ended: what its lost report would have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundEnd {
    pub at: Instant,
    pub status: EndStatus,
    /// Seconds from answer to hang-up.
    pub talk_s: i64,
}
