//! Publishing a version of a cadence: what new enrollments get, and what becomes of those under way (DEF-4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::PublicationId;

text_enum! {
    /// What publishing does to enrollments that are under way. Always an argument, never part of a file.
    pub enum Mode {
        /// They keep the version they have.
        Pin = "pin",
        /// They go on in the new version; who stands on a removed step goes on to the next one that is left.
        Follow = "follow",
        /// Like `follow`, but every removed step that holds people is mapped by hand.
        Migrate = "migrate",
        /// They end. Only for a version that is withdrawn.
        End = "end",
    }
}

text_enum! {
    /// Who published.
    pub enum PublicationKind {
        /// Changed files, picked up by a server or a command.
        Files = "files",
        Apply = "apply",
        Withdraw = "withdraw",
    }
}

text_enum! {
    /// Are people still to be moved?
    pub enum PublicationState {
        Moving = "moving",
        Done = "done",
        /// A later publication moves whoever is left.
        Superseded = "superseded",
    }
}

/// Where people on an old step go: to a step of the new version, or out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MapTo(String);

impl MapTo {
    /// The word for leaving the cadence; a step of that name cannot be mapped to.
    pub const END: &str = "end";

    pub fn new(step: impl Into<String>) -> Self {
        Self(step.into())
    }

    /// `None`: out.
    pub fn step(&self) -> Option<&str> {
        (self.0 != Self::END).then_some(self.0.as_str())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Old step → new step.
pub type StepMap = BTreeMap<String, MapTo>;

/// A publication as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub id: PublicationId,
    pub cadence: String,
    pub kind: PublicationKind,
    /// What new enrollments get; `None`: nobody may enroll.
    pub version: Option<String>,
    pub mode: Mode,
    pub steps: StepMap,
    /// People a minute who may become due at once by the move.
    pub rate: u32,
    pub from_versions: Vec<String>,
    pub state: PublicationState,
    pub cursor: Option<Cursor>,
    pub moved: u64,
    pub ended: u64,
    /// People who became due at once so far: the next one has the next place.
    pub pulled: u64,
    pub published_at: Instant,
    pub finished_at: Option<Instant>,
}

/// How far the current round has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub version: String,
    /// Id of the last enrollment looked at; empty: none of this version yet.
    pub after: String,
}

impl Publication {
    /// When the person with place `pulled + place` may become due.
    pub fn slot(&self, place: u64) -> Instant {
        let micros = (self.pulled + place).saturating_mul(60_000_000) / u64::from(self.rate.max(1));
        self.published_at + chrono::TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX / 4))
    }

    /// Does it move who has this version?
    pub fn moves(&self, version: &str) -> bool {
        self.from_versions.iter().any(|from| from == version)
    }
}
