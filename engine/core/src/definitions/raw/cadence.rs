//! What a cadence file may say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{RawScore, RawValue};
use crate::domain::cap::WrittenCap;
use crate::domain::priority::Priority;

/// When, how often and with which flow a lead is contacted over days.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Cadence")]
pub struct RawCadence {
    /// The cadence's name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub cadence: String,
    /// What the cadence is for, in a few words for people.
    pub title: String,
    /// Countries and states whose people it calls: `US` (all of it), `US-RI`, `IN`. What their law wants said is then obligatory,
    /// and hours in which their law allows no call are an error.
    #[schemars(extend("minItems" = 1))]
    pub targets: Option<Vec<String>>,
    /// Who may enter, and whether again.
    pub enter: Option<RawEnter>,
    /// What ends an enrollment early; rules are tried in order.
    pub exit: Option<Vec<RawExit>>,
    /// Hours in which to contact people. The law and the campaign narrow them further.
    pub hours: Option<RawHours>,
    /// How often a lead may be contacted.
    pub limits: Option<RawLimits>,
    /// Urgency of its calls. `medium` unless said otherwise.
    pub priority: Option<Priority>,
    /// Variables that an enrollment brings, such as `offer` and `product`.
    pub variables: Option<BTreeMap<String, RawNeed>>,
    /// The steps in order.
    #[schemars(extend("minItems" = 1))]
    pub steps: Vec<RawCadenceStep>,
}

/// Whether an enrollment must bring a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawNeed {
    Required,
    Optional,
}

/// Entry rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEnter {
    /// Condition such as `lead.status == "cold"`.
    pub when: Option<String>,
    /// When a lead may enter again: `never`, `at_end` (as soon as the last time is over), or a length such as `90 days`
    /// after the last time began. `never` unless said otherwise.
    pub again_after: Option<String>,
}

/// Exit rule. At least one of `when_event` and `if`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExit {
    /// Only when this event arrives; its fields are `event.NAME`.
    pub when_event: Option<String>,
    /// Condition.
    #[serde(rename = "if")]
    pub condition: Option<String>,
    /// Result under which the enrollment is filed.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub result: String,
    /// Cadence to enroll in next.
    pub enroll: Option<String>,
}

/// Contact hours.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHours {
    /// Weekdays: `mon-fri`, `sat`, `daily`. `mon-fri` unless said otherwise.
    pub days: Option<super::OneOrMany>,
    /// One stretch, `09:00-18:00`, or several.
    pub between: super::OneOrMany,
    /// `lead` (everywhere the lead may be), or a zone such as `America/New_York`. `lead` unless said otherwise.
    pub zone: Option<String>,
    /// Whether to call on public holidays. `skip` unless said otherwise.
    pub holidays: Option<RawHolidays>,
}

/// Whether to call on public holidays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawHolidays {
    Call,
    Skip,
}

/// Contact caps.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLimits {
    /// Calls to a lead per day, over all cadences.
    #[schemars(range(min = 1, max = 50))]
    pub per_day: Option<u32>,
    /// Calls to a lead in seven days, over all cadences.
    #[schemars(range(min = 1, max = 200))]
    pub per_week: Option<u32>,
    /// Calls of one enrollment altogether.
    #[schemars(range(min = 1, max = 500))]
    pub total: Option<u32>,
    /// Least time between two calls, such as `4 hours`.
    pub gap: Option<String>,
    /// Further caps, such as `{ calls: 3, within: 24 hours, per: account }` or `{ calls: 1, each: day, per: lead }`.
    #[schemars(extend("minItems" = 1))]
    pub caps: Option<Vec<WrittenCap>>,
}

