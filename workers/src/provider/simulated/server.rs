//! The simulated carrier as its own HTTP server: the routes, and what each placement fault looks like from outside.
//!
//! ```text
//! POST /calls                 {calls: […]} → {answers: […]}   no idempotency, on purpose: the ledger tells
//! GET  /calls?attempt=ID      what became of an attempt; brings lost callbacks again
//! GET  /calls?since=TIME      every call since, in pages: &limit=500&after=…
//! POST /calls/{id}/hang-up
//! GET  /ledger                every entry   GET|POST /audit   sums; a body adds suppressions and zones
//! GET  /clock · POST /clock   {"clock": "virtual", "at": …, "rate": 60}
//! GET  /healthz
//! ```

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use callwright_engine::clock::Instant;
use callwright_engine::domain::call::EndStatus;
use callwright_engine::id::AttemptId;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::audit::{Audit, Evidence, SuppressedFrom};
use super::behaviour::BehaviourSource;
use super::book::{Carrier, Start};
use super::broken;
use super::clock::{CarrierClock, ClockSetting};
use super::faults::{Faults, Fired, PlacementFault};
use super::in_process::{Entered, listing};
use super::journal::Journal;
use super::ledger::{Asked, Ending, Entry};
use super::live_call::LiveCall;
pub use super::outbox::Retries;
use super::outbox::{Letter, Outbox};
use super::queue::Turn;
use crate::provider::http;
use crate::provider::wire::{
    CallAnswer, CallAnswers, CallBatch, CallEntry, CallList, CallRequest, Callback, CallbackEvent, FoundCall,
    FoundCalls,
};

/// How a carrier is set up.
#[derive(Debug)]
pub struct ServerOptions {
    pub seed: u64,
    pub source: Box<dyn BehaviourSource>,
    pub faults: Faults,
    pub clock: ClockSetting,
    /// Signs callbacks.
    pub secret: Vec<u8>,
    /// Asked of callers as a bearer token, if set.
    pub token: Option<String>,
    /// File of the books; in memory only without one.
    pub ledger: Option<PathBuf>,
    pub retries: Retries,
    /// How long a request hangs that is "not answered"; longer than the dialer waits.
    pub hang: Duration,
}

impl ServerOptions {
    /// In real time, without faults, books in memory.
    pub fn new(source: impl BehaviourSource + 'static, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            seed: 0,
            source: Box::new(source),
            faults: Faults::default(),
            clock: ClockSetting::Real,
            secret: secret.into(),
            token: None,
            ledger: None,
            retries: Retries::default(),
            hang: Duration::from_secs(15),
        }
    }
}

/// Calls per request.
const BATCH: usize = 1_000;
/// Calls per page of the list.
const PAGE: usize = 500;
const BODY_BYTES: usize = 2 * 1_024 * 1_024;

/// A carrier ready to be served, and its clock and books for whoever hosts it.
#[derive(Debug, Clone)]
pub struct CarrierServer {
    carrier: Arc<Carrier>,
    token: Option<Arc<str>>,
    hang: Duration,
}

/// Serves until `stop`. Calls in progress end with the process: their books say so at the next start.
pub async fn serve(listener: TcpListener, options: ServerOptions, stop: CancellationToken) -> io::Result<()> {
    CarrierServer::open(options).await?.serve(listener, stop).await
}

impl CarrierServer {
    /// Opens the books. Calls that were in progress when the last process died are booked, and reported, as failed.
    pub async fn open(options: ServerOptions) -> io::Result<Self> {
        let client = http::repeatable(Duration::from_secs(10)).map_err(io::Error::other)?;
        let outbox = Outbox::new(client, options.secret, options.retries);
        let kept = options.ledger.as_deref().map(Journal::open).transpose()?;
        let clock = CarrierClock::new(options.clock);
        let carrier = Carrier::new(clock, options.seed, options.faults, options.source, outbox, kept);
        let dropped: Vec<Entry> = carrier.with_ledger(|ledger| ledger.open().cloned().collect());
        let carrier = Arc::new(carrier);
        for entry in dropped {
            drop_call(&carrier, entry).await?;
        }
        Ok(Self { carrier, token: options.token.map(Arc::from), hang: options.hang })
    }

