//! Recording: facts from providers become call state, events, lead changes and the cadence's next move.
//! Facts are stored once; the state is a function of their set, so order, repetition and delay do not matter (I5).

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::again::unless_deadlocked;
use super::apply::FollowUps;
use super::changes::Changes;
use super::events::Happened;
use super::opt_out::{OptOut, Said};
use super::place::mark_placed;
use super::{Engine, EngineError};
use crate::clock::{Instant, micros};
use crate::decide::protocol::news::{self, News};
use crate::decide::{abandonment, advance};
use crate::domain::attempt::AttemptState;
use crate::domain::call::{AnsweredBy, CallState, Fact, StoredFact};
use crate::domain::consent::{Channel, Details, Form, Purpose};
use crate::domain::enrollment::Enrollment;
use crate::domain::event::kinds;
use crate::domain::outcome::Outcome;
use crate::flow::session::Effect;
use crate::id::{AttemptId, EnrollmentId, LeadId};
use crate::provider::ReportedFact;
use crate::store::attempt::Attempt;
use crate::store::walk::{self, Walk};
use crate::store::{attempt, call, consent, recovery};

/// What a batch of facts did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordReport {
    /// Attempts that learned something new.
    pub updated: usize,
    pub finished: usize,
    /// Calls of attempts that were written off: they must be hung up. `(attempt, provider call id)`.
    pub orphans: Vec<(AttemptId, String)>,
}

impl Engine {
    /// Stores facts and follows them, in one transaction.
    pub async fn record(
        &self,
        provider: &str,
        facts: Vec<ReportedFact>,
    ) -> Result<RecordReport, EngineError> {
        self.record_and_follow(provider, facts, &[]).await
    }

    /// As [`Engine::record`]; attempts in `also` are looked at even if they learn nothing new.
    pub(super) async fn record_and_follow(
        &self,
        provider: &str,
        facts: Vec<ReportedFact>,
        also: &[AttemptId],
    ) -> Result<RecordReport, EngineError> {
        if facts.is_empty() && also.is_empty() {
            return Ok(RecordReport::default());
        }
        unless_deadlocked("record", || self.record_once(provider, &facts, also)).await
    }

    async fn record_once(
        &self,
        provider: &str,
        facts: &[ReportedFact],
        also: &[AttemptId],
    ) -> Result<RecordReport, EngineError> {
        let mut tx = self.db.begin().await?;
        let heard_at = self.time.now(&mut tx).await?;
        let opting_out: Vec<AttemptId> =
            facts.iter().filter(|fact| says_stop(&fact.fact)).map(|fact| fact.attempt_id).collect();
        if !opting_out.is_empty() {
            let leads = attempt::leads_of(&mut tx, &opting_out).await?;
            self.lock_numbers_of(&mut tx, &leads).await?;
        }
        let mut known = add_facts(&mut tx, facts, heard_at).await?;
        known.extend(also);
        known.sort_unstable();
        known.dedup();
        let mut report = RecordReport { updated: known.len(), ..RecordReport::default() };
        if known.is_empty() {
            tx.rollback().await?;
            return Ok(report);
        }
        let call_ids: HashMap<AttemptId, String> =
            facts.iter().filter_map(|fact| Some((fact.attempt_id, fact.provider_call_id.clone()?))).collect();
        let attempts = attempt::by_ids(&mut tx, &known).await?;
        let mut by_attempt: HashMap<AttemptId, Vec<StoredFact>> = HashMap::new();
        for (id, fact) in call::facts(&mut tx, &known).await? {
            by_attempt.entry(id).or_default().push(fact);
        }
        let leads: Vec<LeadId> = super::batch::distinct(attempts.iter().map(|attempt| attempt.lead_id));
        let walks = walk::live_of_leads(&mut tx, &leads).await?;
        // With the rows in hand: what a call came to is told after its placing, which may just have been written.
        let now = self.time.now(&mut tx).await?;
        let index: HashMap<EnrollmentId, usize> =
            walks.iter().enumerate().map(|(index, walk)| (walk.enrollment.id, index)).collect();
        let ended: Vec<EnrollmentId> =
            attempts.iter().filter_map(|a| a.enrollment_id).filter(|id| !index.contains_key(id)).collect();
        // An opt-out elsewhere may have ended the enrollment while its call went on: the call is still recorded.
        let finished_walks: HashMap<EnrollmentId, Walk> =
            walk::by_ids(&mut tx, &ended).await?.into_iter().map(|walk| (walk.enrollment.id, walk)).collect();

        let mut work = Recording::new(self, provider, now);
        let may_be_orphaned = |attempt: &Attempt| {
            attempt.state == AttemptState::Cancelled && call_ids.contains_key(&attempt.id)
        };
        work.is_recovering = attempts.iter().any(may_be_orphaned) && recovery::is_marked(&mut tx).await?;
        for attempt in &attempts {
            let state = CallState::of(by_attempt.get(&attempt.id).into_iter().flatten());
            let Some(enrollment) = attempt.enrollment_id else {
                work.outside(attempt, &state, &mut report);
                continue;
            };
            let Some(walk) =
                index.get(&enrollment).map(|i| &walks[*i]).or_else(|| finished_walks.get(&enrollment))
            else {
                continue;
            };
            work.attempt(attempt, walk, &state, call_ids.get(&attempt.id).map(String::as_str), &mut report);
        }
        let Recording { mut changes, happened, outcomes, consents, opt_outs, .. } = work;
        let mut follow_ups = FollowUps::new();
        let mut moves = BTreeMap::new();
        for (enrollment, outcome) in outcomes {
            let Some(walk) = index.get(&enrollment).map(|i| &walks[*i]) else { continue };
            let version = match self.usable_version(&mut tx, walk).await? {
                Ok(version) => version,
                Err(problem) => {
                    self.quarantine(&mut changes, walk, &problem, now);
                    continue;
                }
            };
            // One whose data cannot be read must not keep the news of the others from being recorded (I9).
            let state = match self.walk_state(walk) {
                Ok(state) => state,
                Err(problem) => {
                    self.quarantine(&mut changes, walk, &problem.to_string(), now);
                    continue;
                }
            };
            match advance::after_call(
                &version.bundle.cadence,
                &state,
                outcome.outcome,
                &outcome.disposition,
                outcome.call_back,
                now,
            ) {
                Ok(moved) => drop(moves.insert(enrollment, moved)),
                Err(fault) => self.quarantine(&mut changes, walk, &fault.to_string(), now),
            }
        }
        self.react(&mut tx, &mut changes, &walks, &happened, moves, now, &mut follow_ups).await?;
        consent::add_many(&mut tx, &consents).await?;
        let tally = self.finish(&mut tx, changes, follow_ups, now).await?;
        self.opt_out_in(&mut tx, opt_outs, now).await?;
        tx.commit().await?;
        self.metrics.committed(&tally, provider);
        Ok(report)
    }
}

