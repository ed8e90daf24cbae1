//! Planning: due enrollments are decided and written, a batch per transaction.
//! A call step that may proceed becomes a planned attempt; it is dialed only after `claim` has asked every gate again.

use std::sync::Arc;

use serde_json::json;

use super::apply::{FollowUps, wait_at};
use super::batch::Batch;
use super::changes::Changes;
use super::outlets::MessageOrder;
use super::versions::Version;
use super::{Engine, EngineError, context, dossier, state};
use crate::clock::{Instant, micros};
use crate::decide::advance::{self, Move, Next, StepEffect};
use crate::decide::gate;
use crate::decide::snapshot::Snapshot;
use crate::decide::verdict::{Decision, Reason, Verdict};
use crate::domain::enrollment::{EnrollmentState, Position};
use crate::id::AttemptId;
use crate::metrics::Tally;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, attempt, recovery};

/// What planning did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanReport {
    /// The instant of the look.
    pub at: Instant,
    /// Enrollments looked at; fewer than the limit means that nothing else is due.
    pub due: usize,
    pub planned: usize,
    pub deferred: usize,
    pub stopped: usize,
    pub quarantined: usize,
}

impl PlanReport {
    fn and(self, other: &Self) -> Self {
        Self {
            at: self.at.min(other.at),
            due: self.due + other.due,
            planned: self.planned + other.planned,
            deferred: self.deferred + other.deferred,
            stopped: self.stopped + other.stopped,
            quarantined: self.quarantined + other.quarantined,
        }
    }
}

impl Engine {
    /// Decides a batch of due enrollments; where it was full and several may write at a time, two more side by side, so that one
    /// is decided here while the other is being written there. Fewer `due` than `limit` means that nothing else is.
    pub async fn plan_batches(&self, limit: u32) -> Result<PlanReport, EngineError> {
        let first = self.plan(limit).await?;
        if first.due < limit as usize || !self.db.takes_several_writers() {
            return Ok(first);
        }
        let (one, other) = tokio::join!(Box::pin(self.plan(limit)), Box::pin(self.plan(limit)));
        Ok(first.and(&one?).and(&other?))
    }

    /// Decides up to `limit` due enrollments. Idle cost: one index look-up.
    pub async fn plan(&self, limit: u32) -> Result<PlanReport, EngineError> {
        self.unless_unreadable(|| self.plan_batch(limit)).await
    }

    async fn plan_batch(&self, limit: u32) -> Result<PlanReport, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let (report, tally) = self.plan_in(&mut tx, limit, now).await?;
        match tally {
            None => tx.rollback().await?,
            Some(tally) => {
                tx.commit().await?;
                self.metrics.committed(&tally, "");
            }
        }
        Ok(report)
    }

    /// The same in a transaction that others write in, too. Answers what to count once it is committed; `None`: nothing was
    /// written.
    pub(super) async fn plan_in(
        &self,
        tx: &mut Tx,
        limit: u32,
        now: Instant,
    ) -> Result<(PlanReport, Option<Tally>), EngineError> {
        let walks = walk::due(tx, now, limit).await?;
        let mut report = PlanReport { at: now, due: walks.len(), ..PlanReport::default() };
        if report.due == 0 {
            return Ok((report, None));
        }
        // What was called after the backup is not known yet: a step planned now might be one that was dialed.
        if recovery::is_marked(tx).await? {
            return Ok((PlanReport { at: now, ..PlanReport::default() }, None));
        }
        let mut changes = Changes::default();
        let walks = self.move_first(tx, walks, now).await?;
        let batch = Batch::load(self, tx, &walks, now).await?;
        let mut follow_ups = FollowUps::new();
        for walk in &walks {
            let version = match self.usable_version(tx, walk).await? {
                Ok(version) => version,
                Err(problem) => {
                    self.quarantine(&mut changes, walk, &problem, now);
                    report.quarantined += 1;
                    continue;
                }
            };
            let mut planning = Planning { engine: self, batch: &batch, walk, version: &version, now };
            if let Err(problem) = planning.decide(&mut changes, &mut follow_ups, &mut report) {
                changes.enrollments.remove(&walk.enrollment.id);
                self.quarantine(&mut changes, walk, &problem.to_string(), now);
                report.quarantined += 1;
            }
        }
        let mut tally = self.finish(tx, changes, follow_ups, now).await?;
        tally.plan_lags = walks.iter().filter_map(|walk| lag(walk.enrollment.due_at, now)).collect();
        Ok((report, Some(tally)))
    }

    /// Flushes the changes and starts the cadences they lead to, in the same transaction. Answers what to count after it.
    pub(super) async fn finish(
        &self,
        tx: &mut Tx,
        changes: Changes,
        follow_ups: FollowUps,
        now: Instant,
    ) -> Result<Tally, EngineError> {
        let tally = changes.tally();
        changes.flush(tx, now).await?;
        if !follow_ups.is_empty() {
            self.follow_up(tx, follow_ups, now).await?;
        }
        Ok(tally)
    }
}

