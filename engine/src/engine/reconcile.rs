//! Reconciling: attempts whose answer was lost are looked up at the provider, never asked for again (ENG-2, I14); and so are
//! accepted calls whose end was never reported, so that a callback lost for good leaves nobody waiting (ENG-1, I4).

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::json;

use super::again::unless_deadlocked;
use super::apply::{FollowUps, wait_at};
use super::changes::Changes;
use super::place::mark_placed;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::protocol::again::{after_write_off, next_visit};
use crate::decide::protocol::doubt::PATIENCE;
use crate::decide::protocol::look_up::{AfterLookUp, after_look_up};
use crate::decide::protocol::silence::{self, Silence};
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, EndStatus, Fact, StoredFact};
use crate::domain::enrollment::EnrollmentState;
use crate::id::AttemptId;
use crate::metrics::Resulted;
use crate::phone::number::PhoneNumber;
use crate::provider::ReportedFact;
use crate::provider::{FoundEnd, LookUp, LookUpResult, Provider};
use crate::store::attempt::{self, Attempt, LookUpAfter, Overdue};
use crate::store::walk::{self, Walk};
use crate::store::{Tx, call};

/// Key of the end that a call is given when it is not waited for any longer.
const GIVEN_UP: &str = "given-up";

/// What a round of look-ups did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    pub looked_up: usize,
    pub found: usize,
    pub not_placed: usize,
    pub unknown_final: usize,
    /// Calls whose end was learned here, or is not waited for any longer.
    pub ended: usize,
}

impl Engine {
    /// When the first call of this provider will be worth a look-up, if none is heard of before. `None`: there is no doubt.
    pub async fn next_look_up(&self, provider: &dyn Provider) -> Result<Option<Instant>, EngineError> {
        let after = LookUpAfter {
            unsure: PATIENCE.unsure,
            unsure_again: PATIENCE.unsure_again,
            placed: PATIENCE.placed,
            placed_again: PATIENCE.placed_again,
        };
        let mut tx = self.db.begin_read().await?;
        let at = attempt::next_look_up(&mut tx, provider.name(), after).await?;
        tx.rollback().await?;
        // Each of the lengths has to be over.
        Ok(at.map(|at| at + TimeDelta::microseconds(1)))
    }

    /// Looks up attempts in doubt. No transaction is open while the provider is asked.
    pub async fn reconcile(
        &self,
        provider: &dyn Provider,
        limit: u32,
    ) -> Result<ReconcileReport, EngineError> {
        self.look_up_those(provider, None, limit).await
    }

    /// Looks up every attempt under way, however young, once each: after a restore nobody waits for their callbacks.
    pub async fn reconcile_all(
        &self,
        provider: &dyn Provider,
        limit: u32,
    ) -> Result<ReconcileReport, EngineError> {
        let began = self.now().await?;
        let mut all = ReconcileReport::default();
        loop {
            let round = self.look_up_those(provider, Some(began), limit).await?;
            all.looked_up += round.looked_up;
            all.found += round.found;
            all.not_placed += round.not_placed;
            all.unknown_final += round.unknown_final;
            all.ended += round.ended;
            if round.looked_up < limit as usize {
                return Ok(all);
            }
        }
    }