    /// Serves until `stop`.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    pub fn set_clock(&self, setting: ClockSetting) {
        self.carrier.clock.set(setting);
    }

    pub fn audit(&self, evidence: &Evidence) -> Audit {
        self.carrier.with_ledger(|ledger| Audit::of(ledger, evidence))
    }

    pub fn fired(&self) -> Fired {
        self.carrier.fired()
    }

    pub fn router(&self) -> Router {
        let guard = axum::middleware::from_fn_with_state(self.clone(), authorise);
        Router::new()
            .route("/calls", post(place).get(calls))
            .route("/calls/{id}/hang-up", post(hang_up))
            .route("/ledger", get(ledger))
            .route("/audit", get(audit).post(audit_with))
            .route("/clock", get(clock).post(set_clock))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .layer(guard)
            .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
            .with_state(self.clone())
    }
}

/// A call whose line died with the last process: booked as failed, and reported.
async fn drop_call(carrier: &Arc<Carrier>, entry: Entry) -> io::Result<()> {
    let ending = Ending { at: carrier.clock.now(), status: EndStatus::Failed, talk_s: 0, converted: false };
    carrier.close(&entry.call_id, ending).await?;
    let Some(url) = entry.callback_url else { return Ok(()) };
    let event = CallbackEvent::Ended { status: ending.status, talk_s: 0, report: None };
    let callback = Callback { attempt_id: entry.attempt_id, call_id: entry.call_id, at: ending.at, event };
    let (carrier, letter) = (carrier.clone(), Letter { url: url.to_string(), callback });
    tokio::spawn(async move { carrier.outbox.tell(&letter).await });
    Ok(())
}

async fn authorise(State(server): State<CarrierServer>, request: Request, next: Next) -> Response {
    if let Some(token) = &server.token {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            return problem(StatusCode::UNAUTHORIZED, "a bearer token is needed");
        }
    }
    next.run(request).await
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

async fn place(State(server): State<CarrierServer>, Json(batch): Json<CallBatch>) -> Response {
    if batch.calls.is_empty() || batch.calls.len() > BATCH {
        return problem(StatusCode::BAD_REQUEST, "`calls` must hold 1 to 1000 calls");
    }
    // In a task of its own: a handler is dropped when its caller dies, and a call in the books must still ring.
    let placed = tokio::spawn(async move { place_batch(&server, batch).await });
    placed.await.unwrap_or_else(|error| problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
}

/// The whole batch shares one HTTP answer, so it shares what goes wrong with that answer: the first call's fault decides.
async fn place_batch(server: &CarrierServer, batch: CallBatch) -> Response {
    let carrier = &server.carrier;
    let now = carrier.clock.now();
    let asked: Vec<Asked> = batch.calls.iter().map(asked).collect();
    let faults: Vec<PlacementFault> =
        asked.iter().map(|asked| carrier.faults.placement(carrier.seed, &asked.key(), now)).collect();
    let shared = faults[0];
    let answered = |fault: &PlacementFault| if shared.is_shared() { shared } else { *fault };
    let mut faults: Vec<PlacementFault> = faults.iter().map(answered).map(only_refusals(shared)).collect();
    let mut booked: Vec<(Asked, Option<Start>)> = Vec::with_capacity(asked.len());
    for (asked, fault) in asked.into_iter().zip(&mut faults) {
        let start = start_of(carrier, now, fault);
        booked.push((asked, start));
    }
    faults.iter().filter_map(|fault| fault.name()).for_each(|name| carrier.count(name));

    let entries = match carrier.book(&booked, now).await {
        Ok(entries) => entries,
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let mut answers = Vec::with_capacity(entries.len());
    for ((entry, (asked, start)), (call, fault)) in
        entries.iter().zip(booked).zip(batch.calls.iter().zip(&faults))
    {
        if let Some(start) = start {
            ring(carrier, entry, asked, call, start.at).await;
        }
        answers.push(answer(entry, *fault));
    }
    respond(server, shared, answers).await
}

/// When the call begins; `None`: there is none. A full queue turns the fault into a refusal.
fn start_of(carrier: &Carrier, now: Instant, fault: &mut PlacementFault) -> Option<Start> {
    if !fault.calls() {
        return None;
    }
    let wanted = now + TimeDelta::seconds(i64::from(fault.delay_s()));
    match carrier.turn(wanted) {
        Turn::At(at) => {
            let queued = at > wanted;
            if queued {
                carrier.count("queued");
            }
            Some(Start { at, queued })
        }
        Turn::Full => {
            *fault = PlacementFault::Refuse;
            None
        }
    }
}

/// The answer as the asker sees it.
async fn respond(server: &CarrierServer, fault: PlacementFault, answers: Vec<CallAnswer>) -> Response {
    match fault {
        PlacementFault::None | PlacementFault::Refuse => Json(CallAnswers { answers }).into_response(),
        PlacementFault::TooManyRequests { retry_after_s } => {
            let mut refusal = problem(StatusCode::TOO_MANY_REQUESTS, "simulated rate limit");
            refusal.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
            refusal
        }
        PlacementFault::ErrorBeforeAccept | PlacementFault::ErrorAfterAccept => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, "simulated error")
        }
        PlacementFault::ResetBeforeAccept | PlacementFault::ResetAfterAccept => {
            broken::off(&CallAnswers { answers })
        }
        PlacementFault::SlowAnswer => broken::slow(&CallAnswers { answers }, server.hang),
        PlacementFault::TimeoutBeforeAccept
        | PlacementFault::TimeoutAfterAccept
        | PlacementFault::LateAccept { .. } => {
            tokio::time::sleep(server.hang).await;
            problem(StatusCode::GATEWAY_TIMEOUT, "simulated time-out")
        }
    }
}

