//! What a test file may say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Conversations and walks that must go as written: `callwright test` plays them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Test")]
pub struct RawTest {
    /// What is tested, in a few words for people.
    pub test: String,
    /// Flow that the cases talk to.
    pub flow: Option<String>,
    /// Cadence that the cases walk through.
    pub cadence: Option<String>,
    /// Named pieces of `given`, for the cases of every test file.
    pub fixtures: Option<BTreeMap<String, Map<String, Value>>>,
    /// What is known in every case: `lead`, `offer`, `product`, `campaign`, …; for cadences also `start` and `arm`.
    pub given: Option<RawGiven>,
    /// The cases in order.
    #[serde(default)]
    pub cases: Vec<RawCase>,
}

/// A fixture's name, values, or a list of both, merged in order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawGiven {
    Fixture(String),
    Values(Map<String, Value>),
    Many(Vec<RawGivenPart>),
}

/// A fixture's name, or values.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawGivenPart {
    Fixture(String),
    Values(Map<String, Value>),
}

/// One case: `talk` for a flow, `walk` for a cadence.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCase {
    /// What must be so, as a sentence; unique in the file.
    pub case: String,
    /// What is known in this case, over what the file gives.
    pub given: Option<RawGiven>,
    /// Rows of a table: the case is played once for each, with `{{ name }}` standing for the row's value.
    #[schemars(extend("minItems" = 1))]
    pub each: Option<Vec<BTreeMap<String, Value>>>,
    /// What is heard and answered, in order.
    pub talk: Option<Vec<RawTalk>>,
    /// Contacts and events, in order.
    pub walk: Option<Vec<RawWalk>>,
    /// What must hold at the end. Only what is named is compared.
    #[serde(default)]
    pub expect: RawExpect,
}

/// One thing heard or done: exactly one key.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct RawTalk {
    /// Words that the agent says, since the callee's last turn. Case and spacing do not matter.
    pub hear: Option<RawHear>,
    /// Words that the agent does not say, since the callee's last turn.
    pub not_hear: Option<RawHear>,
    /// What the callee says.
    pub answer: Option<String>,
    /// Key that the callee presses: 0-9, `*` or `#`.
    pub press: Option<RawKey>,
    /// The callee says nothing until the time-out.
    pub silence: Option<bool>,
    /// What becomes of the transfer: bridged, `no_answer`, busy or failed.
    pub transfer: Option<String>,
    /// What the asked endpoint answers.
    pub webhook: Option<Value>,
    /// The callee hangs up.
    pub hang_up: Option<bool>,
    /// A machine is listening.
    pub machine: Option<bool>,
}

/// Words that are part of what is said, one whole text, or a regular expression.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawHear {
    Part(String),
    Rule(RawHearRule),
}

/// One of both.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHearRule {
    /// One whole text, as it is spoken.
    pub text: Option<String>,
    /// A regular expression.
    pub matches: Option<String>,
}

/// A key of the telephone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawKey {
    Digit(u32),
    Sign(String),
}

/// One contact or event: exactly one of `call`, `message`, `task`, `webhook`, `enroll`, `event`, `lead` and `nothing`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWalk {
    /// Step that calls next.
    pub call: Option<String>,
    /// With `call`: what becomes of it: `no_answer`, `busy`, `voicemail`, …, or an ending of its flow.
    pub outcome: Option<String>,
    /// With `call` and `callback_requested`: the lead's local time that was asked for, such as `tue 15:00`.
    pub asked: Option<String>,
    /// With `call`: the conversation, instead of `outcome`; what it records reaches the cadence.
    pub talk: Option<Vec<RawTalk>>,
    /// Step that sends a message next.
    pub message: Option<String>,
    /// Step that gives a person a task next.
    pub task: Option<String>,
    /// Step that notifies an endpoint next.
    pub webhook: Option<String>,
    /// Cadence that is started next.
    pub enroll: Option<String>,
    /// Event that happens to the lead.
    pub event: Option<String>,
    /// With `event`: its fields.
    pub with: Option<Map<String, Value>>,
    /// Fields of the lead that somebody changes.
    pub lead: Option<Map<String, Value>>,
    /// Time that passes without any contact, such as `2 days`.
    pub nothing: Option<String>,
    /// The lead's local time at which it happens: `10:00`, `mon 10:00` or `2026-03-02 10:00`.
    pub at: Option<String>,
    /// How long after the entry before it happens, such as `4 hours`.
    pub after: Option<String>,
}

/// What must hold at the end.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// Disposition of the call.
    pub end: Option<String>,
    /// Outcome of the call: answered, converted, voicemail, `opted_out`, …
    pub outcome: Option<String>,
    /// Exactly these events were recorded, in order.
    pub events: Option<Vec<RawEvent>>,
    /// Whether the call was recorded.
    pub recorded: Option<bool>,
    /// Consents by purpose: `granted` or `refused`.
    pub consent: Option<BTreeMap<String, RawGranted>>,
    /// Points that the lead got altogether.
    pub score: Option<RawNumber>,
    /// Whether an opt-out was recorded.
    pub opted_out: Option<bool>,
    /// Whether a call back was promised, or which one.
    pub call_back: Option<RawCallBackExpected>,
    /// To whom the call was connected: `agent`, a queue or a number.
    pub transfer: Option<String>,
    /// What the call learned. Only the names given are compared.
    pub answers: Option<Map<String, Value>>,
    /// Steps gone through, in order.
    pub steps: Option<Vec<String>>,
    /// Result under which the enrollment ended.
    pub result: Option<String>,
    /// Calls placed.
    pub calls: Option<RawNumber>,
    /// Fields of the lead at the end. Only those given are compared.
    pub lead: Option<Map<String, Value>>,
    /// Why the lead was not admitted: `entry-condition`, `entered-before`, `entered-recently`.
    pub refused: Option<String>,
}

/// A whole number; in a table also `{{ name }}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawNumber {
    Number(i64),
    OfRow(String),
}

/// An event's type, or type and fields.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawEvent {
    Kind(String),
    Full(RawEventFields),
}

/// An event with fields. Only the fields given are compared.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEventFields {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its fields.
    #[serde(default)]
    pub with: Map<String, Value>,
}

/// An answer to a consent question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawGranted {
    Granted,
    Refused,
}

/// Whether, or which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawCallBackExpected {
    Any(bool),
    Rule(RawCallBackRule),
}

/// A promised call back.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCallBackRule {
    /// After this length, when no time was named.
    pub after: Option<String>,
    /// The words with which the callee named a time.
    pub said: Option<String>,
}
