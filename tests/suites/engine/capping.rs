//! Caps of accounts and campaigns (GATE-8), and preflight: the same gates over a whole list, writing nothing.

use anyhow::Context as _;
use callwright_engine::decide::verdict::{Gate, Reason};
use callwright_engine::domain::cap::{Cap, CapScope, CapSpan};
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::engine::EnrollRequest;
use callwright_engine::engine::preflight::{Described, PreflightQuery};
use callwright_engine::id::LeadId;
use callwright_engine::store::event_read;
use chrono::TimeDelta;
use serde_json::json;

use crate::facts::no_answer;
use crate::fake::Fake;
use crate::given::{ALICE, BOB, WELCOME, World, at, library, noon};
use crate::on_both;

fn capped(caps: &str) -> String {
    WELCOME.replace("gap: 30 minutes", &format!("gap: 30 minutes, caps: [{caps}]"))
}

fn member(account: &str, number: &str) -> NewLead {
    NewLead { account_id: account.into(), phone: number.into(), ..NewLead::default() }
}

impl World {
    async fn why_not(&self, lead: LeadId) -> anyhow::Result<Option<(Reason, String)>> {
        let told = self.engine.why(lead, None).await?;
        let gates = told.enrollments.into_iter().flat_map(|each| each.gates);
        Ok(gates
            .into_iter()
            .find(|report| report.gate == Gate::FrequencyCap && !report.facts.is_empty())
            .map(|report| (report.reason, report.facts)))
    }
}

