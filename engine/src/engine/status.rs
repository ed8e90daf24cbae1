//! How everything stands, on one screen: what waits, what is under way, what needs somebody's hands.

use chrono::TimeDelta;
use serde::Serialize;

use super::registry_ages::{self, RegistryAge};
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::campaign::CampaignStatus;
use crate::domain::emergency::EmergencyStop;
use crate::store::campaign;
use crate::store::emergency_stop;
use crate::store::jobs::admin::{self, Depth};
use crate::store::vitals::{self, Rates, Vitals};

/// How many errors and campaigns are shown.
const SHOWN: u32 = 5;
/// What rates are measured over.
const LATELY: TimeDelta = TimeDelta::minutes(1);

/// The state of the whole dialer at one instant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub at: Instant,
    /// Enrollments due and not decided, up to 100,000.
    pub due: u64,
    pub oldest_due_seconds: Option<f64>,
    /// Attempts that wait for pacing or a gate, up to 100,000.
    pub planned: u64,
    pub oldest_planned_seconds: Option<f64>,
    pub dialing: u64,
    pub in_call: u64,
    /// Attempts whose answer was lost.
    pub unknown: u64,
    pub oldest_unknown_seconds: Option<f64>,
    /// Calls of attempts that had been written off. Must be none.
    pub orphans: u64,
    pub last_orphan_at: Option<Instant>,
    pub last_minute: LastMinute,
    /// Keys of campaigns that are paused, the newest first, and whether there are more.
    pub paused_campaigns: Vec<String>,
    pub more_paused: bool,
    /// What somebody has stopped at once, the oldest first.
    pub emergency_stops: Vec<Stopped>,
    /// Lists of the registries in use.
    pub registries: Vec<RegistryAge>,
    pub queues: Vec<QueueStatus>,
    /// The newest failed jobs.
    pub failures: Vec<Failure>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastMinute {
    /// Intents to dial.
    pub dialed: u64,
    /// Of these, over.
    pub finished: u64,
    pub jobs_done: u64,
}

/// An emergency stop in force.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    pub stop_id: crate::id::EmergencyStopId,
    /// In words; a caller number is redacted.
    pub calls: String,
    pub since: Instant,
    pub by: String,
    pub reason: String,
}

impl From<EmergencyStop> for Stopped {
    fn from(stop: EmergencyStop) -> Self {
        let calls = stop.scope.to_string();
        Self { stop_id: stop.id, calls, since: stop.stopped_at, by: stop.stopped_by, reason: stop.reason }
    }
}

/// One kind of job.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    pub kind: String,
    pub due: u64,
    pub waiting: u64,
    pub running: u64,
    pub failed: u64,
    pub quarantined: u64,
    pub oldest_due_seconds: Option<f64>,
}

/// A job that gave up.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub job_id: crate::id::JobId,
    pub kind: String,
    pub state: &'static str,
    pub at: Option<Instant>,
    pub error: Option<String>,
}

impl Engine {
    /// Reads how everything stands: a fixed number of bounded statements.
    pub async fn status(&self) -> Result<Status, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let vitals = vitals::read(&mut tx, now).await?;
        let rates = vitals::rates(&mut tx, now - LATELY).await?;
        let (orphans, last_orphan_at) = vitals::orphans(&mut tx).await?;
        let paused = campaign::page(&mut tx, Some(CampaignStatus::Paused), None, SHOWN).await?;
        let depth = admin::depth(&mut tx, now).await?;
        let failed = admin::failed(&mut tx, None, None, SHOWN).await?;
        let stops = emergency_stop::in_force(&mut tx).await?;
        let registries = registry_ages::all(&mut tx, now).await?;
        tx.rollback().await?;
        let failures = failed.into_iter().map(|job| Failure {
            job_id: job.id,
            kind: job.kind,
            state: job.state.as_str(),
            at: job.finished_at,
            error: job.last_error,
        });
        let status = of_vitals(&vitals, &rates, now);
        Ok(Status {
            orphans,
            last_orphan_at,
            emergency_stops: stops.into_iter().map(Stopped::from).collect(),
            registries,
            more_paused: paused.next.is_some(),
            paused_campaigns: paused.items.into_iter().map(|campaign| campaign.key).collect(),
            queues: depth.into_iter().map(|each| queue(each, now)).collect(),
            failures: failures.collect(),
            ..status
        })
    }
}

fn of_vitals(vitals: &Vitals, rates: &Rates, now: Instant) -> Status {
    let of = |state: &str| vitals.inflight.iter().find(|each| each.state.as_str() == state);
    let count = |state| of(state).map_or(0, |each| each.count);
    Status {
        at: now,
        due: vitals.due,
        oldest_due_seconds: age(vitals.oldest_due_at, now),
        planned: vitals.planned,
        oldest_planned_seconds: age(vitals.oldest_planned_due_at, now),
        dialing: count("dialing"),
        in_call: count("placed"),
        unknown: count("unknown"),
        oldest_unknown_seconds: age(of("unknown").and_then(|each| each.oldest_intent_at), now),
        orphans: 0,
        last_orphan_at: None,
        last_minute: LastMinute { dialed: rates.intents, finished: rates.finished, jobs_done: rates.jobs },
        paused_campaigns: Vec::new(),
        more_paused: false,
        emergency_stops: Vec::new(),
        registries: Vec::new(),
        queues: Vec::new(),
        failures: Vec::new(),
    }
}

fn queue(depth: Depth, now: Instant) -> QueueStatus {
    QueueStatus {
        oldest_due_seconds: age(depth.oldest_due_at, now),
        kind: depth.kind,
        due: depth.due,
        waiting: depth.waiting,
        running: depth.running,
        failed: depth.failed,
        quarantined: depth.quarantined,
    }
}

fn age(at: Option<Instant>, now: Instant) -> Option<f64> {
    at.map(|at| (now - at).as_seconds_f64().max(0.0))
}
