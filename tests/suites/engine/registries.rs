//! Registries: who is on a list is not called, and nobody in the list's country is when its data is too old.

use callwright_engine::domain::consent::{Consent, Details, Form, Purpose};
use callwright_engine::domain::registry::{Registry, RegistryList};
use callwright_engine::id::ImportId;
use callwright_engine::journal::Journal;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{Db, consent, registry};
use chrono::TimeDelta;

use crate::fake::Fake;
use crate::given::{ALICE, BOB, World};
use crate::on_both;

const NOBODY: &str = "+12024569999";

/// Loads a full list as of now.
async fn load(
    world: &World,
    db: &Db,
    key: &str,
    part: Option<u16>,
    numbers: &[&str],
) -> anyhow::Result<RegistryList> {
    let mut tx = db.begin().await?;
    let list = registry::declare(&mut tx, &Registry::new(key, None, None, None)?, part, world.now()).await?;
    registry::begin(&mut tx, std::slice::from_ref(&list), world.engine.ids.next::<ImportId>(world.now()))
        .await?;
    let list = RegistryList { generation: list.generation + 1, ..list };
    let placed: Vec<_> =
        numbers.iter().map(|text| Ok((PhoneNumber::e164_only(text)?, 0))).collect::<anyhow::Result<_>>()?;
    registry::add(&mut tx, std::slice::from_ref(&list), &placed).await?;
    registry::complete(&mut tx, &list, world.now()).await?;
    tx.commit().await?;
    Ok(list)
}

async fn reason(world: &World, lead: callwright_engine::id::LeadId) -> anyhow::Result<Option<String>> {
    Ok(world.walk(lead).await?.verdict.map(|(_, reason)| reason))
}

on_both! {
    async fn a_listed_number_is_not_called(db) {
        let world = World::open(db).await?;
        load(&world, &world.engine.db, "us-dnc", None, &[ALICE]).await?;
        let (listed, _) = world.welcomed(ALICE).await?;
        let (other, _) = world.welcomed(BOB).await?;
        let provider = Fake::default();
        assert_eq!(world.dial(&provider).await?.accepted, 1);
        assert_eq!(world.walk(listed).await?.result.as_deref(), Some("suppressed"));
        assert_eq!(world.states(other).await?, ["placed"]);
    }

    async fn a_list_loaded_after_the_claim_keeps_the_provider_unasked(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let provider = Fake::default();
        let claimed = world.claim(&provider).await?;
        load(&world, &world.engine.db, "us-dnc", None, &[ALICE]).await?;
        assert_eq!(world.place(&provider, claimed.requests).await?.not_sent, 1);
        assert_eq!(world.last(lead).await?.detail.as_deref(), Some("suppressed"));
    }

    async fn data_that_is_too_old_puts_calls_to_its_country_off_until_it_is_loaded_anew(db) {
        let world = World::open(db).await?;
        load(&world, &world.engine.db, "us-dnc", None, &[NOBODY]).await?;
        world.pass(TimeDelta::days(28));
        let (early, _) = world.welcomed(ALICE).await?;
        assert_eq!(world.plan().await?.planned, 1, "a Wednesday, 28 days later");
        assert_eq!(reason(&world, early).await?.as_deref(), Some("passed"));
        world.pass(TimeDelta::days(5) + TimeDelta::minutes(1));
        let (late, _) = world.welcomed(BOB).await?;
        assert_eq!(world.plan().await?.deferred, 1);
        assert_eq!(reason(&world, late).await?.as_deref(), Some("registry-stale"));
        assert!(world.claim(&Fake::default()).await?.requests.is_empty(), "what was planned before is not dialed either");
        load(&world, &world.engine.db, "us-dnc", None, &[NOBODY]).await?;
        world.pass(TimeDelta::minutes(15));
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 2);
    }

    async fn a_registry_that_is_required_and_not_loaded_is_as_good_as_stale(db) {
        let world = World::open(db).await?;
        let mut tx = world.engine.db.begin().await?;
        registry::declare(&mut tx, &Registry::new("us-dnc", None, None, None)?, None, world.now()).await?;
        tx.commit().await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        assert_eq!(reason(&world, lead).await?.as_deref(), Some("registry-stale"));
    }

    async fn an_area_code_without_data_is_not_called(db) {
        let world = World::open(db).await?;
        load(&world, &world.engine.db, "us-dnc", Some(415), &[]).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        assert_eq!(reason(&world, lead).await?.as_deref(), Some("registry-stale"), "202 was never loaded");
        load(&world, &world.engine.db, "us-dnc", Some(202), &[]).await?;
        world.pass(TimeDelta::minutes(15));
        assert_eq!(world.plan().await?.planned, 1);
    }

    async fn other_countries_and_lists_that_do_not_age_bind_nobody_by_their_age(db) {
        let world = World::open(db).await?;
        for key in ["ca-dncl", "litigators"] {
            load(&world, &world.engine.db, key, None, &[NOBODY]).await?;
        }
        world.pass(TimeDelta::days(364));
        world.welcomed(ALICE).await?;
        assert_eq!(world.plan().await?.planned, 1);
    }

    async fn consent_in_writing_of_the_person_stands_above_the_age(db) {
        let world = World::open(db).await?;
        load(&world, &world.engine.db, "us-dnc", None, &[NOBODY]).await?;
        world.pass(TimeDelta::days(35));
        for (number, form, planned) in [(ALICE, Form::ExpressWritten, 1), (BOB, Form::Express, 0)] {
            let (lead, _) = world.welcomed(number).await?;
            let granted = Consent {
                id: world.engine.ids.next(world.now()),
                lead_id: lead,
                purpose: Purpose::VoiceContact,
                form,
                granted_at: world.now(),
                revoked_at: None,
                wording: None,
                evidence: None,
                source: "test".to_owned(),
                details: Details::default(),
            };
            let mut tx = world.engine.db.begin().await?;
            consent::add_many(&mut tx, &[granted]).await?;
            tx.commit().await?;
            assert_eq!(world.plan().await?.planned, planned, "{form}");
        }
    }

    async fn a_restored_database_learns_of_lists_and_changes(db) {
        let folder = tempfile::tempdir()?;
        let world = World::open(db).await?;
        let journaled = world.engine.db.clone().with_journal(Some(Journal::open(folder.path(), "one")?));
        load(&world, &journaled, "us-dnc", None, &[ALICE, NOBODY]).await?;
        let list = load(&world, &journaled, "us-dnc", None, &[BOB, NOBODY]).await?;
        let mut tx = journaled.begin().await?;
        let nobody = PhoneNumber::e164_only(NOBODY)?;
        registry::remove(&mut tx, std::slice::from_ref(&list), &[(nobody, 0)]).await?;
        tx.commit().await?;
        // A copy from before all this.
        let mut tx = world.engine.db.begin().await?;
        registry::withdraw(&mut tx, "us-dnc").await?;
        registry::sweep(&mut tx, 0, 100).await?;
        let real = callwright_engine::store::clock::database_now(&mut tx).await?;
        tx.commit().await?;
        world.engine.mark_recovering(real, world.now()).await?;
        for _ in 0..2 {
            assert_eq!(world.engine.replay_journal(folder.path(), false, |_, _| ()).await?.listed, 4);
            let mut tx = world.engine.db.begin_read().await?;
            for (number, lists) in [(ALICE, 0), (BOB, 1), (NOBODY, 0)] {
                assert_eq!(registry::of_number(&mut tx, PhoneNumber::e164_only(number)?).await?.len(), lists);
            }
            assert_eq!(registry::lists(&mut tx).await?[0].data_at, Some(world.now()));
        }
    }
}
