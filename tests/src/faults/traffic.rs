//! Callers of the API while everything goes wrong: new leads and enrollments, opt-outs, suppressions, pauses and resumes. Every
//! write has an idempotency key and is repeated until it is answered; what was answered with success must still be there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use callwright_workers::provider::http;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::books::Books;
use super::speed::Speed;
use super::world::{EXCHANGE, World, number};

/// What callers were promised, and what they saw.
#[derive(Debug, Default, Clone)]
pub struct Promised {
    pub enrollments: BTreeSet<String>,
    /// Leads by our own id.
    pub opted_out: BTreeSet<String>,
    pub suppressed: BTreeSet<String>,
    pub acknowledged: u64,
    /// Answers with a 5xx, all repeated.
    pub server_errors: u64,
    /// Requests that were sent and never answered: when they began, when they broke, and how.
    pub broken: Vec<(Instant, Instant, String)>,
    /// Answers that nobody expected.
    pub strange: Vec<String>,
    paused: BTreeSet<String>,
    /// Also those that were resumed since: two callers may ask for the one and the other at a time, and nobody knows who was last.
    ever_paused: BTreeSet<String>,
}

/// Callers at work.
#[derive(Debug)]
pub struct Traffic {
    promised: Arc<Mutex<Promised>>,
    stop: CancellationToken,
    callers: Vec<JoinHandle<()>>,
    ear: Caller,
}

#[derive(Debug, Clone)]
struct Caller {
    client: reqwest::Client,
    base: String,
    key: String,
    leads: usize,
    speed: Speed,
    promised: Arc<Mutex<Promised>>,
    stop: CancellationToken,
}

/// Callers at a time for so many leads. A caller whose request was cut off waits a minute for its key.
const LEADS_PER_CALLER: usize = 20;
/// Between two requests of a caller, in milliseconds where the clock goes at its fastest: in every hour of it as many are made.
const PAUSE_MS: std::ops::Range<u64> = 40..260;
/// Longest time that a write is repeated for, where nothing is slow: a key whose first request was cut off opens again after a
/// minute.
const PATIENCE: Duration = Duration::from_secs(150);

impl Traffic {
    pub fn start(world: &World, seed: u64) -> anyhow::Result<Self> {
        let promised: Arc<Mutex<Promised>> = Arc::default();
        let stop = CancellationToken::new();
        let caller = Caller {
            // One connection per request: a kept one may close in the moment of the next request, which is nobody's fault.
            client: http::ask_once(world.speed.stretched(Duration::from_secs(20)))?,
            base: format!("{}/api/v1/crm", world.api_url),
            key: world.key.clone(),
            leads: world.plan.leads,
            speed: world.speed,
            promised: Arc::clone(&promised),
            stop: stop.clone(),
        };
        let callers = (0..world.plan.leads.div_ceil(LEADS_PER_CALLER))
            .map(|index| tokio::spawn(caller.clone().run(index, StdRng::seed_from_u64(seed ^ index as u64))))
            .collect();
        Ok(Self { promised, stop, callers, ear: caller })
    }

    pub fn so_far(&self) -> Promised {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the callers, each after the answer it waits for, and takes back every pause.
    pub async fn finish(&mut self) -> anyhow::Result<Promised> {
        self.stop.cancel();
        for caller in self.callers.drain(..) {
            caller.await.context("a caller of the API")?;
        }
        let paused = std::mem::take(&mut self.ear.promised().ever_paused);
        for id in paused {
            self.ear.write(&format!("enrollments/{id}/resume"), json!({})).await;
        }
        for campaign in ["chase", "twice"] {
            self.ear.write(&format!("campaigns/{campaign}/resume"), json!({})).await;
        }
        Ok(self.so_far())
    }
}

/// What was promised and is not there.
pub async fn lost(promised: &Promised, books: &mut Books) -> anyhow::Result<Vec<String>> {
    let there: BTreeSet<String> = books.texts("SELECT id FROM enrollments").await?.into_iter().collect();
    let out = "SELECT l.external_id FROM leads l WHERE l.do_not_call = 1 AND l.external_id IS NOT NULL
         AND (l.phone IS NULL OR EXISTS (SELECT 1 FROM suppressions s WHERE s.number = l.phone))
         AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.lead_id = l.id AND e.state <> 'ended')";
    let out: BTreeSet<String> = books.texts(out).await?.into_iter().collect();
    let numbers: BTreeSet<String> =
        books.texts("SELECT number FROM suppressions WHERE campaign_id = ''").await?.into_iter().collect();
    let missing = |what: &str, promised: &BTreeSet<String>, there: &BTreeSet<String>| {
        promised.difference(there).map(|id| format!("{what} was answered and is not there: {id}")).collect()
    };
    let mut lost: Vec<String> = missing("an enrollment", &promised.enrollments, &there);
    lost.extend(missing("an opt-out", &promised.opted_out, &out));
    let tails = |all: &BTreeSet<String>| all.iter().map(|number| tail(number)).collect::<BTreeSet<_>>();
    lost.extend(missing("a suppression", &tails(&promised.suppressed), &tails(&numbers)));
    Ok(lost)
}

