//! Wake-up calls between processes: what one commits wakes the other's dial loop; lost calls and lost connections cost time only.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::store::{Db, Durability};
use callwright_tests::{Backend, TestDb};
use callwright_workers::bell::Bell;
use callwright_workers::dialer::{self, Options};
use callwright_workers::herald;
use callwright_workers::queue::Hints;
use sqlx::postgres::{PgListener, PgPool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::exchange::Exchange;
use crate::stage::{Stage, at, engine};

/// Longer than anything here takes; it ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// One process's bell, carried to the others and back.
struct Process {
    bell: Bell,
    pool: PgPool,
    _stop: tokio_util::sync::DropGuard,
}

async fn process(url: &str, name: &str) -> anyhow::Result<Process> {
    let db = Db::connect(url, Durability::Full).await?;
    let Db::Postgres { pool, .. } = &db else { anyhow::bail!("made for PostgreSQL") };
    let (bell, stop, pool) = (Bell::new(), CancellationToken::new(), pool.clone());
    tokio::spawn(herald::run(db, name.to_owned(), bell.clone(), Hints::new(), stop.clone()));
    // It rings once by itself when it has begun to listen.
    timeout(PATIENCE, bell.heard()).await.context("it does not listen")?;
    Ok(Process { bell, pool, _stop: stop.drop_guard() })
}

#[tokio::test]
async fn a_bell_is_heard_in_the_other_process_also_after_a_lost_connection() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let (one, other) = (process(&db.url, "one").await?, process(&db.url, "other").await?);
    one.bell.ring();
    timeout(PATIENCE, other.bell.heard()).await.context("not heard")?;

    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'";
    let ended: i64 = sqlx::query_scalar(cut).fetch_one(&one.pool).await?;
    ensure!(ended >= 2, "{ended} listeners cut off");
    timeout(PATIENCE, other.bell.heard())
        .await
        .context("it did not notice that it may have missed a call")?;
    // By then it listens again or soon will: whoever rings once more is heard in the end.
    let again = async {
        loop {
            one.bell.ring();
            if timeout(Duration::from_millis(300), other.bell.heard()).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.context("not heard after the connection was lost")
}

#[tokio::test]
async fn however_often_it_rings_few_messages_are_sent() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let mut ear = PgListener::connect(&db.url).await?;
    ear.listen("callwright_wake").await?;
    let one = process(&db.url, "one").await?;
    for _ in 0..10_000 {
        one.bell.ring();
        tokio::task::yield_now().await;
    }
    timeout(PATIENCE, ear.recv()).await.context("nothing was sent")??;
    // What was rung while the first was sent is told once more; both have arrived when an own message has.
    let closing = "SELECT CAST(pg_notify('callwright_wake', 'closing') AS TEXT)";
    let mut more = 0;
    tokio::time::sleep(Duration::from_millis(200)).await;
    sqlx::query(closing).execute(&one.pool).await?;
    while timeout(PATIENCE, ear.recv()).await.context("lost")??.payload() != "closing" {
        more += 1;
    }
    ensure!(more <= 50, "{more} messages for ten thousand rings");
    Ok(())
}

#[tokio::test]
async fn a_dial_loop_that_hears_nothing_polls() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let mut stage = Stage::open(db, at("2026-07-15T16:00:00Z"), 0).await?;
    let exchange = Exchange::new(&stage.clock, Pacing::default(), 4);
    let deaf = engine(Db::connect(&stage.db.url, Durability::Full).await?, &stage.clock, 9);
    let cancel = CancellationToken::new();
    let provider: Arc<Exchange> = Arc::clone(&exchange);
    let options = Options { poll: Duration::from_millis(50), ..Options::new("deaf".to_owned()) };
    let running = tokio::spawn(dialer::run(deaf, provider, options, Bell::new(), cancel.clone()));
    stage.campaign("late", 3, |_| {}).await?;
    let all = async {
        while exchange.count() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, all).await.context("the loop does not poll")?;
    cancel.cancel();
    running.await?;
    let states = stage.state_counts().await?;
    ensure!(states == [("placed".to_owned(), 3)], "after the loop has ended: {states:?}");
    Ok(())
}
