//! Creating or updating leads in sets, as imports and the CRM send them.

use anyhow::Context as _;
use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::store::lead::{self, LeadFilter, Upserted, upsert_many};
use callwright_engine::store::{Tx, walk};

use crate::given::{ALICE, BOB, after, described, ids, lead as given_lead, now};
use crate::on_both;

async fn upsert(tx: &mut Tx, rows: &[NewLead]) -> anyhow::Result<Vec<Upserted>> {
    Ok(upsert_many(tx, ids(), rows, after(60)).await?)
}

async fn total(tx: &mut Tx) -> anyhow::Result<u64> {
    Ok(lead::count(tx, &LeadFilter::default()).await?)
}

on_both! {
    async fn new_rows_are_created_and_known_ones_updated(db) {
        let mut tx = db.db.begin().await?;
        let known = given_lead(&mut tx, &NewLead { company: "Acme".into(), ..described("a", ALICE) }).await?.id;
        let rows = [NewLead { score: Some(9), ..described("a", ALICE) }, described("b", BOB)];
        let answers = upsert(&mut tx, &rows).await?;
        assert_eq!(answers[0], Upserted::Updated(known));
        assert!(matches!(answers[1], Upserted::Created(_)));
        let kept = lead::find(&mut tx, known).await?.context("the lead")?;
        assert_eq!((kept.company.as_deref(), kept.score, kept.created_at), (Some("Acme"), 9, now()));
        assert_eq!(total(&mut tx).await?, 2);
    }

    async fn repeating_a_set_creates_nothing(db) {
        let mut tx = db.db.begin().await?;
        let by_email = NewLead { email: "bob@example.com".into(), phone: BOB.into(), ..NewLead::default() };
        let by_number = NewLead { phone: "+14152345678".into(), ..NewLead::default() };
        let rows = [described("a", ALICE), by_email, by_number];
        let first = upsert(&mut tx, &rows).await?;
        let again = upsert(&mut tx, &rows).await?;
        for (first, again) in first.iter().zip(&again) {
            let (Upserted::Created(id), Upserted::Updated(same)) = (first, again) else {
                anyhow::bail!("{first:?}, then {again:?}");
            };
            assert_eq!(id, same);
        }
        assert_eq!(total(&mut tx).await?, 3);
    }

    async fn rows_about_one_lead_are_applied_in_order(db) {
        let mut tx = db.db.begin().await?;
        let named = |name: &str| NewLead { first_name: name.into(), ..described("a", ALICE) };
        let by_email = NewLead { email: "a@example.com".into(), score: Some(3), ..NewLead::default() };
        let rows = [NewLead { email: "a@example.com".into(), ..named("First") }, named("Second"), by_email, named("Third")];
        let answers = upsert(&mut tx, &rows).await?;
        let Upserted::Created(id) = answers[0] else { anyhow::bail!("{answers:?}") };
        assert_eq!(answers[1..], [Upserted::Updated(id), Upserted::Updated(id), Upserted::Updated(id)]);
        let lead = lead::find(&mut tx, id).await?.context("the lead")?;
        assert_eq!((lead.first_name.as_deref(), lead.score), (Some("Third"), 3));
    }

    async fn a_row_with_mistakes_does_not_stop_the_others(db) {
        let mut tx = db.db.begin().await?;
        let taken = NewLead { email: "taken@example.com".into(), ..described("a", ALICE) };
        given_lead(&mut tx, &taken).await?;
        let rows = [
            NewLead { score: Some(1000), ..described("b", BOB) },
            NewLead { email: "taken@example.com".into(), ..described("c", BOB) },
            described("d", BOB),
        ];
        let answers = upsert(&mut tx, &rows).await?;
        let refused = |answer: &Upserted| match answer {
            Upserted::Refused(mistakes) => mistakes.iter().map(|mistake| mistake.field.clone()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(refused(&answers[0]), ["score"]);
        assert_eq!(refused(&answers[1]), ["email"]);
        assert!(matches!(answers[2], Upserted::Created(_)));
    }

    async fn a_stale_file_does_not_undo_what_a_person_asked_for(db) {
        let mut tx = db.db.begin().await?;
        let flagged = NewLead { do_not_call: Some(true), do_not_email: Some(true), ..described("a", ALICE) };
        let id = given_lead(&mut tx, &flagged).await?.id;
        let opted_out = NewLead { status: Some("opted_out".to_owned()), ..described("b", BOB) };
        let other = given_lead(&mut tx, &opted_out).await?.id;
        let stale = |key, phone| NewLead {
            do_not_call: Some(false),
            do_not_email: Some(false),
            status: Some("cold".to_owned()),
            ..described(key, phone)
        };
        upsert(&mut tx, &[stale("a", ALICE), stale("b", BOB)]).await?;
        let lead = lead::find(&mut tx, id).await?.context("the lead")?;
        assert_eq!((lead.do_not_call, lead.do_not_email), (true, true));
        let other = lead::find(&mut tx, other).await?.context("the lead")?;
        assert_eq!((other.status, other.do_not_call), (LeadStatus::OptedOut, true));
    }

    async fn a_new_number_is_resolved_again(db) {
        let mut tx = db.db.begin().await?;
        let id = given_lead(&mut tx, &described("a", ALICE)).await?.id;
        upsert(&mut tx, &[described("a", BOB)]).await?;
        let on_file = &walk::leads(&mut tx, &[id]).await?[0];
        assert_eq!(on_file.phone.as_deref(), Some(BOB));
        assert_eq!(on_file.phone_jurisdictions, r#"["US-CO"]"#);
        assert_eq!(lead::find(&mut tx, id).await?.context("the lead")?.phones.len(), 1);
    }

    async fn a_large_set_goes_in_at_once(db) {
        let mut tx = db.db.begin().await?;
        let rows: Vec<NewLead> = (0..1500).map(|n| described(&format!("l{n}"), &format!("+1303444{n:04}"))).collect();
        let answers = upsert(&mut tx, &rows).await?;
        assert!(answers.iter().all(|answer| matches!(answer, Upserted::Created(_))));
        assert_eq!(total(&mut tx).await?, 1500);
    }
}
