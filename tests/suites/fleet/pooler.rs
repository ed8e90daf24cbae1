//! A whole run of calls through PgBouncer in transaction mode, where a connection is another one after every transaction.
//!
//! `CALLWRIGHT_TEST_POOLER=1` sends every suite's PostgreSQL tests through it.

use anyhow::ensure;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::store::{Db, Durability, Tx};
use callwright_tests::pooler::{Pooler, pooler};
use callwright_tests::{Backend, TestDb};
use chrono::TimeDelta;
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::books::{rate_used, worst_second};
use crate::exchange::Exchange;
use crate::stage::{Stage, at};

/// A database and the pooler before it.
async fn pooled() -> anyhow::Result<Option<(TestDb, &'static Pooler)>> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(None) };
    Ok(pooler(direct(&db.url))?.map(|pooler| (db, pooler)))
}

/// Suites that run through the pooler anyway give an address that says so.
fn direct(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

#[tokio::test]
async fn calls_are_made_through_a_transaction_pooler_within_their_limits() -> anyhow::Result<()> {
    let Some((mut db, pooler)) = pooled().await? else { return Ok(()) };
    db.url = pooler.url_of(direct(&db.url))?;
    db.db = Db::open(&db.url).await?;
    ensure!(db.db.is_pooled());
    let mut stage = Stage::open(db, at("2026-07-15T16:00:00Z"), 3).await?;
    let rate = Pacing { calls_per_second: Some(5.0), ..Pacing::default() };
    stage.campaign("paced", 60, |campaign| campaign.pacing = rate.clone()).await?;
    stage.campaign("open", 60, |_| {}).await?;
    let exchange = Exchange::new(&stage.clock, Pacing::default(), 2);
    stage.dial(&exchange, TimeDelta::seconds(30)).await?;
    let asked = exchange.asked();
    ensure!(asked.len() >= 120, "{} of 120", asked.len());
    let first = asked[0].campaign;
    let (one, other): (Vec<_>, Vec<_>) = asked.into_iter().partition(|asked| asked.campaign == first);
    let paced = if one.len() == 60 && worst_second(&one) <= 5 { one } else { other };
    ensure!(worst_second(&paced) <= 5, "{} in a second", worst_second(&paced));
    ensure!(rate_used(&paced, 5.0) >= 0.85, "{} used", rate_used(&paced, 5.0));
    let states = stage.state_counts().await?;
    ensure!(states.iter().all(|(state, _)| state == "finished" || state == "not_sent"), "{states:?}");
    Ok(())
}

#[tokio::test]
async fn settings_last_as_long_as_a_transaction() -> anyhow::Result<()> {
    let Some((db, pooler)) = pooled().await? else { return Ok(()) };
    let ours = Db::connect(&pooler.url_of(direct(&db.url))?, Durability::Full).await?;
    for (setting, value) in [
        ("enable_seqscan", "off"),
        ("jit", "off"),
        ("statement_timeout", "1min"),
        ("idle_in_transaction_session_timeout", "30s"),
    ] {
        let mut tx = ours.begin().await?;
        let Tx::Postgres(inside) = &mut tx else { anyhow::bail!("made for PostgreSQL") };
        let show = "SELECT current_setting($1)";
        let found: String = sqlx::query_scalar(show).bind(setting).fetch_one(&mut **inside).await?;
        tx.rollback().await?;
        ensure!(found == value, "{setting} is {found}");
    }
    // Whoever gets one of the connections next finds them as they were.
    let options: sqlx::postgres::PgConnectOptions = pooler.plain_url_of(direct(&db.url))?.parse()?;
    let options = options.extra_float_digits(None).statement_cache_capacity(0);
    for _ in 0..6 {
        let mut other = PgConnection::connect_with(&options).await?;
        // Unprepared: the names of our statements may still be taken on the connection.
        let row = sqlx::raw_sql("SHOW enable_seqscan").fetch_one(&mut other).await?;
        let found: String = row.try_get_unchecked(0)?;
        ensure!(found == "on", "left behind: enable_seqscan is {found}");
        other.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn migrations_do_not_go_through_a_pooler() -> anyhow::Result<()> {
    let Some((db, pooler)) = pooled().await? else { return Ok(()) };
    let url = pooler.url_of(direct(&db.url))?;
    Db::open(&url).await?.close().await;
    let mut direct = PgConnection::connect(direct(&db.url)).await?;
    sqlx::query("DROP TABLE callwright_migrations").execute(&mut direct).await?;
    let error = Db::open(&url).await.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("CALLWRIGHT_MIGRATION_URL"), "{error}");
    Ok(())
}