/// Within a batch whose answer gets through, a single call can be refused but not be in doubt.
fn only_refusals(shared: PlacementFault) -> impl Fn(PlacementFault) -> PlacementFault {
    move |fault| {
        if shared.is_shared() || fault == PlacementFault::Refuse { fault } else { PlacementFault::None }
    }
}

fn asked(call: &CallRequest) -> Asked {
    Asked {
        attempt_id: call.attempt_id,
        enrollment_id: call.enrollment_id,
        number: call.to,
        step: call.step.clone(),
        visit: call.visit,
        attempt: call.attempt,
        callback_url: Some(Arc::from(call.callback_url.as_str())),
    }
}

fn answer(entry: &Entry, fault: PlacementFault) -> CallAnswer {
    if fault == PlacementFault::Refuse {
        return CallAnswer::Refused { reason: "simulated rate limit".to_owned(), retry: true };
    }
    CallAnswer::Accepted { call_id: entry.call_id.clone() }
}

async fn ring(carrier: &Arc<Carrier>, entry: &Entry, asked: Asked, call: &CallRequest, starts_at: Instant) {
    let is_early = starts_at <= entry.asked_at && carrier.faults.is_early(carrier.seed, &asked.key());
    let live = LiveCall {
        carrier: carrier.clone(),
        call_id: entry.call_id.clone(),
        asked,
        max_duration_s: call.max_duration_s,
        starts_at,
    };
    if is_early {
        live.ring_early().await;
    }
    tokio::spawn(live.run());
}

/// Either `attempt` or `since`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    attempt: Option<AttemptId>,
    since: Option<Instant>,
    /// `next` of the page before.
    after: Option<usize>,
    /// 1 to 1,000 calls a page; 500 when left out.
    limit: Option<usize>,
}

async fn calls(State(server): State<CarrierServer>, Query(query): Query<CallsQuery>) -> Response {
    match (query.attempt, query.since) {
        (Some(attempt), None) => look_up(&server, attempt),
        (None, Some(since)) => {
            let limit = query.limit.unwrap_or(PAGE).clamp(1, BATCH);
            Json(list(&server, since, query.after.unwrap_or(0), limit)).into_response()
        }
        _ => problem(StatusCode::BAD_REQUEST, "ask with either `attempt` or `since`"),
    }
}

