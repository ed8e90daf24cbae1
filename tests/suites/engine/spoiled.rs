//! Rows that cannot be read: whoever they belong to is quarantined, and nobody else has to wait (I9).

use callwright_engine::id::LeadId;
use callwright_engine::store::Db;
use serde_json::json;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World};
use crate::on_both;

impl World {
    /// Spoils a column of a lead as an older or newer version, or somebody's hand, might have left it.
    async fn spoil(&self, lead: LeadId, sql: &'static str) -> anyhow::Result<()> {
        match &self.engine.db {
            Db::Sqlite { write, .. } => {
                sqlx::query(sql).bind(lead.to_string()).execute(write).await?;
            }
            Db::Postgres { pool, .. } => {
                sqlx::query(sql).bind(lead.to_string()).execute(pool).await?;
            }
        }
        Ok(())
    }

    async fn hold(&self, lead: LeadId) -> anyhow::Result<Option<String>> {
        Ok(self.walk(lead).await?.hold)
    }
}

const ZONES: &str = "UPDATE leads SET phone_zones = 'nowhere' WHERE id = $1";
const STATUS: &str = "UPDATE leads SET status = 'from-the-future' WHERE id = $1";
const STATUS_AGAIN: &str = "UPDATE leads SET status = 'cold' WHERE id = $1";

on_both! {
    async fn calls_of_others_are_recorded_beside_one_whose_lead_cannot_be_read(db) {
        let world = World::open(db).await?;
        let (alice, _) = world.welcomed(ALICE).await?;
        let (bob, _) = world.welcomed(BOB).await?;
        world.dial(&Fake::default()).await?;
        let (first, second) = (world.last(alice).await?.id, world.last(bob).await?.id);
        world.spoil(alice, ZONES).await?;
        let facts = [no_answer(first, world.now()), no_answer(second, world.now())].concat();
        assert_eq!(world.record(facts).await?.finished, 2);
        assert_eq!(world.walk(bob).await?.enrollment.position.attempt, 2, "goes on with the next try");
        assert_eq!(world.hold(alice).await?.as_deref(), Some("quarantined"));
        assert_eq!(world.count(alice, "enrollment.quarantined").await?, 1);
    }

    async fn events_of_others_are_heard_beside_one_whose_lead_cannot_be_read(db) {
        let world = World::open(db).await?;
        let (alice, _) = world.welcomed(ALICE).await?;
        world.spoil(alice, ZONES).await?;
        world.log(alice, "MESSAGE_RECEIVED", json!({})).await?;
        world.log(alice, "MESSAGE_RECEIVED", json!({})).await?;
        assert_eq!(world.count(alice, "MESSAGE_RECEIVED").await?, 2);
        assert_eq!(world.count(alice, "enrollment.quarantined").await?, 1, "said once");
    }

    async fn a_row_of_another_version_is_set_aside_and_the_others_are_planned(db) {
        let world = World::open(db).await?;
        let (alice, enrollment) = world.welcomed(ALICE).await?;
        let (bob, _) = world.welcomed(BOB).await?;
        world.spoil(alice, STATUS).await?;
        let report = world.plan().await?;
        assert_eq!((report.due, report.planned), (1, 1));
        assert_eq!(world.walk(bob).await?.enrollment.state.as_str(), "open");
        assert_eq!(world.count(alice, "enrollment.quarantined").await?, 1);
        assert!(world.engine.enrollment(enrollment).await.is_err(), "asked for by itself, it says what is wrong");
        world.spoil(alice, STATUS_AGAIN).await?;
        assert_eq!(world.hold(alice).await?.as_deref(), Some("quarantined"));
        world.engine.resume(enrollment).await?;
        world.plan().await?;
        assert_eq!(world.walk(alice).await?.enrollment.state.as_str(), "open");
    }
}
