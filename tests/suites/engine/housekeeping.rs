//! What is kept for repeats and for looking back is not kept for ever; what caps, gates and explanations need is.

use callwright_engine::clock::Instant;
use callwright_engine::domain::priority::Priority;
use callwright_engine::id::LeadId;
use callwright_engine::metrics::{Invariant, Table};
use callwright_engine::store::idempotency::{self, Begun};
use callwright_engine::store::jobs::{self, NewJob, admin};
use callwright_engine::store::{Db, clock, decision};
use callwright_workers::jobs::retention::SHORTEST;
use callwright_workers::jobs::{Retention, check_promises, keep_house};
use chrono::TimeDelta;
use serde_json::json;

use crate::facts::{declined, no_answer};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, at};
use crate::on_both;

/// More transactions than a test needs.
const ENOUGH: u32 = 50;

async fn tidy(world: &World, ages: &Retention) -> anyhow::Result<u64> {
    let tidied = keep_house::tidy(&world.engine, ages, ENOUGH).await?;
    anyhow::ensure!(!tidied.has_more, "50 transactions are enough for anything here");
    Ok(tidied.removed)
}

fn job(world: &World, kind: &'static str, made: Instant) -> NewJob {
    NewJob {
        id: world.engine.ids.next(made),
        kind,
        payload: "{}".to_owned(),
        dedup_key: None,
        priority: Priority::Medium,
        run_at: made,
        max_attempts: 1,
    }
}

/// `(kinds of events, reasons of decisions)` of a lead, in order.
async fn kept(world: &World, lead: LeadId) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let events = world.events(lead).await?.into_iter().map(|found| found.event.kind).collect();
    let mut tx = world.engine.db.begin_read().await?;
    let decisions = decision::latest(&mut tx, lead, 100).await?;
    Ok((events, decisions.into_iter().map(|kept| kept.reason).collect()))
}

async fn variables(db: &Db, lead: LeadId) -> anyhow::Result<String> {
    const VARIABLES: &str = "SELECT variables FROM enrollments WHERE lead_id = $1";
    Ok(match db {
        Db::Sqlite { read, .. } => {
            sqlx::query_scalar(VARIABLES).bind(lead.to_string()).fetch_one(read).await?
        }
        Db::Postgres { pool, .. } => sqlx::query_scalar(VARIABLES).bind(lead.to_string()).fetch_one(pool).await?,
    })
}

/// A lead who was put off over a night, called in the morning and said no; with variables of their own.
async fn came_and_went(world: &World, number: &str) -> anyhow::Result<LeadId> {
    let lead = world.lead(number).await?;
    let mut request = world.request(lead, "welcome");
    request.variables = json!({"offer": {"percent": 15}});
    anyhow::ensure!(world.try_enroll(request).await?.is_ok(), "enrolled");
    world.plan().await?;
    world.clock.advance_to(at("2026-07-16T14:00:00Z"));
    let attempt = world.dialed(lead, &Fake::default()).await?;
    world.record(declined(attempt, world.now())).await?;
    Ok(lead)
}