on_both! {
    async fn a_household_is_called_once_however_many_live_in_it(db) {
        let world = World::with(db, library(&[&capped("{ calls: 1, within: 24 hours, per: account }")])).await?;
        let (one, other) = (world.lead_like(member("elm-street-5", ALICE)).await?, world.lead_like(member("elm-street-5", BOB)).await?);
        let stranger = world.lead("+12024561717").await?;
        for lead in [one, other, stranger] {
            world.enroll(lead, "welcome").await?;
        }
        let provider = Fake::default();
        // Both are planned together; the second of the batch waits for the next look, and finds the first.
        assert_eq!(world.plan().await?.planned, 3);
        let claimed = world.claim(&provider).await?;
        assert_eq!(claimed.requests.len(), 2, "one of the household, and the stranger");
        world.place(&provider, claimed.requests).await?;
        assert!(world.claim(&provider).await?.requests.is_empty());
        let (called, waiting) = if world.states(one).await? == ["planned"] { (other, one) } else { (one, other) };
        let attempt = world.last(called).await?;
        let words = "at most 1 call to the account in any 1 day".to_owned();
        assert_eq!(world.why_not(waiting).await?, Some((Reason::CapReached, words)));
        world.record(no_answer(attempt.id, noon())).await?;
        world.pass(TimeDelta::hours(25));
        world.record(vec![]).await?;
        world.dial(&provider).await?;
        let all = world.attempts(waiting).await?;
        assert!(world.last(waiting).await?.intent_at.is_some() || world.last(called).await?.intent_at > attempt.intent_at, "{all:?}");
    }

    async fn members_without_a_cap_of_accounts_do_not_wait_for_each_other(db) {
        let world = World::open(db).await?;
        for number in [ALICE, BOB] {
            let lead = world.lead_like(member("elm-street-5", number)).await?;
            world.enroll(lead, "welcome").await?;
        }
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 2);
    }

    async fn a_campaigns_cap_counts_its_own_calls_in_every_cadence(db) {
        let world = World::open(db).await?;
        let week = Cap { calls: 1, span: CapSpan::Rolling(TimeDelta::days(7)), per: CapScope::Campaign };
        let strict = world.campaign("strict", |campaign| campaign.caps = vec![week]).await?;
        let lead = world.lead(ALICE).await?;
        let enroll = async |campaign_id, key: &str| {
            let asked = EnrollRequest { campaign_id, entry_key: key.to_owned(), ..world.request(lead, "welcome") };
            anyhow::ensure!(world.try_enroll(asked).await?.is_ok());
            anyhow::Ok(())
        };
        enroll(world.campaign, "first").await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(no_answer(attempt, noon())).await?;
        world.pass(TimeDelta::minutes(40));
        // The other campaign's call is none of the strict one's.
        enroll(strict, "second").await?;
        world.plan().await?;
        let second = world.walks(lead).await?.pop().context("the second")?;
        assert_eq!(second.verdict.map(|(verdict, _)| verdict).as_deref(), Some("proceed"));
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.record(no_answer(attempt, world.now())).await?;
        world.pass(TimeDelta::hours(2));
        world.plan().await?;
        let told = world.engine.why(lead, None).await?;
        let second = told.enrollments.last().context("the second")?;
        assert_eq!(second.next_permitted_at, Some(at("2026-07-22T16:40:00Z")));
    }

    async fn a_preflight_counts_and_writes_nothing(db) {
        let world = World::open(db).await?;
        let everything = async || {
            let mut tx = world.engine.db.begin_read().await?;
            let events = event_read::page(&mut tx, &event_read::EventFilter::default(), None, 100).await?.items.len();
            let leads = callwright_engine::store::lead::count(&mut tx, &callwright_engine::store::lead::LeadFilter::default()).await?;
            anyhow::Ok((events, leads))
        };
        let (east, west) = (world.lead(ALICE).await?, world.lead("+14155550143").await?);
        let (enrolled, _) = world.welcomed(BOB).await?;
        let gone = world.lead("+12024561717").await?;
        world.engine.opt_out(gone, "no more", "api").await?;
        let before = everything().await?;
        // Nine in the morning in the east is six in the west.
        let query = PreflightQuery { cadence: "welcome".to_owned(), campaign_id: world.campaign, at: Some(at("2026-07-16T13:30:00Z")), variables: json!({}) };
        let mut look = world.engine.preflight(query.clone()).await?;
        look.on_file(&[east, west, enrolled, gone]).await?;
        let described = |number: &str| Described { lead: NewLead { phone: number.into(), ..NewLead::default() }, consents: Vec::new() };
        let nonsense = Described { lead: NewLead { phone: "+13034441234".into(), score: Some(900), ..NewLead::default() }, consents: Vec::new() };
        // One who is on file by the number, one who is new, one who is wrong.
        let mistakes = look.described(&[described(ALICE), described("+13034441234"), nonsense]).await?;
        assert_eq!(mistakes.iter().map(|(place, errors)| (*place, errors[0].field.as_str())).collect::<Vec<_>>(), [(2, "score")]);
        let found = look.finish();
        assert_eq!((found.leads, found.unknown, found.unreadable), (6, 1, 1));
        assert_eq!((found.proceed, found.defer, found.stop, found.refused), (2, 2, 0, 2), "{:?}", found.reasons);
        let refused: Vec<_> = found.reasons.iter().filter(|each| each.verdict == "refuse").map(|each| (each.code.as_str(), each.leads)).collect();
        assert!(refused.contains(&("already-enrolled", 1)) && refused.contains(&("opted-out", 1)), "{refused:?}");
        let early = found.reasons.iter().find(|each| each.verdict == "defer").context("who waits")?;
        assert_eq!((early.gate, early.leads), (Some(Gate::CadenceHours), 2));
        let open: Vec<u64> = found.hours.iter().map(|hour| hour.open).collect();
        // 09:30, 10:00 and 11:00 in the east; from noon there it is nine in California, from 11:00 in Colorado.
        assert_eq!(&open[..4], [2, 2, 3, 4], "{:?}", found.hours);
        assert_eq!(found.hours.iter().map(|hour| hour.opening).sum::<u64>(), 4);
        assert_eq!(found.hours[0].from, at("2026-07-16T13:30:00Z"));
        assert_eq!(found.hours[1].from, at("2026-07-16T14:00:00Z"));
        assert_eq!(everything().await?, before);
        // What it says of now is what planning does.
        let mut look = world.engine.preflight(PreflightQuery { at: None, ..query }).await?;
        look.on_file(&[east]).await?;
        assert_eq!(look.finish().proceed, 1);
        world.enroll(east, "welcome").await?;
        assert!(world.plan().await?.planned >= 1);
    }
}
