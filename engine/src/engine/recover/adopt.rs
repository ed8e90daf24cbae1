//! Adopting the provider's calls that a restored database does not know. Each becomes an attempt with an intent at its time:
//! it counts in caps, keeps its number busy while it goes on, and its callbacks find it. Of an enrollment the *last* such
//! call says where it stands; earlier ones are history and move nothing, so that no step is dialed a second time.
//! What is written for each call is in `rows`.

mod rows;

use std::collections::{BTreeMap, HashSet, VecDeque};

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::json;

use super::super::apply::FollowUps;
use super::super::changes::Changes;
use super::super::place::mark_placed;
use super::super::{Engine, EngineError};
use super::group::{self, OnFile};
use super::not_recovering;
use crate::provider::ReportedFact;
use rows::{end_facts, state_of, told};

use crate::clock::{Instant, micros};
use crate::domain::attempt::AttemptState;
use crate::domain::enrollment::{EnrollmentState, Hold};
use crate::domain::event::kinds;
use crate::domain::outcome::Outcome;
use crate::domain::suppression::Suppression;
use crate::id::{AttemptId, CampaignId, EnrollmentId, LeadId};
use crate::provider::{CallPurpose, ListedCall, Provider};
use crate::store::attempt::Attempt;
use crate::store::walk::Walk;
use crate::store::{adopt as store, attempt, campaign, recovery, suppression};

/// Calls per transaction, about.
const BATCH: usize = 500;

/// What became of the provider's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    pub listed: usize,
    /// Were on file as they are.
    pub known: usize,
    /// Were not known, or not known to have been made.
    pub adopted: usize,
    /// Of these: belong to no enrollment on file and only count.
    pub outside: usize,
    /// Enrollments held for people, because nothing says which step their calls were.
    pub held: usize,
    /// Calls to numbers that no lead has; the numbers rest for a day.
    pub unattributed: usize,
    /// Attempts that ended with what the list says.
    pub ended: usize,
    /// Calls of attempts that had been proven not to be made: they must not happen.
    pub orphaned: usize,
}

impl Engine {
    /// Goes through the provider's list. May be repeated: what is on file already is left as it is.
    pub async fn adopt_calls(
        &self,
        provider: &dyn Provider,
        listed: Vec<ListedCall>,
        mut tell: impl FnMut(usize),
    ) -> Result<Adopted, EngineError> {
        let mut report = Adopted { listed: listed.len(), ..Adopted::default() };
        // Calls that were under way at the backup and have ended give their numbers free before others are brought in.
        for chunk in listed.chunks(BATCH) {
            report.ended += self.settle(provider, chunk).await?;
        }
        let mut waiting: VecDeque<Vec<ListedCall>> = group::groups(listed).into();
        let mut done = 0;
        while !waiting.is_empty() {
            let mut batch = Vec::new();
            while batch.iter().map(Vec::len).sum::<usize>() < BATCH
                && let Some(group) = waiting.pop_front()
            {
                batch.push(group);
            }
            let calls: usize = batch.iter().map(Vec::len).sum();
            // What shares a number with a call of this batch comes next, when that one's end has been recorded.
            let later = self.adopt_batch(provider, batch, &mut report).await?;
            done += calls - later.iter().map(Vec::len).sum::<usize>();
            for group in later.into_iter().rev() {
                waiting.push_front(group);
            }
            tell(done);
        }
        Ok(report)
    }

    /// Records the ends of attempts that are on file as under way.
    async fn settle(&self, provider: &dyn Provider, listed: &[ListedCall]) -> Result<usize, EngineError> {
        let ended = |call: &&ListedCall| call.end.is_some();
        let ids: Vec<AttemptId> = listed.iter().filter(ended).filter_map(|call| call.attempt_id).collect();
        let mut tx = self.db.begin().await?;
        let attempts = attempt::by_ids(&mut tx, &ids).await?;
        tx.rollback().await?;
        let live: HashSet<AttemptId> = attempts
            .into_iter()
            .filter(|attempt| attempt.state.is_live())
            .map(|attempt| attempt.id)
            .collect();
        let of_live = |call: &&ListedCall| call.attempt_id.is_some_and(|id| live.contains(&id));
        let facts: Vec<ReportedFact> = listed.iter().filter(of_live).flat_map(end_facts).collect();
        let ids: Vec<AttemptId> = live.into_iter().collect();
        Ok(self.record_and_follow(provider.name(), facts, &ids).await?.finished)
    }

