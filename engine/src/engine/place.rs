//! Placing: the second look, one question to the provider, and its answer written down.
//! The requests exist only because this process committed their intents; nothing is ever asked twice (I1).

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::json;

use super::again::unless_deadlocked;
use super::apply::{FollowUps, wait_at};
use super::changes::Changes;
use super::hang_up::is_stopped;
use super::{Engine, EngineError, state};
use crate::clock::{Instant, micros};
use crate::decide::advance;
use crate::decide::protocol::again::next_visit;
use crate::decide::protocol::answer::{AfterAnswer, after_answer};
use crate::decide::protocol::send::{HeldBack, OnFile, held_back};
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::CampaignStatus;
use crate::domain::enrollment::EnrollmentState;
use crate::domain::event::kinds;
use crate::domain::outcome::Outcome;
use crate::id::{AttemptId, CallId, EnrollmentId};
use crate::provider::{PlaceRequest, Placement, Provider};
use crate::store::attempt::Attempt;
use crate::store::walk::{self, Walk};
use crate::store::{attempt, call, recovery, second_look};

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaceReport {
    pub accepted: usize,
    pub refused: usize,
    pub unknown: usize,
    pub not_sent: usize,
}

impl PlaceReport {
    fn count(&mut self, placement: &Placement) {
        *match placement {
            Placement::Accepted { .. } => &mut self.accepted,
            Placement::Refused { .. } | Placement::Busy { .. } => &mut self.refused,
            Placement::Unknown { .. } => &mut self.unknown,
            Placement::NotSent { .. } => &mut self.not_sent,
        } += 1;
    }
}

fn on_file(changed: second_look::Changed) -> (AttemptId, OnFile) {
    let second_look::Changed { id, campaign, opted_out, suppressed, state } = changed;
    (id, OnFile { campaign, opted_out, suppressed, stopped: false, attempt: state })
}

