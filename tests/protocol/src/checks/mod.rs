//! The checks: outside the protocol, over the provider's ledger, what people did, and what each commit left behind. They share no
//! rule with the engine; hours are read from plain tables with jiff (`hours`).
//!
//! `asked` judges every request as it leaves, `rows` every commit, `end` what is left when the run is over.

mod asked;
mod end;
pub mod hours;
mod rows;

use callwright_core::clock::Instant;
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::campaign::Pacing;
use callwright_core::domain::enrollment::EnrollmentState;
use callwright_core::domain::outcome::Outcome;

use super::rows::Tables;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub at: Instant,
    pub what: String,
}

/// What an attempt was when it was last seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    state: AttemptState,
    fence: u32,
    outcome: Option<Outcome>,
    placed_before: bool,
    given_up: bool,
}

/// What somebody did, with the commit that made it true.
#[derive(Debug, Clone, Copy)]
struct Deed {
    commit: u64,
    at: Instant,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Suppressed { number: (usize, usize), campaign: Option<usize> },
    OptedOut { lead: usize },
    Revoked { lead: usize },
    Status { campaign: usize, is_active: bool },
    Number { lead: usize, number: (usize, usize) },
}

/// Everything the checks remember.
#[derive(Debug)]
pub struct Checks {
    pub violation: Option<Violation>,
    seen: Vec<Seen>,
    enrollments: Vec<EnrollmentState>,
    deeds: Vec<Deed>,
    /// Numbers of the leads when it began.
    numbers: Vec<(usize, usize)>,
    /// What the provider takes.
    provider: Pacing,
}

impl Checks {
    pub fn new(db: &Tables, provider: &Pacing) -> Self {
        Self {
            violation: None,
            seen: Vec::new(),
            enrollments: db.enrollments.iter().map(|row| row.state).collect(),
            deeds: Vec::new(),
            numbers: (0..db.leads.len()).map(|lead| db.number_of(lead)).collect(),
            provider: provider.clone(),
        }
    }

    /// The first one counts: what follows may only be its consequence.
    fn broken(&mut self, invariant: &'static str, at: Instant, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { invariant, at, what: what() });
        }
    }

    fn deed(&mut self, commit: u64, at: Instant, what: What) {
        self.deeds.push(Deed { commit, at, what });
    }

    pub fn suppressed(&mut self, commit: u64, at: Instant, number: (usize, usize), campaign: Option<usize>) {
        self.deed(commit, at, What::Suppressed { number, campaign });
    }

    pub fn opted_out(&mut self, commit: u64, at: Instant, lead: usize) {
        self.deed(commit, at, What::OptedOut { lead });
    }

    pub fn revoked(&mut self, commit: u64, lead: usize) {
        self.deed(commit, Instant::MIN_UTC, What::Revoked { lead });
    }

    pub fn status_set(&mut self, commit: u64, at: Instant, campaign: usize, is_active: bool) {
        self.deed(commit, at, What::Status { campaign, is_active });
    }

    pub fn number_changed(&mut self, commit: u64, lead: usize, number: (usize, usize)) {
        self.deed(commit, Instant::MIN_UTC, What::Number { lead, number });
    }

    pub fn spinning(&mut self, at: Instant) {
        self.broken("L1", at, || "the workers go round and round and nothing comes of it".to_owned());
    }

    /// No cadence of a run is faulty: nobody has a reason to be set aside.
    pub fn quarantined(&mut self, at: Instant, enrollment: usize) {
        self.broken("I4", at, || format!("enrollment {enrollment} was quarantined"));
    }
}