    /// Answers the groups that have to wait for others of this batch.
    async fn adopt_batch(
        &self,
        provider: &dyn Provider,
        groups: Vec<Vec<ListedCall>>,
        report: &mut Adopted,
    ) -> Result<Vec<Vec<ListedCall>>, EngineError> {
        let all: Vec<&ListedCall> = groups.iter().flatten().collect();
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        if !recovery::is_marked(&mut tx).await? {
            return Err(not_recovering());
        }
        let mut on_file = OnFile::load(&mut tx, &all).await?;
        let busy_before = on_file.busy.clone();
        let mut adopting = Adopting::new(self, provider.name(), now, report);
        let mut later = Vec::new();
        for group in groups {
            let is_taken = |call: &ListedCall| {
                let number = call.number.e164();
                on_file.busy.contains(&number) && !busy_before.contains(&number)
            };
            if group.iter().any(is_taken) {
                later.push(group);
                continue;
            }
            let flows = adopting.flows(&mut tx, &on_file, &group).await?;
            adopting.group(&mut on_file, &group, &flows);
        }
        let Adopting { mut changes, taken, new, facts, followed, days, rest, moved, .. } = adopting;
        // A call that was planned for a step which has been dialed, or passed, since.
        let is_stale = |attempt: &&Attempt| {
            attempt.state == AttemptState::Planned
                && !taken.iter().any(|row| row.id == attempt.id.to_string())
                && attempt.enrollment_id.is_some_and(|id| moved.contains(&id))
        };
        for attempt in on_file.open.iter().filter(is_stale) {
            changes.step(attempt, AttemptState::Cancelled, now).detail = Some("recovering".to_owned());
        }
        store::take(&mut tx, &taken).await?;
        store::insert_many(&mut tx, &new).await?;
        suppression::add_many(&mut tx, &rest).await?;
        campaign::bump_days(&mut tx, &days).await?;
        let tally = self.finish(&mut tx, changes, FollowUps::new(), now).await?;
        tx.commit().await?;
        self.metrics.committed(&tally, provider.name());
        // Callbacks may have told these already, while nobody knew their attempts.
        report.ended += self.record_and_follow(provider.name(), facts, &followed).await?.finished;
        Ok(later)
    }
}

/// How an attempt ended, as far as the list tells.
struct Told {
    outcome: Outcome,
    disposition: String,
}

/// Whom an attempt belongs to.
struct Owner {
    lead: LeadId,
    campaign: CampaignId,
}

/// One batch being adopted.
struct Adopting<'a> {
    engine: &'a Engine,
    provider: &'a str,
    now: Instant,
    report: &'a mut Adopted,
    changes: Changes,
    taken: Vec<store::TakenRow>,
    new: Vec<store::NewRow>,
    /// Facts of the attempts that decide where their enrollments go on, and of those that end on their own.
    facts: Vec<ReportedFact>,
    /// Those attempts.
    followed: Vec<AttemptId>,
    days: Vec<(CampaignId, NaiveDate, u32)>,
    rest: Vec<Suppression>,
    /// Enrollments that stand elsewhere now.
    moved: HashSet<EnrollmentId>,
}

impl<'a> Adopting<'a> {
    fn new(engine: &'a Engine, provider: &'a str, now: Instant, report: &'a mut Adopted) -> Self {
        Self {
            engine,
            provider,
            now,
            report,
            changes: Changes::default(),
            taken: Vec::new(),
            new: Vec::new(),
            facts: Vec::new(),
            followed: Vec::new(),
            days: Vec::new(),
            rest: Vec::new(),
            moved: HashSet::new(),
        }
    }

    /// The flow of each step that the calls name, and of the one their enrollment waits at.
    async fn flows(
        &self,
        tx: &mut crate::store::Tx,
        on_file: &OnFile,
        calls: &[ListedCall],
    ) -> Result<BTreeMap<String, String>, EngineError> {
        let mut flows = BTreeMap::new();
        for call in calls {
            let Some(walk) = on_file.walk_of(call) else { continue };
            let step = call.purpose.as_ref().map_or(&walk.enrollment.position.step, |purpose| &purpose.step);
            if !flows.contains_key(step)
                && let Some(flow) = group::call_step(self.engine, tx, walk, step).await?
            {
                flows.insert(step.clone(), flow);
            }
        }
        Ok(flows)
    }