    /// Those that are overdue; with `began`, all that have not been looked up since.
    async fn look_up_those(
        &self,
        provider: &dyn Provider,
        began: Option<Instant>,
        limit: u32,
    ) -> Result<ReconcileReport, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let than = match began {
            Some(began) => Overdue {
                sent_before: began,
                unsure_checked_before: began,
                placed_before: began,
                placed_checked_before: began,
            },
            None => Overdue {
                sent_before: now - PATIENCE.unsure,
                unsure_checked_before: now - PATIENCE.unsure_again,
                placed_before: now - PATIENCE.placed,
                placed_checked_before: now - PATIENCE.placed_again,
            },
        };
        let doubtful = attempt::overdue(&mut tx, provider.name(), than, limit).await?;
        tx.rollback().await?;
        let mut report = ReconcileReport { looked_up: doubtful.len(), ..ReconcileReport::default() };
        let mut results = Vec::with_capacity(doubtful.len());
        for attempt in doubtful {
            let result = look_up(provider, &attempt).await;
            results.push((attempt, result));
        }
        if !results.is_empty() {
            let failed =
                results.iter().filter(|(_, found)| matches!(found, LookUpResult::Failed { .. })).count();
            let (ends, missing, written) =
                unless_deadlocked("reconcile", || self.record_look_ups(provider, &results, now)).await?;
            report = written;
            self.record_ends(provider, ends, missing, &mut report).await?;
            self.count_look_ups(&report, failed);
        }
        Ok(report)
    }

    fn count_look_ups(&self, report: &ReconcileReport, failed: usize) {
        let results = [
            ("found", report.found),
            ("not_placed", report.not_placed),
            ("unknown_final", report.unknown_final),
            ("ended", report.ended),
            ("failed", failed),
        ];
        for (result, count) in results.into_iter().filter(|(_, count)| *count > 0) {
            self.metrics.reconcile.get_or_create(&Resulted { result }).inc_by(count as u64);
        }
    }

    /// Answers the ends that the look-ups brought, and the facts that are not waited for any longer. `asked_at` is before any
    /// of them was asked for: what they prove, they prove for that instant, however late it is by now.
    async fn record_look_ups(
        &self,
        provider: &dyn Provider,
        results: &[(Attempt, LookUpResult)],
        asked_at: Instant,
    ) -> Result<(Vec<LookedUpEnd>, Vec<ReportedFact>, ReconcileReport), EngineError> {
        let mut report = ReconcileReport { looked_up: results.len(), ..ReconcileReport::default() };
        let mut tx = self.db.begin().await?;
        let ids: Vec<_> = results.iter().map(|(attempt, _)| attempt.id).collect();
        let fresh = attempt::by_ids(&mut tx, &ids).await?;
        let enrollments: Vec<_> = fresh.iter().filter_map(|attempt| attempt.enrollment_id).collect();
        let walks = walk::by_ids(&mut tx, &enrollments).await?;
        // With the rows in hand, as in `record_placements`.
        let (now, speed) = self.time.now_and_speed(&mut tx).await?;
        let mut resolving = Resolving {
            engine: self,
            provider,
            asked_at,
            now,
            speed,
            changes: Changes::default(),
            ends: Vec::new(),
            report: &mut report,
        };
        let mut checked = Vec::new();
        let mut placed = Vec::new();
        for (seen, result) in results {
            // A callback may have resolved it while we asked: then there is nothing left to say.
            let Some(attempt) =
                fresh.iter().find(|attempt| attempt.id == seen.id && attempt.state == seen.state)
            else {
                continue;
            };
            // Look-ups of a call in doubt are made more often, and are no measure of how long its end was asked for.
            let failed = match attempt.state {
                AttemptState::Placed => silence::failed_in_a_row(attempt.failed_look_ups, result),
                _ => 0,
            };
            let Some(enrollment) = attempt.enrollment_id else {
                checked.push((attempt.id, failed));
                resolving.outside(attempt, result);
                continue;
            };
            let Some(walk) = walks.iter().find(|walk| walk.enrollment.id == enrollment) else { continue };
            checked.push((attempt.id, failed));
            if attempt.state == AttemptState::Placed {
                placed.push((attempt, failed));
            }
            resolving.resolve(attempt, walk, result);
        }
        let Resolving { changes, ends, .. } = resolving;
        attempt::checked(&mut tx, &checked, now).await?;
        let mut missing = missing_facts(&mut tx, &placed, now).await?;
        // An end that was found, or that the provider's forgetting proves, is better than one that is given up.
        missing
            .retain(|fact| fact.key != GIVEN_UP || ends.iter().all(|end| end.attempt_id != fact.attempt_id));
        let tally = self.finish(&mut tx, changes, FollowUps::new(), now).await?;
        tx.commit().await?;
        self.metrics.committed(&tally, provider.name());
        Ok((ends, missing, report))
    }

    /// Ends are facts like those of callbacks. A crash before this leaves calls that are silent, and looked up again.
    async fn record_ends(
        &self,
        provider: &dyn Provider,
        ends: Vec<LookedUpEnd>,
        mut facts: Vec<ReportedFact>,
        report: &mut ReconcileReport,
    ) -> Result<(), EngineError> {
        let follows_flow = provider.capabilities().follows_flow;
        for LookedUpEnd { attempt_id, call_id, end } in ends {
            let conversation = self.conversation_fact(attempt_id).await?;
            let end = match end {
                Known::At(end) => end,
                Known::Forgotten { at } => {
                    FoundEnd { at, status: silence::forgotten_end(conversation.is_some()), talk_s: 0 }
                }
            };
            let is_all_said = silence::is_all_said(end.status, follows_flow);
            let unsaid = || is_all_said.then(|| ReportedFact::nothing_said(attempt_id, end.at));
            facts.extend(conversation.or_else(unsaid));
            facts.push(ReportedFact {
                attempt_id,
                provider_call_id: Some(call_id),
                // As in the provider's own report, which may still come: then it is the same fact.
                key: "ended".to_owned(),
                at: end.at,
                fact: Fact::Ended { status: end.status, talk_s: end.talk_s },
            });
        }
        report.ended = self.record(provider.name(), facts).await?.finished;
        Ok(())
    }
}

/// The end of a call, learned by looking it up.
struct LookedUpEnd {
    attempt_id: AttemptId,
    call_id: String,
    end: Known,
}

