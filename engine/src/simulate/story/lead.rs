//! What happened to one lead, in order: calls, what was put off and why, steps left out, how it ended.

use std::collections::HashMap;

use serde::Serialize;

use super::{Facts, Places, redacted};
use crate::clock::Instant;
use crate::id::LeadId;

/// One lead's way through the trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeadStory {
    pub id: LeadId,
    /// The outside system's id, or ours.
    pub name: String,
    /// Redacted.
    pub phone: String,
    /// Where its hours are read.
    pub zone: String,
    pub moments: Vec<Moment>,
}

/// One thing that happened, or was decided not to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Moment {
    pub at: Instant,
    /// On the called party's clock: `Mon 2026-03-02 09:00`.
    pub local: String,
    /// `entered`, `called`, `put off`, `refused`, `left out`, `ended`.
    pub what: &'static str,
    pub cadence: String,
    pub step: String,
    /// Try of the step, from 1.
    pub attempt: Option<u32>,
    pub outcome: String,
    pub disposition: String,
    pub talk_s: Option<u32>,
    pub gate: String,
    pub reason: String,
    /// Put off until then, as `local`.
    pub until: String,
}

impl Moment {
    /// In one line.
    pub fn sentence(&self) -> String {
        match self.what {
            "entered" => format!("entered {}", self.cadence),
            "called" => {
                let attempt = self.attempt.map(|attempt| format!(" (try {attempt})")).unwrap_or_default();
                let talk = self
                    .talk_s
                    .filter(|seconds| *seconds > 0)
                    .map(|s| format!(", {s} s"))
                    .unwrap_or_default();
                let filed = if self.disposition.is_empty() || self.disposition == self.outcome {
                    String::new()
                } else {
                    format!(", {}", self.disposition)
                };
                format!("called, step {}{attempt}: {}{filed}{talk}", self.step, self.outcome)
            }
            "put off" => format!("step {} put off until {}: {}", self.step, self.until, self.reason),
            "refused" => format!("step {} refused: {}", self.step, self.reason),
            "left out" => format!("step {} left out: {}", self.step, self.reason),
            _ => format!("{} ended: {}", self.cadence, self.outcome),
        }
    }
}

impl LeadStory {
    /// Every lead's story, in id order.
    pub fn all(facts: &Facts) -> Vec<Self> {
        let places = Places::of(&facts.people);
        let mut moments: HashMap<LeadId, Vec<Moment>> = HashMap::new();
        let clock = |lead: LeadId, at: Instant| match places.zone(lead) {
            Some(zone) => {
                let local = zone.local(at);
                format!("{} {}", local.date.format("%a %Y-%m-%d"), local.time)
            }
            None => at.format("%a %Y-%m-%d %H:%M UTC").to_string(),
        };
        let mut add = |lead: LeadId, at: Instant, moment: Moment| {
            let local = clock(lead, at);
            moments.entry(lead).or_default().push(Moment { at, local, ..moment });
        };
        for walk in &facts.walks {
            let cadence = walk.cadence.clone();
            add(walk.lead_id, walk.started_at, Moment { what: "entered", cadence, ..Moment::default() });
        }
        for row in &facts.not_now {
            let what = if row.verdict == "stop" { "refused" } else { "put off" };
            let moment = Moment {
                what,
                step: row.step.clone().unwrap_or_default(),
                gate: row.gate.clone().unwrap_or_default(),
                reason: row.reason.clone(),
                until: row.until.map(|until| clock(row.lead_id, until)).unwrap_or_default(),
                ..Moment::default()
            };
            add(row.lead_id, row.at, moment);
        }
        for call in &facts.calls {
            let moment = Moment {
                what: "called",
                step: call.step.clone(),
                attempt: Some(call.attempt),
                outcome: call.outcome.clone().unwrap_or_default(),
                disposition: call.disposition.clone().unwrap_or_default(),
                talk_s: Some(call.talk_s),
                ..Moment::default()
            };
            add(call.lead_id, call.at, moment);
        }
        for row in facts.steps.iter().filter(|row| row.skipped.is_some()) {
            let reason = row.skipped.clone().unwrap_or_default();
            let moment = Moment { what: "left out", step: row.step.clone(), reason, ..Moment::default() };
            add(row.lead_id, row.at, moment);
        }
        for walk in &facts.walks {
            if let (Some(result), Some(at)) = (&walk.result, walk.ended_at) {
                let (cadence, outcome) = (walk.cadence.clone(), result.clone());
                add(walk.lead_id, at, Moment { what: "ended", cadence, outcome, ..Moment::default() });
            }
        }
        let people = facts.people.iter().map(|person| {
            let mut moments = moments.remove(&person.id).unwrap_or_default();
            // Stable: what happens at one instant stays in the order in which it is told above.
            moments.sort_by_key(|moment| moment.at);
            Self {
                id: person.id,
                name: person.external_id.clone().unwrap_or_else(|| person.id.to_string()),
                phone: person.phone.as_deref().map(redacted).unwrap_or_default(),
                zone: places.zone(person.id).map(ToString::to_string).unwrap_or_default(),
                moments,
            }
        });
        people.collect()
    }
}