/// Seconds since something was due.
pub(super) fn lag(due_at: Option<Instant>, now: Instant) -> Option<f64> {
    due_at.map(|due| (now - due).as_seconds_f64().max(0.0))
}

/// One enrollment being planned.
struct Planning<'a> {
    engine: &'a Engine,
    batch: &'a Batch,
    walk: &'a Walk,
    version: &'a Arc<Version>,
    now: Instant,
}

impl Planning<'_> {
    fn decide(
        &mut self,
        changes: &mut Changes,
        follow_ups: &mut FollowUps,
        report: &mut PlanReport,
    ) -> Result<(), EngineError> {
        let Self { engine, batch, walk, version, now } = *self;
        let campaign = batch.campaign(walk.enrollment.campaign_id);
        let state = engine.walk_state(walk)?;
        let variables = || context::variables(walk, campaign);
        let moved = advance::enter(&version.bundle.cadence, &state, &variables, now)
            .map_err(|fault| state::fault(walk, &fault))?;
        let snapshot = batch.snapshot(engine, walk, version)?;
        match moved.next {
            Next::Call { ref position, ref flow, valid_until } => {
                let (position, flow) = (position.clone(), flow.clone());
                let decision = engine.judge(&Snapshot { promised: position.promised, ..snapshot }, now);
                self.call(changes, follow_ups, report, moved, &decision, Call { position, flow, valid_until })
            }
            Next::Message { ref position, channel, .. } => {
                let position = position.clone();
                let decision = gate::decide_contact(&snapshot, &engine.rules, channel.purpose(), now);
                self.message(changes, follow_ups, report, moved, &decision, &position)
            }
            _ => {
                let decision = engine.judge(&snapshot, now);
                changes.decision(engine, walk, None, &decision);
                engine.apply_move(changes, walk, moved, now, follow_ups)?;
                note_verdict(changes, walk, &decision, now);
                Ok(())
            }
        }
    }

    fn call(
        &self,
        changes: &mut Changes,
        follow_ups: &mut FollowUps,
        report: &mut PlanReport,
        moved: Move,
        decision: &Decision,
        call: Call,
    ) -> Result<(), EngineError> {
        let Self { engine, walk, now, .. } = *self;
        changes.decision(engine, walk, None, decision);
        let effects =
            Move { effects: moved.effects, next: Next::Due { position: call.position.clone(), at: now } };
        engine.apply_move(changes, walk, effects, now, follow_ups)?;
        match &decision.verdict {
            Verdict::Proceed(permit) => {
                report.planned += 1;
                self.plan_attempt(changes, permit.number().e164(), call);
            }
            Verdict::Defer { until, .. } => {
                report.deferred += 1;
                // A call whose validity ends first is looked at then, and skipped with a reason.
                let at = call.valid_until.map_or(*until, |end| (*until).min(end));
                wait_at(changes, walk, &call.position, Some(at), None, now);
            }
            Verdict::Stop { reason, .. } => {
                report.stopped += 1;
                self.refuse(changes, follow_ups, *reason)?;
            }
        }
        note_verdict(changes, walk, decision, now);
        Ok(())
    }

    fn plan_attempt(&self, changes: &mut Changes, number: String, call: Call) {
        let Self { engine, walk, now, .. } = *self;
        let enrollment = &walk.enrollment;
        let Position { step, visit, attempt, .. } = &call.position;
        let promised = dossier::promised_id(walk, &self.version.bundle, step, *visit, *attempt);
        let id = promised.unwrap_or_else(|| engine.ids.next::<AttemptId>(now));
        changes.attempts.push(attempt::NewRow {
            id: id.to_string(),
            enrollment_id: enrollment.id.to_string(),
            lead_id: walk.lead.id.to_string(),
            campaign_id: enrollment.campaign_id.to_string(),
            number,
            flow: call.flow.clone(),
            version: enrollment.version.clone(),
            step: call.position.step.clone(),
            visit: i64::from(call.position.visit),
            attempt: i64::from(call.position.attempt),
            priority: enrollment.priority.rank(),
            due_at: micros(now),
            valid_until: call.valid_until.map(micros),
            created_at: micros(now),
        });
        let row = changes.enrollment(walk, now);
        row.state = EnrollmentState::Open.as_str();
        row.due_at = None;
        let data =
            json!({"step": call.position.step, "attemptNumber": call.position.attempt, "flowId": call.flow});
        changes.event(engine, walk, "attempt.planned", now, data).attempt_id = Some(id);
    }

    fn message(
        &self,
        changes: &mut Changes,
        follow_ups: &mut FollowUps,
        report: &mut PlanReport,
        moved: Move,
        decision: &Decision,
        position: &Position,
    ) -> Result<(), EngineError> {
        let Self { engine, walk, version, now, .. } = *self;
        changes.decision(engine, walk, None, decision);
        if !engine.outlets().messages {
            return self.leave_out(changes, follow_ups, moved, position, "no-message-provider");
        }
        match &decision.verdict {
            Verdict::Proceed(_) => {
                let Next::Message { channel, ref script, ref text, .. } = moved.next else { return Ok(()) };
                let order = json!(MessageOrder {
                    enrollment_id: walk.enrollment.id,
                    step: position.step.clone(),
                    version: walk.enrollment.version.clone(),
                    channel: channel.as_str().to_owned(),
                    script: script.clone(),
                    text: text.clone(),
                });
                changes.jobs.push(engine.job("deliver_message", &order, now)?);
                changes.event(engine, walk, "message.queued", now, order);
                let after = advance::after_step(&version.bundle.cadence, position, now)
                    .map_err(|fault| state::fault(walk, &fault))?;
                let all = Move { effects: [moved.effects, after.effects].concat(), next: after.next };
                engine.apply_move(changes, walk, all, now, follow_ups)?;
            }
            Verdict::Defer { until, .. } => {
                report.deferred += 1;
                let effects = Move {
                    effects: moved.effects,
                    next: Next::Due { position: position.clone(), at: *until },
                };
                engine.apply_move(changes, walk, effects, now, follow_ups)?;
            }
            // Whoever does not want messages may still be called: only this step is left out.
            Verdict::Stop { reason: reason @ (Reason::ConsentMissing | Reason::ConsentRevoked), .. } => {
                report.stopped += 1;
                self.leave_out(changes, follow_ups, moved, position, reason.as_str())?;
            }
            Verdict::Stop { reason, .. } => {
                report.stopped += 1;
                self.refuse(changes, follow_ups, *reason)?;
            }
        }
        note_verdict(changes, walk, decision, now);
        Ok(())
    }

    /// Goes on without a step that cannot be done here, and says so.
    fn leave_out(
        &self,
        changes: &mut Changes,
        follow_ups: &mut FollowUps,
        moved: Move,
        position: &Position,
        reason: &str,
    ) -> Result<(), EngineError> {
        let Self { engine, walk, version, now, .. } = *self;
        let skipped = StepEffect::Skipped { step: position.step.clone(), reason: reason.to_owned() };
        let after = advance::after_step(&version.bundle.cadence, position, now)
            .map_err(|fault| state::fault(walk, &fault))?;
        let effects = [moved.effects, vec![skipped], after.effects].concat();
        engine.apply_move(changes, walk, Move { effects, next: after.next }, now, follow_ups)
    }

    fn refuse(
        &self,
        changes: &mut Changes,
        follow_ups: &mut FollowUps,
        reason: Reason,
    ) -> Result<(), EngineError> {
        let moved = advance::on_refused(reason);
        self.engine.apply_move(changes, self.walk, moved, self.now, follow_ups)
    }
}

/// A call step about to be decided.
struct Call {
    position: Position,
    flow: String,
    valid_until: Option<Instant>,
}

impl Engine {
    /// All gates over one snapshot; tests may leave the window gates out to show that something notices.
    pub(super) fn judge(&self, snapshot: &Snapshot, now: Instant) -> Decision {
        if self.safeguards.window_gates {
            gate::decide(snapshot, &self.rules, now)
        } else {
            gate::decide_without_windows(snapshot, &self.rules, now)
        }
    }
}

fn note_verdict(changes: &mut Changes, walk: &Walk, decision: &Decision, now: Instant) {
    let (verdict, reason) = decision.signature();
    let row = changes.enrollment(walk, now);
    row.verdict = Some(verdict.to_owned());
    row.reason = Some(reason.as_str().to_owned());
}