    fn group(&mut self, on_file: &mut OnFile, calls: &[ListedCall], flows: &BTreeMap<String, String>) {
        let is_new = |call: &ListedCall| {
            let state = on_file.attempt_of(call).map(|attempt| attempt.state);
            state.is_none_or(|state| matches!(state, AttemptState::Planned | AttemptState::Cancelled))
        };
        let newest = calls.iter().rposition(is_new);
        let unnamed = calls.iter().filter(|call| is_new(call) && call.purpose.is_none()).count();
        for (index, call) in calls.iter().enumerate() {
            let decides = newest.is_none_or(|newest| index >= newest);
            let walk = on_file.walk_of(call).cloned();
            match (on_file.attempt_of(call).cloned(), walk) {
                (Some(attempt), Some(walk)) if attempt.state.is_live() => {
                    self.live(&attempt, &walk, call, decides);
                }
                (Some(attempt), Some(walk)) if is_takeable(&attempt) => {
                    self.take(on_file, &attempt, &walk, call, decides);
                }
                (Some(attempt), _) if is_written_off(&attempt) => self.report.orphaned += 1,
                (Some(_), _) => self.report.known += 1,
                (None, Some(walk)) => {
                    if let Some((purpose, flow)) = place(call, &walk, unnamed, flows) {
                        self.bring_in(on_file, &walk, call, purpose, flow, decides);
                    } else {
                        self.outside(on_file, call);
                        self.hold(&walk);
                    }
                }
                (None, None) => self.outside(on_file, call),
            }
        }
    }

    /// On file as under way: the list may know its end.
    fn live(&mut self, attempt: &Attempt, walk: &Walk, call: &ListedCall, decides: bool) {
        self.report.known += 1;
        if attempt.state != AttemptState::Placed {
            let (engine, provider, now) = (self.engine, self.provider, self.now);
            let id = &call.provider_call_id;
            mark_placed(engine, &mut self.changes, attempt, walk, provider, id, call.asked_at, now);
        }
        if decides {
            self.follow(attempt.id, call);
            return;
        }
        let told = told(call);
        let mut placed = attempt.clone();
        placed.state = AttemptState::Placed;
        let step = self.changes.step(&placed, AttemptState::Finished, self.now);
        step.outcome = Some(told.outcome.as_str());
        step.disposition = Some(told.disposition.clone());
        self.ended_row(attempt.id, call, &told);
        self.report.ended += 1;
    }

    /// On file as planned: it was dialed after the backup.
    fn take(
        &mut self,
        on_file: &mut OnFile,
        attempt: &Attempt,
        walk: &Walk,
        call: &ListedCall,
        decides: bool,
    ) {
        let told = ends_here(on_file, call, decides);
        self.taken.push(store::TakenRow {
            id: attempt.id.to_string(),
            state: state_of(told.as_ref()).as_str(),
            intent_at: micros(call.asked_at),
            provider: self.provider.to_owned(),
            provider_call_id: call.provider_call_id.clone(),
            outcome: told.as_ref().map(|told| told.outcome.as_str()),
            disposition: told.as_ref().map(|told| told.disposition.clone()),
            finished_at: told.as_ref().map(|_| micros(self.now)),
        });
        let purpose = CallPurpose {
            enrollment_id: walk.enrollment.id,
            step: attempt.step.clone(),
            visit: attempt.visit,
            attempt: attempt.attempt,
        };
        self.adopted(on_file, attempt.id, walk, call, &purpose, &attempt.flow, (decides, told));
    }

    /// Not on file at all.
    fn bring_in(
        &mut self,
        on_file: &mut OnFile,
        walk: &Walk,
        call: &ListedCall,
        mut purpose: CallPurpose,
        flow: String,
        decides: bool,
    ) {
        let id = call.attempt_id.unwrap_or_else(|| self.engine.ids.next(self.now));
        // Its place may be taken by an attempt that was planned here and never dialed.
        while !on_file.keys.insert((walk.enrollment.id, purpose.step.clone(), purpose.visit, purpose.attempt))
        {
            purpose.visit += 1;
        }
        let told = ends_here(on_file, call, decides);
        let owner = Owner { lead: walk.lead.id, campaign: walk.enrollment.campaign_id };
        let row = store::NewRow {
            enrollment_id: Some(walk.enrollment.id.to_string()),
            flow: flow.clone(),
            version: walk.enrollment.version.clone(),
            step: purpose.step.clone(),
            visit: i64::from(purpose.visit),
            attempt: i64::from(purpose.attempt),
            ..self.bare_row(id, &owner, call, told.as_ref())
        };
        self.new.push(row);
        self.adopted(on_file, id, walk, call, &purpose, &flow, (decides, told));
    }

