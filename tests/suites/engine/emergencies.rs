//! Emergency stops: at once, in every process, at the second look too, until somebody lets calls go on.

use callwright_engine::domain::emergency::Scope;
use callwright_engine::engine::EngineError;
use callwright_engine::journal::{self, Journal, Line, Word};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{campaign, emergency_stop};
use chrono::TimeDelta;

use crate::fake::Fake;
use crate::given::{ALICE, BOB, World};
use crate::on_both;

const CALLER: &str = "+12025550100";
const OTHER_CALLER: &str = "+12025550102";

/// Of the District of Columbia, where the world's numbers are.
fn here() -> Scope {
    Scope::Jurisdiction("US-DC".parse().expect("a place"))
}

fn elsewhere() -> Scope {
    Scope::Jurisdiction("US-FL".parse().expect("a place"))
}

fn caller(number: &str) -> Scope {
    Scope::Caller(PhoneNumber::e164_only(number).expect("a number"))
}

async fn callers(world: &World, numbers: &[&str]) -> anyhow::Result<()> {
    let mut tx = world.engine.db.begin().await?;
    let shown = numbers.iter().map(|number| (*number).to_owned()).collect();
    campaign::update(&mut tx, world.campaign, world.now(), |campaign| campaign.caller_ids = shown).await?;
    tx.commit().await?;
    Ok(())
}

