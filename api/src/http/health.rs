//! Is the process alive, does it work, and may it be sent requests? Public, and silent about everything else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use callwright_engine::engine::Engine;
use callwright_engine::store::{StoreError, jobs, probe};
use callwright_workers::heartbeat::Pulse;
use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::state::App;

/// Longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(1);
/// However often is asked, the database is asked no more often than this.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A clock further off does not dial.
const MOST_SKEW_S: f64 = 2.0;
/// A dial loop that has not moved for this long hangs: no verb of it takes half as long.
const LONGEST_SILENCE: Duration = Duration::from_mins(2);

/// One thing that must hold.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
}

impl Check {
    fn new(name: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self { name, ok, detail: detail.into() }
    }
}

/// What the database said last, kept for a moment: probes come from many sides at once.
#[derive(Debug, Default)]
pub struct Probe(Mutex<Option<(Instant, Arc<[Check]>)>>);

impl Probe {
    async fn checks(&self, engine: &Engine) -> Arc<[Check]> {
        let mut last = self.0.lock().await;
        if let Some((at, checks)) = &*last
            && at.elapsed() < ASK_EVERY
        {
            return Arc::clone(checks);
        }
        let checks: Arc<[Check]> = ask(engine).await.into();
        *last = Some((Instant::now(), Arc::clone(&checks)));
        checks
    }
}

async fn ask(engine: &Engine) -> Vec<Check> {
    let began = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, asked(engine)).await;
    let took = began.elapsed().as_millis();
    match answer {
        Ok(Ok((missing, skew))) => vec![
            Check::new("database", true, format!("took a write in {took} ms")),
            Check::new("migrations", missing == 0, format!("{missing} missing")),
            Check::new("clock", skew.abs() < MOST_SKEW_S, format!("{skew:.1} s from the database's")),
        ],
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            vec![Check::new("database", false, "did not take a write; the log says why")]
        }
        Err(_) => {
            tracing::warn!("not ready: the database did not take a write within a second");
            vec![Check::new("database", false, "did not take a write within a second")]
        }
    }
}

async fn asked(engine: &Engine) -> Result<(usize, f64), StoreError> {
    let missing = engine.db.missing_migrations().await?;
    let mut tx = engine.db.begin_read().await?;
    let before = Utc::now();
    let clock = jobs::read_clock(&mut tx).await?;
    let between = before + (Utc::now() - before) / 2;
    tx.rollback().await?;
    // The table of the probe may be what a missing migration makes.
    if missing == 0 {
        probe::write(&engine.db, clock.real).await?;
    }
    Ok((missing, (between - clock.real).as_seconds_f64()))
}

/// The process runs. Asks nobody: a database that is away is no reason to restart this.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, description = "The process runs")))]
pub async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// May requests be sent here? Every check is listed; how far work is behind is shown and decides nothing.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "Ready for requests", body = Object),
    (status = 503, description = "Not now: the checks say why", body = Object),
))]
pub async fn readyz(State(app): State<App>) -> Response {
    let draining = app.is_draining();
    let mut checks = vec![Check::new(
        "accepting",
        !draining,
        if draining { "stopping: no new requests, please" } else { "yes" },
    )];
    checks.extend(app.probe.checks(&app.engine).await.iter().cloned());
    let is_ready = checks.iter().all(|check| check.ok);
    let metrics = &app.engine.metrics;
    let body = json!({
        "status": if is_ready { "ready" } else { "not ready" },
        "checks": checks,
        "cadences": app.engine.library.current().cadences().count(),
        "lag": {
            "enrollmentOldestDueSeconds": metrics.enrollment_oldest_due_seconds.get(),
            "attemptOldestDueSeconds": metrics.attempt_oldest_due_seconds.get(),
            "unknownOldestSeconds": metrics.unknown_oldest_seconds.get(),
        },
    });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Does the dial loop of this process move?
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses(
    (status = 200, description = "It moves, has stopped as told, or is not this process's task", body = Object),
    (status = 503, description = "It hangs: restart the process", body = Object),
))]
pub async fn livez(State(app): State<App>) -> Response {
    let (is_alive, dial_loop, age) = match app.heartbeat.pulse() {
        Pulse::None => (true, "none", None),
        Pulse::Stopped => (true, "stopped", None),
        Pulse::Beating(age) if age <= LONGEST_SILENCE => (true, "moving", Some(age)),
        Pulse::Beating(age) => (false, "hanging", Some(age)),
    };
    let body = json!({
        "status": if is_alive { "alive" } else { "hanging" },
        "dialLoop": dial_loop,
        "lastSeenSeconds": age.map(|age| age.as_secs_f64()),
    });
    let status = if is_alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}
