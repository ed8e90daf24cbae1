//! The dialer's tables as the tests look at them, beside the running processes, on either database.

use std::collections::{BTreeMap, HashSet};

use anyhow::ensure;
use callwright_engine::clock::instant_from_micros;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::db::{Db, Durability};
use callwright_tests::faults::speed::Speed;
use callwright_workers::provider::simulated::audit::SuppressedFrom;
use chrono::TimeDelta;
use sqlx::AssertSqlSafe;

/// How many rows are in each state.
pub type Counts = BTreeMap<String, i64>;

/// A connection of the test's own.
#[derive(Debug)]
pub struct Books(Db);

impl Books {
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        Ok(Self(Db::open_read_only(url).await?))
    }

    pub async fn close(self) {
        self.0.close().await;
    }

    pub async fn counts(&self, sql: &'static str) -> anyhow::Result<Counts> {
        let rows: Vec<(String, i64)> = match &self.0 {
            Db::Sqlite { read, .. } => sqlx::query_as(sql).fetch_all(read).await?,
            Db::Postgres { pool, .. } => sqlx::query_as(sql).fetch_all(pool).await?,
        };
        Ok(rows.into_iter().collect())
    }

    async fn texts(&self, sql: &'static str) -> anyhow::Result<Vec<String>> {
        Ok(match &self.0 {
            Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_all(read).await?,
            Db::Postgres { pool, .. } => sqlx::query_scalar(sql).fetch_all(pool).await?,
        })
    }

    /// Enrollments that have not ended, and attempts that are open.
    pub async fn unfinished(&self) -> anyhow::Result<(i64, i64)> {
        let enrollments = self.counts("SELECT state, count(*) FROM enrollments GROUP BY state").await?;
        let attempts = self.counts("SELECT state, count(*) FROM attempts GROUP BY state").await?;
        let left = enrollments.iter().filter(|(state, _)| *state != "ended").map(|(_, count)| count).sum();
        let open = ["planned", "dialing", "placed", "unknown"];
        let open = attempts.iter().filter(|(state, _)| open.contains(&state.as_str()));
        Ok((left, open.map(|(_, count)| count).sum()))
    }

    /// Who must not be called, and since when, by a clock of this speed.
    pub async fn suppressed(&self, speed: Speed) -> anyhow::Result<Vec<SuppressedFrom>> {
        let rows = self.counts("SELECT number, min(created_at) FROM suppressions GROUP BY number").await?;
        let read = |(number, at): (String, i64)| {
            Ok(SuppressedFrom {
                number: PhoneNumber::e164_only(&number)?,
                // The second that a request may be on its way is one of the wall; the auditor adds one of the clock.
                at: instant_from_micros(at) + TimeDelta::seconds(i64::from(speed.rate()) - 1),
                until: None,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Calls of the provider that are on file.
    pub async fn calls(&self) -> anyhow::Result<HashSet<String>> {
        Ok(self.texts("SELECT provider_call_id FROM calls").await?.into_iter().collect())
    }

    /// How often an event of this kind was recorded.
    pub async fn events(&self) -> anyhow::Result<Counts> {
        self.counts("SELECT kind, count(*) FROM events GROUP BY kind").await
    }
}

/// The shared clock of one database, in another.
pub async fn copy_clock(from: &str, to: &str) -> anyhow::Result<()> {
    let source = Db::open_read_only(from).await?;
    let mut tx = source.begin_read().await?;
    let clock = callwright_engine::store::clock::virtual_clock(&mut tx).await?;
    tx.rollback().await?;
    source.close().await;
    let target = Db::connect(to, Durability::Full).await?;
    let mut tx = target.begin().await?;
    let clock = clock.ok_or_else(|| anyhow::anyhow!("no clock to copy"))?;
    callwright_engine::store::clock::set_virtual_clock(&mut tx, clock).await?;
    tx.commit().await?;
    target.close().await;
    Ok(())
}

/// Takes every row of a PostgreSQL database, and leaves the tables.
pub async fn empty(url: &str) -> anyhow::Result<()> {
    execute(
        url,
        "TRUNCATE leads, campaigns, definitions, events, suppressions, attempts, enrollments CASCADE",
    )
    .await
}

/// Takes the tables as well.
pub async fn drop_everything(url: &str) -> anyhow::Result<()> {
    execute(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await
}

/// Runs a statement of the test's own.
pub async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let db = Db::connect(url, Durability::Full).await?;
    let sql = AssertSqlSafe(sql.to_owned());
    match &db {
        Db::Sqlite { write, .. } => sqlx::raw_sql(sql).execute(write).await.map(|_| ())?,
        Db::Postgres { pool, .. } => sqlx::raw_sql(sql).execute(pool).await.map(|_| ())?,
    }
    db.close().await;
    Ok(())
}

/// Which migrations are on file, each once.
pub async fn migrations(url: &str) -> anyhow::Result<i64> {
    let books = Books::open(url).await?;
    let rows =
        books.counts("SELECT description, count(*) FROM callwright_migrations GROUP BY description").await?;
    books.close().await;
    ensure!(rows.values().all(|count| *count == 1), "applied twice: {rows:?}");
    Ok(rows.len() as i64)
}
