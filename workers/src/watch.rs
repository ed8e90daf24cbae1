//! Keeps the gauges that only the database knows: every few seconds, a fixed number of statements, however often anybody asks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::domain::registry::RegistryList;
use callwright_engine::engine::Engine;
use callwright_engine::metrics::{Kind, Pool, Queue, QueueState, Stated};
use callwright_engine::store::jobs::{self, admin};
use callwright_engine::store::vitals::{self, Vitals};
use callwright_engine::store::{StoreError, emergency_stop, registry, vitals::Inflight};
use chrono::Utc;
use tokio_util::sync::CancellationToken;

use crate::heartbeat::{Heartbeat, Pulse};

/// How often the server looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at one database for one process.
#[derive(Debug)]
pub struct Watch {
    engine: Arc<Engine>,
    heartbeat: Arc<Heartbeat>,
    /// Kinds of jobs ever seen: one of which nothing is left has a depth of zero, not of what it was.
    kinds: BTreeSet<String>,
}

impl Watch {
    pub fn new(engine: Arc<Engine>, heartbeat: Arc<Heartbeat>) -> Self {
        Self { engine, heartbeat, kinds: BTreeSet::new() }
    }

    /// Looks every `pause` until `stop`.
    pub async fn run(mut self, pause: Duration, stop: CancellationToken) {
        loop {
            // A database that says nothing must not keep the process from stopping, nor the gauges from coming back.
            let looked = tokio::select! {
                looked = tokio::time::timeout(PATIENCE, self.look()) => looked,
                () = stop.cancelled() => return,
            };
            let failed = match looked {
                Ok(result) => result.err().map(|error| error.to_string()),
                Err(_) => Some("no answer in time".to_owned()),
            };
            if let Some(error) = failed {
                self.engine.metrics.watch_failures.inc();
                tracing::warn!(error, "the gauges could not be read");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Reads everything once.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        self.definitions();
        if let Pulse::Beating(age) = self.heartbeat.pulse() {
            self.engine.metrics.loop_heartbeat_age_seconds.set(age.as_secs_f64());
        }
        let asked = tokio::time::Instant::now();
        let mut tx = self.engine.db.begin_read().await?;
        self.waited("read", asked);
        let before = Utc::now();
        let clock = jobs::read_clock(&mut tx).await?;
        let between = before + (Utc::now() - before) / 2;
        self.engine.metrics.clock_skew_seconds.set((between - clock.real).as_seconds_f64());
        let now = self.engine.time.now(&mut tx).await?;
        let vitals = vitals::read(&mut tx, now).await?;
        let depth = admin::depth(&mut tx, now).await?;
        let stops = emergency_stop::in_force(&mut tx).await?;
        let lists = registry::lists(&mut tx).await?;
        tx.rollback().await?;
        self.dialing(&vitals, now);
        self.queues(&depth, now);
        self.engine.metrics.emergency_stops.set(stops.len() as i64);
        self.engine.metrics.registry_oldest_seconds.set(oldest(&lists, now));
        let asked = tokio::time::Instant::now();
        self.engine.db.begin().await?.rollback().await?;
        self.waited("write", asked);
        for (pool, open) in self.engine.db.connections() {
            self.engine.metrics.db_connections.get_or_create(&Pool { pool }).set(i64::from(open));
        }
        Ok(())
    }

    fn waited(&self, pool: &'static str, since: tokio::time::Instant) {
        let waits = self.engine.metrics.db_pool_wait_seconds.get_or_create(&Pool { pool });
        waits.observe(since.elapsed().as_secs_f64());
    }

    fn definitions(&self) {
        let library = self.engine.library.current();
        let counts = [("flow", library.flows().count()), ("cadence", library.cadences().count())];
        for (kind, count) in counts {
            self.engine.metrics.definitions_loaded.get_or_create(&Kind { kind }).set(count as i64);
        }
    }

    fn dialing(&self, vitals: &Vitals, now: Instant) {
        let metrics = &self.engine.metrics;
        let of = |state: &str| vitals.inflight.iter().find(|each| each.state.as_str() == state);
        for state in ["dialing", "placed", "unknown"] {
            let count = of(state).map_or(0, |each: &Inflight| each.count);
            metrics.attempts_inflight.get_or_create(&Stated { state }).set(count as i64);
        }
        let in_doubt = of("unknown").and_then(|each| each.oldest_intent_at);
        metrics.unknown_oldest_seconds.set(seconds_since(in_doubt, now));
        metrics.attempts_planned.set(vitals.planned as i64);
        metrics.attempt_oldest_due_seconds.set(seconds_since(vitals.oldest_planned_due_at, now));
        metrics.enrollments_due.set(vitals.due as i64);
        metrics.enrollment_oldest_due_seconds.set(seconds_since(vitals.oldest_due_at, now));
    }

    fn queues(&mut self, depth: &[admin::Depth], now: Instant) {
        self.kinds.extend(depth.iter().map(|each| each.kind.clone()));
        let metrics = &self.engine.metrics;
        for kind in &self.kinds {
            let found = depth.iter().find(|each| each.kind == *kind);
            let counts = found.map_or([0; 4], |each| [each.due, each.waiting, each.running, each.failed]);
            for (state, count) in ["due", "waiting", "running", "failed"].into_iter().zip(counts) {
                let labels = QueueState { queue: kind.clone(), state };
                metrics.queue_depth.get_or_create(&labels).set(count as i64);
            }
            let oldest = seconds_since(found.and_then(|each| each.oldest_due_at), now);
            metrics.queue_oldest_seconds.get_or_create(&Queue { queue: kind.clone() }).set(oldest);
        }
        metrics.jobs_quarantined.set(depth.iter().map(|each| each.quarantined as i64).sum());
    }
}

/// Of lists whose data ages.
fn oldest(lists: &[RegistryList], now: Instant) -> f64 {
    let aging = lists.iter().filter(|list| list.registry.max_age_days.is_some());
    seconds_since(aging.filter_map(|list| list.data_at).min(), now)
}

fn seconds_since(at: Option<Instant>, now: Instant) -> f64 {
    at.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0))
}
