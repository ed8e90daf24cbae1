//! Reconciling: attempts whose answer or whose end was lost are looked up at the provider, never asked for again (ENG-2, I14).

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::json;

use super::apply::{FollowUps, wait_at};
use super::changes::Changes;
use super::place::{mark_placed, next_visit};
use super::record::ReportedFact;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, EndStatus, Fact, StoredFact};
use crate::domain::enrollment::EnrollmentState;
use crate::id::AttemptId;
use crate::phone::number::PhoneNumber;
use crate::provider::{LookUp, LookUpResult, Provider};
use crate::store::attempt::{self, Attempt};
use crate::store::walk::{self, Walk};
use crate::store::{Tx, call};

/// An intent without an answer is in doubt after this long: its process may have died before or after asking.
const IN_DOUBT_AFTER: TimeDelta = TimeDelta::seconds(10);
/// A look-up that failed is tried again after this long.
const LOOK_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(15);
/// After an attempt that can never be resolved, its enrollment waits this long: the call may have happened.
const AFTER_UNKNOWN: TimeDelta = TimeDelta::hours(4);
/// A placed call that is not reported over after this long is looked up, and again after as long: that may bring lost reports.
const SILENT_AFTER: TimeDelta = TimeDelta::minutes(15);
/// What was said is waited for this long after the end of a call.
const UNSAID_AFTER: TimeDelta = TimeDelta::hours(1);
/// A call whose end nobody reported is taken for failed after this long. No call lasts half as long.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(6);

/// What a round of look-ups did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    pub looked_up: usize,
    pub found: usize,
    pub not_placed: usize,
    pub unknown_final: usize,
    /// Placed calls settled without the reports that were missing.
    pub given_up: usize,
}

/// When the first attempt in doubt will be worth a look-up.
pub(super) async fn next_look_up(tx: &mut Tx) -> Result<Option<Instant>, EngineError> {
    let at = attempt::next_look_up(tx, IN_DOUBT_AFTER, LOOK_AGAIN_AFTER, SILENT_AFTER).await?;
    Ok(at.map(|at| at + TimeDelta::microseconds(1)))
}

