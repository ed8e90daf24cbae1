//! Complete calls per second of one, two and four workers on one PostgreSQL: what they take from each other.
//!
//! `CALLWRIGHT_FLEET_SPEED=20000 cargo test --release -p callwright-tests --test fleet speed -- --nocapture`, with
//! `CALLWRIGHT_TEST_POSTGRES_URL` for a server that writes to disk: the suites' own does not.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use anyhow::{Context as _, ensure};
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::engine::Engine;
use callwright_engine::provider::Provider as _;
use callwright_engine::store::{Db, Durability};
use callwright_tests::{Backend, TestDb};
use callwright_workers::dialer::{self, Load, Options};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::exchange::Exchange;
use crate::report::say;
use crate::stage::{Stage, at, engine, size};

/// Plans, claims, places and records until all calls have been asked for and recorded.
async fn work(worker: u64, own: Arc<Engine>, exchange: Arc<Exchange>, calls: usize) -> anyhow::Result<u64> {
    let options = Options::new(format!("worker-{worker}"));
    let (mut asked, mut load) = (0, Load::Light);
    while exchange.count() < calls {
        let (requests, look) =
            dialer::look(&own, exchange.as_ref(), &options, load, &CancellationToken::new()).await?;
        load = Load::after(look);
        let is_idle = requests.is_empty();
        asked += requests.len() as u64;
        own.place(exchange.as_ref(), requests).await?;
        let ended = exchange.ended(own.now().await?);
        if !ended.is_empty() {
            own.record(exchange.name(), ended).await?;
        } else if is_idle {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    own.db.close().await;
    Ok(asked)
}

/// Complete calls per second.
async fn run(workers: u64, calls: usize, limits: &Pacing) -> anyhow::Result<Option<f64>> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(None) };
    let mut stage = Stage::open(db, at("2026-07-15T16:00:00Z"), 0).await?;
    for index in 0..4 {
        stage
            .campaign(&format!("campaign-{index}"), calls / 4, |campaign| campaign.pacing = limits.clone())
            .await?;
    }
    // Every call has ended when it is asked for.
    let exchange = Exchange::new(&stage.clock, limits.clone(), -4);
    let mut engines = Vec::new();
    for worker in 0..workers {
        engines.push(engine(Db::connect(&stage.db.url, Durability::Full).await?, &stage.clock, 10 + worker));
    }
    let watch = Stopwatch::now();
    let mut tasks = JoinSet::new();
    for (worker, own) in (0..).zip(engines) {
        tasks.spawn(work(worker, own, Arc::clone(&exchange), calls));
    }
    let mut shares = Vec::new();
    while let Some(done) = tasks.join_next().await {
        shares.push(done??);
    }
    let ended = exchange.ended(stage.now());
    stage.serve.record(exchange.name(), ended).await?;
    let seconds = watch.elapsed().as_secs_f64();
    let states = stage.state_counts().await?;
    ensure!(states == [("finished".to_owned(), i64::try_from(calls)?)], "{states:?}");
    let attempts: std::collections::HashSet<_> = exchange.asked().iter().map(|asked| asked.attempt).collect();
    ensure!(attempts.len() == calls && exchange.count() == calls, "asked twice");
    say(format_args!("  {workers} workers: {:.0} calls/s, {shares:?} each", calls as f64 / seconds));
    Ok(Some(calls as f64 / seconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_dial_everything_once_whatever_they_take_from_each_other() -> anyhow::Result<()> {
    let calls = size("CALLWRIGHT_FLEET_SPEED", 1_200)?;
    let loose = Pacing { max_concurrent: Some(1_000_000), max_per_day: Some(1_000_000), ..Pacing::default() };
    for (name, limits) in [("no limits", Pacing::default()), ("limits that do not bind", loose)] {
        say(format_args!("{calls} calls, {name}:"));
        let mut rates = Vec::new();
        // The first run warms everything up.
        for workers in [1, 1, 2, 4] {
            let Some(rate) = run(workers, calls, &limits).await? else { return Ok(()) };
            rates.push(rate);
        }
        let alone = rates.get(1).copied().context("a rate")?;
        say(format_args!("  of one: two {:.2}, four {:.2}", rates[2] / alone, rates[3] / alone));
    }
    Ok(())
}