impl Engine {
    /// Asks the provider for each request once and records the answers.
    pub async fn place(
        &self,
        provider: &dyn Provider,
        mut requests: Vec<PlaceRequest>,
    ) -> Result<PlaceReport, EngineError> {
        if requests.is_empty() {
            return Ok(PlaceReport::default());
        }
        let ids: Vec<AttemptId> = requests.iter().map(|request| request.attempt_id).collect();
        let held = self.second_look(&mut requests).await?;
        let (asked, kept_back): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|request| !held.contains_key(&request.attempt_id));
        let asked_ids: Vec<AttemptId> = asked.iter().map(|request| request.attempt_id).collect();
        let answers = if asked.is_empty() { Vec::new() } else { provider.place(asked).await };
        let mut placements: HashMap<AttemptId, Placement> = asked_ids.into_iter().zip(answers).collect();
        for request in kept_back {
            let Some(why) = held.get(&request.attempt_id) else { continue };
            placements.insert(request.attempt_id, Placement::NotSent { reason: why.as_str().to_owned() });
        }
        // A provider that answered fewer requests than it got leaves the rest in doubt, which is what they are.
        for id in &ids {
            let doubt = || Placement::Unknown { reason: "the provider gave no answer".to_owned() };
            placements.entry(*id).or_insert_with(doubt);
        }
        unless_deadlocked("place", || self.record_placements(provider.name(), &ids, &placements)).await
    }

    /// Pause, stop and suppression once more, after the claim and right before asking (I2): reasons by attempt. Notes from
    /// when on this machine's own clock it is too late, for whoever sends.
    async fn second_look(
        &self,
        requests: &mut [PlaceRequest],
    ) -> Result<HashMap<AttemptId, HeldBack>, EngineError> {
        let began = self.time.steady();
        let mut tx = self.db.begin_read().await?;
        let (now, speed) = self.time.now_and_speed(&mut tx).await?;
        let speed = speed.max(1.0);
        let ids: Vec<AttemptId> = requests.iter().map(|request| request.attempt_id).collect();
        let changed: HashMap<AttemptId, OnFile> =
            second_look::changed(&mut tx, &ids, now).await?.into_iter().map(on_file).collect();
        let recovering = recovery::is_marked(&mut tx).await?;
        let stopped = self.stopped(&mut tx, requests).await?;
        tx.rollback().await?;
        let unchanged = OnFile {
            campaign: CampaignStatus::Active,
            opted_out: false,
            suppressed: false,
            stopped: false,
            attempt: AttemptState::Dialing,
        };
        let by_wall = |length: TimeDelta| {
            let length = length.num_microseconds().unwrap_or(i64::MAX) as f64 / speed;
            TimeDelta::microseconds(length as i64)
        };
        let mut took = TimeDelta::zero();
        let look = |request: &mut PlaceRequest| {
            took = took.max(by_wall(now - request.intent_at));
            request.deadline = began.shifted(by_wall(request.send_by - now));
            if recovering {
                return Some((request.attempt_id, HeldBack::Recovering));
            }
            let on_file = changed.get(&request.attempt_id).unwrap_or(&unchanged);
            let on_file = if self.safeguards.second_look { on_file } else { &unchanged };
            let on_file = OnFile { stopped: stopped.contains(&request.attempt_id), ..*on_file };
            let late = request.deadline.has_passed().then_some(HeldBack::TooLate);
            Some((request.attempt_id, held_back(&on_file, request.send_by, now).or(late)?))
        };
        let held = requests.iter_mut().filter_map(look).collect();
        self.keep_pace(requests.len(), took);
        Ok(held)
    }

    async fn record_placements(
        &self,
        provider: &str,
        ids: &[AttemptId],
        placements: &HashMap<AttemptId, Placement>,
    ) -> Result<PlaceReport, EngineError> {
        let mut tx = self.db.begin().await?;
        let attempts = attempt::by_ids(&mut tx, ids).await?;
        let enrollments: Vec<EnrollmentId> =
            attempts.iter().filter_map(|attempt| attempt.enrollment_id).collect();
        let walks: HashMap<EnrollmentId, Walk> = walk::by_ids(&mut tx, &enrollments)
            .await?
            .into_iter()
            .map(|walk| (walk.enrollment.id, walk))
            .collect();
        // With the rows in hand: what is written now is told after what was written while we waited for them.
        let now = self.time.now(&mut tx).await?;
        let mut changes = Changes::default();
        let mut follow_ups = FollowUps::new();
        let mut report = PlaceReport::default();
        for attempt in &attempts {
            let (Some(placement), Some(walk)) =
                (placements.get(&attempt.id), attempt.enrollment_id.and_then(|id| walks.get(&id)))
            else {
                continue;
            };
            report.count(placement);
            let answer = Answer { engine: self, provider, attempt, walk, now };
            match after_answer(attempt.state, placement, now) {
                AfterAnswer::Nothing => {}
                AfterAnswer::Placed { provider_call_id } => answer.accepted(&mut changes, provider_call_id),
                AfterAnswer::Refused { reason } => {
                    let version = self.version(&mut tx, &walk.enrollment.version).await?;
                    answer.refused(&mut changes, &mut follow_ups, &version.bundle.cadence, reason)?;
                }
                AfterAnswer::NotPlaced { state, reason, again_at } => {
                    answer.not_placed(&mut changes, state, reason, again_at);
                }
                AfterAnswer::Unknown { reason } => answer.unknown(&mut changes, reason),
            }
        }
        let tally = self.finish(&mut tx, changes, follow_ups, now).await?;
        tx.commit().await?;
        self.metrics.committed(&tally, provider);
        Ok(report)
    }
}

/// One provider answer being written down.
struct Answer<'a> {
    engine: &'a Engine,
    provider: &'a str,
    attempt: &'a Attempt,
    walk: &'a Walk,
    now: Instant,
}

