//! Every number the product shows about itself, in one place: names, meanings and labels (NFR-5). Who counts is elsewhere, and
//! counts what was committed; who serves the text is elsewhere too. Nothing here reads a clock or a database.
//!
//! No label holds a name, a number, an address or anything else of a person, and every label has a bounded set of values.

mod labels;
mod tally;
mod text;

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub use labels::{
    Attempted, Blocked, CallbackIn, Called, Invariant, JobEnded, Kind, Op, Pool, Queue, QueueState, Request,
    Resulted, Stated, Table,
};
pub use tally::Tally;

/// A gauge of seconds or other fractions.
pub type Fraction = Gauge<f64, AtomicU64>;
/// Whole numbers.
pub type Whole = Gauge<i64, AtomicI64>;
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The instruments of one engine. Counters begin at zero with the process.
pub struct Metrics {
    registry: Mutex<Registry>,
    names: Vec<String>,
    // calls
    pub calls: Family<Called, Counter>,
    pub attempts: Family<Attempted, Counter>,
    pub attempts_inflight: Family<Stated, Whole>,
    pub attempts_planned: Whole,
    pub attempt_unknown: Counter,
    pub unknown_oldest_seconds: Fraction,
    pub orphan_calls: Counter,
    pub abandoned_calls: Counter,
    pub reconcile: Family<Resulted, Counter>,
    pub guard_blocked: Family<Blocked, Counter>,
    pub enrollments_quarantined: Counter,
    pub unreadable_rows: Family<Table, Counter>,
    pub invariant_violations: Family<Invariant, Counter>,
    // lag
    pub plan_lag_seconds: Histogram,
    pub dispatch_lag_seconds: Histogram,
    pub enrollments_due: Whole,
    pub enrollment_oldest_due_seconds: Fraction,
    pub attempt_oldest_due_seconds: Fraction,
    pub loop_heartbeat_age_seconds: Fraction,
    // providers
    pub provider_request_seconds: Histograms<Request>,
    pub callbacks_in: Family<CallbackIn, Counter>,
    // jobs
    pub queue_depth: Family<QueueState, Whole>,
    pub queue_oldest_seconds: Family<Queue, Fraction>,
    pub jobs_completed: Family<JobEnded, Counter>,
    pub jobs_quarantined: Whole,
    pub lease_lost: Counter,
    // database and clock
    pub db_pool_wait_seconds: Histograms<Pool>,
    pub db_connections: Family<Pool, Whole>,
    pub clock_skew_seconds: Fraction,
    // stops
    pub emergency_stops: Whole,
    pub registry_oldest_seconds: Fraction,
    pub watch_failures: Counter,
    // definitions
    pub definitions_loaded: Family<Kind, Whole>,
    pub definition_errors: Whole,
    pub definition_reloads: Family<Resulted, Counter>,
    // keeping house
    pub retention_deleted: Family<Table, Counter>,
    pub retention_last_run_seconds: Fraction,
    // HTTP
    pub http_request_seconds: Histograms<Op>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// From a hundredth of a second to a day: what is late by more needs no finer answer.
const LAGS: [f64; 14] =
    [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0, 21_600.0, 86_400.0];
/// From a millisecond to the longest time-out of ours.
const REQUESTS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

fn lags() -> Histogram {
    Histogram::new(LAGS)
}

fn requests() -> Histogram {
    Histogram::new(REQUESTS)
}

fn histograms<L: Clone + std::hash::Hash + Eq>() -> Histograms<L> {
    Family::new_with_constructor(requests)
}

/// Declares instruments while they are built, so that none is shown nowhere.
#[derive(Default)]
struct Declaring {
    registry: Registry,
    names: Vec<String>,
}

impl Declaring {
    fn of<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        let is_counter = matches!(metric.metric_type(), MetricType::Counter);
        self.names.push(if is_counter { format!("{name}_total") } else { name.to_owned() });
        self.registry.register(name, help, metric.clone());
        metric
    }

