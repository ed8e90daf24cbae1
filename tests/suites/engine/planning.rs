//! Planning: waits, deferrals to the right instant, refusals, and faults that stay where they are (I9).

use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{Db, suppression};
use chrono::TimeDelta;
use serde_json::json;

use crate::fake::Fake;
use crate::given::{ALICE, BOB, WELCOME, World, at, library, noon};
use crate::on_both;

const PATIENT: &str = r"
cadence: patient
title: A wait, then the end
steps:
  - id: pause
    wait: 2 hours
  - id: done
    end: rested
";

/// Its `update` step is right only if the lead's custom field holds a lead status.
const FAULTY: &str = r"
cadence: faulty
title: Copies a custom field into the status
steps:
  - id: copy
    update: { status: lead.custom.plan }
  - id: done
    end: copied
";

async fn suppress(world: &World, number: &str) -> anyhow::Result<()> {
    let entry = Suppression {
        id: world.engine.ids.next(world.now()),
        number: PhoneNumber::e164_only(number)?,
        source: Source::NationalRegistry,
        campaign_id: None,
        reason: "registered".to_owned(),
        added_by: String::new(),
        created_at: world.now(),
        expires_at: None,
    };
    let mut tx = world.engine.db.begin().await?;
    suppression::add_many(&mut tx, &[entry]).await?;
    Ok(tx.commit().await?)
}

/// Makes a version that no build can compile any more.
async fn spoil(db: &Db, cadence: &str) -> anyhow::Result<()> {
    const SPOIL: &str = "UPDATE definitions SET sources = '{}' WHERE cadence = $1";
    match db {
        Db::Sqlite { write, .. } => sqlx::query(SPOIL).bind(cadence).execute(write).await.map(|_| ())?,
        Db::Postgres { pool, .. } => sqlx::query(SPOIL).bind(cadence).execute(pool).await.map(|_| ())?,
    }
    Ok(())
}

on_both! {
    async fn a_wait_ends_at_its_instant_and_not_before(db) {
        let world = World::with(db, library(&[PATIENT])).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "patient").await?;
        world.plan().await?;
        let end = noon() + TimeDelta::hours(2);
        assert_eq!(world.walk(lead).await?.enrollment.due_at, Some(end));
        world.clock.advance_to(end - TimeDelta::microseconds(1));
        assert_eq!(world.plan().await?.due, 0);
        world.clock.advance_to(end);
        world.plan().await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("rested"));
        assert_eq!(world.count(lead, "step.passed").await?, 2);
    }

    async fn outside_its_hours_a_call_is_put_off_to_when_they_open(db) {
        let world = World::open(db).await?;
        // Friday evening; Monday is the next day of the cadence.
        world.clock.advance_to(at("2026-07-17T22:30:00Z"));
        let (lead, _) = world.welcomed(ALICE).await?;
        let report = world.plan().await?;
        assert_eq!((report.planned, report.deferred), (0, 1));
        let walk = world.walk(lead).await?;
        assert_eq!(walk.enrollment.due_at, Some(at("2026-07-20T13:00:00Z")));
        assert_eq!(walk.verdict, Some(("defer".to_owned(), "outside-cadence-hours".to_owned())));
        world.clock.advance_to(at("2026-07-20T13:00:00Z"));
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
    }

    async fn who_may_not_be_called_leaves_with_the_reason(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        suppress(&world, ALICE).await?;
        assert_eq!(world.plan().await?.stopped, 1);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("suppressed"));
        assert!(world.attempts(lead).await?.is_empty());
    }

    async fn a_faulty_enrollment_is_set_aside_and_the_others_go_on(db) {
        let world = World::with(db, library(&[WELCOME, FAULTY])).await?;
        let custom = [("plan".to_owned(), json!("gold"))].into();
        let faulty = world.lead_like(NewLead { phone: BOB.into(), custom, ..NewLead::default() }).await?;
        world.enroll(faulty, "faulty").await?;
        let (sound, _) = world.welcomed(ALICE).await?;
        let report = world.plan().await?;
        assert_eq!((report.due, report.quarantined, report.planned), (2, 1, 1));
        let walk = world.walk(faulty).await?;
        assert_eq!((walk.enrollment.state.as_str(), walk.hold.as_deref()), ("held", Some("quarantined")));
        assert_eq!(world.count(faulty, "enrollment.quarantined").await?, 1);
        assert_eq!(world.states(sound).await?, ["planned"]);
        assert_eq!(world.plan().await?.due, 0, "it is not looked at again");
    }

    async fn a_version_that_cannot_be_read_holds_up_only_its_own(db) {
        let world = World::with(db, library(&[WELCOME, PATIENT])).await?;
        let stuck = world.lead(BOB).await?;
        world.enroll(stuck, "patient").await?;
        let (sound, _) = world.welcomed(ALICE).await?;
        spoil(&world.engine.db, "patient").await?;
        let report = world.restarted(2).plan(100).await?;
        assert_eq!((report.quarantined, report.planned), (1, 1));
        assert_eq!(world.walk(stuck).await?.hold.as_deref(), Some("quarantined"));
        assert_eq!(world.states(sound).await?, ["planned"]);
    }

    async fn nothing_due_costs_nothing(db) {
        let world = World::open(db).await?;
        assert_eq!(world.plan().await?.due, 0);
        assert_eq!(world.engine.next_wake().await?, None);
    }
}
