//! A call flow: what happens during one call. Steps run their actions in order and leave through one exit.

use std::collections::BTreeMap;

use crate::definitions::expression::Expression;
use crate::domain::outcome::Outcome;
use crate::time::duration::Delay;

/// Index of a step in [`Flow::steps`]. Names are resolved when the flow is compiled.
pub type StepIndex = usize;

/// One compiled flow. `key` is the file's own name and what a cadence's `call:` says.
#[derive(Debug, Clone)]
pub struct Flow {
    pub key: String,
    pub title: String,
    /// Key of the script that holds the words.
    pub script: String,
    pub start: StepIndex,
    pub steps: Vec<FlowStep>,
    /// What to leave when a machine answers; `None` hangs up silently.
    pub voicemail: Option<Ending>,
    /// How each ending of this flow counts for the cadence; endings not listed use [`Outcome::of_ending`].
    pub endings: BTreeMap<String, Outcome>,
    /// Consecutive silent or misunderstood answers before the flow says goodbye, over the whole call.
    pub no_input_limit: u32,
    /// Hard limit of one call in seconds: the carrier is told, and money is reserved for it.
    pub max_duration_s: u32,
    /// Where an operator request leads when a step does not say otherwise.
    pub operator: Option<TransferTarget>,
}

/// One step of a flow.
#[derive(Debug, Clone)]
pub struct FlowStep {
    pub name: String,
    pub actions: Vec<Action>,
    pub exit: Exit,
}

/// Something a step does before it leaves. Executed in this order of the list.
#[derive(Debug, Clone)]
pub enum Action {
    /// Speak a text of the script.
    Say { text: String },
    /// Play an audio file by URL or asset name.
    Play { audio: String },
    /// Remember a value under a name; later expressions and texts see it as `answers.NAME`.
    Set { values: BTreeMap<String, Expression> },
    /// Change the lead's score.
    Score { by: i64, because: Option<String> },
    /// Append an event to the lead's timeline, with fields computed from expressions.
    RecordEvent { event: String, fields: BTreeMap<String, Expression> },
    /// Switch recording on or off. On is refused by the interpreter unless recording consent was granted in this call.
    Recording { on: bool },
    /// Ask a registered endpoint and remember its answer under `answers.NAME`; the shell performs it.
    Webhook { endpoint: String, save_as: Option<String> },
    /// Promise to call again. `WhenAsked` takes the time the callee named, else the default delay.
    CallBack { when: CallBackTime },
    /// Record an opt-out of this lead at once.
    OptOut,
}

/// When a promised call back happens.
#[derive(Debug, Clone)]
pub enum CallBackTime {
    WhenAsked { otherwise: Delay },
    After(Delay),
}

/// How a step leaves.
#[derive(Debug, Clone)]
pub enum Exit {
    Next(StepIndex),
    /// First arm whose condition holds; `otherwise` when none does.
    Branch {
        arms: Vec<(Expression, StepIndex)>,
        otherwise: StepIndex,
    },
    Ask(Ask),
    /// Ask for a consent and record the answer. Silence and anything but a clear yes count as not granted.
    Consent {
        purpose: String,
        words: String,
        granted: StepIndex,
        otherwise: StepIndex,
    },
    /// Connect to a person.
    Transfer {
        target: TransferTarget,
        then: BTreeMap<String, StepIndex>,
        otherwise: StepIndex,
    },
    /// Run another flow inside this call, then go on by its ending. Endings without a step end this flow in the same way.
    SubFlow {
        flow: String,
        then: BTreeMap<String, StepIndex>,
        otherwise: Option<StepIndex>,
    },
    End(Ending),
}

/// A question: speech and keys, with expected answers.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Text of the script that asks.
    pub text: String,
    /// Key presses that mean an answer.
    pub keys: BTreeMap<char, String>,
    /// Answers whose phrases stand in the script (`answers:` per language).
    pub answers: Vec<String>,
    /// Remember what was said under `answers.NAME` (the answer's name, or the free text for open questions).
    pub save_as: Option<String>,
    /// Free speech: anything said is the answer `said`.
    pub open: bool,
    pub tries: u32,
    pub timeout_s: u32,
    /// Answer name → step.
    pub then: BTreeMap<String, StepIndex>,
    /// Answers not named in `then`, no input and no match after the last try.
    pub otherwise: StepIndex,
}

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferTarget {
    Agent,
    Queue(String),
    Number(String),
}

/// The end of a call: last words, and the disposition under which it is filed.
#[derive(Debug, Clone)]
pub struct Ending {
    pub say: Option<String>,
    pub disposition: String,
}

impl Flow {
    pub fn step(&self, name: &str) -> Option<StepIndex> {
        self.steps.iter().position(|step| step.name == name)
    }

    /// How an ending of this flow counts for the cadence that placed the call.
    pub fn outcome_of(&self, disposition: &str) -> Outcome {
        self.endings.get(disposition).copied().unwrap_or_else(|| Outcome::of_ending(disposition))
    }
}
