//! "Why was, or wasn't, this lead called, and when is the next attempt?" (ENG-8): the kept decisions, and a fresh one.

use std::fmt::Write as _;

use serde::Serialize;

use super::batch::Batch;
use super::control::EnrollmentView;
use super::registry_ages::{self, RegistryAge};
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::verdict::{Answer, Decision, GateReport, Verdict};
use crate::domain::enrollment::EnrollmentState;
use crate::id::LeadId;
use crate::rules::Profile;
use crate::store::decision::Kept;
use crate::store::event_read::{self, EventFilter};
use crate::store::jobs::admin;
use crate::store::{attempt, decision, recovery, walk};
use crate::time::zone::tzdb_version;

/// How many kept decisions and attempts an explanation shows.
const SHOWN: u32 = 20;

/// The explanation of one lead at one instant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    pub lead_id: LeadId,
    pub at: Instant,
    pub status: String,
    /// The number, redacted.
    pub phone: Option<String>,
    pub zones: Vec<String>,
    pub tzdb: &'static str,
    /// Version and profile of the calling rules by which the gates answer now.
    pub rules: String,
    pub rules_profile: String,
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
    /// Explains a lead at `at` (now when `None`). Reads only.
    pub async fn why(&self, lead: LeadId, at: Option<Instant>) -> Result<Why, EngineError> {
        let mut tx = self.db.begin().await?;
        let at = match at {
            Some(at) => at,
            None => self.time.now(&mut tx).await?,
        };
        let on_file =
            walk::leads(&mut tx, &[lead]).await?.pop().ok_or_else(|| EngineError::missing("lead", lead))?;
        let walks = walk::all_of_lead(&mut tx, lead).await?;
        let batch = Batch::load(self, &mut tx, &walks, at).await?;
        let mut enrollments = Vec::with_capacity(walks.len());
        for walk in &walks {
            let enrollment = EnrollmentView::from(walk);
            if walk.enrollment.state == EnrollmentState::Ended {
                enrollments.push(WhyEnrollment {
                    enrollment,
                    verdict_now: None,
                    next_permitted_at: None,
                    gates: Vec::new(),
                });
                continue;
            }
            let version = self.version(&mut tx, &walk.enrollment.version).await?;
            let snapshot = batch.snapshot(self, walk, &version)?;
            let decision = self.judge(&snapshot, at);
            let next_permitted_at = match walk.enrollment.due_at.filter(|due| *due > at) {
                Some(due) => permitted(&self.judge(&snapshot, due)),
                None => permitted(&decision),
            };
            enrollments.push(WhyEnrollment {
                enrollment,
                verdict_now: Some(decision.signature().0),
                next_permitted_at,
                gates: decision.reports,
            });
        }
        let attempts = attempt::of_lead(&mut tx, lead, SHOWN).await?.into_iter().map(|found| WhyAttempt {
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
            rules: self.rules.version().to_owned(),
            rules_profile: self.rules.profile().to_string(),
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
    crate::phone::number::PhoneNumber::e164_only(number)
        .map_or_else(|_| "unreadable".to_owned(), |n| n.to_string())
}

impl Why {
    /// The explanation for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "Lead {} is {}; number {}; zones {}.",
            self.lead_id,
            self.status,
            self.phone.as_deref().unwrap_or("none"),
            if self.zones.is_empty() { "unknown".to_owned() } else { self.zones.join(", ") },
        );
        if self.recovering {
            out.push_str(
                "The database was restored from a backup: nobody is called until `callwright reconcile` has run.\n",
            );
        }
        if self.rules_profile != Profile::STRICT {
            let _ = writeln!(out, "Calling rules are read under profile {}.", self.rules_profile);
        }
        for each in &self.enrollments {
            each.describe(&mut out);
        }
        if !self.registries.is_empty() {
            let ages: Vec<String> = self.registries.iter().map(RegistryAge::text).collect();
            let _ = writeln!(out, "Registries in use: {}.", ages.join("; "));
        }
        if self.enrollments.is_empty() {
            out.push_str("Not enrolled in any cadence, so nothing is going to call this lead.\n");
        }
        if !self.attempts.is_empty() {
            out.push_str("Attempts, newest first:\n");
        }
        for attempt in &self.attempts {
            let when = attempt.dialed_at.map_or_else(|| "not dialed".to_owned(), minute);
            let outcome = attempt.outcome.as_deref().or(attempt.detail.as_deref()).unwrap_or("");
            let which = if attempt.step.is_empty() {
                "outside dialer".to_owned()
            } else {
                format!("{} try {}", attempt.step, attempt.attempt)
            };
            let _ = writeln!(out, "  {when}  {which}: {} {outcome}", attempt.state);
        }
        if !self.skipped.is_empty() {
            out.push_str("Steps left out, newest first:\n");
        }
        for WhySkipped { at, step, reason } in &self.skipped {
            let _ = writeln!(out, "  {}  {step}: {reason}", minute(*at));
        }
        if !self.failed_jobs.is_empty() {
            out.push_str("Jobs that failed for good:\n");
        }
        for job in &self.failed_jobs {
            let when = job.failed_at.map_or_else(|| "-".to_owned(), minute);
            let error = job.error.as_deref().unwrap_or("no error was kept");
            let _ = writeln!(out, "  {when}  {} {} is {}: {error}", job.kind, job.job_id, job.state);
        }
        if !self.decisions.is_empty() {
            out.push_str("What the gates said about a call, newest first:\n");
        }
        for kept in &self.decisions {
            let until = kept.until.map(|until| format!(" until {}", minute(until))).unwrap_or_default();
            let step = kept.step.as_deref().unwrap_or("-");
            let _ = writeln!(out, "  {}  {step}: {}, {}{until}", minute(kept.at), kept.verdict, kept.reason);
        }
        out
    }
}

impl WhyEnrollment {
    fn describe(&self, out: &mut String) {
        let view = &self.enrollment;
        let _ = write!(out, "Cadence {} (version {}): {}", view.cadence_id, short(&view.version), view.state);
        match (&view.result, view.due_at) {
            (Some(result), _) => {
                let _ = writeln!(out, ", result {result}.");
                return;
            }
            (None, Some(due)) => {
                let _ = writeln!(out, " at step {}, try {}, due {}.", view.step, view.attempt, minute(due));
            }
            (None, None) => {
                let _ = writeln!(out, " at step {}, try {}.", view.step, view.attempt);
            }
        }
        for report in &self.gates {
            let _ = match &report.answer {
                Answer::Pass { .. } => writeln!(out, "  pass   {}", report.gate),
                Answer::Defer { until } => {
                    writeln!(
                        out,
                        "  wait   {}: {} until {} {}",
                        report.gate,
                        report.reason,
                        minute(*until),
                        report.facts
                    )
                }
                Answer::Stop => writeln!(out, "  refuse {}: {} {}", report.gate, report.reason, report.facts),
            };
        }
        if let Some(next) = self.next_permitted_at {
            let _ = writeln!(out, "  next attempt: not before {}", minute(next));
        }
    }
}

fn minute(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
