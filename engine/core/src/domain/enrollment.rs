//! An enrollment: one lead's walk through one cadence version.
//!
//! ```text
//! waiting(due_at) ──plan──▶ open(attempt) ──outcome──▶ waiting | ended
//!    │  ▲                        │
//!    │  └──── event / time-out ──┘ (waiting for an event is `waiting` with `wait_event` and the time-out as due_at)
//!    ├──pause──▶ held(paused) ──resume──▶ waiting          held(quarantined): a definition or data fault, people decide
//!    └──exit rule, opt-out, last step──▶ ended(result)     terminal: repeats change nothing
//! ```

use serde::{Deserialize, Serialize};

use super::priority::Priority;
use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{CampaignId, EnrollmentId, LeadId};

text_enum! {
    /// Exactly one of these holds at every commit (I4).
    pub enum EnrollmentState {
        Waiting = "waiting",
        Open = "open",
        Held = "held",
        Ended = "ended",
    }
}

text_enum! {
    /// Why an enrollment is held.
    pub enum Hold {
        Paused = "paused",
        Quarantined = "quarantined",
        /// Calls after a backup are known, and not which steps they were: people decide where to go on.
        Recovered = "recovered",
    }
}

/// An enrollment as the engine works on it.
#[derive(Debug, Clone)]
pub struct Enrollment {
    pub id: EnrollmentId,
    pub lead_id: LeadId,
    pub campaign_id: CampaignId,
    pub cadence: String,
    /// Content hash of the cadence with its flows and scripts: the version it is pinned to (I13).
    pub version: String,
    pub state: EnrollmentState,
    pub position: Position,
    /// When `waiting`: the next instant at which something happens (also the time-out of an event wait).
    pub due_at: Option<Instant>,
    /// When waiting for an event: its type.
    pub wait_event: Option<String>,
    pub priority: Priority,
    /// What the trigger handed in: offer, product, …
    pub variables: serde_json::Value,
    /// Calls placed by this enrollment.
    pub placed: u32,
    pub started_at: Instant,
}

/// Where in the cadence: step id, how often the step was entered, and which try of it comes next (from 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub step: String,
    pub visit: u32,
    pub attempt: u32,
    /// When this step first became due: validity is measured from here.
    pub due_since: Instant,
    /// The callee asked for this time: campaign and cadence hours give way, the law does not.
    pub promised: bool,
}
