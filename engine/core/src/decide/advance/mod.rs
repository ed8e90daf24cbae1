//! What a cadence does next: a pure step function over enter, outcome and event. Nothing here contacts anyone; a move says what
//! the shell has to write, and calls and messages still pass the gates before they leave.
//!
//! Timing rests on [`Position::due_since`] alone: a wait that began then is over at a fixed instant, however often it is looked
//! at, and a call step is worth placing until its validity, counted from there, has passed (ENG-10).

mod enter;
mod event;
mod outcome;
mod split;
mod steps;

use std::cell::OnceCell;

use serde_json::Value;

pub use enter::{EntryRefused, enter, may_enter};
pub use event::on_event;
pub use outcome::{after_call, rule_for};
pub use split::arm;
pub use steps::after_step;

use super::verdict::Reason;
use crate::clock::Instant;
use crate::definitions::expression::{Expression, ExpressionError};
use crate::definitions::model::cadence::{Cadence, Channel};
use crate::domain::enrollment::Position;
use crate::id::LeadId;
use crate::time::holiday::HolidayCalendar;
use crate::time::zone::Zone;

/// What conditions and values may see, as JSON; made only when a step asks.
pub type Variables<'a> = dyn Fn() -> Value + 'a;

/// Result of an enrollment that ran out of steps.
pub const COMPLETED: &str = "completed";

/// An enrollment as its cadence sees it.
#[derive(Debug, Clone)]
pub struct WalkState {
    pub lead_id: LeadId,
    pub position: Position,
    /// The event the current step waits for, once that wait has begun.
    pub waiting_event: Option<String>,
    /// Calls placed by this enrollment.
    pub placed: u32,
    /// The lead's display zone: dates, weekdays and business days are read there.
    pub zone: Zone,
    /// Days that are no business days.
    pub holidays: HolidayCalendar,
}

/// What happens now, and then.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// In order.
    pub effects: Vec<StepEffect>,
    pub next: Next,
}

/// Where the enrollment stands after a move.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Look again then: [`enter`] says what happens.
    Due {
        position: Position,
        at: Instant,
    },
    /// Whichever comes first: the event, or [`enter`] at `until`.
    AwaitEvent {
        position: Position,
        event: String,
        until: Instant,
    },
    /// A call, if the gates allow; not worth placing from `valid_until` on.
    Call {
        position: Position,
        flow: String,
        valid_until: Option<Instant>,
    },
    /// A message, if the gates allow; [`after_step`] afterwards.
    Message {
        position: Position,
        channel: Channel,
        script: String,
        text: String,
    },
    Ended {
        result: String,
        enroll: Option<String>,
    },
}

/// Something the shell writes.
#[derive(Debug, Clone, PartialEq)]
pub enum StepEffect {
    /// The step was executed.
    Passed {
        step: String,
    },
    /// The step was left out: `condition`, `too-late`.
    Skipped {
        step: String,
        reason: String,
    },
    Update {
        field: String,
        value: Value,
    },
    Score {
        by: i64,
        because: Option<String>,
    },
    Task {
        title: String,
        due_at: Option<Instant>,
    },
    Webhook {
        endpoint: String,
        step: String,
    },
    Enroll {
        cadence: String,
    },
}

/// A cadence that cannot be followed: its definition or its data is at fault, and people have to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the cadence `{cadence}` has no step `{step}`")]
    UnknownStep { cadence: String, step: String },
    #[error("step `{step}`: {problem}")]
    Expression { step: String, problem: ExpressionError },
    #[error("step `{step}` waits for a weekday, but names none")]
    NoDays { step: String },
    #[error("step `{step}` is not a call, but a call ended there")]
    NotACall { step: String },
    #[error("{steps} steps in a row without a call, a message or a wait; the last was `{step}`")]
    Runaway { steps: u32, step: String },
}

/// The gates stopped the step: the enrollment ends with their reason.
pub fn on_refused(reason: Reason) -> Move {
    ended(Vec::new(), reason.as_str(), None)
}

fn ended(effects: Vec<StepEffect>, result: &str, enroll: Option<String>) -> Move {
    Move { effects, next: Next::Ended { result: result.to_owned(), enroll } }
}

/// Variables, converted once per move and only if an expression is there to read them.
struct Context<'a> {
    make: &'a Variables<'a>,
    made: OnceCell<minijinja::Value>,
}

impl<'a> Context<'a> {
    fn new(make: &'a Variables<'a>) -> Self {
        Self { make, made: OnceCell::new() }
    }

    fn value(&self) -> &minijinja::Value {
        self.made.get_or_init(|| minijinja::Value::from(minijinja::value::Serde((self.make)())))
    }

    /// Does the condition hold? No condition always does.
    fn holds(&self, step: &str, condition: Option<&Expression>) -> Result<bool, Fault> {
        let Some(condition) = condition else { return Ok(true) };
        condition
            .eval_bool(self.value())
            .map_err(|problem| Fault::Expression { step: step.to_owned(), problem })
    }
}

/// The first exit rule that holds: rules of `event`, and those that look at every opportunity.
fn exit(cadence: &Cadence, event: Option<&str>, context: &Context<'_>) -> Result<Option<Move>, Fault> {
    for rule in &cadence.exits {
        let applies = rule.event.is_none() || rule.event.as_deref() == event;
        if applies && context.holds("exit", rule.condition.as_ref())? {
            return Ok(Some(ended(Vec::new(), &rule.result, rule.enroll.clone())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
