//! The consent ledger (GATE-3): what is taken back holds at once, also against a campaign's basis; what is written counts as said;
//! each call keeps what it rested on, and everything can be exported.

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use callwright_engine::decide::verdict::Reason;
use callwright_engine::domain::campaign::Campaign;
use callwright_engine::domain::consent::{Channel, Consent, Details, Form, Purpose};
use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::domain::revocation::Revocation;
use callwright_engine::engine::records::{Record, RecordKind, RecordQuery};
use callwright_engine::engine::{Said, TakenBack};
use callwright_engine::flow::session::Effect;
use callwright_engine::id::LeadId;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{campaign, consent};
use chrono::TimeDelta;
use serde_json::json;

use crate::facts::{declined, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, at, noon};
use crate::on_both;

impl World {
    async fn agreed_to(
        &self,
        lead: LeadId,
        purpose: Purpose,
        number: Option<&str>,
        granted_at: Instant,
    ) -> anyhow::Result<Consent> {
        let entry = Consent {
            id: self.engine.ids.next(self.now()),
            lead_id: lead,
            purpose,
            form: Form::ExpressWritten,
            granted_at,
            revoked_at: None,
            wording: Some("Yes, call me".to_owned()),
            evidence: None,
            source: "test".to_owned(),
            details: Details {
                number: number.map(PhoneNumber::e164_only).transpose()?,
                channel: Some(Channel::Web),
                ..Details::default()
            },
        };
        let mut tx = self.engine.db.begin().await?;
        consent::add_many(&mut tx, std::slice::from_ref(&entry)).await?;
        tx.commit().await?;
        Ok(entry)
    }

    pub async fn take_back(&self, lead: LeadId, purpose: Option<Purpose>) -> anyhow::Result<Revocation> {
        let asked = TakenBack {
            lead_id: lead,
            purpose,
            number: None,
            said: Said { words: Some("no more of this".to_owned()), ..Said::through(Channel::Email) },
            received_at: None,
            source: "test".to_owned(),
        };
        Ok(self.engine.take_back(asked).await?)
    }

    async fn taken_back(&self, lead: LeadId) -> anyhow::Result<Vec<Revocation>> {
        let mut tx = self.engine.db.begin_read().await?;
        Ok(consent::revocations_of_leads(&mut tx, &[lead]).await?)
    }

    async fn refusal(&self, lead: LeadId) -> anyhow::Result<Option<String>> {
        self.plan().await?;
        Ok(self.walk(lead).await?.verdict.map(|(_, reason)| reason))
    }
}

