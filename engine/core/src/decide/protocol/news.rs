//! What facts mean for the attempt they are about. The call's own state follows from the set of its facts
//! (`domain::call::CallState`); here it is only about whether, and how, the attempt follows.

use crate::domain::attempt::AttemptState;
use crate::domain::enrollment::{EnrollmentState, Position};

/// What facts are to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The provider has the call: a callback overtook the answer, or resolves a lost one. Then as [`News::Follow`].
    Placed,
    /// The call's state follows its facts, and its end is the attempt's.
    Follow,
    /// The attempt is settled: the call's row follows its facts, and a stop is a stop whenever it is heard of (I5).
    Late,
    /// The attempt was given up, its fate never to be known, and now it is told: the call's end settles it.
    Resolved,
    /// A call of an attempt that is written off as not placed, or never asked for: it has to be hung up, and is counted.
    Orphan,
    /// Nothing can follow from them.
    Nothing,
}

/// What facts are to an attempt in `state`; `has_call`: they name the provider's call.
pub fn of_facts(state: AttemptState, has_call: bool) -> News {
    match state {
        AttemptState::Dialing | AttemptState::Unknown => News::Placed,
        AttemptState::Placed => News::Follow,
        AttemptState::Finished => News::Late,
        AttemptState::UnknownFinal => News::Resolved,
        AttemptState::NotPlaced | AttemptState::NotSent | AttemptState::Cancelled if has_call => News::Orphan,
        _ => News::Nothing,
    }
}

/// Does the end of a call, made for `step` on `visit`, still decide where its enrollment goes? People may have moved it on. One whose
/// attempt had been given up waits on the next visit for the same try again.
pub fn decides_move(position: &Position, step: &str, visit: u32, news: News) -> bool {
    let waits_on = if news == News::Resolved { visit + 1 } else { visit };
    position.step == step && position.visit == waits_on
}

/// May an enrollment in `state` be moved by the end of its call? An ended one stays ended, whatever its last call brings, and one that
/// did not wait for it only moves while nothing else is under way.
pub fn may_move(state: EnrollmentState, news: News) -> bool {
    match news {
        News::Resolved => state == EnrollmentState::Waiting,
        _ => matches!(state, EnrollmentState::Open | EnrollmentState::Held),
    }
}
