//! Seeded bugs: each breaks the system under test from outside (a broken line, a write behind its back, a safeguard that tests
//! may switch off), and each must be noticed. None of them can be switched on in the product.

use callwright_engine::engine::Safeguards;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The provider is asked twice for every call.
    AskedTwice,
    /// A request without an answer is sent again.
    AskedAgainAfterTimeout,
    /// Requests are sent however old they are.
    StaleRequests,
    /// A look-up counts as conclusive while a late call may still come.
    HurriedLookUp,
    /// The look-up finds nothing, ever.
    BlindLookUp,
    /// Nobody looks anything up.
    NoReconciling,
    /// Callbacks are acknowledged and thrown away now and then.
    CallbacksThrownAway,
    /// A callback that comes again is charged again.
    ChargedTwice,
    NoWindowGates,
    NoNumberLock,
    /// An acknowledged opt-out is gone a moment later.
    OptOutForgotten,
    /// A revoked consent is in force again.
    RevocationForgotten,
    /// Workers read an old copy of the campaign in which it is not paused.
    DeafToPause,
    /// A change without its event.
    EventLost,
    /// An enrollment without a timer.
    TimerLost,
    /// A stale worker's word counts: a finished attempt lives again.
    Undead,
    /// An attempt in doubt is written off without a look-up.
    WrittenOff,
    /// Enrollments take whatever version is newest.
    DriftingVersion,
    /// A job of the outbox disappears before it has run.
    JobLost,
    /// The same event again is another event.
    EventsNotDeduplicated,
}

impl Bug {
    pub const ALL: [Self; 20] = [
        Self::AskedTwice,
        Self::AskedAgainAfterTimeout,
        Self::StaleRequests,
        Self::HurriedLookUp,
        Self::BlindLookUp,
        Self::NoReconciling,
        Self::CallbacksThrownAway,
        Self::ChargedTwice,
        Self::NoWindowGates,
        Self::NoNumberLock,
        Self::OptOutForgotten,
        Self::RevocationForgotten,
        Self::DeafToPause,
        Self::EventLost,
        Self::TimerLost,
        Self::Undead,
        Self::WrittenOff,
        Self::DriftingVersion,
        Self::JobLost,
        Self::EventsNotDeduplicated,
    ];

    pub const fn safeguards(bug: Option<Self>) -> Safeguards {
        Safeguards {
            window_gates: !matches!(bug, Some(Self::NoWindowGates)),
            number_lock: !matches!(bug, Some(Self::NoNumberLock)),
            second_look: true,
            stops_reach_all: true,
        }
    }

    /// Statements that do the damage, run behind the system's back after every step, most of which find nothing to damage.
    pub const fn damage(self) -> &'static [&'static str] {
        match self {
            Self::OptOutForgotten => &[
                "UPDATE leads SET do_not_call = 0, status = 'contacted' WHERE status = 'opted_out'",
                "DELETE FROM suppressions WHERE source = 'opt_out'",
            ],
            Self::RevocationForgotten => &["UPDATE consents SET revoked_at = NULL"],
            Self::EventLost => &["DELETE FROM events WHERE kind = 'CALL_PLACED' AND id LIKE '%7'"],
            Self::TimerLost => &["UPDATE enrollments SET due_at = NULL WHERE state = 'waiting' AND visit > 1"],
            Self::Undead => &[
                "UPDATE attempts SET state = 'placed' WHERE state = 'finished' AND provider_call_id IS NOT NULL
                 AND attempts.number NOT IN (SELECT b.number FROM attempts b WHERE b.state IN ('dialing', 'placed', 'unknown'))
                 AND attempts.id IN (SELECT max(c.id) FROM attempts c GROUP BY c.number)",
            ],
            Self::WrittenOff => &[
                "UPDATE enrollments SET state = 'waiting', visit = visit + 1, due_at = due_since
                 WHERE state = 'open' AND id IN (SELECT enrollment_id FROM attempts WHERE state = 'unknown')",
                "UPDATE attempts SET state = 'not_placed' WHERE state = 'unknown'",
            ],
            Self::DriftingVersion => &[
                "UPDATE enrollments SET version = (SELECT h.version FROM cadence_heads h WHERE h.cadence = enrollments.cadence)
                 WHERE state = 'waiting' AND EXISTS (SELECT 1 FROM cadence_heads h WHERE h.cadence = enrollments.cadence
                                                     AND h.version <> enrollments.version)",
            ],
            Self::JobLost => &["DELETE FROM jobs WHERE state = 'pending'"],
            Self::ChargedTwice => &["UPDATE calls SET talk_s = talk_s + 1 WHERE ended_at IS NOT NULL AND talk_s > 0 AND talk_s < 900"],
            Self::EventsNotDeduplicated => &["UPDATE events SET dedupe = NULL"],
            _ => &[],
        }
    }
}