enum Known {
    At(FoundEnd),
    /// The provider accepted the call and no longer knows it: whatever it was, it is over.
    Forgotten {
        at: Instant,
    },
}

/// A round of look-ups being written down.
struct Resolving<'a> {
    engine: &'a Engine,
    provider: &'a dyn Provider,
    asked_at: Instant,
    now: Instant,
    speed: f64,
    changes: Changes,
    ends: Vec<LookedUpEnd>,
    report: &'a mut ReconcileReport,
}

impl Resolving<'_> {
    fn resolve(&mut self, attempt: &Attempt, walk: &Walk, result: &LookUpResult) {
        let age = self.asked_at - attempt.intent_at.unwrap_or(self.asked_at);
        match after_look_up(attempt.state, result, age, self.provider.capabilities(), self.speed) {
            AfterLookUp::Nothing => {}
            AfterLookUp::Found { provider_call_id, is_news, end } => {
                self.report.found += 1;
                if is_news {
                    self.found(attempt, walk, provider_call_id);
                }
                if let Some(end) = end {
                    self.ended(attempt, provider_call_id, Known::At(end));
                }
            }
            AfterLookUp::Forgotten => {
                if let Some(call_id) = &attempt.provider_call_id {
                    self.ended(attempt, call_id, Known::Forgotten { at: self.now });
                }
            }
            AfterLookUp::WrittenOff(state) => {
                *match state {
                    AttemptState::NotPlaced => &mut self.report.not_placed,
                    _ => &mut self.report.unknown_final,
                } += 1;
                self.write_off(attempt, walk, state);
            }
        }
    }

    /// A call of no enrollment on file is only waited for.
    fn outside(&mut self, attempt: &Attempt, result: &LookUpResult) {
        match (result, &attempt.provider_call_id) {
            (LookUpResult::Found { provider_call_id, end: Some(end) }, _) => {
                self.ended(attempt, provider_call_id, Known::At(*end));
            }
            (LookUpResult::Absent, Some(call_id)) if self.provider.capabilities().look_up => {
                self.ended(attempt, call_id, Known::Forgotten { at: self.now });
            }
            _ => {}
        }
    }

    fn found(&mut self, attempt: &Attempt, walk: &Walk, call_id: &str) {
        let placed_at = attempt.intent_at.unwrap_or(self.now);
        let (engine, name, now) = (self.engine, self.provider.name(), self.now);
        mark_placed(engine, &mut self.changes, attempt, walk, name, call_id, placed_at, now);
    }

    fn ended(&mut self, attempt: &Attempt, call_id: &str, end: Known) {
        self.ends.push(LookedUpEnd { attempt_id: attempt.id, call_id: call_id.to_owned(), end });
    }

    /// Proven not placed: tried again soon as a new attempt. Never to be known: the next one waits as if it had rung.
    fn write_off(&mut self, attempt: &Attempt, walk: &Walk, state: AttemptState) {
        let now = self.now;
        self.changes.step(attempt, state, now);
        let kind =
            if state == AttemptState::NotPlaced { "attempt.not_placed" } else { "attempt.unknown_final" };
        let data = json!({"step": attempt.step, "attemptNumber": attempt.attempt});
        self.changes.event(self.engine, walk, kind, now, data).attempt_id = Some(attempt.id);
        if walk.enrollment.state != EnrollmentState::Ended {
            let position = next_visit(&walk.enrollment.position);
            wait_at(&mut self.changes, walk, &position, Some(after_write_off(state, now)), None, now);
        }
    }
}

/// The facts without which these placed calls would stay open for good, once waiting for the true ones is over.
async fn missing_facts(
    tx: &mut Tx,
    placed: &[(&Attempt, u32)],
    now: Instant,
) -> Result<Vec<ReportedFact>, EngineError> {
    let ids: Vec<_> = placed.iter().map(|(attempt, _)| attempt.id).collect();
    let mut known: HashMap<AttemptId, Vec<StoredFact>> = HashMap::new();
    for (id, fact) in call::facts(tx, &ids).await? {
        known.entry(id).or_default().push(fact);
    }
    let missing = placed.iter().filter_map(|(attempt, failed)| {
        let state = CallState::of(known.get(&attempt.id).into_iter().flatten());
        Some(match silence::given_up(&state, *failed, attempt.intent_at.unwrap_or(now), now)? {
            Silence::Words => ReportedFact::nothing_said(attempt.id, now),
            Silence::End => ReportedFact {
                attempt_id: attempt.id,
                provider_call_id: attempt.provider_call_id.clone(),
                key: GIVEN_UP.to_owned(),
                at: now,
                fact: Fact::Ended { status: EndStatus::Failed, talk_s: 0 },
            },
        })
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