    #[expect(clippy::too_many_arguments, reason = "one call's facts, put down for two kinds of rows")]
    fn adopted(
        &mut self,
        on_file: &OnFile,
        id: AttemptId,
        walk: &Walk,
        call: &ListedCall,
        purpose: &CallPurpose,
        flow: &str,
        (decides, told): (bool, Option<Told>),
    ) {
        let owner = Owner { lead: walk.lead.id, campaign: walk.enrollment.campaign_id };
        self.count(on_file, &owner, call);
        self.call_row(id, &owner, call, (flow, &walk.enrollment.version));
        let data = json!({
            "callId": call.provider_call_id, "flowId": flow, "step": purpose.step, "attemptNumber": purpose.attempt,
            "recovered": true,
        });
        self.changes.event(self.engine, walk, kinds::CALL_PLACED, call.asked_at, data).attempt_id = Some(id);
        let (now, known) = (self.now, walk.enrollment.placed);
        let is_live = group::is_live(walk);
        if is_live {
            let row = self.changes.enrollment(walk, now);
            row.placed = row.placed.max(i64::from(known)) + 1;
        }
        let Some(told) = told else {
            if is_live {
                self.stand_at(walk, purpose, call.asked_at);
            }
            self.follow(id, call);
            return;
        };
        self.ended_row(id, call, &told);
        self.report.ended += 1;
        // Two calls to one number at a time should not be; which of them its enrollment is in is for people to say.
        if decides {
            self.hold(walk);
        }
    }

    /// The enrollment is in this call. One that people hold stays held, and goes on from here when it is resumed.
    fn stand_at(&mut self, walk: &Walk, purpose: &CallPurpose, asked_at: Instant) {
        self.moved.insert(walk.enrollment.id);
        let row = self.changes.enrollment(walk, self.now);
        if walk.enrollment.state != EnrollmentState::Held {
            row.state = EnrollmentState::Open.as_str();
        }
        row.step.clone_from(&purpose.step);
        row.visit = i64::from(purpose.visit);
        row.attempt = i64::from(purpose.attempt);
        row.due_since = micros(asked_at);
        row.promised = 0;
        row.due_at = None;
        row.wait_event = None;
    }

    fn hold(&mut self, walk: &Walk) {
        if !group::is_live(walk) || !self.moved.insert(walk.enrollment.id) {
            return;
        }
        self.report.held += 1;
        let row = self.changes.enrollment(walk, self.now);
        row.state = EnrollmentState::Held.as_str();
        row.hold = Some(Hold::Recovered.as_str());
        row.due_at = None;
        let data = json!({"reason": "called after the backup, at an unknown step"});
        self.changes.event(self.engine, walk, "enrollment.held", self.now, data);
    }
}

const fn is_takeable(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Planned | AttemptState::Cancelled)
}

const fn is_written_off(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::NotPlaced | AttemptState::NotSent)
}

/// Which step a call was, and its flow: what the provider gives back, else the step at which the enrollment waits, if there
/// is only one call that could have been it.
fn place(
    call: &ListedCall,
    walk: &Walk,
    unnamed: usize,
    flows: &BTreeMap<String, String>,
) -> Option<(CallPurpose, String)> {
    let position = &walk.enrollment.position;
    let purpose = match &call.purpose {
        Some(purpose) => purpose.clone(),
        None if unnamed == 1 && walk.enrollment.state == EnrollmentState::Waiting => CallPurpose {
            enrollment_id: walk.enrollment.id,
            step: position.step.clone(),
            visit: position.visit,
            attempt: position.attempt,
        },
        None => return None,
    };
    let flow = flows.get(&purpose.step)?.clone();
    Some((purpose, flow))
}

/// `Some`: this call is history. Otherwise it keeps its number busy, and its end is recorded like any other.
fn ends_here(on_file: &mut OnFile, call: &ListedCall, decides: bool) -> Option<Told> {
    let number = call.number.e164();
    if decides && !on_file.busy.contains(&number) {
        on_file.busy.insert(number);
        return None;
    }
    Some(told(call))
}
