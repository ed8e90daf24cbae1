//! The dialer's database read beside the running processes, and held against the carrier's ledger: what was asked, what became
//! of it, and what is left undone. (Events against states: `history`.)

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant as Wall};

use anyhow::Context as _;
use callwright_engine::clock::{instant_from_micros, micros};
use callwright_engine::phone::number::PhoneNumber;
use callwright_workers::provider::simulated::audit::{Audit, SuppressedFrom};
use callwright_workers::provider::simulated::ledger::Entry;
use callwright_workers::provider::simulated::server::AuditRequest;
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

use super::speed::Speed;
use super::world::World;

/// Reads the database by a connection of its own, made anew when it breaks: faults hit everybody.
#[derive(Debug)]
pub struct Books {
    url: String,
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// How many rows are in each state.
pub type Counts = BTreeMap<String, i64>;

/// What the carrier's books and ours say about each other.
#[derive(Debug, Default)]
pub struct Verdict {
    pub audit: Audit,
    /// Calls that stand in one of the books only, or with another end.
    pub calls_apart: Vec<String>,
}

/// Answer of the carrier's `GET /ledger`.
#[derive(Debug, Deserialize)]
struct LedgerAnswer {
    entries: Vec<Entry>,
}

/// Longest that the database may be away.
const PATIENCE: Duration = Duration::from_mins(1);

const READ_CLOCK: &str = "SELECT virtual_at, real_at FROM virtual_clock WHERE id = 1";
const TURN_CLOCK: &str =
    "UPDATE virtual_clock SET virtual_at = $1, real_at = $2 WHERE id = 1 RETURNING virtual_at";
const UNDER_WAY: &str = "SELECT count(*) FROM attempts WHERE state IN ('dialing', 'placed', 'unknown')";

/// I4, of every committed state: an enrollment has a timer, an open attempt, a named hold, or its end.
const STUCK: &str = "SELECT e.id FROM enrollments e
     WHERE (e.state = 'waiting' AND e.due_at IS NULL)
        OR (e.state = 'held' AND e.hold IS NULL)
        OR (e.state = 'ended' AND e.ended_at IS NULL)
        OR (e.state = 'open' AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.enrollment_id = e.id
                                             AND a.state IN ('planned', 'dialing', 'placed', 'unknown')))";

