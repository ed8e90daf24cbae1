//! The explanation of a lead for people.

use std::fmt::Write as _;

use super::super::registry_ages::RegistryAge;
use super::{Why, WhyEnrollment, WhySkipped};
use crate::clock::Instant;
use crate::decide::gate::inquiry::Cause;
use crate::decide::verdict::Answer;
use crate::domain::consent::Purpose;
use crate::rules::Profile;

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
            describe(&mut out, &self.answer.reasons);
        }
        self.ledger(&mut out);
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

impl Why {
    fn ledger(&self, out: &mut String) {
        if !self.consents.is_empty() {
            out.push_str("Consents:\n");
        }
        for entry in &self.consents {
            let revoked = entry.revoked_at.map(|at| format!(", revoked {}", minute(at))).unwrap_or_default();
            let number =
                entry.number.as_deref().map(|number| format!(" for {number} only")).unwrap_or_default();
            let _ = writeln!(
                out,
                "  {}  {} ({}){number}{revoked}",
                minute(entry.granted_at),
                entry.purpose,
                entry.form
            );
        }
        if !self.revocations.is_empty() {
            out.push_str("Taken back:\n");
        }
        for taken in &self.revocations {
            let what = taken.purpose.map_or("everything", Purpose::as_str);
            let _ = writeln!(
                out,
                "  {}  {what}, by {}; honored {}, due by {} ({})",
                minute(taken.received_at),
                taken.channel,
                minute(taken.honored_at),
                taken.due_on,
                taken.citation
            );
        }
        out.push_str(&self.recording.text());
        out.push('\n');
        let _ = writeln!(out, "Zone data {}, calling rules {}.", self.tzdata, self.rules);
    }
}

/// What stands against a call, with the rules that bind.
fn describe(out: &mut String, reasons: &[Cause]) {
    for cause in reasons {
        let until = cause.until.map(|until| format!(" until {}", minute(until))).unwrap_or_default();
        let by = match (&cause.rule, &cause.citation) {
            (Some(rule), Some(citation)) => format!(" by {rule} ({citation})"),
            (None, Some(citation)) => format!(" by {citation}"),
            _ => String::new(),
        };
        let _ = writeln!(out, "  because {}: {}{until}{by}; {}", cause.gate, cause.code, cause.detail);
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
        describe(
            out,
            &self.reasons.iter().filter(|cause| cause.citation.is_some()).cloned().collect::<Vec<_>>(),
        );
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
