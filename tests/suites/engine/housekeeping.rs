//! What is kept for repeats and for looking back is not kept for ever.

use callwright_engine::domain::priority::Priority;
use callwright_engine::store::clock;
use callwright_engine::store::idempotency::{self, Begun};
use callwright_engine::store::jobs::{self, NewJob, admin};
use callwright_workers::jobs::{Retention, keep_house};
use chrono::TimeDelta;

use crate::given::World;
use crate::on_both;

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
        keep_house::tidy(&world.engine, &Retention::default(), 50).await?;
        let mut tx = world.engine.db.begin().await?;
        let replay = Begun::Replay { status: 201, response: "{}".to_owned() };
        assert_eq!(idempotency::begin(&mut tx, "crm", "fresh", "hash", real).await?, replay);
        assert_eq!(idempotency::begin(&mut tx, "crm", "old", "hash", real).await?, Begun::Fresh);
    }

    async fn jobs_long_over_are_forgotten_and_waiting_ones_kept(db) {
        let world = World::open(db).await?;
        let long_ago = world.now() - TimeDelta::days(15);
        let mut tx = world.engine.db.begin().await?;
        let job = |kind| NewJob {
            id: world.engine.ids.next(long_ago),
            kind,
            payload: "{}".to_owned(),
            dedup_key: None,
            priority: Priority::Medium,
            run_at: long_ago,
            max_attempts: 1,
        };
        let (over, waiting) = (job("over"), job("waiting"));
        jobs::enqueue(&mut tx, &[over.clone(), waiting], long_ago).await?;
        assert!(admin::cancel(&mut tx, over.id, long_ago).await?);
        tx.commit().await?;
        keep_house::tidy(&world.engine, &Retention::default(), 50).await?;
        let mut tx = world.engine.db.begin_read().await?;
        let kinds: Vec<_> = admin::depth(&mut tx, world.now()).await?.into_iter().map(|depth| depth.kind).collect();
        assert_eq!(kinds, ["waiting"]);
        assert!(admin::find(&mut tx, over.id).await?.is_none());
    }
}
