//! Leads: what is written comes back, partial changes, look-ups, lists.

use anyhow::Context as _;
use callwright_engine::domain::lead::{Lead, LeadStatus};
use callwright_engine::domain::new_lead::{Field, NewLead, NewPhone, prepare};
use callwright_engine::id::LeadId;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::lead::{self, Edited, LeadFilter};
use callwright_engine::store::{StoreError, lead_change, walk};
use serde_json::json;

use crate::given::{ALICE, BOB, after, described, id, lead as given_lead, now};
use crate::on_both;

fn full() -> NewLead {
    NewLead {
        external_id: "lead_123".into(),
        email: "Alice@Example.com".into(),
        first_name: "Alice".into(),
        last_name: "Johnson".into(),
        company: "Acme \"Quoted\" & Søn".into(),
        segment: "agencies".into(),
        status: Some("trial".to_owned()),
        language: Some("en-US".to_owned()),
        zone: "America/New_York".into(),
        country: "US".into(),
        region: "DC".into(),
        preferred_contact_time: "9am-5pm EST".into(),
        score: Some(42),
        tags: Some(vec!["vip".to_owned(), "50%_off".to_owned()]),
        custom: [("plan".to_owned(), json!({"seats": [1, 2]}))].into(),
        synthetic: true,
        phones: Some(vec![
            NewPhone { number: "call me".to_owned(), is_primary: false },
            NewPhone { number: ALICE.to_owned(), is_primary: true },
        ]),
        ..NewLead::default()
    }
}

async fn only(tx: &mut callwright_engine::store::Tx, filter: LeadFilter) -> anyhow::Result<Vec<LeadId>> {
    let count = lead::count(tx, &filter).await?;
    let found: Vec<LeadId> =
        lead::page(tx, &filter, None, 50).await?.items.into_iter().map(|lead| lead.id).collect();
    anyhow::ensure!(count as usize == found.len(), "{count} counted, {} listed", found.len());
    Ok(found)
}

