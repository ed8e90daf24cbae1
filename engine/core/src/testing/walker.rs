//! One enrollment in virtual time: the cadence advances, gates decide when a contact is allowed, nothing else happens.
//! What somebody outside would notice (a call, a message, a task, an end) stops the walk and is handed out.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::coverage::Coverage;
use super::given;
use super::suite::{Failure, merge};
use crate::clock::Instant;
use crate::decide::advance::{self, Fault, Move, Next, StepEffect, WalkState};
use crate::decide::gate;
use crate::decide::snapshot::{Intent, PhoneFacts, Snapshot};
use crate::decide::verdict::Verdict;
use crate::definitions::model::cadence::{Cadence, StepAction};
use crate::domain::enrollment::Position;
use crate::domain::outcome::Outcome;
use crate::id::{CampaignId, LeadId};
use crate::rules::Rules;
use crate::time::holiday::HolidayCalendar;
use crate::time::zone::Zone;

/// Moves without anybody noticing; more is a circle.
const MOST_MOVES: usize = 2_000;

/// Something that can be noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Call {
        step: String,
    },
    Message {
        step: String,
    },
    Task {
        step: String,
    },
    Webhook {
        step: String,
    },
    Enroll {
        cadence: String,
    },
    /// The enrollment is over.
    Ended {
        result: String,
    },
    /// Nothing until the time that was asked for.
    Quiet,
}

/// An enrollment being walked.
pub(super) struct Walker<'a> {
    cadence: &'a Cadence,
    pub walk: WalkState,
    pub variables: Value,
    snapshot: Snapshot,
    pub now: Instant,
    next: Next,
    noticed: VecDeque<Seen>,
    pub passed: Vec<String>,
    pub calls: u32,
    pub score: i64,
    coverage: &'a mut Coverage,
}

impl<'a> Walker<'a> {
    /// Enters the cadence at `now`.
    pub fn enter(
        cadence: &'a Cadence,
        variables: Value,
        zone: Zone,
        lead_id: LeadId,
        now: Instant,
        coverage: &'a mut Coverage,
    ) -> Result<Self, Failure> {
        let snapshot = given::snapshot(cadence, &variables, &zone, lead_id, now)?;
        let holidays = match &snapshot.phone {
            PhoneFacts::Callable { jurisdictions, .. } => jurisdictions
                .first()
                .map_or_else(HolidayCalendar::none, |place| Rules::embedded().holidays(*place)),
            _ => HolidayCalendar::none(),
        };
        let first = cadence.steps.first().map(|step| step.id.clone()).unwrap_or_default();
        let position = Position { step: first, visit: 1, attempt: 1, due_since: now, promised: false };
        let walk =
            WalkState { lead_id, position: position.clone(), waiting_event: None, placed: 0, zone, holidays };
        Ok(Self {
            cadence,
            walk,
            variables,
            snapshot,
            now,
            next: Next::Due { position, at: now },
            noticed: VecDeque::new(),
            passed: Vec::new(),
            calls: 0,
            score: 0,
            coverage,
        })
    }