/// Numbers are shown without their middle, here as everywhere.
fn tail(number: &str) -> String {
    format!("…{}", &number[number.len().saturating_sub(7)..])
}

impl Caller {
    async fn run(self, index: usize, mut random: StdRng) {
        let mut born = 0;
        while !self.stop.is_cancelled() {
            match random.random_range(0..100) {
                0..35 => {
                    born += 1;
                    self.enroll_new(index, born).await;
                }
                35..50 => self.opt_out(random.random_range(0..self.leads)).await,
                50..62 => self.suppress(random.random_range(0..self.leads)).await,
                62..80 => self.pause_or_resume(&mut random).await,
                80..85 => self.pause_a_campaign(&mut random).await,
                _ => drop(self.send(Method::GET, "leads?limit=5", None, None).await),
            }
            let pause = self.speed.stretched(Duration::from_millis(random.random_range(PAUSE_MS)));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    async fn enroll_new(&self, index: usize, born: usize) {
        let id = format!("late_{index}_{born}");
        let lead = json!({
            "externalId": id, "email": format!("{id}@example.com"), "firstName": "Bob", "synthetic": true,
            "phone": number(240 + index as u32, born), "timezone": "America/New_York",
        });
        if self.write("leads", lead).await.is_none() {
            return;
        }
        let cadence = if born.is_multiple_of(2) { "chase" } else { "twice" };
        if let Some(answer) = self.write("cadences", json!({"leadId": id, "cadenceId": cadence})).await
            && let Some(id) = answer["enrollmentId"].as_str()
        {
            self.promised().enrollments.insert(id.to_owned());
        }
    }

    async fn opt_out(&self, lead: usize) {
        let id = format!("lead_{lead}");
        let event = json!({"eventType": "OPTOUT_REQUESTED", "leadId": id, "reason": "by e-mail"});
        if self.write("events", event).await.is_some() {
            self.promised().opted_out.insert(id);
        }
    }

    async fn suppress(&self, lead: usize) {
        let number = number(EXCHANGE, lead);
        let body = json!({"phone": number, "reason": "national registry", "source": "national_registry"});
        if self.write("suppressions", body).await.is_some() {
            self.promised().suppressed.insert(number);
        }
    }

    async fn pause_or_resume(&self, random: &mut StdRng) {
        let (known, paused): (Vec<String>, Vec<String>) = {
            let promised = self.promised();
            (promised.enrollments.iter().cloned().collect(), promised.paused.iter().cloned().collect())
        };
        if paused.len() > 5 {
            let id = &paused[random.random_range(0..paused.len())];
            if self.write(&format!("enrollments/{id}/resume"), json!({})).await.is_some() {
                self.promised().paused.remove(id);
            }
        } else if !known.is_empty() {
            let id = &known[random.random_range(0..known.len())];
            // Noted before it is known to have worked: resuming once too often is harmless.
            self.promised().paused.insert(id.clone());
            self.promised().ever_paused.insert(id.clone());
            self.write(&format!("enrollments/{id}/pause"), json!({})).await;
        }
    }

    async fn pause_a_campaign(&self, random: &mut StdRng) {
        let campaign = if random.random_bool(0.5) { "chase" } else { "twice" };
        self.write(&format!("campaigns/{campaign}/pause"), json!({})).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(50..400))).await;
        self.write(&format!("campaigns/{campaign}/resume"), json!({})).await;
    }

    /// Repeats a write until it is answered; the answer if it is a success, `None` if it was refused.
    async fn write(&self, path: &str, body: Value) -> Option<Value> {
        let key = format!("{:032x}", rand::random::<u128>());
        let (began, patience) = (Instant::now(), self.speed.stretched(PATIENCE));
        let mut pause = Duration::from_millis(50);
        while began.elapsed() < patience {
            match self.send(Method::POST, path, Some(&key), Some(&body)).await {
                Some((status, answer)) if status.is_success() => {
                    self.promised().acknowledged += 1;
                    return Some(answer);
                }
                Some((StatusCode::CONFLICT, answer))
                    if answer["error"]["details"]["reason"] == "in-progress" => {}
                Some((status, _)) if status.is_server_error() => self.promised().server_errors += 1,
                Some((StatusCode::CONFLICT, _)) => return None,
                Some((status, answer)) => {
                    self.promised().strange.push(format!("{path} was answered with {status}: {answer}"));
                    return None;
                }
                None => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
        self.promised().strange.push(format!("{path} was not answered within {} s", patience.as_secs()));
        None
    }

    /// One request; `None` when nobody answered.
    async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Option<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}/{path}", self.base)).bearer_auth(&self.key);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let began = Instant::now();
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                // Never connected: there is nobody at home, and nothing was asked.
                if !error.is_connect() {
                    self.promised().broken.push((began, Instant::now(), format!("{path}: {error:?}")));
                }
                return None;
            }
        };
        let status = answer.status();
        match answer.bytes().await {
            Ok(bytes) => Some((status, serde_json::from_slice(&bytes).unwrap_or_default())),
            Err(error) => {
                self.promised().broken.push((began, Instant::now(), format!("{path}: {error:?}")));
                None
            }
        }
    }

    fn promised(&self) -> std::sync::MutexGuard<'_, Promised> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