impl Engine {
    /// Looks up attempts in doubt. No transaction is open while the provider is asked.
    pub async fn reconcile(
        &self,
        provider: &dyn Provider,
        limit: u32,
    ) -> Result<ReconcileReport, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let mut doubtful =
            attempt::overdue(&mut tx, now - IN_DOUBT_AFTER, now - LOOK_AGAIN_AFTER, limit).await?;
        doubtful.extend(attempt::silent(&mut tx, now - SILENT_AFTER, limit).await?);
        tx.rollback().await?;
        let mut report = ReconcileReport { looked_up: doubtful.len(), ..ReconcileReport::default() };
        let mut results = Vec::with_capacity(doubtful.len());
        for attempt in doubtful {
            let result = look_up(provider, &attempt).await;
            results.push((attempt, result));
        }
        if !results.is_empty() {
            self.record_look_ups(provider, results, &mut report).await?;
        }
        Ok(report)
    }

    async fn record_look_ups(
        &self,
        provider: &dyn Provider,
        results: Vec<(Attempt, LookUpResult)>,
        report: &mut ReconcileReport,
    ) -> Result<(), EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let mut ids: Vec<_> = results.iter().map(|(attempt, _)| attempt.id).collect();
        ids.sort_unstable();
        let fresh = attempt::by_ids(&mut tx, &ids).await?;
        let enrollments: Vec<_> = fresh.iter().filter_map(|attempt| attempt.enrollment_id).collect();
        let walks = walk::by_ids(&mut tx, &enrollments).await?;
        let mut changes = Changes::default();
        let mut checked = Vec::new();
        let mut placed = Vec::new();
        for (seen, result) in &results {
            // A callback may have resolved it while we asked: then there is nothing left to say.
            let Some(attempt) =
                fresh.iter().find(|attempt| attempt.id == seen.id && attempt.state == seen.state)
            else {
                continue;
            };
            let Some(walk) = walks.iter().find(|walk| Some(walk.enrollment.id) == attempt.enrollment_id)
            else {
                continue;
            };
            checked.push(attempt.id);
            if attempt.state == AttemptState::Placed {
                placed.push(attempt);
                continue;
            }
            self.resolve(provider, &mut changes, attempt, walk, result, now, report);
        }
        attempt::checked(&mut tx, &checked, now).await?;
        let missing = missing_facts(&mut tx, &placed, now).await?;
        self.finish(&mut tx, changes, FollowUps::new(), now).await?;
        tx.commit().await?;
        report.given_up = missing.len();
        // By the way of all facts, so that a late report after all is nothing special.
        self.record(provider.name(), missing).await?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one attempt with everything known about it")]
    fn resolve(
        &self,
        provider: &dyn Provider,
        changes: &mut Changes,
        attempt: &Attempt,
        walk: &Walk,
        result: &LookUpResult,
        now: Instant,
        report: &mut ReconcileReport,
    ) {
        let capabilities = provider.capabilities();
        let intent_at = attempt.intent_at.unwrap_or(now);
        let conclusive = now - intent_at >= capabilities.conclusive_after;
        match result {
            LookUpResult::Found { provider_call_id } => {
                report.found += 1;
                mark_placed(self, changes, attempt, walk, provider.name(), provider_call_id, intent_at, now);
            }
            LookUpResult::Absent if conclusive && capabilities.look_up => {
                report.not_placed += 1;
                self.write_off(changes, attempt, walk, AttemptState::NotPlaced, now);
            }
            LookUpResult::Absent if conclusive => {
                report.unknown_final += 1;
                self.write_off(changes, attempt, walk, AttemptState::UnknownFinal, now);
            }
            LookUpResult::Absent | LookUpResult::Failed { .. } => {}
        }
    }

    /// Proven not placed: tried again soon as a new attempt. Never to be known: the next one waits as if it had rung.
    fn write_off(
        &self,
        changes: &mut Changes,
        attempt: &Attempt,
        walk: &Walk,
        state: AttemptState,
        now: Instant,
    ) {
        changes.step(attempt, state, now);
        let kind =
            if state == AttemptState::NotPlaced { "attempt.not_placed" } else { "attempt.unknown_final" };
        let data = json!({"step": attempt.step, "attemptNumber": attempt.attempt});
        changes.event(self, walk, kind, now, data).attempt_id = Some(attempt.id);
        if walk.enrollment.state != EnrollmentState::Ended {
            let again = if state == AttemptState::NotPlaced { now } else { now + AFTER_UNKNOWN };
            wait_at(changes, walk, &next_visit(walk), Some(again), None, now);
        }
    }
}

/// The facts without which these placed calls would stay open for good, once waiting for the true ones is over.
async fn missing_facts(
    tx: &mut Tx,
    placed: &[&Attempt],
    now: Instant,
) -> Result<Vec<ReportedFact>, EngineError> {
    let ids: Vec<_> = placed.iter().map(|attempt| attempt.id).collect();
    let mut known: HashMap<AttemptId, Vec<StoredFact>> = HashMap::new();
    for (id, fact) in call::facts(tx, &ids).await? {
        known.entry(id).or_default().push(fact);
    }
    let missing = placed.iter().filter_map(|attempt| {
        let state = CallState::of(known.get(&attempt.id).into_iter().flatten());
        let (key, fact) = match state.ended_at {
            Some(ended_at) if now - ended_at >= UNSAID_AFTER => {
                ("unsaid", Fact::Conversation { conversation: Box::default() })
            }
            None if now - attempt.intent_at.unwrap_or(now) >= GIVE_UP_AFTER => {
                ("given-up", Fact::Ended { status: EndStatus::Failed, talk_s: 0 })
            }
            _ => return None,
        };
        let provider_call_id = attempt.provider_call_id.clone();
        Some(ReportedFact { attempt_id: attempt.id, provider_call_id, key: key.to_owned(), at: now, fact })
    });
    Ok(missing.collect())
}

async fn look_up(provider: &dyn Provider, attempt: &Attempt) -> LookUpResult {
    if !provider.capabilities().look_up {
        return LookUpResult::Absent;
    }
    let Ok(number) = PhoneNumber::e164_only(&attempt.number) else {
        return LookUpResult::Failed { reason: "the number on file cannot be read".to_owned() };
    };
    let intent_at = attempt.intent_at.unwrap_or(attempt.due_at);
    provider.look_up(&LookUp { attempt_id: attempt.id, number, intent_at }).await
}