macro_rules! fetch {
    ($books:expr, $query:expr, $how:ident) => {{
        let began = Wall::now();
        loop {
            let result = match $books.connected().await {
                Ok(Connection::Sqlite(connection)) => $query.$how(connection).await,
                Ok(Connection::Postgres(connection)) => $query.$how(connection).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(found) => break Ok(found),
                Err(error) if began.elapsed() > PATIENCE => {
                    break Err(anyhow::Error::from(error).context("the database cannot be read"));
                }
                Err(_) => {
                    $books.close();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }};
}

impl Books {
    pub fn of(url: &str) -> Self {
        Self { url: url.to_owned(), connection: None }
    }

    async fn connected(&mut self) -> Result<&mut Connection, sqlx::Error> {
        if self.connection.is_none() {
            let opened = if self.url.starts_with("sqlite:") {
                Connection::Sqlite(SqliteConnection::connect(&self.url).await?)
            } else {
                let options: PgConnectOptions = self.url.parse()?;
                Connection::Postgres(options.application_name("books").connect().await?)
            };
            self.connection = Some(opened);
        }
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Lets go of the database. With nobody left who has it open, SQLite recovers its log at the next start.
    pub fn close(&mut self) {
        self.connection = None;
    }

    pub async fn count(&mut self, sql: &'static str) -> anyhow::Result<i64> {
        fetch!(self, sqlx::query_scalar(sql), fetch_one)
    }

    pub async fn texts(&mut self, sql: &'static str) -> anyhow::Result<Vec<String>> {
        fetch!(self, sqlx::query_scalar(sql), fetch_all)
    }

    pub async fn counts(&mut self, sql: &'static str) -> anyhow::Result<Counts> {
        let rows: Vec<(String, i64)> = fetch!(self, sqlx::query_as(sql), fetch_all)?;
        Ok(rows.into_iter().collect())
    }

    pub async fn enrollments(&mut self) -> anyhow::Result<Counts> {
        self.counts("SELECT state, count(*) FROM enrollments GROUP BY state").await
    }

    pub async fn attempts(&mut self) -> anyhow::Result<Counts> {
        self.counts("SELECT state, count(*) FROM attempts GROUP BY state").await
    }

    /// Enrollments that have not ended.
    pub async fn unfinished(&mut self) -> anyhow::Result<i64> {
        self.count("SELECT count(*) FROM enrollments WHERE state <> 'ended'").await
    }

    /// Attempts whose intent is on disk and whose answer is not: what a crash leaves in doubt.
    pub async fn in_doubt(&mut self) -> anyhow::Result<i64> {
        self.count("SELECT count(*) FROM attempts WHERE state = 'dialing'").await
    }

    /// Attempts that nobody knows the fate of.
    pub async fn unknown(&mut self) -> anyhow::Result<i64> {
        self.count("SELECT count(*) FROM attempts WHERE state IN ('dialing', 'unknown')").await
    }

    /// The same, of one process.
    pub async fn unknown_of(&mut self, process: u32) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM attempts WHERE state IN ('dialing', 'unknown') AND owner LIKE $1";
        fetch!(self, sqlx::query_scalar(sql).bind(format!("{process}-%")), fetch_one)
    }

    /// Attempts that were asked for and have no end yet.
    pub async fn under_way(&mut self) -> anyhow::Result<i64> {
        self.count(UNDER_WAY).await
    }

    /// Enrollments that nothing will ever move again (I4). Holds at every instant, faults or not.
    pub async fn stuck(&mut self) -> anyhow::Result<Vec<String>> {
        self.texts(STUCK).await
    }

    /// SQLite's own check of its file; PostgreSQL has checksums of its own.
    pub async fn integrity(&mut self) -> anyhow::Result<()> {
        if self.url.starts_with("sqlite:") {
            let answers = self.texts("PRAGMA integrity_check").await?;
            anyhow::ensure!(answers == ["ok"], "the database file is damaged: {answers:?}");
        }
        Ok(())
    }

    /// The shared virtual clock (micros).
    pub async fn virtual_now(&mut self, speed: Speed) -> anyhow::Result<i64> {
        let (virtual_at, real_at): (i64, i64) = fetch!(self, sqlx::query_as(READ_CLOCK), fetch_one)?;
        Ok(virtual_at + (micros(Utc::now()) - real_at) * i64::from(speed.rate()))
    }

    /// Turns the shared clock forward. Only while no call is under way and none may begin: not everybody sees it at once.
    pub async fn turn_clock(&mut self, to: i64) -> anyhow::Result<()> {
        let now = micros(Utc::now());
        let turned: anyhow::Result<i64> =
            fetch!(self, sqlx::query_scalar(TURN_CLOCK).bind(to).bind(now), fetch_one);
        turned.map(|_| ())
    }

    /// The carrier's own verdict with what we know of opt-outs, and both books call by call.
    pub async fn compare(&mut self, world: &World) -> anyhow::Result<Verdict> {
        let sql = "SELECT number, created_at FROM suppressions WHERE campaign_id = ''";
        let rows: Vec<(String, i64)> = fetch!(self, sqlx::query_as(sql), fetch_all)?;
        let second = TimeDelta::seconds(i64::from(world.speed.rate()));
        let suppressed = |(number, at): (String, i64)| -> anyhow::Result<SuppressedFrom> {
            let number = PhoneNumber::e164_only(&number)?;
            // The second that a request may be on its way is one of the wall; the auditor adds one of the clock.
            let at = instant_from_micros(at) + second - TimeDelta::seconds(1);
            Ok(SuppressedFrom { number, at, until: None })
        };
        let suppressions = rows.into_iter().map(suppressed).collect::<Result<_, _>>()?;
        let body = AuditRequest { suppressions, ..AuditRequest::default() };
        let request = world.client.post(format!("{}/audit", world.carrier_url)).json(&body);
        let audit: Audit = request.send().await?.error_for_status()?.json().await?;
        Ok(Verdict { audit, calls_apart: self.calls_apart(world).await? })
    }

    /// Each call of the carrier is one of ours with the same end, and the other way round.
    async fn calls_apart(&mut self, world: &World) -> anyhow::Result<Vec<String>> {
        let sql = "SELECT provider_call_id, attempt_id, ended_at, talk_s FROM calls";
        let ours: Vec<(String, String, Option<i64>, i64)> = fetch!(self, sqlx::query_as(sql), fetch_all)?;
        let mut ours: HashMap<String, (String, Option<i64>, i64)> = ours
            .into_iter()
            .map(|(id, attempt, ended_at, talk_s)| (id, (attempt, ended_at, talk_s)))
            .collect();
        let request = world.client.get(format!("{}/ledger", world.carrier_url));
        let theirs: LedgerAnswer = request.send().await?.error_for_status()?.json().await?;
        let mut apart = Vec::new();
        for entry in theirs.entries.iter().filter(|entry| entry.accepted) {
            let id = &entry.call_id;
            let end = entry.end.map(|end| (micros(end.at), i64::from(end.talk_s)));
            match ours.remove(id) {
                None => apart.push(format!("call {id} of attempt {} was lost", entry.attempt_id)),
                Some((attempt, ..)) if attempt != entry.attempt_id.to_string() => {
                    apart.push(format!("call {id} stands at another attempt"));
                }
                Some((_, ended_at, talk_s)) => {
                    if ended_at.map(|at| (at, talk_s)) != end {
                        apart
                            .push(format!("call {id} ended otherwise: {ended_at:?} {talk_s} s, not {end:?}"));
                    }
                }
            }
        }
        apart.extend(ours.into_keys().map(|id| format!("call {id} was never made by the carrier")));
        Ok(apart)
    }
}

/// The process's exit, for messages.
pub fn state_of(enrollments: &Counts, attempts: &Counts) -> String {
    format!("enrollments {enrollments:?}, attempts {attempts:?}")
}

/// Waits until a condition of the database holds; `false` when it does not within that time.
pub async fn wait_for(
    books: &mut Books,
    patience: Duration,
    mut holds: impl AsyncFnMut(&mut Books) -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let began = Wall::now();
    while !holds(books).await.context("waiting for the database to get there")? {
        if began.elapsed() > patience {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(true)
}
