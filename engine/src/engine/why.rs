//! "Why was, or wasn't, this lead called, and when is the next attempt?" (ENG-8): the kept decisions, and a fresh one.

mod text;

use serde::Serialize;

use super::batch::Batch;
use super::control::EnrollmentView;
use super::registry_ages::{self, RegistryAge};
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::gate::explain::explain;
use crate::decide::gate::inquiry::{Cause, Inquiry};
use crate::decide::recording::{Recording, recording};
use crate::decide::snapshot::Snapshot;
use crate::decide::verdict::{Decision, GateReport, Verdict};
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::{Campaign, VoiceClass};
use crate::domain::consent::{Consent, Form, Purpose};
use crate::domain::enrollment::EnrollmentState;
use crate::domain::lead::LeadStatus;
use crate::domain::revocation::{self, Revocation};
use crate::id::{ConsentId, LeadId, RevocationId};
use crate::phone::number::PhoneNumber;
use crate::phone::zones::{LeadPlace, candidates};
use crate::rules::Jurisdiction;
use crate::store::decision::Kept;
use crate::store::event_read::{self, EventFilter};
use crate::store::jobs::admin;
use crate::store::walk::{LeadOnFile, Walk};
use crate::store::{Tx, attempt, campaign, consent, decision, recovery, walk};
use crate::time::zone::tzdb_version;

/// How many kept decisions and attempts an explanation shows.
const SHOWN: u32 = 20;

/// The explanation of one lead at one instant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    pub lead_id: LeadId,
    pub at: Instant,
    /// The short answer, in the form in which it is given for a bare number: `verdict`, `until`, `reasons`, `leftOut`. Of several
    /// enrollments, of the one that may call first; of none, as far as lead, number and law tell.
    #[serde(flatten)]
    pub answer: Inquiry,
    pub status: String,
    /// The number, redacted.
    pub phone: Option<String>,
    pub zones: Vec<String>,
    pub tzdb: &'static str,
    /// The same, by the name it has for a bare number.
    pub tzdata: &'static str,
    /// Version and profile of the calling rules by which the gates answer now.
    pub rules: String,
    pub rules_profile: String,
    /// Whose agreement a recording of a call to this lead needs.
    pub recording: Recording,
    /// The consent ledger, oldest first.
    pub consents: Vec<WhyConsent>,
    /// What was taken back, oldest first, with the deadline that the law allows.
    pub revocations: Vec<WhyRevocation>,
    /// The database was restored from a backup and has not been reconciled: nobody is called, whatever the gates say.
    pub recovering: bool,
    /// Lists of the registries in use.
    pub registries: Vec<RegistryAge>,
    pub enrollments: Vec<WhyEnrollment>,
    pub attempts: Vec<WhyAttempt>,
    /// Steps that were left out, newest first: their time had passed, or their condition did not hold.
    pub skipped: Vec<WhySkipped>,
    /// Kept decisions, newest first.
    pub decisions: Vec<Kept>,
    /// What should have been done for this lead elsewhere and was given up, newest first.
    pub failed_jobs: Vec<WhyJob>,
}

/// A job that failed for good; `callwright jobs show` tells more.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyJob {
    pub job_id: crate::id::JobId,
    pub kind: String,
    pub state: &'static str,
    pub failed_at: Option<Instant>,
    pub error: Option<String>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyConsent {
    pub consent_id: ConsentId,
    pub purpose: Purpose,
    pub form: Form,
    pub channel: Option<&'static str>,
    pub granted_at: Instant,
    pub revoked_at: Option<Instant>,
    /// For this number only, redacted.
    pub number: Option<String>,
}

/// Something the person took back.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyRevocation {
    pub revocation_id: RevocationId,
    /// `null`: every call and message.
    pub purpose: Option<Purpose>,
    pub channel: &'static str,
    pub words: Option<String>,
    pub received_at: Instant,
    /// Last day on which the law lets it be honored.
    pub due_on: chrono::NaiveDate,
    /// When it was.
    pub honored_at: Instant,
    pub citation: &'static str,
}

