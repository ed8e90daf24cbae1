//! Rows that cannot be read (I9): whoever they concern is set aside for people to look at, and everybody else goes on.

use callwright_engine::domain::consent::{Consent, Details, Form, Purpose};
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::NewEvent;
use callwright_engine::metrics::Table;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{Db, consent, suppression};
use chrono::TimeDelta;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::facts::{declined, no_answer};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, library};
use crate::on_both;

const FAULTY_EXIT: &str = r"
cadence: faulty-exit
title: Reads a custom field as a number
hours: { days: mon-fri, between: 09:00-18:00, zone: lead, holidays: skip }
limits: { per_day: 4, gap: 30 minutes }
exit:
  - { when_event: CALL_NO_ANSWER, if: lead.custom.orders | int > 3, result: knows_us }
steps:
  - id: first
    call: hello
    then:
      no_answer: { retry: 2, after: 1 hour }
      declined: { end: not_interested }
  - id: done
    end: completed
";

/// Damages rows behind the store's back.
async fn spoil(db: &Db, statement: String) -> anyhow::Result<()> {
    match db {
        Db::Sqlite { write, .. } => sqlx::query(AssertSqlSafe(statement)).execute(write).await.map(|_| ())?,
        Db::Postgres { pool, .. } => sqlx::query(AssertSqlSafe(statement)).execute(pool).await.map(|_| ())?,
    }
    Ok(())
}

/// State and hold of an enrollment, read without the store's help.
async fn standing(db: &Db, enrollment: impl ToString) -> anyhow::Result<(String, Option<String>)> {
    const STANDING: &str = "SELECT state, hold FROM enrollments WHERE id = $1";
    Ok(match db {
        Db::Sqlite { read, .. } => {
            sqlx::query_as(STANDING).bind(enrollment.to_string()).fetch_one(read).await?
        }
        Db::Postgres { pool, .. } => {
            sqlx::query_as(STANDING).bind(enrollment.to_string()).fetch_one(pool).await?
        }
    })
}

fn held() -> (String, Option<String>) {
    ("held".to_owned(), Some("quarantined".to_owned()))
}

