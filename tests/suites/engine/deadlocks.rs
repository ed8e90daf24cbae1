//! Verbs in each other's way on PostgreSQL: numbers are locked before rows, and a verb that the database sacrificed is run again.

use std::time::Duration;

use anyhow::Context as _;
use callwright_api::import::{self, Format, ImportKind, Job, Mapping};
use callwright_engine::domain::enrollment::EnrollmentState;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::store::{Db, number_lock};
use callwright_tests::{Backend, TestDb};
use chrono::TimeDelta;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::time::timeout;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, World};

/// Long enough for a statement that need not wait, even on a busy machine; a waiting one never ends by itself.
const WAITING: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_mins(1);

const ATTEMPT: &str = "SELECT id FROM attempts WHERE state = 'planned' FOR UPDATE";
const PLACED: &str = "SELECT id FROM attempts WHERE state = 'placed' FOR UPDATE";
const ENROLLMENT: &str = "SELECT id FROM enrollments FOR UPDATE";
const FREE_ENROLLMENT: &str = "SELECT id FROM enrollments FOR UPDATE NOWAIT";

async fn world() -> anyhow::Result<Option<(World, PgPool)>> {
    let Some(test) = TestDb::open(Backend::Postgres).await? else { return Ok(None) };
    let Db::Postgres { pool, .. } = &test.db else { anyhow::bail!("made for PostgreSQL") };
    let pool = pool.clone();
    Ok(Some((World::open(test).await?, pool)))
}

async fn run(tx: &mut Transaction<'static, Postgres>, sql: &'static str) -> anyhow::Result<()> {
    sqlx::query(sql).execute(&mut **tx).await?;
    Ok(())
}

#[tokio::test]
async fn a_verb_that_loses_a_deadlock_is_run_again() -> anyhow::Result<()> {
    let Some((world, pool)) = world().await? else { return Ok(()) };
    let (_, enrollment) = world.welcomed(ALICE).await?;
    world.plan().await?;
    // As a claim does: the attempt first, then its enrollment.
    let mut claim = pool.begin().await?;
    run(&mut claim, ATTEMPT).await?;
    let engine = world.engine.clone();
    let mut pause = tokio::spawn(async move { engine.pause(enrollment).await });
    assert!(timeout(WAITING, &mut pause).await.is_err(), "the pause did not wait for the attempt");
    // Now each waits for the other. The pause has waited longer, so it is the one to be given up.
    timeout(PATIENCE, run(&mut claim, ENROLLMENT)).await.context("nobody gave way")??;
    claim.commit().await?;
    let view = timeout(PATIENCE, pause).await???;
    assert_eq!(view.state, EnrollmentState::Held.as_str());
    Ok(())
}

#[tokio::test]
async fn a_batch_of_an_import_that_loses_a_deadlock_is_written_again() -> anyhow::Result<()> {
    let Some((world, pool)) = world().await? else { return Ok(()) };
    for key in ["a", "b"] {
        world.lead_like(NewLead { external_id: key.into(), ..NewLead::default() }).await?;
    }
    // The later one, as a call of it does.
    let mut call = pool.begin().await?;
    run(&mut call, "SELECT id FROM leads WHERE external_id = 'b' FOR KEY SHARE").await?;
    let job = Job {
        kind: ImportKind::Leads,
        format: Format::Csv,
        source: "file-1".to_owned(),
        again: false,
        mapping: Mapping::default(),
        currency: None,
    };
    let engine = world.engine.clone();
    let file = "externalId,firstName\na,Anna\nb,Bert\n".as_bytes();
    let mut import = tokio::spawn(async move { import::run(&engine, job, file, |_| ()).await });
    assert!(timeout(WAITING, &mut import).await.is_err(), "the import did not wait for the lead");
    timeout(PATIENCE, run(&mut call, "SELECT id FROM leads WHERE external_id = 'a' FOR KEY SHARE"))
        .await
        .context("nobody gave way")??;
    call.commit().await?;
    let report = timeout(PATIENCE, import).await???;
    assert_eq!((report.updated, report.rejected), (2, 0));
    Ok(())
}

#[tokio::test]
async fn what_a_call_came_to_is_told_after_what_it_waited_for() -> anyhow::Result<()> {
    let Some((world, pool)) = world().await? else { return Ok(()) };
    let (lead, _) = world.welcomed(ALICE).await?;
    let attempt = world.dialed(lead, &Fake::default()).await?;
    // As its placing does while it is written down.
    let mut placing = pool.begin().await?;
    run(&mut placing, PLACED).await?;
    let engine = world.engine.clone();
    let ended = no_answer(attempt, world.now());
    let mut record = tokio::spawn(async move { engine.record(Fake::NAME, ended).await });
    assert!(timeout(WAITING, &mut record).await.is_err(), "the news did not wait for the attempt");
    let later = world.pass(TimeDelta::seconds(3));
    placing.commit().await?;
    timeout(PATIENCE, record).await???;
    let events = world.events(lead).await?;
    let told = events.iter().find(|event| event.event.kind == "CALL_NO_ANSWER").context("no outcome")?;
    assert_eq!(told.recorded_at, later);
    Ok(())
}

#[tokio::test]
async fn people_wait_for_a_claims_number_before_they_hold_anything() -> anyhow::Result<()> {
    let Some((world, pool)) = world().await? else { return Ok(()) };
    let (lead, enrollment) = world.welcomed(ALICE).await?;
    world.plan().await?;
    let mut claim = world.engine.db.begin().await?;
    number_lock::lock_numbers(&mut claim, &[ALICE]).await?;
    let (engine, other) = (world.engine.clone(), world.engine.clone());
    let mut pause = tokio::spawn(async move { engine.pause(enrollment).await });
    let mut opt_out = tokio::spawn(async move { other.opt_out(lead, "asked", "api").await });
    assert!(timeout(WAITING, &mut pause).await.is_err() && timeout(WAITING, &mut opt_out).await.is_err());
    let mut rows = pool.begin().await?;
    run(&mut rows, FREE_ENROLLMENT)
        .await
        .context("somebody holds the enrollment while waiting for the number")?;
    rows.rollback().await?;
    claim.rollback().await?;
    // Either may be first: an enrollment that has ended cannot be paused any more.
    let _ = timeout(PATIENCE, pause).await??;
    timeout(PATIENCE, opt_out).await???;
    assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
    Ok(())
}
