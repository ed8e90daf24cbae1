//! Messages of cadences: judged by what protects people from messages, not by what protects them from ringing.

use callwright_engine::domain::consent::{Consent, Details, Form, Purpose};
use callwright_engine::engine::{Composed, Outlets};
use callwright_engine::store::{Db, consent};
use chrono::TimeDelta;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, World, library};
use crate::on_both;

const WRITTEN: &str = r"
cadence: written
title: One call, then a message
limits: { per_day: 1, total: 1 }
steps:
  - id: first
    call: hello
    then:
      no_answer: text
  - id: text
    message: { channel: sms, script: hello, text: offer }
  - id: done
    end: completed
";

const LETTER: &str = r"
cadence: letter
title: A message alone
enter: { again_after: at_end }
steps:
  - id: text
    message: { channel: sms, script: hello, text: offer }
  - id: done
    end: completed
";

async fn world(db: callwright_tests::TestDb) -> anyhow::Result<World> {
    let world = World::with(db, library(&[WRITTEN, LETTER])).await?;
    world.engine.set_outlets(Outlets { messages: true, ..Outlets::default() });
    Ok(world)
}

on_both! {
    async fn limits_on_calls_do_not_hold_messages_back(db) {
        let world = world(db).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "written").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(no_answer(attempt, world.now())).await?;
        world.plan().await?;
        assert_eq!(world.count(lead, "message.queued").await?, 1);
        world.plan().await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("completed"));
    }

    async fn somebody_who_did_not_agree_to_messages_gets_none_and_goes_on(db) {
        let world = world(db).await?;
        let campaign = world.campaign("unattested", |campaign| campaign.consent_basis = None).await?;
        let lead = world.lead(ALICE).await?;
        let mut request = world.request(lead, "letter");
        request.campaign_id = campaign;
        world.try_enroll(request).await?.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        world.plan().await?;
        assert_eq!(world.count(lead, "message.queued").await?, 0);
        assert_eq!(world.count(lead, "step.skipped").await?, 1);
        world.plan().await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("completed"));
    }

    async fn agreeing_to_calls_is_not_agreeing_to_messages(db) {
        let world = world(db).await?;
        let campaign = world.campaign("unattested", |campaign| campaign.consent_basis = None).await?;
        let lead = world.lead(ALICE).await?;
        for (purpose, queued) in [(Purpose::VoiceContact, 0), (Purpose::Sms, 1)] {
            let now = world.now();
            let mut tx = world.engine.db.begin().await?;
            let entry = Consent {
                id: world.engine.ids.next(now),
                lead_id: lead,
                purpose,
                form: Form::ExpressWritten,
                granted_at: now,
                revoked_at: None,
                wording: None,
                evidence: None,
                source: "crm".to_owned(),
                details: Details::default(),
            };
            consent::add_many(&mut tx, &[entry]).await?;
            tx.commit().await?;
            let mut request = world.request(lead, "letter");
            (request.campaign_id, request.entry_key) = (campaign, purpose.to_string());
            world.try_enroll(request).await?.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            world.plan().await?;
            assert_eq!(world.count(lead, "message.queued").await?, queued, "{purpose}");
        }
    }
}

/// The order of the one message that was queued, as its job carries it.
async fn order(world: &World) -> anyhow::Result<callwright_engine::engine::MessageOrder> {
    const ORDER: &str = "SELECT payload FROM jobs WHERE kind = 'deliver_message'";
    let payload: String = match &world.engine.db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(ORDER).fetch_one(read).await?,
        Db::Postgres { pool, .. } => sqlx::query_scalar(ORDER).fetch_one(pool).await?,
    };
    Ok(serde_json::from_str(&payload)?)
}

on_both! {
    async fn a_message_that_waited_is_not_sent_to_a_number_suppressed_meanwhile(db) {
        let world = world(db).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "letter").await?;
        world.plan().await?;
        let order = order(&world).await?;
        assert!(matches!(world.engine.compose(&order).await?, Composed::Ready(_)));
        // Somebody else with the same number says stop.
        let other = world.lead(ALICE).await?;
        world.engine.opt_out(other, "asked", "api").await?;
        assert_eq!(world.engine.compose(&order).await?, Composed::NotAnyMore);
    }

    async fn a_message_that_waited_into_the_night_waits_for_the_morning(db) {
        let world = world(db).await?;
        let lead = world.lead(ALICE).await?;
        world.enroll(lead, "letter").await?;
        world.plan().await?;
        let order = order(&world).await?;
        world.pass(TimeDelta::hours(11));
        let Composed::NotBefore(until) = world.engine.compose(&order).await? else { anyhow::bail!("sent at night") };
        assert!(until > world.now());
        world.clock.advance_to(until);
        assert!(matches!(world.engine.compose(&order).await?, Composed::Ready(_)));
    }
}
