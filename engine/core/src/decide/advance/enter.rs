//! A due enrollment: what the step at its position does now. Steps that contact nobody are done at once, one after another.

use super::steps::{current, on_to};
use super::{Context, Fault, Move, Next, StepEffect, Variables, WalkState, exit, split};
use crate::clock::Instant;
use crate::definitions::model::cadence::{
    Cadence, CadenceStep, CallStep, Reentry, StepAction, StepIndex, Wait,
};
use crate::domain::enrollment::Position;
use crate::time::business::next_weekday_at;

/// Steps done in one move. More in a row is a loop without a wait.
const MOST_STEPS: u32 = 64;

/// Why a lead may not enter a cadence now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EntryRefused {
    /// Kebab-case code.
    pub reason: &'static str,
    pub message: String,
}

/// May a lead enter, whose previous enrollment in the same cadence (now ended) began at `previous`?
pub fn may_enter(
    cadence: &Cadence,
    previous: Option<Instant>,
    variables: &Variables<'_>,
    now: Instant,
) -> Result<(), EntryRefused> {
    let refused = |reason, message| Err(EntryRefused { reason, message });
    if let Some(began_at) = previous {
        match cadence.reentry {
            Reentry::Never => {
                let message =
                    format!("the lead has been through cadence `{}`, which admits nobody twice", cadence.key);
                return refused("entered-before", message);
            }
            Reentry::After(length) if began_at + length > now => {
                let message =
                    format!("the lead may enter cadence `{}` again from {}", cadence.key, began_at + length);
                return refused("entered-recently", message);
            }
            Reentry::After(_) | Reentry::AfterEnd => {}
        }
    }
    let Some(condition) = &cadence.enter_when else { return Ok(()) };
    match condition.eval_bool(Context::new(variables).value()) {
        Ok(true) => Ok(()),
        Ok(false) => refused("entry-condition", format!("the lead does not meet `{condition}`")),
        Err(problem) => refused("entry-condition", problem.to_string()),
    }
}

/// What happens now at the position of `walk`, which is due.
///
/// Exit rules first. Then steps until one contacts somebody, waits, changes the lead (so that the next condition sees the
/// change) or ends the enrollment.
pub fn enter(
    cadence: &Cadence,
    walk: &WalkState,
    variables: &Variables<'_>,
    now: Instant,
) -> Result<Move, Fault> {
    let context = Context::new(variables);
    if let Some(moved) = exit(cadence, None, &context)? {
        return Ok(moved);
    }
    let mut entering = Entering {
        cadence,
        walk,
        context,
        now,
        position: walk.position.clone(),
        waiting: walk.waiting_event.is_some(),
        effects: Vec::new(),
    };
    for _ in 0..MOST_STEPS {
        let (_, step) = current(cadence, &entering.position)?;
        match entering.step(step)? {
            Done::Stay(next) => return Ok(Move { effects: entering.effects, next }),
            Done::Leave { target, at, pause } => {
                let moved = on_to(cadence, &entering.position, target, at, Vec::new());
                let Next::Due { position, .. } = moved.next else {
                    return Ok(Move { effects: entering.effects, next: moved.next });
                };
                if pause {
                    return Ok(Move { effects: entering.effects, next: Next::Due { position, at: now } });
                }
                (entering.position, entering.waiting) = (position, false);
            }
        }
    }
    Err(Fault::Runaway { steps: MOST_STEPS, step: entering.position.step })
}

/// What one step made of the move.
enum Done {
    Stay(Next),
    /// Done: on to `target`, due since `at`. `pause`: let the shell write first.
    Leave {
        target: Option<StepIndex>,
        at: Instant,
        pause: bool,
    },
}

struct Entering<'a> {
    cadence: &'a Cadence,
    walk: &'a WalkState,
    context: Context<'a>,
    now: Instant,
    position: Position,
    /// The event wait at the position has begun, and is over by time.
    waiting: bool,
    effects: Vec<StepEffect>,
}

