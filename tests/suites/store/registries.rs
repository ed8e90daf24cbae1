//! Registries: a full list replaces the one before it without a moment in which anybody is unprotected.

use callwright_engine::domain::registry::{Registry, RegistryList};
use callwright_engine::id::{ImportId, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{Tx, gate_facts, registry};

use crate::given::{ALICE, BOB, after, id, now};
use crate::on_both;

const CAROL: &str = "+14155550123";

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::e164_only(text).expect("a number")
}

async fn declared(tx: &mut Tx, key: &str, part: Option<u16>) -> anyhow::Result<RegistryList> {
    Ok(registry::declare(tx, &Registry::new(key, None, None, None)?, part, now()).await?)
}

/// Begins a full list and puts these numbers on it.
async fn begun(tx: &mut Tx, key: &str, numbers: &[&str]) -> anyhow::Result<RegistryList> {
    let list = declared(tx, key, None).await?;
    registry::begin(tx, std::slice::from_ref(&list), id::<ImportId>()).await?;
    let list = RegistryList { generation: list.generation + 1, ..list };
    let placed: Vec<_> = numbers.iter().map(|text| (number(text), 0)).collect();
    registry::add(tx, std::slice::from_ref(&list), &placed).await?;
    Ok(list)
}

/// Whoever of these is on a list, as gates are told.
async fn listed(tx: &mut Tx, numbers: &[&'static str]) -> anyhow::Result<Vec<String>> {
    let leads: Vec<(LeadId, Option<&str>)> = numbers.iter().map(|number| (id(), Some(*number))).collect();
    let mut listed: Vec<String> =
        gate_facts::of(tx, &leads, now()).await?.listed.into_iter().map(|(number, _)| number).collect();
    listed.sort_unstable();
    Ok(listed)
}

async fn sweep(tx: &mut Tx) -> anyhow::Result<()> {
    let mut at = Some(0);
    while let Some(from) = at {
        at = registry::sweep(tx, from, 2).await?;
    }
    Ok(())
}

on_both! {
    async fn a_new_full_list_replaces_the_old_one_when_it_is_complete(db) {
        let mut tx = db.db.begin().await?;
        let first = begun(&mut tx, "us-dnc", &[ALICE, BOB]).await?;
        assert_eq!(listed(&mut tx, &[ALICE, BOB]).await?, [ALICE, BOB], "in force from the first row on");
        registry::complete(&mut tx, &first, now()).await?;
        let second = begun(&mut tx, "us-dnc", &[BOB, CAROL]).await?;
        assert_eq!(listed(&mut tx, &[ALICE, BOB, CAROL]).await?.len(), 3, "both lists hold until then");
        registry::complete(&mut tx, &second, after(10)).await?;
        assert_eq!(listed(&mut tx, &[ALICE, BOB, CAROL]).await?, [BOB, CAROL]);
        sweep(&mut tx).await?;
        assert_eq!(registry::page(&mut tx, (0, 0), 9).await?.len(), 2, "what is out of force is swept");
        assert_eq!(registry::lists(&mut tx).await?[0].data_at, Some(after(10)));
    }

    async fn an_import_that_was_cut_off_leaves_everybody_protected(db) {
        let mut tx = db.db.begin().await?;
        let first = begun(&mut tx, "us-dnc", &[ALICE]).await?;
        registry::complete(&mut tx, &first, now()).await?;
        begun(&mut tx, "us-dnc", &[BOB]).await?;
        let third = begun(&mut tx, "us-dnc", &[CAROL]).await?;
        assert_eq!(listed(&mut tx, &[ALICE, BOB, CAROL]).await?.len(), 3);
        registry::complete(&mut tx, &third, now()).await?;
        sweep(&mut tx).await?;
        assert_eq!(listed(&mut tx, &[ALICE, BOB, CAROL]).await?, [CAROL]);
    }

    async fn a_list_of_one_area_code_replaces_its_own_numbers_only(db) {
        let mut tx = db.db.begin().await?;
        let lists = [declared(&mut tx, "us-dnc", Some(202)).await?, declared(&mut tx, "us-dnc", Some(415)).await?];
        assert_ne!(lists[0].id, lists[1].id);
        registry::add(&mut tx, &lists, &[(number(ALICE), 0), (number(CAROL), 1)]).await?;
        let newer = RegistryList { generation: 1, ..lists[0].clone() };
        registry::complete(&mut tx, &newer, now()).await?;
        assert_eq!(listed(&mut tx, &[ALICE, CAROL]).await?, [CAROL]);
    }

    async fn changes_add_and_delete(db) {
        let mut tx = db.db.begin().await?;
        let list = begun(&mut tx, "us-dnc", &[ALICE]).await?;
        registry::complete(&mut tx, &list, now()).await?;
        let list = std::slice::from_ref(&list);
        registry::add(&mut tx, list, &[(number(BOB), 0), (number(BOB), 0)]).await?;
        assert_eq!(registry::remove(&mut tx, list, &[(number(ALICE), 0), (number(CAROL), 0)]).await?, 1);
        assert_eq!(listed(&mut tx, &[ALICE, BOB, CAROL]).await?, [BOB]);
        assert_eq!(registry::of_number(&mut tx, number(BOB)).await?[0].name(), "us-dnc");
    }

    async fn a_late_row_of_an_older_list_changes_nothing(db) {
        let mut tx = db.db.begin().await?;
        let old = begun(&mut tx, "us-dnc", &[]).await?;
        let new = begun(&mut tx, "us-dnc", &[ALICE]).await?;
        registry::add(&mut tx, std::slice::from_ref(&old), &[(number(ALICE), 0)]).await?;
        registry::complete(&mut tx, &new, now()).await?;
        assert_eq!(listed(&mut tx, &[ALICE]).await?, [ALICE]);
    }

    async fn a_registry_out_of_use_keeps_nobody(db) {
        let mut tx = db.db.begin().await?;
        begun(&mut tx, "us-dnc", &[ALICE]).await?;
        let own = begun(&mut tx, "vendor", &[ALICE, BOB]).await?;
        assert!(registry::withdraw(&mut tx, "us-dnc").await?);
        assert!(!registry::withdraw(&mut tx, "us-dnc").await?);
        assert_eq!(registry::of_number(&mut tx, number(ALICE)).await?.len(), 1);
        sweep(&mut tx).await?;
        let left = registry::page(&mut tx, (0, 0), 9).await?;
        assert_eq!(left, [(number(ALICE), own.id), (number(BOB), own.id)]);
    }
}
