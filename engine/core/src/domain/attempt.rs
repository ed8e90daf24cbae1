//! An attempt: one execution of a call step, whether or not it rang. The row is the truth; a queue only hurries it.
//!
//! ```text
//! planned ──claim──▶ dialing ──accepted──▶ placed ──ended──▶ finished
//!    │                  │ ├──refused──▶ finished (failed)        terminal states accept repeats as no-ops
//!    │                  │ └──time-out, reset, 5xx, kill──▶ unknown ──found──▶ placed
//!    │                  │                                    ├──looked up, absent──▶ not_placed
//!    │                  │                                    └──cannot be looked up──▶ unknown_final (counts in caps)
//!    │                  │                                                              └──told of after all──▶ finished
//!    │                  └──second look says no, or too late──▶ not_sent
//!    └──stop, opt-out, skipped──▶ cancelled
//! ```

use super::text_enum::text_enum;

text_enum! {
    /// State of an attempt.
    pub enum AttemptState {
        Planned = "planned",
        Dialing = "dialing",
        Placed = "placed",
        Unknown = "unknown",
        Finished = "finished",
        NotSent = "not_sent",
        NotPlaced = "not_placed",
        UnknownFinal = "unknown_final",
        Cancelled = "cancelled",
    }
}

impl AttemptState {
    /// Occupies its number and a concurrency slot (I1b).
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Dialing | Self::Placed | Self::Unknown)
    }

    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Planned) && !self.is_live()
    }

    /// Counts in frequency caps: every intent except those proven not sent (GATE-8).
    pub const fn counts_in_caps(self) -> bool {
        !matches!(self, Self::Planned | Self::NotSent | Self::NotPlaced | Self::Cancelled)
    }

    /// May this state follow `self`?
    pub const fn may_become(self, next: Self) -> bool {
        use AttemptState::{
            Cancelled, Dialing, Finished, NotPlaced, NotSent, Placed, Planned, Unknown, UnknownFinal,
        };
        matches!(
            (self, next),
            (Planned, Dialing | Cancelled)
                // A dialing whose process died is unknown in all but name: a conclusive look-up may settle it directly.
                | (Dialing, Placed | Finished | Unknown | NotSent | NotPlaced | UnknownFinal)
                | (Unknown, Placed | Finished | NotPlaced | UnknownFinal)
                | (Placed, Finished)
                // Placed and finished in one commit, once its call has ended: it is never live again.
                | (UnknownFinal, Placed | Finished)
        )
    }
}
