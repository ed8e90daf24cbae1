//! Several workers on one database and one virtual clock. Each has an engine and a pool of its own, and takes its turns as the
//! dial loop does; how long a turn takes and how late its requests reach the carrier are drawn from a seed, so that every run is
//! the same and workers look between each other's claim and request.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::definitions::render;
use callwright_engine::domain::campaign::{Campaign, VoiceClass};
use callwright_engine::domain::new_lead::{NewLead, prepare};
use callwright_engine::engine::{Engine, EnrollRequest, ManualClock, TimeSource};
use callwright_engine::id::{CampaignId, IdSource, LeadId};
use callwright_engine::provider::{PlaceRequest, Provider as _};
use callwright_engine::store::{Db, Durability, campaign, lead};
use callwright_tests::TestDb;
use callwright_workers::dialer::{self, Load, Options};
use callwright_workers::trial::campaigns;
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use tokio_util::sync::CancellationToken;

use crate::exchange::{Asked, Exchange};

const FLOW: &str = include_str!("../engine/definitions/hello.flow.yaml");
const SCRIPT: &str = include_str!("../engine/definitions/hello.script.yaml");
const COMMON: &str = include_str!("../../../flows/scripts/common.yaml");
const ONCE: &str = include_str!("definitions/once.yaml");
const WHENEVER: &str = include_str!("definitions/whenever.yaml");
/// Rows per transaction while a stage is being set.
const CHUNK: usize = 1_000;

pub struct Stage {
    pub db: TestDb,
    pub clock: Arc<ManualClock>,
    pub serve: Arc<Engine>,
    /// Longest sleep of a worker.
    pub poll: Duration,
    workers: Vec<Arc<Engine>>,
    /// What each worker's last look came to.
    loads: Vec<Load>,
    /// Leads so far: each has a number of its own.
    people: u64,
    random: StdRng,
}

/// What happens next, the earliest first; of one instant in the order in which it was decided.
#[derive(Debug)]
struct Next {
    at: Instant,
    turn: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A worker looks at everything that is due.
    Look(usize),
    /// Its requests reach the carrier.
    Arrive(usize, Vec<PlaceRequest>),
    /// Calls have ended and say so.
    Report,
}

