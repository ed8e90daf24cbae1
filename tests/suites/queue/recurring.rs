//! Recurring work: each run once, whoever looks; missed runs made up for by one.

use std::sync::Arc;

use callwright_engine::engine::{ManualClock, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::store::jobs::schedules;
use callwright_engine::time::zone::Zone;
use callwright_workers::queue::{Hints, Job};
use callwright_workers::schedule::{Recurring, Scheduler};
use serde::{Deserialize, Serialize};

use crate::db::{TestDb, after, noon, on_both};

on_both! {
    runs_once_for_all_processes_and_moves_to_the_next,
    missed_runs_are_made_up_for_by_one,
    a_restart_keeps_the_next_run_and_a_new_expression_changes_it,
}

#[derive(Serialize, Deserialize)]
struct Sweep {}

impl Job for Sweep {
    const KIND: &'static str = "probe";
}

fn scheduler(db: &TestDb, clock: &Arc<ManualClock>, expression: &str) -> Scheduler {
    let zone = Zone::find("America/New_York").unwrap();
    Scheduler {
        db: db.db.clone(),
        hints: Hints::new(),
        ids: Arc::new(IdSource::seeded(rand::random())),
        time: TimeSource::Manual(Arc::clone(clock)),
        entries: vec![Recurring::new("sweep", expression, zone, &Sweep {}).unwrap()],
    }
}

async fn runs_once_for_all_processes_and_moves_to_the_next(db: TestDb) {
    let clock = ManualClock::at(noon());
    let (one, two) = (scheduler(&db, &clock, "*/5 * * * *"), scheduler(&db, &clock, "*/5 * * * *"));
    one.declare().await.unwrap();
    two.declare().await.unwrap();
    assert!(one.tick().await.unwrap().is_empty(), "nothing is due before five past");

    clock.advance_to(after(300));
    let (first, second) = tokio::join!(one.tick(), two.tick());

    assert_eq!([first.unwrap(), second.unwrap()].concat(), ["sweep"]);
    assert_eq!(db.claim(5, after(300)).await.len(), 1);
    let rows = db.in_tx(async |tx| schedules::all(tx).await.unwrap()).await;
    assert_eq!((rows[0].last_run_at, rows[0].next_run_at), (Some(after(300)), after(600)));
}

async fn missed_runs_are_made_up_for_by_one(db: TestDb) {
    let clock = ManualClock::at(noon());
    let scheduler = scheduler(&db, &clock, "*/5 * * * *");
    scheduler.declare().await.unwrap();
    clock.advance_to(after(3 * 3600 + 1));
    assert_eq!(scheduler.tick().await.unwrap(), ["sweep"]);
    assert!(scheduler.tick().await.unwrap().is_empty());
    assert_eq!(db.claim(5, after(4 * 3600)).await.len(), 1);
}

async fn a_restart_keeps_the_next_run_and_a_new_expression_changes_it(db: TestDb) {
    let clock = ManualClock::at(noon());
    scheduler(&db, &clock, "0 9 * * *").declare().await.unwrap();
    let next = async || db.in_tx(async |tx| schedules::all(tx).await.unwrap()).await[0].next_run_at;
    // Noon UTC is 07:00 in New York in winter.
    assert_eq!(next().await, after(2 * 3600));
    clock.advance_to(after(5 * 3600));
    scheduler(&db, &clock, "0 9 * * *").declare().await.unwrap();
    assert_eq!(next().await, after(2 * 3600), "still owed");
    scheduler(&db, &clock, "0 18 * * *").declare().await.unwrap();
    assert_eq!(next().await, after(11 * 3600));
    assert!(next().await > noon());
}