on_both! {
    async fn nothing_is_planned_claimed_or_sent_for_the_scope(db) {
        let world = World::open(db).await?;
        callers(&world, &[CALLER]).await?;
        for scope in [Scope::Everywhere, here(), Scope::Campaign(world.campaign), caller(CALLER)] {
            let (lead, _) = world.welcomed(ALICE).await?;
            let provider = Fake::default();
            // Before planning,
            let stop = world.engine.stop_calls(scope, "drill", "dana").await?;
            assert_eq!(world.plan().await?.deferred, 1, "{scope}");
            assert_eq!(world.walk(lead).await?.verdict.map(|(_, reason)| reason).as_deref(), Some("emergency-stop"));
            world.engine.resume_calls(stop.id, "over", "dana").await?;
            // between planning and claiming,
            assert_eq!(world.plan().await?.planned, 1, "whom the stop put off is looked at at once");
            let stop = world.engine.stop_calls(scope, "drill", "dana").await?;
            assert!(world.claim(&provider).await?.requests.is_empty(), "{scope}");
            world.engine.resume_calls(stop.id, "over", "dana").await?;
            // and between claiming and asking.
            let claimed = world.claim(&provider).await?;
            assert_eq!(claimed.requests.len(), 1, "{scope}");
            let stop = world.engine.stop_calls(scope, "drill", "dana").await?;
            assert_eq!(world.place(&provider, claimed.requests).await?.not_sent, 1, "{scope}");
            assert!(provider.asked().is_empty(), "{scope}");
            assert_eq!(world.last(lead).await?.detail.as_deref(), Some("emergency-stop"));
            world.engine.resume_calls(stop.id, "over", "dana").await?;
            assert_eq!(world.dial(&provider).await?.accepted, 1, "{scope}");
            world.record(crate::facts::declined(world.last(lead).await?.id, world.now())).await?;
            // The number may be called again after half an hour.
            world.pass(TimeDelta::hours(1));
        }
    }

    async fn others_go_on(db) {
        let world = World::open(db).await?;
        callers(&world, &[CALLER, OTHER_CALLER]).await?;
        let other = world.campaign("other", |_| ()).await?;
        for scope in [elsewhere(), Scope::Campaign(other), caller(CALLER)] {
            world.engine.stop_calls(scope, "drill", "dana").await?;
        }
        let (lead, _) = world.welcomed(ALICE).await?;
        let provider = Fake::default();
        world.plan().await?;
        let claimed = world.claim(&provider).await?;
        let shown: Vec<_> = claimed.requests.iter().filter_map(|request| request.from).map(PhoneNumber::e164).collect();
        assert_eq!(shown, [OTHER_CALLER], "the caller that is not stopped");
        assert_eq!(world.place(&provider, claimed.requests).await?.accepted, 1);
        assert_eq!(world.states(lead).await?, ["placed"]);
        world.engine.stop_calls(caller(OTHER_CALLER), "drill", "dana").await?;
        let (second, _) = world.welcomed(BOB).await?;
        assert_eq!(world.plan().await?.deferred, 1, "no caller is left");
        assert!(world.attempts(second).await?.is_empty());
    }

    async fn a_restart_does_not_end_it_and_a_stop_is_put_in_force_once(db) {
        let world = World::open(db).await?;
        let first = world.engine.stop_calls(Scope::Everywhere, "drill", "dana").await?;
        world.welcomed(ALICE).await?;
        let restarted = world.restarted(9);
        assert_eq!(restarted.plan(10).await?.deferred, 1);
        let again = restarted.stop_calls(Scope::Everywhere, "again", "sam").await?;
        assert_eq!((again.id, again.reason.as_str()), (first.id, "drill"));
        restarted.resume_calls(first.id, "over", "sam").await?;
        let twice = restarted.resume_calls(first.id, "over", "sam").await;
        assert!(matches!(twice, Err(EngineError::Conflict { code: "stop-lifted", .. })), "{twice:?}");
        assert!(matches!(restarted.stop_calls(Scope::Everywhere, " ", "sam").await, Err(EngineError::Invalid { .. })));
    }

    async fn calls_that_people_are_talking_in_go_on(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.dial(&Fake::default()).await?;
        world.engine.stop_calls(Scope::Everywhere, "drill", "dana").await?;
        assert_eq!(world.states(lead).await?, ["placed"]);
        assert_eq!(world.count(lead, "call.hang_up_requested").await?, 0);
    }

    async fn a_restored_database_learns_of_stops_and_of_their_end(db) {
        let folder = tempfile::tempdir()?;
        let world = World::open(db).await?;
        let journaled = world.engine.db.clone().with_journal(Some(Journal::open(folder.path(), "one")?));
        let engine = callwright_engine::engine::Engine::new(
            journaled,
            std::sync::Arc::clone(&world.engine.library),
            callwright_engine::engine::TimeSource::Manual(std::sync::Arc::clone(&world.clock)),
            std::sync::Arc::new(callwright_engine::id::IdSource::seeded(44)),
        );
        let kept = engine.stop_calls(here(), "storm", "dana").await?;
        let lifted = engine.stop_calls(Scope::Everywhere, "drill", "dana").await?;
        engine.resume_calls(lifted.id, "over", "dana").await?;
        let words = journal::read(folder.path(), "2000-01-01T00:00:00Z".parse()?)?.lines;
        assert_eq!(words.iter().filter(|line| matches!(line.word, Word::EmergencyStopped { .. })).count(), 2);
        // The copy from before all this.
        forget(&world).await?;
        let mut tx = world.engine.db.begin().await?;
        let real = callwright_engine::store::clock::database_now(&mut tx).await?;
        tx.rollback().await?;
        world.engine.mark_recovering(real, world.now()).await?;
        for _ in 0..2 {
            let replayed = world.engine.replay_journal(folder.path(), false, |_, _| ()).await?;
            assert!(replayed.emergency_stops <= 2);
            let in_force = world.engine.emergency_stops().await?;
            assert_eq!(in_force.iter().map(|stop| stop.id).collect::<Vec<_>>(), [kept.id]);
        }
        let mut tx = world.engine.db.begin_read().await?;
        assert_eq!(emergency_stop::recent(&mut tx, 9).await?.len(), 2);
    }

    async fn a_lift_of_a_stop_counts_after_a_restore_in_whatever_order_the_two_were_written(db) {
        let folder = tempfile::tempdir()?;
        let world = World::open(db).await?;
        let stop = world.engine.ids.next(world.now());
        let mut tx = world.engine.db.begin().await?;
        let real = callwright_engine::store::clock::database_now(&mut tx).await?;
        tx.rollback().await?;
        let stopped = Word::EmergencyStopped {
            stop,
            scope: Scope::Everywhere,
            reason: "drill".to_owned(),
            by: "dana".to_owned(),
            stopped_at: world.now(),
        };
        let lifted = Word::EmergencyLifted {
            stop,
            by: "dana".to_owned(),
            reason: "over".to_owned(),
            lifted_at: world.now(),
        };
        // Two processes, to which the clock shows the same instant.
        let lines = [stopped, lifted].map(|word| Line { at: real, word });
        Journal::open(folder.path(), "one")?.append(lines.to_vec()).await.map_err(anyhow::Error::msg)?;
        world.engine.mark_recovering(real, world.now()).await?;
        for known in [1, 0] {
            assert_eq!(world.engine.replay_journal(folder.path(), false, |_, _| ()).await?.emergency_stops, known);
            assert!(world.engine.emergency_stops().await?.is_empty());
        }
    }
}

async fn forget(world: &World) -> anyhow::Result<()> {
    match &world.engine.db {
        callwright_engine::store::Db::Sqlite { write, .. } => {
            sqlx::query("DELETE FROM emergency_stops").execute(write).await?;
        }
        callwright_engine::store::Db::Postgres { pool, .. } => {
            sqlx::query("DELETE FROM emergency_stops").execute(pool).await?;
        }
    }
    Ok(())
}
