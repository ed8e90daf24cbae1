//! The dialer's database held against the carrier's own books: what was asked, what became of it, and what is left undone.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, ensure};
use callwright_engine::clock::{instant_from_micros, micros};
use callwright_engine::phone::number::PhoneNumber;
use callwright_workers::provider::simulated::audit::{Audit, SuppressedFrom};
use callwright_workers::provider::simulated::ledger::Entry;
use callwright_workers::provider::simulated::server::AuditRequest;
use serde::Deserialize;
use sqlx::{Connection as _, SqliteConnection};

use super::world::World;

/// Reads the dialer's database beside the running `serve`.
#[derive(Debug)]
pub struct Books(SqliteConnection);

/// How many rows are in each state.
pub type Counts = BTreeMap<String, i64>;

/// A call as the dialer wrote it down.
#[derive(Debug, sqlx::FromRow)]
struct CallRow {
    attempt_id: String,
    provider_call_id: String,
    ended_at: Option<i64>,
    talk_s: i64,
}

/// Answer of the carrier's `GET /ledger`.
#[derive(Debug, Deserialize)]
struct LedgerAnswer {
    entries: Vec<Entry>,
}

impl Books {
    pub async fn open(world: &World) -> anyhow::Result<Self> {
        Ok(Self(SqliteConnection::connect(&world.database_url()).await?))
    }

    pub async fn enrollments(&mut self) -> anyhow::Result<Counts> {
        self.counts("SELECT state, count(*) FROM enrollments GROUP BY state").await
    }

    pub async fn attempts(&mut self) -> anyhow::Result<Counts> {
        self.counts("SELECT state, count(*) FROM attempts GROUP BY state").await
    }

    async fn counts(&mut self, sql: &'static str) -> anyhow::Result<Counts> {
        let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().collect())
    }

    /// Enrollments that have not ended.
    pub async fn unfinished(&mut self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM enrollments WHERE state <> 'ended'";
        Ok(sqlx::query_scalar(sql).fetch_one(&mut self.0).await?)
    }

    /// Attempts whose intent is on disk and whose answer is not: what a crash leaves in doubt.
    pub async fn in_doubt(&mut self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM attempts WHERE state = 'dialing'";
        Ok(sqlx::query_scalar(sql).fetch_one(&mut self.0).await?)
    }

    /// Attempts that were asked for and have no end yet.
    pub async fn under_way(&mut self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM attempts WHERE state IN ('dialing', 'placed', 'unknown')";
        Ok(sqlx::query_scalar(sql).fetch_one(&mut self.0).await?)
    }

    /// Everything is over, and nothing went wrong on the way (I1, I1b, I2, I3, I4).
    pub async fn check(&mut self, world: &World) -> anyhow::Result<()> {
        let enrollments = self.enrollments().await?;
        ensure!(enrollments.keys().all(|state| state == "ended"), "enrollments left open: {enrollments:?}");
        let attempts = self.attempts().await?;
        let is_open = |state: &String| matches!(state.as_str(), "planned" | "dialing" | "placed" | "unknown");
        ensure!(!attempts.keys().any(is_open), "attempts left open: {attempts:?}");
        self.no_event("call.orphaned").await?;
        self.no_event("enrollment.quarantined").await?;
        self.audit(world).await?;
        self.same_calls(world).await
    }

    async fn no_event(&mut self, kind: &'static str) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM events WHERE kind = $1";
        let count: i64 = sqlx::query_scalar(sql).bind(kind).fetch_one(&mut self.0).await?;
        ensure!(count == 0, "{count} events of kind {kind}");
        Ok(())
    }

    /// The carrier's own verdict, with what we know of opt-outs.
    async fn audit(&mut self, world: &World) -> anyhow::Result<()> {
        let sql = "SELECT number, created_at FROM suppressions";
        let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&mut self.0).await?;
        let suppressed = |(number, at): (String, i64)| -> anyhow::Result<SuppressedFrom> {
            let number = PhoneNumber::e164_only(&number)?;
            Ok(SuppressedFrom { number, at: instant_from_micros(at), until: None })
        };
        let suppressions = rows.into_iter().map(suppressed).collect::<Result<_, _>>()?;
        let body = AuditRequest { suppressions, ..AuditRequest::default() };
        let request = world.client.post(format!("{}/audit", world.carrier_url)).json(&body);
        let audit: Audit = request.send().await?.error_for_status()?.json().await?;
        ensure!(audit.is_clean(), "the carrier's books: {audit}\n{:?}", audit.findings);
        ensure!(audit.open == 0, "{} calls never ended", audit.open);
        Ok(())
    }

    /// Each call of the carrier is one of ours with the same end, and the other way round.
    async fn same_calls(&mut self, world: &World) -> anyhow::Result<()> {
        let sql = "SELECT attempt_id, provider_call_id, ended_at, talk_s FROM calls";
        let ours: Vec<CallRow> = sqlx::query_as(sql).fetch_all(&mut self.0).await?;
        let mut ours: HashMap<String, CallRow> =
            ours.into_iter().map(|call| (call.provider_call_id.clone(), call)).collect();
        let request = world.client.get(format!("{}/ledger", world.carrier_url));
        let theirs: LedgerAnswer = request.send().await?.error_for_status()?.json().await?;
        for entry in theirs.entries.iter().filter(|entry| entry.accepted) {
            let id = &entry.call_id;
            let call = ours.remove(id).with_context(|| format!("call {id} was lost"))?;
            ensure!(call.attempt_id == entry.attempt_id.to_string(), "call {id} stands at another attempt");
            let end = entry.end.with_context(|| format!("call {id} never ended"))?;
            let end = (Some(micros(end.at)), i64::from(end.talk_s));
            ensure!((call.ended_at, call.talk_s) == end, "call {id} ended otherwise: {call:?}, not {end:?}");
        }
        ensure!(ours.is_empty(), "calls that the carrier never made: {:?}", ours.keys());
        Ok(())
    }
}