impl Stage {
    /// `workers` of them; on SQLite they share the one writer, as tasks of one process do.
    pub async fn open(db: TestDb, start: Instant, workers: u64) -> anyhow::Result<Self> {
        let clock = ManualClock::at(start);
        let serve = engine(db.db.clone(), &clock, 1);
        serve.publish().await?;
        let mut all = Vec::new();
        for worker in 0..workers {
            let own = match &db.db {
                Db::Sqlite { .. } => db.db.clone(),
                Db::Postgres { .. } => Db::connect(&db.url, Durability::Full).await?,
            };
            all.push(engine(own, &clock, 2 + worker));
        }
        Ok(Self {
            db,
            clock,
            serve,
            poll: Duration::from_millis(500),
            loads: vec![Load::Light; all.len()],
            workers: all,
            people: 0,
            random: StdRng::seed_from_u64(20_260_715),
        })
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A campaign, changed as wanted, with `calls` people due now.
    pub async fn campaign(
        &mut self,
        key: &str,
        calls: usize,
        change: impl FnOnce(&mut Campaign),
    ) -> anyhow::Result<CampaignId> {
        let now = self.now();
        let mut campaign = campaigns::consented(key, VoiceClass::Live, &self.serve.ids, now)?;
        campaign.caller_ids = Vec::new();
        change(&mut campaign);
        let mut tx = self.serve.db.begin().await?;
        campaign::create(&mut tx, &campaign).await?;
        tx.commit().await?;
        let leads = self.leads(calls).await?;
        self.enroll(campaign.id, &leads, "once").await?;
        Ok(campaign.id)
    }

    /// New people in Washington, D.C.
    pub async fn leads(&mut self, count: usize) -> anyhow::Result<Vec<LeadId>> {
        let now = self.now();
        let mut leads = Vec::with_capacity(count);
        for _ in 0..count {
            let (exchange, line) = (200 + self.people / 8_000, 1_000 + self.people % 8_000);
            self.people += 1;
            let new =
                NewLead { phone: format!("+1202{exchange}{line}").as_str().into(), ..NewLead::default() };
            let prepared = prepare(&new, self.serve.ids.next(now), now);
            leads.push(prepared.map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?);
        }
        for chunk in leads.chunks(CHUNK) {
            let mut tx = self.serve.db.begin().await?;
            lead::insert_many(&mut tx, chunk).await?;
            tx.commit().await?;
        }
        Ok(leads.iter().map(|lead| lead.id).collect())
    }

    /// Enrolls them, due now.
    pub async fn enroll(
        &self,
        campaign_id: CampaignId,
        leads: &[LeadId],
        cadence: &str,
    ) -> anyhow::Result<()> {
        let now = self.now();
        self.enroll_at(campaign_id, leads, cadence, |_| now).await
    }

    /// Enrolls them, the nth due at `due_at(n)`.
    pub async fn enroll_at(
        &self,
        campaign_id: CampaignId,
        leads: &[LeadId],
        cadence: &str,
        due_at: impl Fn(usize) -> Instant,
    ) -> anyhow::Result<()> {
        let request = |(nth, lead_id): (usize, &LeadId)| EnrollRequest {
            lead_id: *lead_id,
            campaign_id,
            cadence: cadence.to_owned(),
            entry_key: String::new(),
            start_at: Some(due_at(nth)),
            variables: json!({}),
        };
        let requests: Vec<EnrollRequest> = leads.iter().enumerate().map(request).collect();
        for chunk in requests.chunks(CHUNK) {
            for answer in self.serve.enroll(chunk.to_vec()).await? {
                answer.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            }
        }
        Ok(())
    }

    /// Dials from now on for `length`, or until nothing is left to be dialed.
    pub async fn dial(&mut self, exchange: &Exchange, length: TimeDelta) -> anyhow::Result<()> {
        let until = self.now() + length;
        let mut turns = Turns::default();
        for worker in 0..self.workers.len() {
            turns.add(self.now() + TimeDelta::milliseconds(7 * worker as i64), What::Look(worker));
        }
        turns.add(self.now() + REPORT_EVERY, What::Report);
        while let Some(Reverse(next)) = turns.queue.pop() {
            if next.at > until {
                break;
            }
            self.clock.advance_to(next.at);
            match next.what {
                What::Look(worker) => self.look(worker, exchange, &mut turns).await?,
                What::Arrive(worker, requests) => {
                    self.workers[worker].place(exchange, requests).await?;
                }
                What::Report => self.report(exchange, &mut turns).await?,
            }
        }
        self.clock.advance_to(until);
        Ok(())
    }

    async fn look(&mut self, worker: usize, exchange: &Exchange, turns: &mut Turns) -> anyhow::Result<()> {
        let engine = Arc::clone(&self.workers[worker]);
        let options = Options { poll: self.poll, ..Options::new(format!("worker-{worker}")) };
        let (requests, look) =
            dialer::look(&engine, exchange, &options, self.loads[worker], &CancellationToken::new()).await?;
        self.loads[worker] = Load::after(look);
        // A look takes this long; its requests leave as soon as it has committed.
        let took = TimeDelta::milliseconds(self.random.random_range(3..15));
        if !requests.is_empty() {
            // Seldom so late that a rate would be broken: then they must not be sent.
            let late = if self.random.random_bool(0.01) { 100..400 } else { 0..40 };
            let late = TimeDelta::milliseconds(self.random.random_range(late));
            turns.add(self.now() + took + late, What::Arrive(worker, requests));
        }
        let pause = dialer::pause(&engine, look, &options, self.random.random()).await?;
        turns.add(self.now() + took + TimeDelta::from_std(pause)?, What::Look(worker));
        Ok(())
    }

    async fn report(&mut self, exchange: &Exchange, turns: &mut Turns) -> anyhow::Result<()> {
        let ended = exchange.ended(self.now());
        if !ended.is_empty() {
            self.serve.record(exchange.name(), ended).await?;
            // The bell: free lines are looked for at once.
            turns.wake_all(self.now(), self.workers.len());
        }
        let next = exchange.next_end().unwrap_or(self.now() + REPORT_EVERY);
        turns.add(
            next.max(self.now() + TimeDelta::milliseconds(5)).min(self.now() + REPORT_EVERY),
            What::Report,
        );
        Ok(())
    }

    pub async fn state_counts(&self) -> anyhow::Result<Vec<(String, i64)>> {
        self.rows("SELECT state, count(*) FROM attempts GROUP BY state ORDER BY state").await
    }

    /// Whom these calls went to, in their order.
    pub async fn leads_of(&self, asked: &[Asked]) -> anyhow::Result<Vec<LeadId>> {
        let rows: Vec<(String, String)> = self.rows("SELECT id, lead_id FROM attempts").await?;
        let leads: HashMap<String, String> = rows.into_iter().collect();
        asked.iter().map(|asked| Ok(leads[&asked.attempt.to_string()].parse()?)).collect()
    }

    async fn rows<T>(&self, sql: &'static str) -> anyhow::Result<Vec<(String, T)>>
    where
        (String, T): for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(match &self.db.db {
            Db::Sqlite { read, .. } => sqlx::query_as(sql).fetch_all(read).await?,
            Db::Postgres { pool, .. } => sqlx::query_as(sql).fetch_all(pool).await?,
        })
    }
}

const REPORT_EVERY: TimeDelta = TimeDelta::milliseconds(250);

#[derive(Debug, Default)]
struct Turns {
    queue: BinaryHeap<Reverse<Next>>,
    count: u64,
}

impl Turns {
    fn add(&mut self, at: Instant, what: What) {
        self.count += 1;
        self.queue.push(Reverse(Next { at, turn: self.count, what }));
    }

