//! Planning and claiming in one transaction: one commit, both or neither, and every promise of a claim.

use std::time::Duration;

use anyhow::bail;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::domain::consent::Purpose;
use callwright_engine::engine::{Claimed, PlanReport};
use callwright_engine::store::edge::{self, Fate};
use callwright_engine::store::{Db, number_lock};
use callwright_tests::{Backend, TestDb};
use chrono::TimeDelta;
use sqlx::PgPool;
use tokio::time::timeout;

use crate::fake::Fake;
use crate::given::{ALICE, BOB, World};
use crate::on_both;
use crate::one_commit::OneCommit;

impl World {
    async fn plan_and_claim(&self, provider: &Fake) -> anyhow::Result<(PlanReport, Claimed)> {
        let both = self.engine.plan_and_claim(100, provider, "me").await?;
        self.sound().await?;
        Ok(both)
    }
}

on_both! {
    async fn whoever_is_due_goes_out_after_one_commit(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::watching(&world.db.url);
        let edge = OneCommit::ending(0, Fate::Applied);
        let (planned, claimed) = edge::within(edge.clone(), world.plan_and_claim(&provider)).await?;
        assert_eq!((planned.planned, claimed.requests.len(), edge.seen()), (1, 1, 1));
        assert_eq!(world.place(&provider, claimed.requests).await?.accepted, 1);
        assert_eq!(provider.seen(), ["dialing"], "the provider was asked before the intent was committed");
        assert_eq!(world.states(lead).await?, ["placed"]);
    }

    async fn where_nothing_is_due_nothing_is_committed(db) {
        let world = World::open(db).await?;
        let edge = OneCommit::ending(0, Fate::Applied);
        edge::within(edge.clone(), world.plan_and_claim(&Fake::default())).await?;
        assert_eq!(edge.seen(), 0);
    }

    async fn a_lost_commit_leaves_neither_plan_nor_intent(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let (provider, edge) = (Fake::default(), OneCommit::ending(0, Fate::NotApplied));
        assert!(edge::within(edge, world.engine.plan_and_claim(100, &provider, "me")).await.is_err());
        world.sound().await?;
        assert!(world.attempts(lead).await?.is_empty());
        let (planned, claimed) = world.plan_and_claim(&provider).await?;
        assert_eq!((planned.planned, claimed.requests.len()), (1, 1));
    }

    async fn a_commit_whose_answer_was_lost_is_taken_for_a_call_that_may_be_under_way(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let (provider, edge) = (Fake::default(), OneCommit::ending(0, Fate::AnswerLost));
        assert!(edge::within(edge, world.engine.plan_and_claim(100, &provider, "me")).await.is_err());
        assert_eq!(world.states(lead).await?, ["dialing"]);
        assert!(world.plan_and_claim(&provider).await?.1.requests.is_empty(), "claimed a second time");
        world.pass(Fake::T_REC);
        assert_eq!(world.reconcile(&provider).await?.not_placed, 1);
        assert!(provider.asked().is_empty());
    }

    async fn what_pacing_holds_back_stays_planned(db) {
        let world = World::open(db).await?;
        let (first, _) = world.welcomed(ALICE).await?;
        let (second, _) = world.welcomed(BOB).await?;
        let provider = Fake::limited(Pacing { max_concurrent: Some(1), ..Pacing::default() });
        let (planned, claimed) = world.plan_and_claim(&provider).await?;
        assert_eq!((planned.planned, claimed.requests.len()), (2, 1));
        let mut states = [world.states(first).await?, world.states(second).await?].concat();
        states.sort_unstable();
        assert_eq!(states, ["dialing", "planned"]);
        assert!(world.plan_and_claim(&provider).await?.1.requests.is_empty());
    }

    async fn two_leads_with_one_number_are_not_both_claimed(db) {
        let world = World::open(db).await?;
        world.welcomed(ALICE).await?;
        world.welcomed(ALICE).await?;
        let (planned, claimed) = world.plan_and_claim(&Fake::default()).await?;
        assert_eq!((planned.planned, claimed.requests.len()), (2, 1));
    }

    async fn calls_that_were_planned_before_go_out_too(db) {
        let world = World::open(db).await?;
        world.welcomed(ALICE).await?;
        world.plan().await?;
        world.welcomed(BOB).await?;
        assert_eq!(world.plan_and_claim(&Fake::default()).await?.1.requests.len(), 2);
    }

    async fn engines_that_do_it_at_once_take_each_call_once(db) {
        let world = World::open(db).await?;
        for n in 0..20 {
            world.welcomed(&format!("+1202456{:04}", 2000 + n)).await?;
        }
        let (provider, other) = (Fake::default(), world.restarted(2));
        let (mine, theirs) = tokio::join!(
            world.engine.plan_and_claim(50, &provider, "me"),
            other.plan_and_claim(50, &provider, "you"),
        );
        let mut taken: Vec<_> = [mine?.1, theirs?.1, world.plan_and_claim(&provider).await?.1]
            .into_iter()
            .flat_map(|claimed| claimed.requests)
            .map(|request| request.attempt_id)
            .collect();
        let claimed = taken.len();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!((claimed, taken.len()), (20, 20));
    }
}