/// One enrollment with what the gates say about it at the asked instant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyEnrollment {
    #[serde(flatten)]
    pub enrollment: EnrollmentView,
    /// `proceed`, `defer` or `stop`; absent once it has ended.
    pub verdict_now: Option<&'static str>,
    /// First instant at which all gates pass, as far as can be known.
    pub next_permitted_at: Option<Instant>,
    pub gates: Vec<GateReport>,
    /// What stands against a call, with the rules that bind; the longest-lasting first.
    pub reasons: Vec<Cause>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyAttempt {
    pub attempt_id: crate::id::AttemptId,
    pub step: String,
    pub attempt: u32,
    pub state: &'static str,
    pub dialed_at: Option<Instant>,
    pub outcome: Option<String>,
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhySkipped {
    pub at: Instant,
    pub step: String,
    /// `too-late`, `condition`, …
    pub reason: String,
}

impl Engine {
    /// Explains a lead at `at` (now when `None`), in the past and to come as well. Reads only.
    ///
    /// Calls, consents and entries that came after `at` are left out, and an opt-out that did; what people set since, such as
    /// a campaign's hours, is as it is now.
    pub async fn why(&self, lead: LeadId, at: Option<Instant>) -> Result<Why, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let at = at.unwrap_or(now);
        let on_file =
            walk::leads(&mut tx, &[lead]).await?.pop().ok_or_else(|| EngineError::missing("lead", lead))?;
        let taken_back = consent::revocations_of_leads(&mut tx, &[lead]).await?;
        let found = attempt::of_lead(&mut tx, lead, SHOWN).await?;
        let mut walks = walk::all_of_lead(&mut tx, lead).await?;
        let on_file = standing_at(on_file, &taken_back, at);
        for walk in &mut walks {
            walk.lead = standing_at(walk.lead.clone(), &taken_back, at);
            if at < now {
                let is_placed = |call: &&attempt::Attempt| {
                    call.enrollment_id == Some(walk.enrollment.id)
                        && call.intent_at.is_some_and(|intent| intent <= at)
                        && !matches!(call.state, AttemptState::Planned | AttemptState::NotSent)
                };
                walk.enrollment.placed =
                    walk.enrollment.placed.min(found.iter().filter(is_placed).count() as u32);
            }
        }
        let batch = Batch::load(self, &mut tx, &walks, at).await?;
        let seen = |snapshot: Snapshot| if at == now { snapshot } else { snapshot.as_of(at) };
        let mut enrollments = Vec::with_capacity(walks.len());
        let mut answers: Vec<(Option<Instant>, Inquiry)> = Vec::new();
        for walk in &walks {
            let enrollment = EnrollmentView::from(walk);
            if walk.enrollment.state == EnrollmentState::Ended {
                enrollments.push(WhyEnrollment {
                    enrollment,
                    verdict_now: None,
                    next_permitted_at: None,
                    gates: Vec::new(),
                    reasons: Vec::new(),
                });
                continue;
            }
            let version = self.version(&mut tx, &walk.enrollment.version).await?;
            let snapshot = seen(batch.snapshot(self, walk, &version)?);
            let decision = self.judge(&snapshot, at);
            let next_permitted_at = match walk.enrollment.due_at.filter(|due| *due > at) {
                Some(due) => permitted(&self.judge(&snapshot, due)),
                None => permitted(&decision),
            };
            let answer = explain(&snapshot, &self.rules, at);
            enrollments.push(WhyEnrollment {
                enrollment,
                verdict_now: Some(decision.signature().0),
                next_permitted_at,
                gates: decision.reports,
                reasons: answer.reasons.clone(),
            });
            answers.push((next_permitted_at, answer));
        }
        let first =
            answers.into_iter().min_by_key(|(next, _)| (next.is_none(), *next)).map(|(_, answer)| answer);
        let answer = match first {
            Some(answer) => answer,
            None => self.without_campaign(&mut tx, on_file.clone(), at, now).await?,
        };
        let recording = self.recording_of(&mut tx, &on_file, &walks, at).await?;
        let attempts = found.into_iter().map(|found| WhyAttempt {
            attempt_id: found.id,
            step: found.step,
            attempt: found.attempt,
            state: found.state.as_str(),
            dialed_at: found.intent_at,
            outcome: found.outcome,
            detail: found.detail,
        });
        let filter = EventFilter {
            kind: Some("step.skipped".to_owned()),
            lead_id: Some(lead),
            ..EventFilter::default()
        };
        let skipped = event_read::page(&mut tx, &filter, None, SHOWN).await?.items.into_iter().map(|found| {
            let text = |field: &str| found.event.data[field].as_str().unwrap_or_default().to_owned();
            WhySkipped { at: found.event.at, step: text("step"), reason: text("reason") }
        });
        let ids: Vec<String> = walks.iter().map(|walk| walk.enrollment.id.to_string()).collect();
        let failed_jobs = admin::failed_about(&mut tx, &ids, SHOWN).await?.into_iter().map(|job| WhyJob {
            job_id: job.id,
            kind: job.kind,
            state: job.state.as_str(),
            failed_at: job.finished_at,
            error: job.last_error,
        });
        let why = Why {
            failed_jobs: failed_jobs.collect(),
            lead_id: lead,
            at,
            status: on_file.status.to_string(),
            phone: on_file.phone.as_deref().map(redacted),
            zones: self.interned.zones(&on_file)?.iter().map(ToString::to_string).collect(),
            tzdb: tzdb_version(),
            tzdata: tzdb_version(),
            rules: self.rules.version().to_owned(),
            rules_profile: self.rules.profile().to_string(),
            answer,
            recording,
            consents: consent::of_leads(&mut tx, &[lead]).await?.into_iter().map(WhyConsent::from).collect(),
            revocations: taken_back.into_iter().map(WhyRevocation::from).collect(),
            recovering: recovery::is_marked(&mut tx).await?,
            registries: registry_ages::all(&mut tx, at).await?,
            enrollments,
            attempts: attempts.collect(),
            skipped: skipped.collect(),
            decisions: decision::latest(&mut tx, lead, SHOWN).await?,
        };
        tx.rollback().await?;
        Ok(why)
    }

    /// What lead, number and law say of somebody nobody is going to call.
    async fn without_campaign(
        &self,
        tx: &mut Tx,
        lead: LeadOnFile,
        at: Instant,
        now: Instant,
    ) -> Result<Inquiry, EngineError> {
        let walk = super::package::stand_in(lead, None, None);
        let batch = Batch::load(self, tx, std::slice::from_ref(&walk), at).await?;
        let snapshot = batch.of_lead(self, &walk)?;
        let snapshot = if at == now { snapshot } else { snapshot.as_of(at) };
        Ok(explain(&snapshot, &self.rules, at))
    }

    /// By the numbers that the lead's campaigns show, those of enrollments under way before others.
    async fn recording_of(
        &self,
        tx: &mut Tx,
        lead: &LeadOnFile,
        walks: &[Walk],
        at: Instant,
    ) -> Result<Recording, EngineError> {
        let live = walks.iter().find(|walk| walk.enrollment.state != EnrollmentState::Ended);
        let campaign = match live.or(walks.last()) {
            Some(walk) => campaign::find(tx, walk.enrollment.campaign_id).await?,
            None => None,
        };
        let called = self.interned.jurisdictions(lead)?;
        let on =
            self.interned.zones(lead)?.first().map_or_else(|| at.date_naive(), |zone| zone.local(at).date);
        let voice = campaign.as_ref().map_or(VoiceClass::Artificial, |campaign| campaign.voice);
        Ok(recording(&called, &places_of_callers(campaign.as_ref()), voice, on, &self.rules))
    }
}