    /// Workers that sleep wake now; one in the middle of a look, which is soon to look again anyway, does not.
    fn wake_all(&mut self, now: Instant, workers: usize) {
        let soon = now + TimeDelta::milliseconds(15);
        let kept = std::mem::take(&mut self.queue)
            .into_iter()
            .filter(|Reverse(next)| !matches!(next.what, What::Look(_)) || next.at <= soon);
        self.queue = kept.collect();
        for worker in 0..workers {
            let is_waiting =
                |next: &Reverse<Next>| matches!(next.0.what, What::Look(other) if other == worker);
            if !self.queue.iter().any(is_waiting) {
                self.add(now + TimeDelta::milliseconds(1), What::Look(worker));
            }
        }
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Next {}

pub fn engine(db: Db, clock: &Arc<ManualClock>, seed: u64) -> Arc<Engine> {
    let (library, ids) = (Arc::new(LibraryHandle::new(library())), Arc::new(IdSource::seeded(seed)));
    Engine::new(db, library, TimeSource::Manual(Arc::clone(clock)), ids)
}

pub fn library() -> Library {
    let (library, problems) = Library::from_files([
        ("cadences/once.yaml", ONCE),
        ("cadences/whenever.yaml", WHENEVER),
        ("flows/hello.yaml", FLOW),
        ("flows/scripts/hello.yaml", SCRIPT),
        ("flows/scripts/common.yaml", COMMON),
    ]);
    assert!(problems.is_empty(), "{}", render::terminal(&problems, library.sources(), false));
    library
}

pub fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

/// A size for long runs, from the environment.
pub fn size(name: &str, otherwise: usize) -> anyhow::Result<usize> {
    std::env::var(name).map_or(Ok(otherwise), |text| text.parse().with_context(|| format!("{name}={text}")))
}