on_both! {
    async fn a_lead_comes_back_as_it_was_stored(db) {
        let mut tx = db.db.begin().await?;
        let stored = given_lead(&mut tx, &full()).await?;
        tx.commit().await?;
        let mut tx = db.db.begin_read().await?;
        let found = lead::find(&mut tx, stored.id).await?.context("the lead")?;
        assert_eq!(format!("{found:?}"), format!("{stored:?}"));
        assert!(lead::find(&mut tx, id()).await?.is_none());
    }

    async fn writing_resolves_where_the_called_number_may_be(db) {
        let mut tx = db.db.begin().await?;
        let plain = given_lead(&mut tx, &described("florida", "+18503334444")).await?;
        let broken = given_lead(&mut tx, &described("broken", "911")).await?;
        let on_file = walk::leads(&mut tx, &[plain.id, broken.id]).await?;
        let plain = on_file.iter().find(|lead| lead.id == plain.id).context("the lead")?;
        assert_eq!(plain.phone_zones, r#"["America/Chicago","America/New_York"]"#);
        assert_eq!(plain.phone_jurisdictions, r#"["US-FL"]"#);
        let broken = on_file.iter().find(|lead| lead.id == broken.id).context("the lead")?;
        assert_eq!((broken.phone.as_deref(), broken.phone_invalid.as_deref()), (None, Some("short-code")));
        assert_eq!(broken.phone_zones, "[]");
    }

    async fn ids_of_both_kinds_resolve(db) {
        let mut tx = db.db.begin().await?;
        let stored = given_lead(&mut tx, &full()).await?;
        let own = stored.id.to_string();
        for text in ["lead_123", &own, &own.to_uppercase()] {
            assert_eq!(lead::resolve(&mut tx, text).await?, Some(stored.id), "{text}");
        }
        assert_eq!(lead::resolve(&mut tx, "lead_124").await?, None);
    }

    async fn a_partial_change_leaves_the_rest(db) {
        let mut tx = db.db.begin().await?;
        let before = given_lead(&mut tx, &full()).await?;
        let change = NewLead { company: Field::Clear, score: Some(50), ..NewLead::default() };
        let Edited::Saved(saved) = lead::update(&mut tx, before.id, &change, after(5)).await? else {
            anyhow::bail!("not saved");
        };
        let found = lead::find(&mut tx, before.id).await?.context("the lead")?;
        assert_eq!(format!("{found:?}"), format!("{saved:?}"));
        let expected = Lead { company: None, score: 50, updated_at: after(5), ..before };
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        assert!(matches!(lead::update(&mut tx, id(), &change, now()).await?, Edited::Missing));
    }

    async fn what_a_call_taught_about_a_number_stays_with_the_number(db) {
        let mut tx = db.db.begin().await?;
        let stored = given_lead(&mut tx, &described("a", ALICE)).await?;
        let mut wrong = lead_change::Change::of(stored.id);
        wrong.phone_invalid = Some("wrong-number".to_owned());
        lead_change::apply(&mut tx, &[wrong], after(1)).await?;
        let rename = NewLead { last_name: "Jones".into(), phone: ALICE.into(), ..NewLead::default() };
        lead::update(&mut tx, stored.id, &rename, after(2)).await?;
        assert_eq!(walk::leads(&mut tx, &[stored.id]).await?[0].phone_invalid.as_deref(), Some("wrong-number"));
        let moved = NewLead { phone: BOB.into(), ..NewLead::default() };
        lead::update(&mut tx, stored.id, &moved, after(3)).await?;
        let now_on_file = &walk::leads(&mut tx, &[stored.id]).await?[0];
        assert_eq!((now_on_file.phone.as_deref(), now_on_file.phone_invalid.as_deref()), (Some(BOB), None));
    }

    async fn a_change_to_somebody_elses_identity_is_refused(db) {
        let mut tx = db.db.begin().await?;
        given_lead(&mut tx, &full()).await?;
        let bob = given_lead(&mut tx, &described("lead_124", BOB)).await?;
        for (change, field) in [
            (NewLead { email: "alice@example.com".into(), ..NewLead::default() }, "email"),
            (NewLead { external_id: "lead_123".into(), ..NewLead::default() }, "externalId"),
        ] {
            let Edited::Refused(mistakes) = lead::update(&mut tx, bob.id, &change, now()).await? else {
                anyhow::bail!("not refused");
            };
            assert_eq!(mistakes[0].field, field);
        }
    }

    async fn a_known_identity_is_a_named_constraint(db) {
        let mut tx = db.db.begin().await?;
        given_lead(&mut tx, &full()).await?;
        let same_id = NewLead { email: Field::Keep, ..full() };
        let again = prepare(&same_id, id(), now()).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        let error = lead::insert_many(&mut tx, &[again]).await.err().context("an error")?;
        assert!(error.breaks("leads_external_id_unique", "leads.external_id"), "{error}");
    }

    async fn opted_out_absorbs_and_only_reinstating_leaves_it(db) {
        let mut tx = db.db.begin().await?;
        let a = given_lead(&mut tx, &described("a", ALICE)).await?.id;
        let b = given_lead(&mut tx, &described("b", BOB)).await?.id;
        assert_eq!(lead::set_status_many(&mut tx, &[a], LeadStatus::OptedOut, after(1)).await?, 1);
        assert_eq!(lead::set_status_many(&mut tx, &[a, b], LeadStatus::Customer, after(2)).await?, 1);
        let found = lead::find_many(&mut tx, &[a, b]).await?;
        let of = |id| found.iter().find(|lead| lead.id == id).map(|lead| (lead.status, lead.do_not_call));
        assert_eq!(of(a), Some((LeadStatus::OptedOut, true)));
        assert_eq!(of(b), Some((LeadStatus::Customer, false)));
        assert!(lead::reinstate(&mut tx, a, after(3)).await?);
        assert!(!lead::reinstate(&mut tx, a, after(3)).await?);
        let back = lead::find(&mut tx, a).await?.context("the lead")?;
        assert_eq!((back.status, back.do_not_call), (LeadStatus::Contacted, false));
    }

    async fn lists_filter_and_search(db) {
        let mut tx = db.db.begin().await?;
        let alice = given_lead(&mut tx, &full()).await?.id;
        let bob = NewLead { last_name: "O'Neil_x".into(), company: "100% Organic".into(), ..described("b_1", BOB) };
        let bob = given_lead(&mut tx, &bob).await?.id;
        let search = |text: &str| LeadFilter { search: Some(text.to_owned()), ..LeadFilter::default() };
        assert_eq!(only(&mut tx, LeadFilter::default()).await?.len(), 2);
        for text in ["johnson", "alice j", "alice@example", "ACME", "lead_123", "456-1111", "(202) 456 1111"] {
            assert_eq!(only(&mut tx, search(text)).await?, [alice], "{text}");
        }
        for text in ["o'neil_", "100%", "1234"] {
            assert_eq!(only(&mut tx, search(text)).await?, [bob], "{text}");
        }
        for text in ["a%e", "lead", "_123", "13"] {
            assert!(only(&mut tx, search(text)).await?.is_empty(), "{text}");
        }
        let tagged = |tag: &str| LeadFilter { tag: Some(tag.to_owned()), ..LeadFilter::default() };
        assert_eq!(only(&mut tx, tagged("vip")).await?, [alice]);
        assert_eq!(only(&mut tx, tagged("50%_off")).await?, [alice]);
        assert!(only(&mut tx, tagged("vi")).await?.is_empty());
        let cold = LeadFilter { status: Some(LeadStatus::Cold), synthetic: Some(false), ..LeadFilter::default() };
        assert_eq!(only(&mut tx, cold).await?, [bob]);
        assert!(only(&mut tx, LeadFilter { do_not_call: Some(true), ..LeadFilter::default() }).await?.is_empty());
    }

    async fn pages_neither_repeat_nor_miss_when_a_lead_changes_meanwhile(db) {
        let mut tx = db.db.begin().await?;
        let mut all = Vec::new();
        for n in 0..7 {
            all.push(given_lead(&mut tx, &described(&format!("l{n}"), ALICE)).await?.id);
        }
        let filter = LeadFilter::default();
        let first = lead::page(&mut tx, &filter, None, 3).await?;
        let mut seen: Vec<LeadId> = first.items.iter().map(|lead| lead.id).collect();
        // A seen lead moves to the front; it does not push others onto a page already read.
        lead::update(&mut tx, seen[0], &NewLead { score: Some(1), ..NewLead::default() }, after(9)).await?;
        let mut next = first.next;
        while let Some(cursor) = next {
            let page = lead::page(&mut tx, &filter, Some(cursor.to_string().parse()?), 3).await?;
            seen.extend(page.items.iter().map(|lead| lead.id));
            next = page.next;
        }
        seen.sort_unstable();
        all.sort_unstable();
        assert_eq!(seen, all);
    }

    async fn leads_are_found_by_number_even_when_they_share_it(db) {
        let mut tx = db.db.begin().await?;
        let mut sharing = vec![
            given_lead(&mut tx, &described("a", ALICE)).await?.id,
            given_lead(&mut tx, &described("b", ALICE)).await?.id,
        ];
        given_lead(&mut tx, &described("c", BOB)).await?;
        sharing.sort_unstable();
        let number = PhoneNumber::e164_only(ALICE)?;
        let found = lead::by_numbers(&mut tx, &[number]).await?;
        assert_eq!(found, sharing.into_iter().map(|id| (number, id)).collect::<Vec<_>>());
    }

    async fn a_row_that_cannot_be_read_says_where(db) {
        let mut tx = db.db.begin().await?;
        let stored = given_lead(&mut tx, &full()).await?;
        tx.commit().await?;
        crate::schema::spoil(&db.db, "UPDATE leads SET zone = 'Mars/Olympus'").await?;
        let mut tx = db.db.begin_read().await?;
        let error = lead::find(&mut tx, stored.id).await.err().context("an error")?;
        let StoreError::BadRow { table, column, id, .. } = error else { anyhow::bail!("{error}") };
        assert_eq!((table, column, id), ("leads", "zone", stored.id.to_string()));
    }
}
