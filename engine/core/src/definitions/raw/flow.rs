//! What a flow file may say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OneOrMany, RawScore, RawValue};
use crate::domain::outcome::Outcome;

/// What happens during one call. Opt-out words, "agent", a wrong number and silence are handled in every flow without
/// being written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Call flow")]
pub struct RawFlow {
    /// The flow's name: what a cadence's `call:` says.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub flow: String,
    /// What the flow is for, in a few words for people.
    pub title: String,
    /// Script that holds the words; the one with the flow's own name unless said otherwise.
    pub script: Option<String>,
    /// First step; the first one written unless said otherwise.
    pub start: Option<String>,
    /// The steps by name.
    #[schemars(extend("minProperties" = 1))]
    pub steps: BTreeMap<String, RawStep>,
    /// What to leave when a machine answers. Without it the call is hung up silently.
    pub voicemail: Option<RawEnding>,
    /// How endings of this flow count for a cadence, when their names do not say so: `appointment: converted`.
    pub endings: Option<BTreeMap<String, Outcome>>,
    /// Silent or misunderstood answers in a row before the flow says goodbye. 3 unless said otherwise.
    #[schemars(range(min = 1, max = 10))]
    pub no_input_limit: Option<u32>,
    /// Longest call, such as `10 minutes`; the carrier hangs up then.
    pub max_duration: Option<String>,
    /// Where "let me talk to a person" leads: `agent` (the campaign's number), a queue's name, or a number with `+`.
    pub operator: Option<String>,
    /// Further variables this flow reads, each with an example that checks render the texts with.
    pub uses: Option<BTreeMap<String, serde_json::Value>>,
}

/// One step: things to do, in the order written, and one way to leave (`next`, `branch`, `ask`, `ask_consent`, `transfer`,
/// `run` or `end`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStep {
    /// Texts of the script to speak.
    pub say: Option<OneOrMany>,
    /// Audio to play: an address or the name of an uploaded file.
    pub play: Option<String>,
    /// Values to remember: later texts and conditions see them as `answers.NAME`.
    pub set: Option<BTreeMap<String, RawValue>>,
    /// Points to add to the lead's score.
    pub score: Option<RawScore>,
    /// Event to append to the lead's timeline, such as `OFFER_ACCEPTED`.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_.]*$"))]
    pub record_event: Option<String>,
    /// Fields of that event.
    pub with: Option<BTreeMap<String, RawValue>>,
    /// Start or stop recording. Starting needs consent that was granted in this call.
    pub recording: Option<RawRecording>,
    /// Endpoint to ask; its answer is remembered under `save_as`.
    pub webhook: Option<String>,
    /// Promise to call again: `when_asked` (the time the person names), or after a delay such as `2 days`.
    pub call_back: Option<String>,
    /// With `call_back: when_asked`: the delay when no time was named. One business day unless said otherwise.
    pub or_after: Option<String>,
    /// Record that this person must not be called again, at once.
    pub opt_out: Option<bool>,

    /// Step to go on with.
    pub next: Option<String>,
    /// Go by conditions: the first that holds. Needs `otherwise`.
    #[schemars(extend("minItems" = 1))]
    pub branch: Option<Vec<RawArm>>,
    /// Where a `branch` leads when no condition holds.
    pub otherwise: Option<String>,
    /// Text of the script that asks a question; `then` says where each answer leads.
    pub ask: Option<String>,
    /// Key presses and the answers they mean: `1: accept`.
    pub keys: Option<BTreeMap<String, String>>,
    /// Answers to listen for beside those of `then` and `keys`.
    pub answers: Option<Vec<String>>,
    /// Remember the answer as `answers.NAME`.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*$"))]
    pub save_as: Option<String>,
    /// Open question: whatever is said is the answer `said`.
    pub open: Option<bool>,
    /// How often to ask. 2 unless said otherwise.
    #[schemars(range(min = 1, max = 5))]
    pub tries: Option<u32>,
    /// How long to wait for an answer, such as `6s`.
    pub timeout: Option<String>,
    /// Consent to ask for.
    pub ask_consent: Option<RawConsent>,
    /// Text of the script with the words that ask for consent. `may_record` for recording unless said otherwise.
    pub words: Option<String>,
    /// Connect to a person: `agent` (the campaign's number), a queue's name, or a number with `+`.
    pub transfer: Option<String>,
    /// Another flow to run inside this call; `then` goes by its ending. Endings that `then` does not name end this flow too, in
    /// the same way.
    pub run: Option<String>,
    /// Answers, results or endings and the steps they lead to, with `default` for all others.
    #[serde(default)]
    #[schemars(schema_with = "super::then::answers")]
    pub then: Option<BTreeMap<String, String>>,
    /// Hang up and file the call under this disposition.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub end: Option<String>,
}

/// A condition and where it leads.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawArm {
    /// Condition such as `lead.score >= 70`.
    #[serde(rename = "if")]
    pub condition: String,
    /// Step to go to when it holds.
    pub go: String,
}

/// The end of a call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEnding {
    /// Text of the script to speak.
    pub say: Option<String>,
    /// Disposition under which the call is filed.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]*$"))]
    pub end: String,
}

/// Start or stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawRecording {
    Start,
    Stop,
}

/// What a person is asked to agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawConsent {
    Recording,
    VoiceContact,
    AiVoice,
    Sms,
    Email,
}

impl RawConsent {
    pub const fn purpose(self) -> crate::domain::consent::Purpose {
        use crate::domain::consent::Purpose;
        match self {
            Self::Recording => Purpose::Recording,
            Self::VoiceContact => Purpose::VoiceContact,
            Self::AiVoice => Purpose::AiVoice,
            Self::Sms => Purpose::Sms,
            Self::Email => Purpose::Email,
        }
    }
}