/// Will recording this opt somebody out?
fn says_stop(fact: &Fact) -> bool {
    let Fact::Conversation { conversation } = fact else { return false };
    conversation.effects.iter().any(|effect| matches!(effect, Effect::OptOut { .. }))
}

async fn add_facts(
    tx: &mut crate::store::Tx,
    facts: &[ReportedFact],
    now: Instant,
) -> Result<Vec<AttemptId>, EngineError> {
    let rows = facts
        .iter()
        .map(|fact| {
            Ok(call::FactRow {
                attempt_id: fact.attempt_id.to_string(),
                key: fact.key.clone(),
                at: micros(fact.at),
                fact: serde_json::to_string(&fact.fact)
                    .map_err(|e| EngineError::Invalid { field: "fact".to_owned(), message: e.to_string() })?,
            })
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    Ok(call::add_facts(tx, &rows, now).await?)
}

/// How an attempt ended, for the cadence.
struct Ended {
    outcome: Outcome,
    disposition: String,
    call_back: Option<Instant>,
}

/// Gathers what a batch of facts means.
struct Recording<'a> {
    engine: &'a Engine,
    provider: &'a str,
    now: Instant,
    /// In a restored database, before its calls were listed.
    is_recovering: bool,
    changes: Changes,
    happened: Vec<Happened>,
    outcomes: Vec<(EnrollmentId, Ended)>,
    consents: Vec<crate::domain::consent::Consent>,
    opt_outs: Vec<OptOut>,
}

impl<'a> Recording<'a> {
    fn new(engine: &'a Engine, provider: &'a str, now: Instant) -> Self {
        Self {
            engine,
            provider,
            now,
            is_recovering: false,
            changes: Changes::default(),
            happened: Vec::new(),
            outcomes: Vec::new(),
            consents: Vec::new(),
            opt_outs: Vec::new(),
        }
    }

    fn attempt(
        &mut self,
        attempt: &Attempt,
        walk: &Walk,
        state: &CallState,
        call_id: Option<&str>,
        report: &mut RecordReport,
    ) {
        let mut attempt = attempt.clone();
        let news = news::of_facts(attempt.state, call_id.is_some());
        let outcome = state.outcome();
        match news {
            // Its end settles it; nobody is called at its number meanwhile.
            News::Resolved if outcome.is_none() => return,
            News::Placed | News::Resolved => self.placed(&mut attempt, walk, call_id),
            News::Follow => {}
            // Cancelled in what was restored, and dialed after the backup, for all we know: the provider's list will tell, and
            // these facts count then.
            News::Orphan if self.is_recovering && attempt.state == AttemptState::Cancelled => return,
            News::Orphan => {
                let call_id = call_id.unwrap_or_default();
                report.orphans.push((attempt.id, call_id.to_owned()));
                let data = json!({"callId": call_id});
                self.changes.event(self.engine, walk, "call.orphaned", self.now, data).attempt_id =
                    Some(attempt.id);
                return self.heed_stop(&attempt, walk, state);
            }
            News::Late => return self.late(&attempt, walk, state),
            News::Nothing => return,
        }
        self.call_row(&attempt, state, outcome.as_ref());
        if let Some((outcome, disposition)) = outcome {
            report.finished += 1;
            self.finish(&attempt, walk, state, outcome, disposition, news);
        }
    }

    fn placed(&mut self, attempt: &mut Attempt, walk: &Walk, call_id: Option<&str>) {
        let call_id = call_id.map_or_else(|| attempt.id.to_string(), str::to_owned);
        let placed_at = attempt.intent_at.unwrap_or(self.now);
        let (engine, changes, now) = (self.engine, &mut self.changes, self.now);
        mark_placed(engine, changes, attempt, walk, self.provider, &call_id, placed_at, now);
        attempt.state = AttemptState::Placed;
    }

    /// A call of no enrollment on file, adopted after a restore: it ends, and moves nothing.
    fn outside(&mut self, attempt: &Attempt, state: &CallState, report: &mut RecordReport) {
        let outcome = state.outcome();
        self.call_row(attempt, state, outcome.as_ref());
        if attempt.state == AttemptState::Placed && state.end.is_some() {
            let (outcome, disposition) =
                outcome.unwrap_or_else(|| (Outcome::Answered, Outcome::Answered.as_str().to_owned()));
            report.finished += 1;
            let step = self.changes.step(attempt, AttemptState::Finished, self.now);
            step.outcome = Some(outcome.as_str());
            step.disposition = Some(disposition);
        }
    }

    /// News of a call that has been settled: the call's row follows its facts, and a stop is a stop whenever it is heard of.
    fn late(&mut self, attempt: &Attempt, walk: &Walk, state: &CallState) {
        self.call_row(attempt, state, state.outcome().as_ref());
        self.heed_stop(attempt, walk, state);
    }

    fn heed_stop(&mut self, attempt: &Attempt, walk: &Walk, state: &CallState) {
        let effects = state.conversation.as_ref().map(|talk| talk.effects.as_slice()).unwrap_or_default();
        for effect in effects {
            if let (Effect::OptOut { reason }, false) = (effect, walk.lead.do_not_call) {
                self.opt_out(attempt, walk, reason, state.ended_at.unwrap_or(self.now));
            }
        }
    }

    fn opt_out(&mut self, attempt: &Attempt, walk: &Walk, reason: &str, at: Instant) {
        self.opt_outs.push(OptOut {
            lead_id: walk.lead.id,
            reason: reason.to_owned(),
            source: "call".to_owned(),
            attempt_id: Some(attempt.id),
            at,
            event: None,
            said: Said { language: Some(walk.lead.language.clone()), ..Said::through(Channel::Call) },
        });
    }

    fn call_row(&mut self, attempt: &Attempt, state: &CallState, outcome: Option<&(Outcome, String)>) {
        let conversation = state.conversation.as_ref().and_then(|talk| serde_json::to_string(talk).ok());
        let recorded = state.conversation.as_ref().is_some_and(|talk| {
            talk.effects.iter().any(|effect| matches!(effect, Effect::Recording { on: true }))
        });
        let status = match (outcome, state.answered_at) {
            (Some((outcome, _)), _) => outcome.call_status(),
            (None, Some(_)) => "in-progress",
            (None, None) => "ringing",
        };
        self.changes.call_states.push(call::Change {
            attempt_id: attempt.id.to_string(),
            status,
            answered_at: state.answered_at.map(micros),
            ended_at: state.ended_at.map(micros),
            talk_s: state.talk_s,
            answered_by: state.answered_by.map(AnsweredBy::as_str),
            outcome: outcome.map(|(outcome, _)| outcome.as_str()),
            disposition: outcome.map(|(_, disposition)| disposition.clone()),
            recorded: i64::from(recorded),
            conversation,
        });
    }

    fn finish(
        &mut self,
        attempt: &Attempt,
        walk: &Walk,
        state: &CallState,
        outcome: Outcome,
        disposition: String,
        news: News,
    ) {
        let ended_at = state.ended_at.unwrap_or(self.now);
        let step = self.changes.step(attempt, AttemptState::Finished, self.now);
        step.outcome = Some(outcome.as_str());
        step.disposition = Some(disposition.clone());
        self.outcome_event(attempt, walk, state, outcome, &disposition, ended_at);
        self.count_answer(attempt, state, ended_at);
        let mut call_back = None;
        let effects = state.conversation.as_ref().map(|talk| talk.effects.as_slice()).unwrap_or_default();
        for effect in effects {
            match effect {
                Effect::Event { kind, data } => self.event(attempt, walk, kind, ended_at, data.clone()),
                Effect::Score { by, because } => {
                    self.changes.lead(walk.lead.id).score_delta += by;
                    let data = json!({"by": by, "because": because});
                    self.changes.event(self.engine, walk, "lead.scored", ended_at, data).attempt_id =
                        Some(attempt.id);
                }
                Effect::Consent { purpose, granted, wording } => {
                    self.consent(attempt, walk, purpose, *granted, wording, ended_at);
                }
                Effect::OptOut { reason } => self.opt_out(attempt, walk, reason, ended_at),
                Effect::WrongNumber => {
                    self.changes.lead(walk.lead.id).phone_invalid = Some("wrong-number".to_owned());
                    self.event(attempt, walk, kinds::WRONG_NUMBER, ended_at, json!({}));
                }
                Effect::CallBack { after_s, said } => {
                    call_back = self.engine.call_back_at(walk, *after_s, said.as_deref(), ended_at);
                    let data = json!({"said": said, "at": call_back});
                    self.event(attempt, walk, kinds::CALLBACK_REQUESTED, ended_at, data);
                }
                Effect::Webhook { .. } | Effect::Transfer { .. } | Effect::Recording { .. } => {}
            }
        }
        let Enrollment { position, state, .. } = &walk.enrollment;
        let decides = news::decides_move(position, &attempt.step, attempt.visit, news);
        if decides && news::may_move(*state, news) {
            self.outcomes.push((walk.enrollment.id, Ended { outcome, disposition, call_back }));
        }
    }

    /// Counts it if a person picked up (GATE-10).
    fn count_answer(&mut self, attempt: &Attempt, state: &CallState, ended_at: Instant) {
        let (Some(_), Some(talk)) = (state.answered_at, &state.conversation) else { return };
        if state.answered_by != Some(AnsweredBy::Machine) {
            let is_abandoned = abandonment::is_abandoned(talk);
            self.changes.answered(attempt.campaign_id, ended_at.date_naive(), is_abandoned);
        }
    }

    fn outcome_event(
        &mut self,
        attempt: &Attempt,
        walk: &Walk,
        state: &CallState,
        outcome: Outcome,
        disposition: &str,
        at: Instant,
    ) {
        if outcome.is_human() {
            self.changes.lead(walk.lead.id).last_contacted_at = Some(micros(at));
            let nodes = state.conversation.as_ref().map(|talk| talk.nodes.clone()).unwrap_or_default();
            let data = json!({
                "callDuration": state.talk_s, "flowNodesTraversed": nodes, "outcome": outcome,
                "disposition": disposition, "attemptNumber": attempt.attempt,
            });
            self.event(attempt, walk, kinds::CALL_ANSWERED, at, data);
        } else {
            let data = json!({
                "attemptNumber": attempt.attempt, "status": outcome.call_status(), "outcome": outcome,
                "voicemail": outcome == Outcome::Voicemail,
            });
            self.event(attempt, walk, kinds::CALL_NO_ANSWER, at, data);
        }
    }

    /// An event of the CRM's vocabulary: recorded, and something cadences may react to.
    fn event(&mut self, attempt: &Attempt, walk: &Walk, kind: &str, at: Instant, data: serde_json::Value) {
        self.changes.event(self.engine, walk, kind, at, data.clone()).attempt_id = Some(attempt.id);
        self.happened.push(Happened { lead_id: walk.lead.id, kind: kind.to_owned(), at, data });
    }

    fn consent(
        &mut self,
        attempt: &Attempt,
        walk: &Walk,
        purpose: &str,
        granted: bool,
        wording: &str,
        at: Instant,
    ) {
        let data = json!({"purpose": purpose, "granted": granted, "wording": wording});
        let kind = if granted { "consent.granted" } else { "consent.refused" };
        self.changes.event(self.engine, walk, kind, at, data).attempt_id = Some(attempt.id);
        if let (true, Ok(purpose)) = (granted, purpose.parse::<Purpose>()) {
            self.consents.push(crate::domain::consent::Consent {
                id: self.engine.ids.next(at),
                lead_id: walk.lead.id,
                purpose,
                form: Form::Oral,
                granted_at: at,
                revoked_at: None,
                wording: Some(wording.to_owned()),
                evidence: Some(format!("attempt {}", attempt.id)),
                source: "call".to_owned(),
                details: Details {
                    number: None,
                    channel: Some(Channel::Call),
                    language: Some(walk.lead.language.clone()),
                    recorded_at: Some(self.now),
                    ..Details::default()
                },
            });
        }
    }
}
