//! Taking an opt-out back (CRM-5): with evidence, logged, and no more than was the person's own to give.

use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::EngineError;
use callwright_engine::journal::{self, Word};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::suppression;
use chrono::TimeDelta;

use crate::fake::Fake;
use crate::given::{ALICE, World};
use crate::on_both;

on_both! {
    async fn a_person_with_evidence_is_called_again(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.engine.opt_out(lead, "stop", "api").await?;
        let done = world.engine.opt_in(lead, "dana@example.com", "signed form 4711").await?;
        assert_eq!((done.lifted, done.kept, done.others), (1, 0, 0));
        let stored = world.stored_lead(lead).await?;
        assert_eq!((stored.do_not_call, stored.status), (false, LeadStatus::Contacted));
        let event = world.events(lead).await?.into_iter().find(|found| found.event.kind == "lead.opted_in");
        let data = event.map(|found| found.event.data).unwrap_or_default();
        assert_eq!((data["by"].as_str(), data["evidence"].as_str()), (Some("dana@example.com"), Some("signed form 4711")));
        world.pass(TimeDelta::days(31));
        world.pass(TimeDelta::days(4));
        world.enroll(lead, "welcome").await?;
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
    }

    async fn without_evidence_or_opt_out_nothing_is_taken_back(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let not_out = world.engine.opt_in(lead, "dana", "a form").await;
        assert!(matches!(not_out, Err(EngineError::Conflict { code: "not-opted-out", .. })), "{not_out:?}");
        world.engine.opt_out(lead, "stop", "api").await?;
        let silent = world.engine.opt_in(lead, "dana", "  ").await;
        assert!(matches!(silent, Err(EngineError::Invalid { .. })), "{silent:?}");
        assert!(world.stored_lead(lead).await?.do_not_call);
    }

    async fn what_others_said_about_the_number_stays(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let (housemate, _) = world.welcomed(ALICE).await?;
        let litigator = Suppression {
            id: world.engine.ids.next(world.now()),
            number: PhoneNumber::e164_only(ALICE)?,
            source: Source::Litigator,
            campaign_id: None,
            reason: "list".to_owned(),
            added_by: "import".to_owned(),
            created_at: world.now(),
            expires_at: None,
        };
        let mut tx = world.engine.db.begin().await?;
        suppression::add_many(&mut tx, &[litigator]).await?;
        tx.commit().await?;
        world.engine.opt_out(lead, "stop", "api").await?;
        world.engine.opt_out(housemate, "stop", "api").await?;
        let done = world.engine.opt_in(lead, "dana", "a form").await?;
        assert_eq!((done.lifted, done.kept, done.others), (0, 1, 1), "the housemate still wants no calls");
        assert_eq!(world.engine.opt_in(housemate, "dana", "another form").await?.lifted, 1);
    }

    async fn a_restore_remembers_that_it_was_taken_back(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.journaled(folder.path())?;
        world.engine.opt_out(lead, "stop", "api").await?;
        world.engine.opt_in(lead, "dana", "a form").await?;
        let lines = journal::read(folder.path(), "2000-01-01T00:00:00Z".parse()?)?.lines;
        let taken_back = lines.iter().filter(|line| matches!(line.word, Word::Reinstated { .. } | Word::Lifted { .. }));
        assert_eq!(taken_back.count(), 2);
    }
}
