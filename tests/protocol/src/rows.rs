//! The rows of the simulated database: what the product's tables hold, as far as the protocol needs them. Plain data; who may
//! write what, and when, is decided by the actors with the product's own functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use callwright_core::clock::Instant;
use callwright_core::decide::snapshot::{CampaignFacts, ConsentFact, SuppressionFact};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::call::StoredFact;
use callwright_core::domain::campaign::Campaign;
use callwright_core::domain::enrollment::{EnrollmentState, Hold, Position};
use callwright_core::domain::outcome::Outcome;
use callwright_core::id::{AttemptId, EnrollmentId, LeadId};
use chrono::NaiveDate;

/// Which process incarnation holds something: worker and boot.
pub type Owner = (usize, u32);

#[derive(Debug, Clone)]
pub struct Lead {
    pub id: LeadId,
    pub place: usize,
    /// Index of its number among those of the place.
    pub number: usize,
    pub opted_out: bool,
    pub consents: Vec<ConsentFact>,
    /// Changed by a step or a conversation, once each.
    pub score: i64,
}

#[derive(Debug, Clone)]
pub struct Enrollment {
    pub id: EnrollmentId,
    pub lead: usize,
    pub campaign: usize,
    pub cadence: usize,
    pub state: EnrollmentState,
    pub hold: Option<Hold>,
    pub position: Position,
    pub due_at: Option<Instant>,
    pub wait_event: Option<String>,
    pub placed: u32,
    /// `enrollment.ended` events.
    pub ended_events: u32,
}

/// Events about one attempt, counted by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
    pub dialing: u8,
    pub placed: u8,
    pub outcome: u8,
    pub unknown: u8,
    pub not_sent: u8,
    pub written_off: u8,
    pub refused: u8,
    pub orphaned: u8,
}

#[derive(Debug, Clone)]
pub struct Attempt {
    pub id: AttemptId,
    pub enrollment: usize,
    pub lead: usize,
    pub campaign: usize,
    /// `(place, number)` it was planned for.
    pub number: (usize, usize),
    pub step: String,
    pub visit: u32,
    pub promised: bool,
    pub state: AttemptState,
    pub due_at: Instant,
    pub valid_until: Option<Instant>,
    pub fence: u32,
    pub owner: Option<Owner>,
    pub intent_at: Option<Instant>,
    pub send_by: Instant,
    pub caller: Option<usize>,
    pub checked_at: Option<Instant>,
    pub failed_look_ups: u32,
    pub call: Option<usize>,
    /// Refused by the provider: no intent in any cap.
    pub refused: bool,
    pub outcome: Option<Outcome>,
    /// Facts by the provider's key, each once, in the order in which they came.
    pub facts: Vec<(&'static str, StoredFact)>,
    /// Outcome in the call's own row.
    pub call_outcome: Option<Outcome>,
    pub events: Events,
    /// Commit in which the intent was written.
    pub claimed_in: u64,
    /// As they were at planning: read only by seeded bugs.
    pub consents_then: Vec<ConsentFact>,
}

/// A campaign with what was counted for it.
#[derive(Debug, Clone)]
pub struct CampaignRow {
    pub schedule: usize,
    pub facts: Arc<CampaignFacts>,
    pub days: BTreeMap<NaiveDate, u32>,
}

impl CampaignRow {
    pub fn campaign(&self) -> &Campaign {
        &self.facts.campaign
    }
}

/// What was counted for a caller number or the provider.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    pub days: BTreeMap<NaiveDate, u32>,
    pub last_intent: Option<Instant>,
}

/// A claim between its first read and its commit: what it has locked.
#[derive(Debug, Clone)]
pub struct Held {
    pub owner: Owner,
    pub attempts: Vec<usize>,
    pub numbers: Vec<(usize, usize)>,
    /// Counters of pacing.
    pub counts: bool,
}

/// The tables.
#[derive(Debug, Default)]
pub struct Tables {
    pub leads: Vec<Lead>,
    pub enrollments: Vec<Enrollment>,
    pub attempts: Vec<Attempt>,
    pub campaigns: Vec<CampaignRow>,
    pub callers: Vec<Counter>,
    pub provider: Counter,
    pub suppressions: BTreeMap<(usize, usize), Vec<SuppressionFact>>,
    pub held: Vec<Held>,
    /// Commits so far.
    pub commits: u64,
    /// Rows written since the checks last looked.
    pub touched_attempts: Vec<usize>,
    pub touched_enrollments: Vec<usize>,
}

impl Tables {
    /// To be written: the checks look at it after the commit.
    pub fn attempt(&mut self, index: usize) -> &mut Attempt {
        self.touched_attempts.push(index);
        &mut self.attempts[index]
    }

    /// To be written: the checks look at it after the commit.
    pub fn enrollment(&mut self, index: usize) -> &mut Enrollment {
        self.touched_enrollments.push(index);
        &mut self.enrollments[index]
    }

    pub fn number_of(&self, lead: usize) -> (usize, usize) {
        (self.leads[lead].place, self.leads[lead].number)
    }

    /// Does a claim under way hold the number?
    pub fn is_number_held(&self, number: (usize, usize)) -> bool {
        self.held.iter().any(|held| held.numbers.contains(&number))
    }

    pub fn is_attempt_held(&self, attempt: usize) -> bool {
        self.held.iter().any(|held| held.attempts.contains(&attempt))
    }

    pub fn release(&mut self, owner: Owner) {
        self.held.retain(|held| held.owner != owner);
    }

    /// Planned or live attempts of an enrollment.
    pub fn open_of(&self, enrollment: usize) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |attempt| {
            attempt.enrollment == enrollment
                && (attempt.state == AttemptState::Planned || attempt.state.is_live())
        })
    }

    /// The compare-and-set of a step: moves an attempt that is in `from` under `fence`.
    pub fn step(
        &mut self,
        index: usize,
        from: AttemptState,
        fence: u32,
        to: AttemptState,
        now: Instant,
    ) -> bool {
        let row = &self.attempts[index];
        if row.state != from || row.fence != fence {
            return false;
        }
        let row = self.attempt(index);
        row.state = to;
        row.checked_at = Some(now);
        true
    }
}
