//! What a claim reads depends on the batch, not on how much waits nor on how many campaigns wait: rows counted by PostgreSQL.

use std::sync::Arc;

use anyhow::ensure;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::engine::Engine;
use callwright_engine::store::{Db, Durability};
use callwright_tests::{Backend, TestDb};
use chrono::TimeDelta;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::exchange::Exchange;
use crate::report::say;
use crate::stage::{Stage, at, engine, size};

const BATCH: u32 = 40;
const PAST: usize = 1_000;

/// More visits of the same step, which came to nothing.
const INSERT_PAST: &str = "INSERT INTO attempts (id, enrollment_id, lead_id, campaign_id, number, flow, version, step, visit, attempt,
                                 state, priority, due_at, fence, created_at, finished_at)
     SELECT left(id, 24) || lpad(CAST(g AS TEXT), 12, '0'), enrollment_id, lead_id, campaign_id, number, flow, version, step,
            visit + g, attempt, 'cancelled', priority, due_at, fence, created_at, due_at
     FROM (SELECT * FROM attempts LIMIT 1) AS one CROSS JOIN generate_series(1, $1) AS g";

/// Rows that sessions have read of the attempts so far, by index and by scan. Sessions report when they end.
async fn rows_read(pool: &PgPool) -> anyhow::Result<i64> {
    const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'claimer'";
    for _ in 0..500 {
        let others: i64 = sqlx::query_scalar(OTHERS).fetch_one(pool).await?;
        if others == 0 {
            const READ: &str = "SELECT CAST(coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0) AS BIGINT)
                 FROM pg_stat_user_tables WHERE relname = 'attempts'";
            return Ok(sqlx::query_scalar(READ).fetch_one(pool).await?);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    anyhow::bail!("the claimer's session does not end")
}

/// Rows of attempts read by one claim and the look for what is next, in sessions of their own.
async fn one_claim(stage: &Stage, exchange: &Exchange, pool: &PgPool) -> anyhow::Result<(i64, usize)> {
    let before = rows_read(pool).await?;
    let url = format!("{}?application_name=claimer", stage.db.url);
    let own: Arc<Engine> = engine(Db::connect(&url, Durability::Full).await?, &stage.clock, 99);
    let claimed = own.claim(BATCH, exchange, "claimer").await?;
    own.next_wake_since(stage.now()).await?;
    own.db.close().await;
    Ok((rows_read(pool).await? - before, claimed.requests.len()))
}

#[tokio::test]
async fn a_claim_reads_no_more_when_more_waits() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let pool = PgPoolOptions::new().max_connections(1).connect(&db.url).await?;
    let mut stage = Stage::open(db, at("2026-07-15T16:00:00Z"), 1).await?;
    // Campaigns that are held back, one that is not, and a limit that they share.
    let full = Pacing { calls_per_second: Some(1.0), ..Pacing::default() };
    for index in 0..10 {
        stage.campaign(&format!("paced-{index}"), 4, |campaign| campaign.pacing = full.clone()).await?;
    }
    let open = stage.campaign("open", 60, |_| {}).await?;
    let limits = Pacing { calls_per_second: Some(400.0), ..Pacing::default() };
    let exchange = Exchange::new(&stage.clock, limits, 4);
    while stage.serve.plan(500).await?.due > 0 {}
    let (few, asked) = one_claim(&stage, &exchange, &pool).await?;
    ensure!(asked == BATCH as usize, "{asked} claimed");

    let waiting = size("CALLWRIGHT_FLEET_WAITING", 2_000)?;
    for part in 0..10 {
        stage
            .campaign(&format!("more-{part}"), waiting / 20, |campaign| campaign.pacing = full.clone())
            .await?;
    }
    let leads = stage.leads(waiting / 2).await?;
    stage.enroll(open, &leads, "once").await?;
    while stage.serve.plan(500).await?.due > 0 {}
    stage.clock.advance_to(stage.now() + TimeDelta::seconds(2));
    let (many, asked) = one_claim(&stage, &exchange, &pool).await?;
    ensure!(asked == BATCH as usize, "{asked} claimed");
    say(format_args!(
        "attempts read by a claim of {BATCH}: {few} with 100 waiting, {many} with {waiting} waiting"
    ));
    // Ten more campaigns cost some steps into the index each; the backlog costs nothing.
    ensure!(many <= few + 10 * 12, "{many} rows read with {waiting} waiting, {few} with 100");
    ensure!(few <= i64::from(BATCH) * 12, "{few} rows read for {BATCH} calls");
    Ok(())
}

#[tokio::test]
async fn a_claim_reads_none_of_the_past_while_the_database_takes_little_for_planned() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let pool = PgPoolOptions::new().max_connections(1).connect(&db.url).await?;
    let mut stage = Stage::open(db, at("2026-07-15T16:00:00Z"), 1).await?;
    stage.campaign("one", 1, |_| {}).await?;
    stage.serve.plan(500).await?;
    sqlx::query(INSERT_PAST).bind(i64::try_from(PAST)?).execute(&pool).await?;
    // With these statistics one in a thousand is planned: that few are soon gone through one by one.
    sqlx::query("ANALYZE attempts").execute(&pool).await?;
    let exchange = Exchange::new(&stage.clock, Pacing::default(), 4);
    let (read, asked) = one_claim(&stage, &exchange, &pool).await?;
    ensure!(asked == 1, "{asked} claimed");
    say(format_args!("attempts read by a claim of one among {PAST} of the past: {read}"));
    ensure!((1..100).contains(&read), "{read} rows read for one call");
    Ok(())
}