/// Asks again and again until `is_so`; a test that waits in vain fails.
async fn until<F: Future<Output = anyhow::Result<bool>>>(is_so: impl Fn() -> F) -> anyhow::Result<()> {
    let ask = async {
        while !is_so().await? {
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    timeout(Duration::from_mins(1), ask).await?
}

/// Is somebody waiting for a lock in this database?
async fn is_held_up(pool: &PgPool) -> anyhow::Result<bool> {
    const WAITING: &str = "SELECT count(*) > 0 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    Ok(sqlx::query_scalar(WAITING).fetch_one(pool).await?)
}

fn postgres(world: &World) -> anyhow::Result<&PgPool> {
    match &world.engine.db {
        Db::Postgres { pool, .. } => Ok(pool),
        Db::Sqlite { .. } => bail!("not PostgreSQL"),
    }
}

#[tokio::test]
async fn an_import_is_waited_for_in_line_and_without_rows_in_hand() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let world = World::open(db).await?;
    let (lead, _) = world.welcomed(ALICE).await?;
    let (provider, pool) = (Fake::default(), postgres(&world)?);
    for expected in [1, 0] {
        let mut import = world.engine.db.begin().await?;
        number_lock::lock_all(&mut import).await?;
        let imported = async {
            until(|| is_held_up(pool)).await?;
            assert_eq!(world.states(lead).await?, ["planned"], "what was planned is there already");
            Ok::<_, anyhow::Error>(import.commit().await?)
        };
        let (both, imported) = tokio::join!(world.plan_and_claim(&provider), imported);
        imported?;
        let (planned, claimed) = both?;
        assert_eq!((planned.planned, claimed.requests.len()), (expected, 1));
        // Put back, so that there is nothing to plan the second time.
        let back = "UPDATE attempts SET state = 'planned', intent_at = NULL, send_by = NULL";
        sqlx::query(back).execute(pool).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_consent_that_is_taken_back_while_a_call_is_planned_stops_it() -> anyhow::Result<()> {
    let Some(db) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let world = World::open(db).await?;
    let (lead, _) = world.welcomed(ALICE).await?;
    let (provider, pool) = (Fake::default(), postgres(&world)?);
    // Planning waits for whoever holds the lead.
    let mut holder = pool.begin().await?;
    sqlx::query("SELECT id FROM leads FOR UPDATE").fetch_all(&mut *holder).await?;
    let taken_back = async {
        until(|| is_held_up(pool)).await?;
        world.pass(TimeDelta::milliseconds(20));
        world.take_back(lead, Some(Purpose::VoiceContact)).await?;
        Ok::<_, anyhow::Error>(holder.rollback().await?)
    };
    let (both, taken_back) = tokio::join!(world.plan_and_claim(&provider), taken_back);
    taken_back?;
    let (planned, claimed) = both?;
    assert_eq!((planned.planned, claimed.requests.len()), (1, 0));
    assert_eq!(world.states(lead).await?, ["cancelled"]);
    Ok(())
}