on_both! {
    async fn a_lead_that_cannot_be_read_keeps_nobody_else_from_being_planned(db) {
        let world = World::open(db).await?;
        let (broken, enrollment) = world.welcomed(ALICE).await?;
        let (sound, _) = world.welcomed(BOB).await?;
        spoil(&world.db.db, format!("UPDATE leads SET status = 'purple' WHERE id = '{broken}'")).await?;
        let report = world.plan().await?;
        assert_eq!((report.due, report.planned), (1, 1));
        assert_eq!(world.states(sound).await?, ["planned"]);
        assert_eq!(standing(&world.db.db, enrollment).await?, held());
        assert_eq!(world.count(broken, "enrollment.quarantined").await?, 1);
        let metrics = &world.engine.metrics;
        assert_eq!(metrics.enrollments_quarantined.get(), 1);
        assert_eq!(metrics.unreadable_rows.get_or_create(&Table { table: "leads" }).get(), 1);
        // Nothing is left to trip over.
        assert_eq!(world.plan().await?.due, 0);
    }

    async fn a_lead_that_became_unreadable_after_planning_keeps_nobody_else_from_being_called(db) {
        let world = World::open(db).await?;
        let (broken, enrollment) = world.welcomed(ALICE).await?;
        let (sound, _) = world.welcomed(BOB).await?;
        world.plan().await?;
        spoil(&world.db.db, format!("UPDATE leads SET status = 'purple' WHERE id = '{broken}'")).await?;
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        assert_eq!(world.states(sound).await?, ["placed"]);
        assert_eq!(world.states(broken).await?, ["cancelled"]);
        assert_eq!(standing(&world.db.db, enrollment).await?, held());
    }

    async fn a_call_that_is_planned_for_somebody_whose_cadence_cannot_be_read_any_more_is_taken_back(db) {
        let world = World::open(db).await?;
        let (broken, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        spoil(&world.db.db, "UPDATE definitions SET sources = '{}'".to_owned()).await?;
        let event = NewEvent {
            kind: "MESSAGE_RECEIVED".to_owned(),
            lead_id: broken,
            campaign_id: None,
            at: None,
            data: json!({}),
            dedupe: None,
        };
        world.restarted(2).log_events(vec![event]).await?;
        world.sound().await?;
        assert_eq!(world.walk(broken).await?.hold.as_deref(), Some("quarantined"));
        assert_eq!(world.states(broken).await?, ["cancelled"]);
    }

    async fn an_exit_rule_that_cannot_be_asked_about_the_end_of_a_call_sets_aside(db) {
        let world = World::with(db, library(&[FAULTY_EXIT])).await?;
        let custom = [("orders".to_owned(), json!("many"))].into();
        let lead = world.lead_like(NewLead { phone: ALICE.into(), custom, ..NewLead::default() }).await?;
        world.enroll(lead, "faulty-exit").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(no_answer(attempt, world.now())).await?;
        let walk = world.walk(lead).await?;
        assert_eq!((walk.enrollment.state.as_str(), walk.hold.as_deref()), ("held", Some("quarantined")));
        assert_eq!(world.count(lead, "enrollment.quarantined").await?, 1);
        world.pass(TimeDelta::hours(2));
        assert_eq!(world.plan().await?.due, 0, "its next try is not made");
    }

    async fn what_a_call_came_to_holds_though_an_exit_rule_cannot_be_asked(db) {
        let faulty = FAULTY_EXIT.replace("when_event: CALL_NO_ANSWER", "when_event: CALL_ANSWERED");
        let world = World::with(db, library(&[&faulty])).await?;
        let custom = [("orders".to_owned(), json!("many"))].into();
        let lead = world.lead_like(NewLead { phone: ALICE.into(), custom, ..NewLead::default() }).await?;
        world.enroll(lead, "faulty-exit").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(declined(attempt, world.now())).await?;
        let walk = world.walk(lead).await?;
        assert_eq!(walk.result.as_deref(), Some("not_interested"));
        assert_eq!(world.count(lead, "enrollment.quarantined").await?, 0);
    }

    async fn a_consent_or_suppression_that_cannot_be_read_stops_its_lead_only(db) {
        let world = World::open(db).await?;
        let (consenting, first) = world.welcomed(ALICE).await?;
        let (suppressed, second) = world.welcomed("+12024561515").await?;
        let (sound, _) = world.welcomed(BOB).await?;
        let mut tx = world.engine.db.begin().await?;
        let given = Consent {
            id: world.engine.ids.next(world.now()),
            lead_id: consenting,
            purpose: Purpose::ALL[0],
            form: Form::ALL[0],
            granted_at: world.now(),
            revoked_at: None,
            wording: None,
            evidence: None,
            source: "test".to_owned(),
            details: Details::default(),
        };
        consent::add_many(&mut tx, &[given]).await?;
        let entry = Suppression {
            id: world.engine.ids.next(world.now()),
            number: PhoneNumber::e164_only("+12024561515")?,
            source: Source::Internal,
            campaign_id: None,
            reason: "asked".to_owned(),
            added_by: String::new(),
            created_at: world.now(),
            expires_at: None,
        };
        suppression::add_many(&mut tx, &[entry]).await?;
        tx.commit().await?;
        spoil(&world.db.db, "UPDATE consents SET form = 'whispered'".to_owned()).await?;
        spoil(&world.db.db, "UPDATE suppressions SET source = 'rumour'".to_owned()).await?;
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        assert_eq!(world.states(sound).await?, ["placed"]);
        // What nobody can read may forbid the call: they are not called.
        assert_eq!((world.states(consenting).await?.len(), world.states(suppressed).await?.len()), (0, 0));
        assert_eq!(standing(&world.db.db, first).await?, held());
        assert_eq!(standing(&world.db.db, second).await?, held());
    }

    async fn a_past_call_that_cannot_be_read_stops_its_lead_only(db) {
        let world = World::open(db).await?;
        let (broken, enrollment) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(broken, &Fake::default()).await?;
        world.record(no_answer(attempt, world.now())).await?;
        world.clock.advance_to(world.now() + TimeDelta::hours(2));
        let (sound, _) = world.welcomed(BOB).await?;
        spoil(&world.db.db, format!("UPDATE attempts SET state = 'murky' WHERE id = '{attempt}'")).await?;
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        assert_eq!(world.states(sound).await?, ["placed"]);
        assert_eq!(standing(&world.db.db, enrollment).await?, held());
    }

    async fn a_campaign_that_cannot_be_read_waits_and_the_others_call(db) {
        let world = World::open(db).await?;
        let other = world.campaign("other", |_| ()).await?;
        let (waiting, enrollment) = world.welcomed(ALICE).await?;
        let sound = world.lead(BOB).await?;
        let mut request = world.request(sound, "welcome");
        request.campaign_id = other;
        assert!(world.try_enroll(request).await?.is_ok());
        spoil(&world.db.db, format!("UPDATE campaigns SET pacing = '{{' WHERE id = '{}'", world.campaign)).await?;
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        assert_eq!(world.states(sound).await?, ["placed"]);
        assert!(world.states(waiting).await?.is_empty());
        // Nobody is blamed for it: once it is mended, they are called.
        assert_eq!(standing(&world.db.db, enrollment).await?, ("waiting".to_owned(), None));
        spoil(&world.db.db, format!("UPDATE campaigns SET pacing = '{{}}' WHERE id = '{}'", world.campaign)).await?;
        world.clock.advance_to(world.now() + TimeDelta::minutes(10));
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        assert_eq!(world.states(waiting).await?, ["placed"]);
    }
}
