//! Whoever runs the outbox: takes jobs, runs the product's own handlers, writes how they ended. It dies with jobs in hand, runs
//! some twice and forgets to say so; the receiver fails now and then.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::id::JobId;
use callwright_engine::store::StoreError;
use callwright_engine::store::jobs::{self, BackOff, Claim, Claimed, Finish, Outcome, ReapPolicy};
use callwright_workers::jobs::{CallEndpoint, DeliverMessage, HangUp, Outgoing, handle};
use callwright_workers::queue::{Handled, Job as _, Run};
use chrono::TimeDelta;

/// How long a job is the clerk's.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);
const BACK_OFF: BackOff = BackOff { base: TimeDelta::seconds(5), most: TimeDelta::minutes(10) };

/// The receiver of messages and endpoint calls.
#[derive(Debug, Clone, Default)]
pub struct Inbox(Arc<Mutex<Letters>>);

#[derive(Debug, Default)]
struct Letters {
    /// Ids of jobs whose letters have come, once per time.
    keys: Vec<String>,
    /// Answers to the next ones; 200 when there is none.
    answers: VecDeque<u16>,
}

impl Inbox {
    /// Opens it for business on the loopback; answers its URL. Ends with the runtime.
    async fn open(&self) -> anyhow::Result<reqwest::Url> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?).parse()?;
        let router = Router::new().route("/", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    pub fn answer_next(&self, status: u16) {
        self.lock().answers.push_back(status);
    }

    /// Letters so far; forgets them.
    pub fn take(&self) -> Vec<String> {
        let mut letters = self.lock();
        letters.answers.clear();
        std::mem::take(&mut letters.keys)
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The post between the outbox and its receiver: opened once, for every world in turn.
#[derive(Debug)]
pub struct Post {
    pub inbox: Inbox,
    url: reqwest::Url,
    outgoing: Option<Outgoing>,
}

impl Post {
    pub async fn open() -> anyhow::Result<Self> {
        let inbox = Inbox::default();
        let url = inbox.open().await?;
        Ok(Self { inbox, url, outgoing: None })
    }

    pub fn outgoing(&mut self, engine: &Arc<Engine>) -> anyhow::Result<Outgoing> {
        if let Some(outgoing) = &self.outgoing {
            return Ok(outgoing.of(Arc::clone(engine)));
        }
        let endpoints = [("crm".to_owned(), self.url.clone())].into();
        let outgoing =
            Outgoing::new(Arc::clone(engine), Some(self.url.clone()), endpoints, b"storm".to_vec())?;
        let own = outgoing.of(Arc::clone(engine));
        self.outgoing = Some(outgoing);
        Ok(own)
    }
}

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap) -> StatusCode {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut letters = inbox.lock();
    letters.keys.push(key.to_owned());
    letters.answers.pop_front().and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK)
}

/// A job in hand.
#[derive(Debug, Clone)]
pub struct Taken {
    pub kind: &'static str,
    pub job: Claimed,
}

/// Takes what is due, of every kind, and gives back what nobody has answered for.
pub async fn take(engine: Arc<Engine>, owner: String) -> Result<Vec<Taken>, EngineError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let policy = ReapPolicy { quarantine_after: 1_000, back_off: BACK_OFF, limit: 100 };
    jobs::reap(&mut tx, policy, now, now).await?;
    let mut taken = Vec::new();
    for kind in [DeliverMessage::KIND, CallEndpoint::KIND, HangUp::KIND] {
        let claim = Claim { kind, limit: 3, owner: &owner, now, lease_until: now + LEASE };
        taken.extend(jobs::claim(&mut tx, claim).await?.into_iter().map(|job| Taken { kind, job }));
    }
    tx.commit().await?;
    Ok(taken)
}

/// Runs one job; answers how it ended.
pub async fn run(outgoing: Arc<Outgoing>, taken: Taken) -> Finish {
    let run = Run { id: taken.job.id, failures: taken.job.attempts, is_last: false };
    let outcome = match handle(taken.kind, &taken.job.payload, &outgoing, run).await {
        Some(Ok(Handled::Done)) => Outcome::Done,
        Some(Ok(Handled::SnoozeUntil(until))) => Outcome::Snooze { until },
        Some(Err(error)) => Outcome::Retry { after: TimeDelta::seconds(20), error: error.to_string() },
        None => Outcome::Dead { error: "no such kind".to_owned() },
    };
    Finish { id: taken.job.id, fence: taken.job.fence, outcome }
}

/// Writes how jobs ended; answers those that this owner no longer held.
pub async fn finish(engine: Arc<Engine>, finishes: Vec<Finish>) -> Result<Vec<JobId>, StoreError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let written = jobs::finish_many(&mut tx, &finishes, now).await?;
    tx.commit().await?;
    Ok(written.fenced)
}