on_both! {
    async fn old_answers_are_forgotten_and_fresh_ones_kept(db) {
        let world = World::open(db).await?;
        let mut tx = world.engine.db.begin().await?;
        let real = clock::database_now(&mut tx).await?;
        for (key, days) in [("old", 8), ("fresh", 6)] {
            idempotency::begin(&mut tx, "crm", key, "hash", real - TimeDelta::days(days)).await?;
            idempotency::finish(&mut tx, "crm", key, 201, "{}").await?;
        }
        tx.commit().await?;
        assert_eq!(tidy(&world, &Retention::default()).await?, 1);
        let mut tx = world.engine.db.begin().await?;
        let replay = Begun::Replay { status: 201, response: "{}".to_owned() };
        assert_eq!(idempotency::begin(&mut tx, "crm", "fresh", "hash", real).await?, replay);
        assert_eq!(idempotency::begin(&mut tx, "crm", "old", "hash", real).await?, Begun::Fresh);
    }

    async fn jobs_long_over_are_forgotten_and_waiting_ones_kept(db) {
        let world = World::open(db).await?;
        let long_ago = world.now() - TimeDelta::days(15);
        let mut tx = world.engine.db.begin().await?;
        let (over, waiting) = (job(&world, "over", long_ago), job(&world, "waiting", long_ago));
        jobs::enqueue(&mut tx, &[over.clone(), waiting], long_ago).await?;
        assert!(admin::cancel(&mut tx, over.id, long_ago).await?);
        tx.commit().await?;
        tidy(&world, &Retention::default()).await?;
        let mut tx = world.engine.db.begin_read().await?;
        let kinds: Vec<_> = admin::depth(&mut tx, world.now()).await?.into_iter().map(|depth| depth.kind).collect();
        assert_eq!(kinds, ["waiting"]);
        assert!(admin::find(&mut tx, over.id).await?.is_none());
    }

    async fn of_who_has_left_only_the_proof_of_calls_is_kept(db) {
        let world = World::open(db).await?;
        world.clock.advance_to(at("2026-07-15T23:00:00Z"));
        let lead = came_and_went(&world, ALICE).await?;
        let before = kept(&world, lead).await?;
        assert!(before.0.iter().any(|kind| kind == "attempt.planned"), "{before:?}");
        assert!(before.1.iter().any(|reason| reason == "outside-cadence-hours"), "{before:?}");
        world.clock.advance_to(world.now() + TimeDelta::days(401));
        tidy(&world, &Retention::default()).await?;
        let (mut events, decisions) = kept(&world, lead).await?;
        events.sort();
        assert_eq!(events, ["CALL_ANSWERED", "CALL_PLACED", "attempt.dialing", "enrollment.ended", "enrollment.started"]);
        assert_eq!(decisions.iter().filter(|reason| *reason != "passed").count(), 0, "{decisions:?}");
        assert!(!decisions.is_empty(), "what let the call pass is proof");
        assert_eq!(variables(&world.db.db, lead).await?, "{}");
        assert_eq!(world.attempts(lead).await?.len(), 1, "attempts are never deleted");
        let deleted = world.engine.metrics.retention_deleted.get_or_create(&Table { table: "decisions" }).get();
        assert!(deleted > 0);
    }

    async fn nothing_goes_before_its_time_or_when_kept_forever(db) {
        let world = World::open(db).await?;
        world.clock.advance_to(at("2026-07-15T23:00:00Z"));
        let lead = came_and_went(&world, ALICE).await?;
        let before = (kept(&world, lead).await?, variables(&world.db.db, lead).await?);
        world.clock.advance_to(world.now() + TimeDelta::days(179));
        assert_eq!(tidy(&world, &Retention::default()).await?, 0);
        let forever = callwright_workers::jobs::Keep::Forever;
        let all = Retention { decisions: forever, events: forever, details: forever, ..SHORTEST };
        world.clock.advance_to(world.now() + TimeDelta::days(4_000));
        tidy(&world, &all).await?;
        assert_eq!((kept(&world, lead).await?, variables(&world.db.db, lead).await?), before);
    }

    async fn who_is_under_way_keeps_everything_and_is_judged_as_before(db) {
        let world = World::open(db).await?;
        world.clock.advance_to(at("2026-07-15T23:00:00Z"));
        let gone = came_and_went(&world, BOB).await?;
        // Under way for years: put off, called without an answer, and put off again by a paused campaign.
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(no_answer(attempt, world.now())).await?;
        world.engine.set_campaign_status(world.campaign, callwright_engine::domain::campaign::CampaignStatus::Paused).await?;
        world.clock.advance_to(world.now() + TimeDelta::hours(2));
        world.plan().await?;
        let called = world.now();
        world.clock.advance_to(world.now() + TimeDelta::days(3_000));
        let explain = async |at: Option<Instant>| anyhow::Ok(serde_json::to_value(world.engine.why(lead, at).await?)?);
        // At the time of the calls the caps count them; now they do not.
        let before = [explain(Some(called)).await?, explain(None).await?];
        let (events, decisions) = kept(&world, lead).await?;
        assert!(tidy(&world, &SHORTEST).await? > 0, "the other lead's rows may go");
        assert_eq!([explain(Some(called)).await?, explain(None).await?], before);
        assert_eq!(kept(&world, lead).await?, (events, decisions));
        assert!(kept(&world, gone).await?.1.iter().all(|reason| reason == "passed"));
        assert_eq!(world.attempts(gone).await?.len(), 1, "who was called is known to have been");
    }

    async fn a_run_that_stops_early_is_taken_up_where_it_stopped(db) {
        let world = World::open(db).await?;
        let long_ago = world.now() - TimeDelta::days(30);
        let mut tx = world.engine.db.begin().await?;
        let over: Vec<NewJob> = (0..1_500).map(|_| job(&world, "over", long_ago)).collect();
        jobs::enqueue(&mut tx, &over, long_ago).await?;
        for each in &over {
            admin::cancel(&mut tx, each.id, long_ago).await?;
        }
        tx.commit().await?;
        // One transaction for answers, one for jobs.
        let first = keep_house::tidy(&world.engine, &Retention::default(), 2).await?;
        assert_eq!((first.removed, first.has_more), (1_000, true));
        assert_eq!(tidy(&world, &Retention::default()).await?, 500);
    }

    async fn two_that_tidy_at_once_do_not_wait_for_each_other_in_a_circle(db) {
        let world = World::open(db).await?;
        let long_ago = world.now() - TimeDelta::days(30);
        let mut tx = world.engine.db.begin().await?;
        let over: Vec<NewJob> = (0..600).map(|_| job(&world, "over", long_ago)).collect();
        jobs::enqueue(&mut tx, &over, long_ago).await?;
        for each in &over {
            admin::cancel(&mut tx, each.id, long_ago).await?;
        }
        tx.commit().await?;
        let ages = Retention::default();
        let (one, other) = tokio::join!(
            keep_house::tidy(&world.engine, &ages, ENOUGH),
            keep_house::tidy(&world.engine, &ages, ENOUGH)
        );
        let removed = one?.removed + other?.removed + tidy(&world, &ages).await?;
        assert_eq!(removed, 600, "each row once, none left");
    }

    async fn the_nightly_check_finds_who_was_forgotten(db) {
        let world = World::open(db).await?;
        let (lead, forgotten) = world.welcomed(ALICE).await?;
        world.welcomed(BOB).await?;
        world.plan().await?;
        assert_eq!(check_promises::check(&world.engine).await?, 0);
        const FORGET: &str = "UPDATE attempts SET state = 'cancelled' WHERE lead_id = $1";
        match &world.db.db {
            Db::Sqlite { write, .. } => sqlx::query(FORGET).bind(lead.to_string()).execute(write).await.map(|_| ())?,
            Db::Postgres { pool, .. } => sqlx::query(FORGET).bind(lead.to_string()).execute(pool).await.map(|_| ())?,
        }
        assert_eq!(check_promises::check(&world.engine).await?, 1, "{forgotten} has no attempt");
        let broken = world.engine.metrics.invariant_violations.get_or_create(&Invariant { id: "I4" }).get();
        assert_eq!(broken, 1);
    }
}