fn look_up(server: &CarrierServer, attempt: AttemptId) -> Response {
    let carrier = server.carrier.clone();
    let now = carrier.clock.now();
    let calls = carrier.calls_of(attempt);
    let first = calls.first().map(|entry| carrier.faults.look_up(carrier.seed, &entry.key(), now));
    let fault = first.unwrap_or_default();
    if fault.fails {
        carrier.count("failLookUp");
        return problem(StatusCode::SERVICE_UNAVAILABLE, "simulated error");
    }
    for letter in carrier.take_lost(attempt) {
        let carrier = carrier.clone();
        tokio::spawn(async move { carrier.outbox.tell(&letter).await });
    }
    let seen_at = now - TimeDelta::seconds(i64::from(fault.stale_s));
    let is_shown = |entry: &Entry| match listing(&carrier.faults, carrier.seed, entry, fault.stale_s, now) {
        Entered::Shown => true,
        Entered::NotYet => false,
        Entered::Hidden(name) => {
            carrier.count(name);
            false
        }
    };
    let found = |entry: Entry| {
        let end = entry.end.filter(|end| end.at <= seen_at);
        FoundCall {
            call_id: entry.call_id,
            asked_at: entry.asked_at,
            status: end.map(|end| end.status),
            ended_at: end.map(|end| end.at),
            talk_s: end.map_or(0, |end| end.talk_s),
        }
    };
    Json(FoundCalls { calls: calls.into_iter().filter(is_shown).map(found).collect() }).into_response()
}

fn list(server: &CarrierServer, since: Instant, from: usize, limit: usize) -> CallList {
    let entry = |entry: &Entry| CallEntry {
        call_id: entry.call_id.clone(),
        attempt_id: entry.attempt_id,
        enrollment_id: entry.enrollment_id,
        number: entry.number,
        step: entry.step.to_string(),
        visit: entry.visit,
        attempt: entry.attempt,
        asked_at: entry.asked_at,
        status: entry.end.map(|end| end.status),
        ended_at: entry.end.map(|end| end.at),
        talk_s: entry.end.map_or(0, |end| end.talk_s),
    };
    server.carrier.with_ledger(|ledger| {
        let (entries, next) = ledger.calls_since(since, from, limit);
        CallList {
            calls: entries.into_iter().map(entry).collect(),
            next: next.map(|position| position.to_string()),
        }
    })
}

async fn hang_up(State(server): State<CarrierServer>, Path(id): Path<String>) -> Response {
    match server.carrier.hang_up(&id) {
        Some(()) => Json(json!({ "status": "ok" })).into_response(),
        None => problem(StatusCode::NOT_FOUND, "no such call"),
    }
}

async fn ledger(State(server): State<CarrierServer>) -> Json<Value> {
    let audit = server.audit(&Evidence::default());
    let entries = server.carrier.with_ledger(|ledger| ledger.entries().to_vec());
    Json(json!({ "entries": entries, "audit": audit, "faultsFired": server.fired() }))
}

async fn audit(State(server): State<CarrierServer>) -> Json<Audit> {
    Json(server.audit(&Evidence::default()))
}

/// Body of `POST /audit`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuditRequest {
    pub suppressions: Vec<SuppressedFrom>,
    /// Zones that an address settles, by number.
    pub zones: HashMap<PhoneNumber, Vec<Zone>>,
}

async fn audit_with(State(server): State<CarrierServer>, Json(request): Json<AuditRequest>) -> Json<Audit> {
    Json(server.audit(&Evidence { suppressions: request.suppressions, zones: request.zones }))
}

async fn clock(State(server): State<CarrierServer>) -> Json<Value> {
    Json(json!({ "now": server.carrier.clock.now() }))
}

async fn set_clock(State(server): State<CarrierServer>, Json(setting): Json<ClockSetting>) -> Response {
    if let ClockSetting::Virtual { rate, .. } = setting
        && !(0.0..=1_000_000.0).contains(&rate)
    {
        return problem(StatusCode::BAD_REQUEST, "`rate` must be between 0 and 1000000");
    }
    server.set_clock(setting);
    Json(json!({ "now": server.carrier.clock.now() })).into_response()
}

#[cfg(test)]
mod tests;
