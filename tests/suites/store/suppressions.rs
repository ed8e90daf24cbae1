//! Suppressions and consents: what forbids and what permits a call.

use anyhow::Context as _;
use callwright_engine::domain::consent::{Consent, Form, Purpose};
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::suppression::{self, SuppressionFilter};
use callwright_engine::store::{StoreError, consent, gate_facts};

use crate::given::{ALICE, BOB, after, described, id, lead as given_lead, now};
use crate::on_both;

fn entry(number: &str, source: Source) -> anyhow::Result<Suppression> {
    Ok(Suppression {
        id: id(),
        number: PhoneNumber::e164_only(number)?,
        source,
        campaign_id: None,
        reason: "said stop".to_owned(),
        added_by: String::new(),
        created_at: now(),
        expires_at: None,
    })
}

fn granted(lead_id: LeadId, purpose: Purpose) -> Consent {
    Consent {
        id: id(),
        lead_id,
        purpose,
        form: Form::ExpressWritten,
        granted_at: now(),
        revoked_at: None,
        wording: Some("I agree to be called".to_owned()),
        evidence: None,
        source: "crm".to_owned(),
    }
}

on_both! {
    async fn entries_are_found_by_number(db) {
        let mut tx = db.db.begin().await?;
        let campaign: CampaignId = id();
        let limited = Suppression { campaign_id: Some(campaign), ..entry(ALICE, Source::Campaign)? };
        suppression::add_many(&mut tx, &[entry(ALICE, Source::OptOut)?, limited, entry(BOB, Source::Internal)?]).await?;
        let found = suppression::of_numbers(&mut tx, &[ALICE]).await?;
        let mut seen: Vec<_> = found.iter().map(|entry| (entry.source, entry.campaign_id)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(Source::OptOut, None), (Source::Campaign, Some(campaign))]);
        assert!(suppression::of_numbers::<&str>(&mut tx, &[]).await?.is_empty());
    }

    async fn a_known_entry_is_refreshed_and_never_shortened(db) {
        let mut tx = db.db.begin().await?;
        let until = |seconds| Some(after(seconds));
        let first = Suppression { expires_at: until(100), ..entry(ALICE, Source::Internal)? };
        suppression::add_many(&mut tx, std::slice::from_ref(&first)).await?;
        let expiry = async |tx: &mut _| -> anyhow::Result<_> {
            Ok(suppression::find(tx, first.id).await?.context("the entry")?.expires_at)
        };
        let again = |expires_at| -> anyhow::Result<Suppression> {
            Ok(Suppression { expires_at, reason: "again".to_owned(), ..entry(ALICE, Source::Internal)? })
        };
        suppression::add_many(&mut tx, &[again(until(50))?]).await?;
        assert_eq!(expiry(&mut tx).await?, until(100));
        suppression::add_many(&mut tx, &[again(until(300))?, again(until(200))?]).await?;
        assert_eq!(expiry(&mut tx).await?, until(300));
        suppression::add_many(&mut tx, &[again(None)?]).await?;
        assert_eq!(expiry(&mut tx).await?, None);
        suppression::add_many(&mut tx, &[again(until(900))?]).await?;
        assert_eq!(expiry(&mut tx).await?, None);
        let kept = suppression::find(&mut tx, first.id).await?.context("the entry")?;
        assert_eq!((kept.reason.as_str(), kept.created_at), ("again", now()));
        assert_eq!(suppression::count(&mut tx, SuppressionFilter::default()).await?, 1);
    }

    async fn lists_page_newest_first_and_entries_can_be_removed(db) {
        let mut tx = db.db.begin().await?;
        let entries = (0..5)
            .map(|n| Ok(Suppression { created_at: after(n), ..entry(&format!("+1303444000{n}"), Source::Litigator)? }))
            .collect::<anyhow::Result<Vec<_>>>()?;
        suppression::import_many(&mut tx, &entries).await?;
        let filter = SuppressionFilter { source: Some(Source::Litigator), ..SuppressionFilter::default() };
        let first = suppression::page(&mut tx, filter, None, 3).await?;
        let rest = suppression::page(&mut tx, filter, first.next, 3).await?;
        let seen: Vec<_> = first.items.iter().chain(&rest.items).map(|entry| entry.created_at).collect();
        assert_eq!(seen, (0..5).rev().map(after).collect::<Vec<_>>());
        assert!(rest.next.is_none());
        assert!(suppression::remove(&mut tx, entries[0].id).await?);
        assert!(!suppression::remove(&mut tx, entries[0].id).await?);
        let number = SuppressionFilter { number: Some(entries[1].number), ..SuppressionFilter::default() };
        assert_eq!(suppression::count(&mut tx, number).await?, 1);
        assert_eq!(suppression::count(&mut tx, filter).await?, 4);
    }

    async fn gates_are_told_of_numbers_and_leads_at_once(db) {
        let mut tx = db.db.begin().await?;
        let alice = given_lead(&mut tx, &described("a", ALICE)).await?.id;
        let bob = given_lead(&mut tx, &described("b", BOB)).await?.id;
        let campaign: CampaignId = id();
        let limited = Suppression { campaign_id: Some(campaign), expires_at: Some(after(9)), ..entry(ALICE, Source::Campaign)? };
        suppression::add_many(&mut tx, &[entry(ALICE, Source::OptOut)?, limited, entry(BOB, Source::Internal)?]).await?;
        let call = granted(bob, Purpose::AiVoice);
        consent::add_many(&mut tx, &[granted(alice, Purpose::Recording), call.clone()]).await?;
        consent::revoke(&mut tx, call.id, after(10)).await?;
        // Two leads share a number, and one has none.
        let facts = gate_facts::of(&mut tx, &[(alice, Some(ALICE)), (id(), Some(ALICE)), (bob, None)], now()).await?;
        let mut entries: Vec<_> =
            facts.suppressions.iter().map(|entry| (entry.number.as_str(), entry.source, entry.campaign_id, entry.expires_at)).collect();
        entries.sort_unstable();
        assert_eq!(entries, [(ALICE, Source::OptOut, None, None), (ALICE, Source::Campaign, Some(campaign), Some(after(9)))]);
        let mut consents: Vec<_> = facts.consents.iter().map(|entry| (entry.lead_id, entry.purpose, entry.revoked_at)).collect();
        consents.sort_unstable_by_key(|(_, purpose, _)| *purpose == Purpose::AiVoice);
        assert_eq!(consents, [(alice, Purpose::Recording, None), (bob, Purpose::AiVoice, Some(after(10)))]);
        assert!(facts.intents.is_empty());
        let nobody = gate_facts::of(&mut tx, &[], now()).await?;
        assert!(nobody.suppressions.is_empty() && nobody.consents.is_empty());
    }

    async fn consents_are_kept_and_revoked_once(db) {
        let mut tx = db.db.begin().await?;
        let alice = given_lead(&mut tx, &described("a", ALICE)).await?.id;
        let bob = given_lead(&mut tx, &described("b", BOB)).await?.id;
        let call = granted(alice, Purpose::AiVoice);
        consent::add_many(&mut tx, &[call.clone(), granted(alice, Purpose::Recording), granted(bob, Purpose::AiVoice)]).await?;
        assert_eq!(consent::of_leads(&mut tx, &[alice, bob]).await?.len(), 3);
        assert!(consent::revoke(&mut tx, call.id, after(10)).await?);
        assert!(!consent::revoke(&mut tx, call.id, after(20)).await?);
        assert_eq!(consent::revoke_purpose(&mut tx, alice, Purpose::Recording, after(30)).await?, 1);
        let of_alice = consent::of_leads(&mut tx, &[alice]).await?;
        let revoked: Vec<_> = of_alice.iter().map(|entry| (entry.purpose, entry.revoked_at)).collect();
        assert!(revoked.contains(&(Purpose::AiVoice, Some(after(10)))) && revoked.contains(&(Purpose::Recording, Some(after(30)))));
        assert_eq!(of_alice[0].wording, call.wording);
        assert!(consent::of_leads(&mut tx, &[bob]).await?[0].revoked_at.is_none());
    }

    async fn a_consent_of_nobody_is_a_constraint_error(db) {
        let mut tx = db.db.begin().await?;
        let error = consent::add_many(&mut tx, &[granted(id(), Purpose::Sms)]).await.err().context("an error")?;
        assert!(matches!(error, StoreError::Constraint { .. }), "{error}");
    }
}