    pub const fn cadence(&self) -> &'a Cadence {
        self.cadence
    }

    pub const fn coverage(&mut self) -> &mut Coverage {
        self.coverage
    }

    /// Lets time pass until something is noticed, but not beyond `limit`.
    pub fn go_on(&mut self, limit: Option<Instant>) -> Result<Seen, Failure> {
        for _ in 0..MOST_MOVES {
            if let Some(seen) = self.noticed.pop_front() {
                return Ok(seen);
            }
            let at = match &self.next {
                Next::Ended { result, .. } => return Ok(Seen::Ended { result: result.clone() }),
                Next::Due { at, .. } => *at,
                Next::AwaitEvent { until, .. } => *until,
                Next::Call { .. } | Next::Message { .. } => self.now,
            };
            if let Some(limit) = limit.filter(|limit| at > *limit) {
                self.now = self.now.max(limit);
                return Ok(Seen::Quiet);
            }
            self.now = self.now.max(at);
            if let Some(seen) = self.move_on()? {
                return Ok(seen);
            }
        }
        Err(Failure::new("", "the cadence goes round in circles"))
    }

    /// One move of the cadence, or one question to the gates.
    fn move_on(&mut self) -> Result<Option<Seen>, Failure> {
        match self.next.clone() {
            Next::Call { position, .. } => {
                let seen = Seen::Call { step: position.step.clone() };
                self.look(&position)?;
                let verdict = gate::decide(&self.snapshot, Rules::embedded(), self.now).verdict;
                Ok(self.may(&position, verdict).then_some(seen))
            }
            Next::Message { position, channel, .. } => {
                self.look(&position)?;
                let rules = Rules::embedded();
                let verdict =
                    gate::decide_contact(&self.snapshot, rules, channel.purpose(), self.now).verdict;
                if !self.may(&position, verdict) {
                    return Ok(None);
                }
                let moved =
                    advance::after_step(self.cadence, &position, self.now).map_err(|fault| failed(&fault))?;
                self.apply(moved);
                Ok(Some(Seen::Message { step: position.step }))
            }
            _ => {
                let variables = self.with_cadence();
                let moved = advance::enter(self.cadence, &self.walk, &|| variables.clone(), self.now);
                self.apply(moved.map_err(|fault| failed(&fault))?);
                Ok(None)
            }
        }
    }

    /// What the gates look at now.
    fn look(&mut self, position: &Position) -> Result<(), Failure> {
        self.snapshot.promised = position.promised;
        self.snapshot.placed = self.walk.placed;
        self.snapshot.lead.status = given::status(&self.variables)?;
        self.snapshot.lead.do_not_call = given::flag(&self.variables["lead"], "doNotCall");
        Ok(())
    }

    /// A deferral moves the step, a stop ends the enrollment.
    fn may(&mut self, position: &Position, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Proceed(_) => return true,
            Verdict::Defer { until, .. } => self.next = Next::Due { position: position.clone(), at: until },
            Verdict::Stop { reason, .. } => self.apply(advance::on_refused(reason)),
        }
        false
    }

    /// The call at the position of the walk has ended.
    pub fn called(
        &mut self,
        outcome: Outcome,
        disposition: &str,
        asked: Option<Instant>,
    ) -> Result<(), Failure> {
        if self.has_ended() {
            return Ok(());
        }
        let step = self.cadence.steps.iter().find(|step| step.id == self.walk.position.step);
        if let Some((step, StepAction::Call(call))) = step.map(|step| (step, &step.action)) {
            let rule = advance::rule_for(call, outcome, disposition);
            self.coverage.rule(&self.cadence.key, &step.id, rule.map(|(key, _)| key));
        }
        let moved = advance::after_call(self.cadence, &self.walk, outcome, disposition, asked, self.now);
        self.apply(moved.map_err(|fault| failed(&fault))?);
        Ok(())
    }

    /// The call at the position of the walk was placed.
    pub fn placed(&mut self) {
        self.calls += 1;
        self.walk.placed += 1;
        let intent = Intent {
            at: self.now,
            campaign_id: CampaignId(uuid::Uuid::from_u128(1)),
            to_lead: true,
            to_number: true,
        };
        self.snapshot.intents.insert(0, intent);
        self.coverage.step(&self.cadence.key, &self.walk.position.step);
    }

    const fn has_ended(&self) -> bool {
        matches!(self.next, Next::Ended { .. })
    }

    /// Something happens to the lead.
    pub fn event(&mut self, kind: &str, data: &Value) -> Result<(), Failure> {
        if self.has_ended() {
            return Ok(());
        }
        let mut variables = self.with_cadence();
        variables["event"] = data.clone();
        variables["event"]["type"] = json!(kind);
        let waited = self.walk.waiting_event.as_deref() == Some(kind);
        let step = self.walk.position.step.clone();
        let moved = advance::on_event(self.cadence, &self.walk, kind, &|| variables.clone(), self.now);
        if let Some(moved) = moved.map_err(|fault| failed(&fault))? {
            if waited && !moved.effects.is_empty() {
                self.coverage.way(&self.cadence.key, &step, "wait/then");
                self.walk.waiting_event = None;
            }
            self.apply(moved);
        }
        Ok(())
    }

    /// Somebody changes the lead.
    pub fn change(&mut self, fields: &Value) {
        merge(&mut self.variables["lead"], fields);
    }

    fn with_cadence(&self) -> Value {
        let mut variables = self.variables.clone();
        variables["cadence"] = json!({
            "key": self.cadence.key, "step": self.walk.position.step, "attempt": self.walk.position.attempt,
            "placed": self.walk.placed,
        });
        variables
    }

    fn apply(&mut self, moved: Move) {
        let from = self.walk.position.step.clone();
        self.cover(&from, &moved);
        for effect in moved.effects {
            match effect {
                StepEffect::Passed { step } => self.passed.push(step),
                StepEffect::Skipped { .. } => {}
                StepEffect::Update { field, value } => self.update(&field, value),
                StepEffect::Score { by, .. } => {
                    self.score += by;
                    let score = self.variables["lead"]["score"].as_i64().unwrap_or(0) + by;
                    self.variables["lead"]["score"] = json!(score.clamp(0, 100));
                }
                StepEffect::Task { title, .. } => {
                    let step = self.step_with(&title);
                    self.noticed.push_back(Seen::Task { step });
                }
                StepEffect::Webhook { step, .. } => self.noticed.push_back(Seen::Webhook { step }),
                StepEffect::Enroll { cadence } => self.noticed.push_back(Seen::Enroll { cadence }),
            }
        }
        match &moved.next {
            Next::Ended { enroll, .. } => {
                let further = enroll.iter().map(|cadence| Seen::Enroll { cadence: cadence.clone() });
                self.noticed.extend(further);
            }
            Next::Due { position, .. } | Next::Call { position, .. } | Next::Message { position, .. } => {
                (self.walk.position, self.walk.waiting_event) = (position.clone(), None);
            }
            Next::AwaitEvent { position, event, .. } => {
                (self.walk.position, self.walk.waiting_event) = (position.clone(), Some(event.clone()));
            }
        }
        self.next = moved.next;
    }

    /// Counts steps and the ways between them: the step after a branch, a split or a wait says which way was taken.
    fn cover(&mut self, from: &str, moved: &Move) {
        let steps = moved.effects.iter().filter_map(|effect| match effect {
            StepEffect::Passed { step } => Some((step.as_str(), true)),
            StepEffect::Skipped { step, .. } => Some((step.as_str(), false)),
            _ => None,
        });
        let mut trail: Vec<(&str, bool)> = steps.collect();
        let last = match &moved.next {
            Next::Due { position, .. }
            | Next::AwaitEvent { position, .. }
            | Next::Call { position, .. }
            | Next::Message { position, .. } => Some(position.step.as_str()),
            Next::Ended { .. } => None,
        };
        let key = &self.cadence.key;
        for (step, was_passed) in &trail {
            if *was_passed {
                self.coverage.step(key, step);
            } else {
                self.coverage.way(key, step, "if");
            }
        }
        // An event that was waited for has cleared the wait before it comes here.
        if self.walk.waiting_event.is_some() && trail.first().is_some_and(|(step, _)| *step == from) {
            self.coverage.way(key, from, "wait/on_timeout");
        }
        trail.extend(last.map(|step| (step, true)));
        for pair in trail.windows(2) {
            if let Some(way) = self.way(pair[0].0, pair[1].0) {
                self.coverage.way(key, pair[0].0, &way);
            }
        }
    }

    fn way(&self, from: &str, to: &str) -> Option<String> {
        let step = &self.cadence.steps[self.cadence.step(from)?];
        let target = self.cadence.step(to)?;
        match &step.action {
            StepAction::Branch(arms) => {
                arms.iter().position(|(_, arm)| *arm == target).map(|arm| format!("branch/{arm}"))
            }
            StepAction::Split(arms) => {
                arms.iter().position(|arm| arm.first == target).map(|arm| format!("split/{arm}"))
            }
            _ => None,
        }
    }

    fn update(&mut self, field: &str, value: Value) {
        let pointer = field.split('.').rev().fold(value, |inner, name| json!({ name: inner }));
        merge(&mut self.variables["lead"], &pointer);
    }

    /// Task effects name their title; the step is the task with that title that was just passed.
    fn step_with(&self, title: &str) -> String {
        let with_title = self
            .cadence
            .steps
            .iter()
            .find(|step| matches!(&step.action, StepAction::Task { title: own, .. } if own == title));
        with_title.map_or_else(|| title.to_owned(), |step| step.id.clone())
    }
}

fn failed(fault: &Fault) -> Failure {
    Failure::new("", format!("the cadence cannot be followed: {fault}"))
}