impl Entering<'_> {
    fn step(&mut self, step: &CadenceStep) -> Result<Done, Fault> {
        // An event wait that has begun runs out whatever has become of its condition.
        if !self.waiting && !self.context.holds(&step.id, step.condition.as_ref())? {
            return Ok(self.skip(step, "condition"));
        }
        match &step.action {
            StepAction::Call(call) => Ok(self.call(step, call)),
            StepAction::Message { channel, script, text } => Ok(Done::Stay(Next::Message {
                position: self.position.clone(),
                channel: *channel,
                script: script.clone(),
                text: text.clone(),
            })),
            StepAction::Wait(wait) => self.wait(step, wait),
            StepAction::Branch(arms) => {
                let mut target = step.next;
                for (condition, first) in arms {
                    if self.context.holds(&step.id, Some(condition))? {
                        target = Some(*first);
                        break;
                    }
                }
                Ok(self.pass(step, target))
            }
            StepAction::Split(arms) => {
                let arm = split::arm(arms, self.walk.lead_id, &self.cadence.key, &step.id);
                Ok(self.pass(step, arm.map_or(step.next, |arm| Some(arm.first))))
            }
            StepAction::End { result } => {
                self.passed(step);
                Ok(Done::Stay(Next::Ended { result: result.clone(), enroll: None }))
            }
            StepAction::Switch { cadence } => {
                self.passed(step);
                Ok(Done::Stay(Next::Ended { result: "switched".to_owned(), enroll: Some(cadence.clone()) }))
            }
            action => self.change(step, action),
        }
    }

    /// Steps that leave something for the shell to write.
    fn change(&mut self, step: &CadenceStep, action: &StepAction) -> Result<Done, Fault> {
        let mut pause = false;
        match action {
            StepAction::Task { title, due } => {
                let due_at = due.map(|due| due.after(self.now, &self.walk.zone, &self.walk.holidays));
                self.effects.push(StepEffect::Task { title: title.clone(), due_at });
            }
            StepAction::Update { fields } => {
                pause = true;
                for (field, expression) in fields {
                    let value = expression.eval_json(self.context.value());
                    let value =
                        value.map_err(|problem| Fault::Expression { step: step.id.clone(), problem })?;
                    self.effects.push(StepEffect::Update { field: field.clone(), value });
                }
            }
            StepAction::Score { by, because } => {
                pause = true;
                self.effects.push(StepEffect::Score { by: *by, because: because.clone() });
            }
            StepAction::Webhook { endpoint } => {
                self.effects.push(StepEffect::Webhook { endpoint: endpoint.clone(), step: step.id.clone() });
            }
            StepAction::Enroll { cadence } => {
                self.effects.push(StepEffect::Enroll { cadence: cadence.clone() });
            }
            _ => {}
        }
        self.passed(step);
        Ok(Done::Leave { target: step.next, at: self.now, pause })
    }

    fn call(&mut self, step: &CadenceStep, call: &CallStep) -> Done {
        let valid_until = call.valid_for.map(|length| self.position.due_since + length);
        if valid_until.is_some_and(|end| end <= self.now) {
            return self.skip(step, "too-late");
        }
        Done::Stay(Next::Call { position: self.position.clone(), flow: call.flow.clone(), valid_until })
    }

    fn wait(&mut self, step: &CadenceStep, wait: &Wait) -> Result<Done, Fault> {
        let since = self.position.due_since;
        let (zone, holidays) = (&self.walk.zone, &self.walk.holidays);
        let until = match wait {
            Wait::For(delay) => delay.after(since, zone, holidays),
            Wait::Until { days, at } => next_weekday_at(zone, since, *days, *at)
                .ok_or_else(|| Fault::NoDays { step: step.id.clone() })?,
            Wait::Event { event, timeout, on_timeout, .. } => {
                // The wait begins when it can hear, not when it should have begun: downtime must not shorten it.
                let since = if self.waiting { since } else { self.now };
                let until = timeout.after(since, zone, holidays);
                if !self.waiting || until > self.now {
                    let position = Position { due_since: since, ..self.position.clone() };
                    return Ok(Done::Stay(Next::AwaitEvent { position, event: event.clone(), until }));
                }
                self.passed(step);
                return Ok(Done::Leave { target: on_timeout.or(step.next), at: until, pause: false });
            }
        };
        if until > self.now {
            return Ok(Done::Stay(Next::Due { position: self.position.clone(), at: until }));
        }
        self.passed(step);
        // What follows has been due since the wait ended, however late we are.
        Ok(Done::Leave { target: step.next, at: until, pause: false })
    }

    fn pass(&mut self, step: &CadenceStep, target: Option<StepIndex>) -> Done {
        self.passed(step);
        Done::Leave { target, at: self.now, pause: false }
    }

    fn passed(&mut self, step: &CadenceStep) {
        self.effects.push(StepEffect::Passed { step: step.id.clone() });
    }

    fn skip(&mut self, step: &CadenceStep, reason: &str) -> Done {
        self.effects.push(StepEffect::Skipped { step: step.id.clone(), reason: reason.to_owned() });
        Done::Leave { target: step.next, at: self.now, pause: false }
    }
}