impl Answer<'_> {
    fn accepted(&self, changes: &mut Changes, provider_call_id: &str) {
        let asked_at = self.attempt.intent_at.unwrap_or(self.now);
        mark_placed(
            self.engine,
            changes,
            self.attempt,
            self.walk,
            self.provider,
            provider_call_id,
            asked_at,
            self.now,
        );
    }

    fn refused(
        &self,
        changes: &mut Changes,
        follow_ups: &mut FollowUps,
        cadence: &crate::definitions::model::cadence::Cadence,
        reason: &str,
    ) -> Result<(), EngineError> {
        let step = changes.step(self.attempt, AttemptState::Finished, self.now);
        step.outcome = Some(Outcome::Failed.as_str());
        step.disposition = Some("refused".to_owned());
        step.detail = Some(reason.to_owned());
        self.event(changes, "attempt.refused", reason);
        if self.walk.enrollment.state == EnrollmentState::Ended {
            return Ok(());
        }
        let state = self.engine.walk_state(self.walk)?;
        let moved = advance::after_call(cadence, &state, Outcome::Failed, "refused", None, self.now)
            .map_err(|fault| state::fault(self.walk, &fault))?;
        self.engine.apply_move(changes, self.walk, moved, self.now, follow_ups)
    }

    fn unknown(&self, changes: &mut Changes, reason: &str) {
        changes.step(self.attempt, AttemptState::Unknown, self.now).detail = Some(reason.to_owned());
        self.event(changes, "attempt.unknown", reason);
    }

    /// Surely not placed: the same try is planned again as a new attempt (a new visit of the step).
    fn not_placed(&self, changes: &mut Changes, state: AttemptState, reason: &str, again_at: Instant) {
        let step = changes.step(self.attempt, state, self.now);
        step.detail = Some(reason.to_owned());
        if state == AttemptState::Finished {
            step.outcome = Some(Outcome::Failed.as_str());
            step.disposition = Some("refused".to_owned());
        }
        self.event(changes, "attempt.not_sent", reason);
        let position = next_visit(&self.walk.enrollment.position);
        wait_at(changes, self.walk, &position, Some(again_at), None, self.now);
    }

    fn event(&self, changes: &mut Changes, kind: &str, reason: &str) {
        let data =
            json!({"reason": reason, "attemptNumber": self.attempt.attempt, "step": self.attempt.step});
        changes.event(self.engine, self.walk, kind, self.now, data).attempt_id = Some(self.attempt.id);
    }
}

/// The provider has the call: by its answer, by a callback that overtook the answer, or by a look-up.
#[expect(clippy::too_many_arguments, reason = "one row of facts, used in three places")]
pub(super) fn mark_placed(
    engine: &Engine,
    changes: &mut Changes,
    attempt: &Attempt,
    walk: &Walk,
    provider: &str,
    provider_call_id: &str,
    placed_at: Instant,
    now: Instant,
) {
    changes.step(attempt, AttemptState::Placed, now).provider_call_id = Some(provider_call_id.to_owned());
    changes.calls.push(call::NewRow {
        id: engine.ids.next::<CallId>(now).to_string(),
        attempt_id: attempt.id.to_string(),
        lead_id: attempt.lead_id.to_string(),
        campaign_id: attempt.campaign_id.to_string(),
        provider: provider.to_owned(),
        provider_call_id: provider_call_id.to_owned(),
        placed_at: micros(placed_at),
        flow: attempt.flow.clone(),
        version: attempt.version.clone(),
    });
    changes.enrollment(walk, now).placed = i64::from(walk.enrollment.placed) + 1;
    let data = json!({
        "callId": provider_call_id, "flowId": attempt.flow, "step": attempt.step, "attemptNumber": attempt.attempt,
    });
    changes.event(engine, walk, kinds::CALL_PLACED, placed_at, data).attempt_id = Some(attempt.id);
    if is_stopped(walk) {
        engine.hang_up(changes, attempt.id, walk.lead.id, provider_call_id, now);
    }
}