/// Where the numbers that a campaign shows are; none when it shows none.
fn places_of_callers(campaign: Option<&Campaign>) -> Vec<Jurisdiction> {
    let shown = campaign.into_iter().flat_map(|campaign| &campaign.caller_ids);
    let numbers = shown.filter_map(|number| PhoneNumber::e164_only(number).ok());
    let mut places: Vec<Jurisdiction> =
        numbers.flat_map(|number| candidates(number, &LeadPlace::default()).jurisdictions).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The lead before an opt-out that came after `at`.
fn standing_at(mut lead: LeadOnFile, taken_back: &[Revocation], at: Instant) -> LeadOnFile {
    let mut opt_outs = taken_back.iter().filter(|taken| taken.purpose.is_none()).peekable();
    let came_later = opt_outs.peek().is_some() && opt_outs.all(|taken| taken.received_at > at);
    if came_later && lead.status == LeadStatus::OptedOut {
        (lead.status, lead.do_not_call) = (LeadStatus::Contacted, false);
    }
    lead
}

impl From<Consent> for WhyConsent {
    fn from(entry: Consent) -> Self {
        Self {
            consent_id: entry.id,
            purpose: entry.purpose,
            form: entry.form,
            channel: entry.details.channel.map(super::super::domain::consent::Channel::as_str),
            granted_at: entry.granted_at,
            revoked_at: entry.revoked_at,
            number: entry.details.number.map(|number| number.to_string()),
        }
    }
}

impl From<Revocation> for WhyRevocation {
    fn from(taken: Revocation) -> Self {
        Self {
            revocation_id: taken.id,
            purpose: taken.purpose,
            channel: taken.channel.as_str(),
            words: taken.words,
            received_at: taken.received_at,
            due_on: taken.due_on,
            honored_at: taken.honored_at,
            citation: revocation::CITATION,
        }
    }
}

/// The first instant at which all gates pass.
fn permitted(decision: &Decision) -> Option<Instant> {
    match &decision.verdict {
        Verdict::Proceed(_) => Some(decision.at),
        Verdict::Defer { until, .. } => Some(*until),
        Verdict::Stop { .. } => None,
    }
}

fn redacted(number: &str) -> String {
    PhoneNumber::e164_only(number).map_or_else(|_| "unreadable".to_owned(), |n| n.to_string())
}