on_both! {
    async fn what_was_never_on_file_is_taken_back_all_the_same(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        // The campaign's attested basis would cover the call.
        let taken = world.take_back(lead, Some(Purpose::VoiceContact)).await?;
        assert_eq!((taken.received_at, taken.due_on.to_string()), (noon(), "2026-07-29".to_owned()));
        assert_eq!(world.refusal(lead).await?.as_deref(), Some("consent-revoked"));
        let kept = world.taken_back(lead).await?;
        assert_eq!(kept.iter().map(|taken| (taken.purpose, taken.words.as_deref())).collect::<Vec<_>>(),
                   [(Some(Purpose::VoiceContact), Some("no more of this"))]);
        assert_eq!(world.count(lead, "consent.revoked").await?, 1);
        // A consent given later is another matter.
        let later = world.pass(TimeDelta::hours(1));
        world.agreed_to(lead, Purpose::VoiceContact, None, later).await?;
        let fresh = world.engine.why(lead, None).await?;
        assert!(fresh.answer.reasons.iter().all(|cause| cause.code != Reason::ConsentRevoked), "{:?}", fresh.answer);
    }

    async fn an_entry_is_revoked_once_and_never_changed(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let entry = world.agreed_to(lead, Purpose::AiVoice, None, noon()).await?;
        world.pass(TimeDelta::hours(1));
        world.take_back(lead, Some(Purpose::AiVoice)).await?;
        world.pass(TimeDelta::hours(1));
        world.take_back(lead, Some(Purpose::AiVoice)).await?;
        let mut tx = world.engine.db.begin_read().await?;
        let kept = consent::of_leads(&mut tx, &[lead]).await?.pop().context("the entry")?;
        tx.rollback().await?;
        assert_eq!(kept.revoked_at, Some(at("2026-07-15T17:00:00Z")), "the first word counts");
        assert_eq!((kept.wording, kept.details), (entry.wording, entry.details));
        assert_eq!(world.taken_back(lead).await?.len(), 2);
    }

    async fn a_consent_for_one_number_is_none_for_another(db) {
        let world = World::open(db).await?;
        let bare = world.campaign("bare", |campaign| {
            campaign.consent_basis = None;
            campaign.voice = callwright_engine::domain::campaign::VoiceClass::Artificial;
        }).await?;
        let (one, other) = (world.lead(ALICE).await?, world.lead(BOB).await?);
        for lead in [one, other] {
            let asked = callwright_engine::engine::EnrollRequest { campaign_id: bare, ..world.request(lead, "welcome") };
            assert!(world.try_enroll(asked).await?.is_ok());
            world.agreed_to(lead, Purpose::AiVoice, Some(ALICE), noon()).await?;
        }
        world.plan().await?;
        let reason = async |lead| anyhow::Ok(world.walk(lead).await?.verdict.map(|(_, reason)| reason));
        assert_eq!(reason(one).await?.as_deref(), Some("passed"));
        assert_eq!(reason(other).await?.as_deref(), Some("consent-missing"));
    }

    async fn a_message_that_says_stop_is_a_stop(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.log(lead, "REPLY_RECEIVED", json!({"text": "call me at five", "channel": "sms"})).await?;
        assert_eq!(world.taken_back(lead).await?.len(), 0);
        world.log(lead, "REPLY_RECEIVED", json!({"text": "please stop recording", "channel": "sms"})).await?;
        assert_eq!(world.taken_back(lead).await?.iter().map(|taken| taken.purpose).collect::<Vec<_>>(), [Some(Purpose::Recording)]);
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::Cold);
        world.pass(TimeDelta::minutes(1));
        world.log(lead, "MESSAGE_RECEIVED", json!({"text": "STOP", "channel": "sms", "length": 4})).await?;
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
        let stop = world.taken_back(lead).await?.pop().context("the stop")?;
        assert_eq!((stop.purpose, stop.channel, stop.words.as_deref()), (None, Channel::Sms, Some("STOP")));
        assert_eq!((world.count(lead, "REPLY_RECEIVED").await?, world.count(lead, "OPTOUT_REQUESTED").await?), (2, 1));
    }

    async fn a_stop_in_a_call_keeps_its_call_and_its_deadline(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let stop = vec![Effect::OptOut { reason: "said stop".to_owned() }];
        world.record(talk(attempt, noon(), said(Outcome::OptedOut, "opted_out", stop))).await?;
        let taken = world.taken_back(lead).await?;
        let [taken] = taken.as_slice() else { anyhow::bail!("{taken:?}") };
        assert_eq!((taken.attempt_id, taken.channel, taken.purpose), (Some(attempt), Channel::Call, None));
        let told = serde_json::to_value(world.engine.why(lead, None).await?)?;
        assert_eq!(told["revocations"][0]["dueOn"], "2026-07-29");
        assert_eq!(told["revocations"][0]["citation"], "47 CFR 64.1200(a)(10)");
    }

    async fn a_lead_is_explained_before_and_after_it_said_stop(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.pass(TimeDelta::hours(2));
        world.engine.opt_out(lead, "no more", "api").await?;
        world.pass(TimeDelta::hours(1));
        let verdict = async |instant: &str| {
            let told = serde_json::to_value(world.engine.why(lead, Some(at(instant))).await?)?;
            for field in ["verdict", "until", "zones", "reasons", "tzdata", "rules", "leftOut"] {
                anyhow::ensure!(told.get(field).is_some(), "`{field}` is missing");
            }
            anyhow::Ok(told)
        };
        let before = verdict("2026-07-15T17:00:00Z").await?;
        assert_eq!(before["verdict"], "proceed", "{before}");
        let after = verdict("2026-07-15T18:30:00Z").await?;
        assert_eq!((&after["verdict"], &after["reasons"][0]["code"]), (&json!("stop"), &json!("opted-out")));
        assert_eq!(after["reasons"][0]["citation"], "47 CFR 64.1200(a)(10)");
        // Next Christmas at three in the morning: the law's rule is named.
        let to_come = world.lead(BOB).await?;
        let night = serde_json::to_value(world.engine.why(to_come, Some(at("2026-12-25T08:00:00Z"))).await?)?;
        assert_eq!((&night["verdict"], &night["until"]), (&json!("defer"), &json!("2026-12-25T13:00:00Z")));
        assert_eq!(night["reasons"][0]["rule"], "us-hours", "{night}");
        assert!(night["reasons"][0]["citation"].as_str().is_some_and(|text| text.contains("64.1200")));
        assert_eq!(night["leftOut"], json!(["consent", "campaign", "cadence-hours"]));
    }

    async fn recording_follows_the_stricter_side(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let told = world.engine.why(lead, None).await?;
        assert!(told.recording.because.is_empty(), "both in Washington, D.C.: {:?}", told.recording);
        let golden = world.lead("+14155550143").await?;
        let told = serde_json::to_value(world.engine.why(golden, None).await?)?;
        assert_eq!(told["recording"]["parties"], "all-parties");
        assert_eq!(told["recording"]["because"][0]["rule"], "us-ca-recording");
    }

    async fn a_call_keeps_the_consent_it_rested_on(db) {
        let world = World::open(db).await?;
        let (one, _) = world.welcomed(ALICE).await?;
        let entry = world.agreed_to(one, Purpose::VoiceContact, None, noon()).await?;
        let (other, _) = world.welcomed(BOB).await?;
        let provider = Fake::default();
        world.dial(&provider).await?;
        for lead in [one, other] {
            let attempt = world.last(lead).await?.id;
            world.record(declined(attempt, noon())).await?;
        }
        // What the campaign says afterwards changes no record.
        let mut tx = world.engine.db.begin().await?;
        let other_name = |campaign: &mut Campaign| "Somebody Else".clone_into(&mut campaign.company);
        campaign::update(&mut tx, world.campaign, world.now(), other_name).await?;
        tx.commit().await?;
        world.take_back(other, None).await?;
        world.pass(TimeDelta::days(1));
        let query = RecordQuery { from: noon(), until: world.now(), kinds: Vec::new() };
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = world.engine.records(&query, cursor, 1).await?;
            all.extend(page.items);
            cursor = page.next.map(|next| next.to_string().parse()).transpose()?;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(world.engine.count_records(&query).await?, [2, 1, 1]);
        let shown: Vec<serde_json::Value> = all.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        let kinds: Vec<_> = shown.iter().map(|record| record["record"].as_str().unwrap_or_default()).collect();
        assert_eq!(kinds, ["call", "call", "consent", "stop"]);
        let of = |number: &str| shown.iter().find(|record| record["calledNumber"] == number).context("its call");
        let (call, based) = (of(ALICE)?, of(BOB)?);
        assert_eq!((&call["consentSource"], &call["consentId"]), (&json!("ledger"), &json!(entry.id)));
        assert_eq!((&call["consentWording"], &call["seller"]), (&json!("Yes, call me"), &json!("Callwright Trials")));
        assert_eq!((&call["voice"], &call["callerNumber"], &call["flow"]), (&json!("live"), &json!("+12025550100"), &json!("hello")));
        assert_eq!((&based["consentSource"], &based["consentId"]), (&json!("campaign_basis"), &json!(null)));
        assert_eq!((&shown[3]["dueOn"], &shown[3]["purpose"]), (&json!("2026-07-29"), &json!(null)));
        let calls = RecordQuery { kinds: vec![RecordKind::Stop], ..query };
        let only = world.engine.records(&calls, None, 10).await?;
        assert!(only.next.is_none() && only.items.iter().all(|record| matches!(record, Record::Stop(_))));
    }
}