/// One step: exactly one of `call`, `wait`, `branch`, `split`, `message`, `task`, `update`, `score`, `webhook`, `enroll`,
/// `switch` and `end`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCadenceStep {
    /// Name of the step; enrollments remember it across versions. The kind and position unless said otherwise.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub id: Option<String>,
    /// Skip the step unless this holds.
    #[serde(rename = "if")]
    pub condition: Option<String>,
    /// Step to go on with; the following one unless said otherwise.
    pub next: Option<String>,

    /// Flow to call with.
    pub call: Option<String>,
    /// With `call`: what follows each outcome (`no_answer`, `busy`, `voicemail`, `answered`, a disposition, …), with
    /// `default` for others. What is not listed goes on with `next`.
    #[serde(default)]
    #[schemars(schema_with = "super::then::outcomes")]
    pub then: Option<BTreeMap<String, RawOutcome>>,
    /// With `call`: skip the call when it could not be placed for this long.
    pub valid_for: Option<String>,
    /// Wait: a length such as `2 business days`, a weekday and time, or an event.
    pub wait: Option<RawWait>,
    /// Go by conditions: the first that holds, else `next`.
    #[schemars(extend("minItems" = 1))]
    pub branch: Option<Vec<super::flow::RawArm>>,
    /// Divide leads at random, but always the same way for one lead. Shares add up to 100.
    #[schemars(extend("minItems" = 2))]
    pub split: Option<Vec<RawSplitArm>>,
    /// Send a message.
    pub message: Option<RawMessage>,
    /// Give a person something to do: its title, or title and due time.
    pub task: Option<RawTask>,
    /// Fields of the lead to change.
    pub update: Option<BTreeMap<String, RawValue>>,
    /// Points to add to the lead's score.
    pub score: Option<RawScore>,
    /// Endpoint to notify.
    pub webhook: Option<String>,
    /// Cadence to start beside this one.
    pub enroll: Option<String>,
    /// Cadence to leave for.
    pub switch: Option<String>,
    /// End the enrollment with this result.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub end: Option<String>,
}

/// What follows an outcome: a step's name, or rules.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawOutcome {
    Step(String),
    Rule(RawOutcomeRule),
}

/// Retries first, then one of `next`, `call_back` and `end`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawOutcomeRule {
    /// Further calls after the first.
    #[schemars(range(min = 1, max = 100))]
    pub retry: Option<u32>,
    /// Delay before each retry; the last one repeats.
    pub after: Option<super::OneOrMany>,
    /// Step to go to after the retries.
    pub next: Option<String>,
    /// `when_asked`: call again at the time the person named.
    pub call_back: Option<RawCallBack>,
    /// With `call_back`: the delay when no time was named. One business day unless said otherwise.
    pub or_after: Option<String>,
    /// End the enrollment with this result.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub end: Option<String>,
}

/// When to call back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawCallBack {
    WhenAsked,
}

/// A wait: a length, or a weekday and time, or an event with a time-out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawWait {
    For(String),
    Rule(RawWaitRule),
}

/// `until` and `at`, or `event` and `timeout`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWaitRule {
    /// Weekdays, such as `tue` or `mon-fri`.
    pub until: Option<super::OneOrMany>,
    /// Time of day in the lead's zone, such as `10:00`.
    pub at: Option<String>,
    /// Event to wait for.
    pub event: Option<String>,
    /// Only if this holds of the event (`event.NAME`).
    #[serde(rename = "if")]
    pub condition: Option<String>,
    /// Longest wait for the event.
    pub timeout: Option<String>,
    /// Step to go to when the event arrives; `next` unless said otherwise.
    pub then: Option<String>,
    /// Step to go to when it does not; `next` unless said otherwise.
    pub on_timeout: Option<String>,
}

/// One arm of a split.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSplitArm {
    /// Name of the arm, as reports show it.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]*$"))]
    pub arm: String,
    /// Per cent of the leads.
    #[schemars(range(min = 1, max = 99))]
    pub share: u32,
    /// Steps of this arm; afterwards both arms go on after the split.
    #[schemars(extend("minItems" = 1))]
    pub steps: Vec<RawCadenceStep>,
}

/// A message.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMessage {
    /// Where it goes.
    pub channel: RawChannel,
    /// Script that holds the words.
    pub script: String,
    /// Text of the script. `message` unless said otherwise.
    pub text: Option<String>,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawChannel {
    Sms,
    Email,
    Whatsapp,
}

/// A task's title, or title and due time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawTask {
    Title(String),
    Full(RawTaskDue),
}

/// A task with a due time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTaskDue {
    /// What to do.
    pub title: String,
    /// By when, such as `1 business day`.
    pub due: Option<String>,
}