    fn plain<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.of(name, help, M::default())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut m = Declaring::default();
        let metrics = Self {
            registry: Mutex::default(),
            names: Vec::new(),
            calls: m.plain("dialer_calls", "Attempts that reached their end, by outcome"),
            attempts: m.plain("dialer_attempts", "Attempts that entered a state"),
            attempts_inflight: m
                .plain("dialer_attempts_inflight", "Attempts between intent and end, of the whole database"),
            attempts_planned: m.plain(
                "dialer_attempts_planned",
                "Attempts that wait for pacing or a gate, counted up to 100,000",
            ),
            attempt_unknown: m.plain("dialer_attempt_unknown", "Attempts whose answer was lost"),
            unknown_oldest_seconds: m.plain(
                "dialer_attempt_unknown_oldest_seconds",
                "How long the oldest attempt in doubt has been so; 0: there is none",
            ),
            orphan_calls: m
                .plain("dialer_orphan_calls", "Calls of attempts that had been written off; must stay 0"),
            abandoned_calls: m.plain(
                "dialer_abandoned_calls",
                "Calls that a person answered and whose transfer was not bridged within two seconds",
            ),
            reconcile: m
                .plain("dialer_reconcile", "Look-ups of attempts in doubt and silent calls, by result"),
            guard_blocked: m
                .plain("dialer_guard_blocked", "Kept decisions that put a call off or refused it, by reason"),
            enrollments_quarantined: m
                .plain("dialer_enrollments_quarantined", "Enrollments set aside for people to look at"),
            unreadable_rows: m.plain("dialer_unreadable_rows", "Rows found that cannot be understood"),
            invariant_violations: m.plain(
                "dialer_invariant_violations",
                "Broken promises found by the nightly check; must stay 0",
            ),
            plan_lag_seconds: m.of(
                "dialer_plan_lag_seconds",
                "From the instant an enrollment was due to its decision, on the engine's clock",
                lags(),
            ),
            dispatch_lag_seconds: m.of(
                "dialer_dispatch_lag_seconds",
                "From the instant an attempt was due to its committed intent, on the engine's clock",
                lags(),
            ),
            enrollments_due: m
                .plain("dialer_enrollments_due", "Enrollments due and not decided, counted up to 100,000"),
            enrollment_oldest_due_seconds: m.plain(
                "dialer_enrollment_oldest_due_seconds",
                "How long the longest-waiting due enrollment has waited",
            ),
            attempt_oldest_due_seconds: m.plain(
                "dialer_attempt_oldest_due_seconds",
                "How long the longest-waiting due attempt of an active campaign has waited",
            ),
            loop_heartbeat_age_seconds: m.plain(
                "dialer_loop_heartbeat_age_seconds",
                "Since the dial loop of this process was last seen moving",
            ),
            provider_request_seconds: m.of(
                "dialer_provider_request_seconds",
                "Requests to providers; each call of a batch counts with the time of the batch",
                histograms(),
            ),
            callbacks_in: m
                .plain("dialer_webhook_in", "Callbacks of carriers, by event and what became of them"),
            queue_depth: m.plain("dialer_queue_depth", "Jobs by kind and state"),
            queue_oldest_seconds: m.plain(
                "dialer_queue_oldest_seconds",
                "How long the longest-waiting due job of a kind has waited",
            ),
            jobs_completed: m.plain("dialer_jobs_completed", "Runs of jobs that ended in this process"),
            jobs_quarantined: m.plain("dialer_jobs_quarantined", "Jobs set aside because their workers died"),
            lease_lost: m
                .plain("dialer_lease_lost", "Leases this process lost, and outcomes refused because of it"),
            db_pool_wait_seconds: m.of(
                "dialer_db_pool_wait_seconds",
                "How long a transaction waited to begin, sampled every few seconds",
                histograms(),
            ),
            db_connections: m.plain("dialer_db_connections", "Open connections"),
            clock_skew_seconds: m
                .plain("dialer_clock_skew_seconds", "This machine's clock minus the database's"),
            emergency_stops: m.plain("dialer_emergency_stops", "Emergency stops in force"),
            registry_oldest_seconds: m.plain(
                "dialer_registry_oldest_seconds",
                "Age of the oldest data among registries whose data ages; 0: there is none",
            ),
            watch_failures: m.plain("dialer_watch_failures", "Rounds in which the gauges could not be read"),
            definitions_loaded: m.plain("dialer_definitions_loaded", "Definitions in use"),
            definition_errors: m
                .plain("dialer_definition_errors", "Errors in the definition files as last read"),
            definition_reloads: m
                .plain("dialer_definition_reloads", "Reloads of changed definition files, by result"),
            retention_deleted: m.plain("dialer_retention_deleted", "Rows that retention removed or emptied"),
            retention_last_run_seconds: m.plain(
                "dialer_retention_last_run_timestamp_seconds",
                "When retention last came to its end in this process; 0: not yet",
            ),
            http_request_seconds: m.of(
                "http_server_request_duration_seconds",
                "Requests to this server",
                histograms(),
            ),
        };
        // Shown from the start: a counter that appears with its first event hides the step from nothing to one.
        for state in ["dialing", "placed", "unknown"] {
            drop(metrics.attempts_inflight.get_or_create(&Stated { state }));
        }
        drop(metrics.invariant_violations.get_or_create(&Invariant { id: "I4" }));
        drop(metrics.callbacks_in.get_or_create(&CallbackIn { event: "none", result: "badsig" }));
        Self { registry: Mutex::new(m.registry), names: m.names, ..metrics }
    }
}

impl Metrics {
    /// The name of every family, whether or not it has anything to show yet.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Everything, in the text format that Prometheus reads (version 0.0.4).
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        text::render(&registry)
    }

    /// Adds up what a committed transaction did. `provider`: whose calls these were.
    pub fn committed(&self, tally: &Tally, provider: &str) {
        for (state, count) in &tally.states {
            self.attempts.get_or_create(&Attempted { state }).inc_by(*count);
            if *state == "unknown" {
                self.attempt_unknown.inc_by(*count);
            }
        }
        for (outcome, count) in &tally.outcomes {
            self.calls.get_or_create(&Called { provider: provider.to_owned(), outcome }).inc_by(*count);
        }
        for ((verdict, reason), count) in &tally.blocked {
            self.guard_blocked.get_or_create(&Blocked { verdict, reason }).inc_by(*count);
        }
        self.orphan_calls.inc_by(tally.orphans);
        self.abandoned_calls.inc_by(tally.abandoned);
        self.enrollments_quarantined.inc_by(tally.quarantined);
        for lag in &tally.plan_lags {
            self.plan_lag_seconds.observe(*lag);
        }
        for lag in &tally.dispatch_lags {
            self.dispatch_lag_seconds.observe(*lag);
        }
    }
}

#[cfg(test)]
mod tests;
