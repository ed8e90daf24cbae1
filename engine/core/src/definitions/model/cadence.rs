//! A cadence: when, how often and with which flow a lead is contacted over days.
//! Splits are flattened: every step has one place in [`Cadence::steps`] and an id that stays stable between versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::definitions::expression::Expression;
use crate::domain::cap::Cap;
use crate::domain::consent::Purpose;
use crate::domain::priority::Priority;
use crate::rules::Jurisdiction;
use crate::time::duration::Delay;
use crate::time::{DaySet, Hours, LocalTime};

/// Index of a step in [`Cadence::steps`].
pub type StepIndex = usize;

/// One compiled cadence.
#[derive(Debug, Clone)]
pub struct Cadence {
    pub key: String,
    pub title: String,
    /// Whose law it says it keeps; empty when it does not say.
    pub targets: Vec<Jurisdiction>,
    /// A lead may enter only when this holds.
    pub enter_when: Option<Expression>,
    pub reentry: Reentry,
    /// Evaluated in order on every event and before every step; the first that holds ends the enrollment.
    pub exits: Vec<ExitRule>,
    /// Hours in which this cadence contacts people; the law and the campaign narrow them further.
    pub hours: Option<CadenceHours>,
    pub limits: Limits,
    /// Further caps: per number, account or campaign, rolling or by the calendar.
    pub caps: Arc<[Cap]>,
    pub priority: Priority,
    /// Variables an enrollment must bring (`offer`, `product`, …): name → required.
    pub variables: BTreeMap<String, bool>,
    pub steps: Vec<CadenceStep>,
}

/// Whether a lead who has been through the cadence may enter again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reentry {
    Never,
    /// As soon as the previous enrollment has ended.
    AfterEnd,
    /// This long after the previous enrollment began.
    After(TimeDelta),
}

/// Contact hours, in the lead's zones or a fixed zone.
#[derive(Debug, Clone)]
pub struct CadenceHours {
    pub hours: Hours,
    /// `None`: every candidate zone of the lead.
    pub zone: Option<crate::time::zone::Zone>,
}

/// Contact caps of one enrollment's lead, counted over all cadences by intents (GATE-8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub per_day: Option<u32>,
    pub per_week: Option<u32>,
    /// Placed calls of this enrollment.
    pub total: Option<u32>,
    pub gap: Option<TimeDelta>,
}

/// Ends an enrollment.
#[derive(Debug, Clone)]
pub struct ExitRule {
    /// Only on this event; `None`: also before every step.
    pub event: Option<String>,
    pub condition: Option<Expression>,
    pub result: String,
    /// Cadence to enroll in next, if any.
    pub enroll: Option<String>,
}

/// One step of a cadence.
#[derive(Debug, Clone)]
pub struct CadenceStep {
    /// Stable id: the author's, or `kind-position`; nested arms are `split/arm/step`.
    pub id: String,
    /// Step is skipped unless this holds.
    pub condition: Option<Expression>,
    pub action: StepAction,
    /// Where to go afterwards; `None` ends the cadence as `completed`.
    pub next: Option<StepIndex>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum StepAction {
    Call(CallStep),
    Wait(Wait),
    /// First arm whose condition holds, else the step's `next`.
    Branch(Vec<(Expression, StepIndex)>),
    /// Deterministic by lead and step: shares add up to 100.
    Split(Vec<SplitArm>),
    Message {
        channel: Channel,
        script: String,
        text: String,
    },
    Task {
        title: String,
        due: Option<Delay>,
    },
    Update {
        fields: BTreeMap<String, Expression>,
    },
    Score {
        by: i64,
        because: Option<String>,
    },
    Webhook {
        endpoint: String,
    },
    /// Start another cadence and go on with this one.
    Enroll {
        cadence: String,
    },
    /// Leave for another cadence.
    Switch {
        cadence: String,
    },
    End {
        result: String,
    },
}

/// One arm of a split.
#[derive(Debug, Clone)]
pub struct SplitArm {
    pub arm: String,
    pub share: u32,
    pub first: StepIndex,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Sms,
    Email,
    Whatsapp,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// The consent that a message needs.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Sms | Self::Whatsapp => Purpose::Sms,
            Self::Email => Purpose::Email,
        }
    }
}

/// A call and what follows each of its outcomes.
#[derive(Debug, Clone)]
pub struct CallStep {
    pub flow: String,
    /// A call not placed by then is skipped with a reason (ENG-10); measured from the step's due time.
    pub valid_for: Option<TimeDelta>,
    /// By disposition label first, then by outcome name, then `default`; unlisted outcomes go on to the step's `next`.
    pub outcomes: BTreeMap<String, OutcomeRule>,
}

/// What follows one outcome of a call.
#[derive(Debug, Clone, Default)]
pub struct OutcomeRule {
    /// Further tries of the same step (placed calls beyond the first).
    pub retry: u32,
    /// Delay before try 2, 3, …; the last one repeats.
    pub after: Vec<Delay>,
    /// After the retries, or at once when there are none.
    pub then: Then,
}

/// Where an outcome leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Then {
    /// The step's own `next`.
    #[default]
    Continue,
    Go(StepIndex),
    /// Call again at the time the callee asked for, else after the delay.
    CallBack {
        otherwise: Delay,
    },
    End {
        result: String,
    },
}

/// A wait.
#[derive(Debug, Clone)]
pub enum Wait {
    For(Delay),
    /// Until the next such weekday and time in the lead's display zone.
    Until {
        days: DaySet,
        at: LocalTime,
    },
    /// Until an event of the lead, or the time-out.
    Event {
        event: String,
        condition: Option<Expression>,
        timeout: Delay,
        then: Option<StepIndex>,
        on_timeout: Option<StepIndex>,
    },
}

impl Cadence {
    pub fn step(&self, id: &str) -> Option<StepIndex> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// Flows this cadence calls, each once.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        let mut seen = std::collections::BTreeSet::new();
        self.steps.iter().filter_map(move |step| match &step.action {
            StepAction::Call(call) if seen.insert(call.flow.as_str()) => Some(call.flow.as_str()),
            _ => None,
        })
    }
}
