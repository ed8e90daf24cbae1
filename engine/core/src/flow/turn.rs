//! What passes between the interpreter and whoever carries the call: prompts and expectations out, inputs in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::Session;
use crate::domain::text_enum::text_enum;

/// One turn of a call: what to say, what to wait for, and the state to hand back with the input.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    pub prompts: Vec<Prompt>,
    /// `None`: the call is over, hang up after the prompts.
    pub expect: Option<Expect>,
    pub session: Session,
    /// Why the flow could not be followed, for people who maintain it. The call was ended politely.
    pub fault: Option<String>,
    /// The way through the steps, when the program asks for it.
    pub trace: Vec<Taken>,
}

/// One step left, or entered: what tests count as covered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    pub flow: String,
    pub step: String,
    /// How it was left, as a pointer below the step: `then/accept`, `branch/0`, `otherwise`; `None` when it was entered.
    pub way: Option<String>,
}

/// Something the callee hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "prompt", rename_all = "snake_case")]
pub enum Prompt {
    Say { text: String, language: String },
    Play { audio: String },
}

/// What the carrier waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    pub kind: Expected,
    /// Names of the answers that lead somewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Keys of the telephone and the answers they mean.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<char, String>,
    /// Anything that is said is an answer.
    #[serde(default)]
    pub open: bool,
    /// Seconds of silence after which [`Input::Silence`] is due.
    pub timeout_s: u32,
}

/// Kinds of expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Answer,
    /// A yes or no to a consent of this purpose.
    Consent {
        purpose: String,
    },
    /// The callee is to be connected: `agent`, a queue's name, or a number.
    Transfer {
        target: String,
    },
    /// A registered endpoint is to be asked.
    Webhook {
        endpoint: String,
    },
}

/// What happened on the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", content = "value", rename_all = "snake_case")]
pub enum Input {
    Said(String),
    Pressed(char),
    Silence,
    Transfer(Transferred),
    WebhookAnswer(Value),
    HungUp,
    /// It turned out that a machine is listening.
    Machine,
}

/// What became of a transfer. On the wire the bare result (`"bridged"`), or `{"result": "bridged", "afterMs": 1400}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OnWire", into = "OnWire")]
pub struct Transferred {
    pub result: TransferResult,
    /// Milliseconds from asking for it to the result, if the carrier says.
    pub after_ms: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OnWire {
    Bare(TransferResult),
    #[serde(rename_all = "camelCase")]
    Timed {
        result: TransferResult,
        after_ms: u32,
    },
}

impl From<TransferResult> for Transferred {
    fn from(result: TransferResult) -> Self {
        Self { result, after_ms: None }
    }
}

impl From<OnWire> for Transferred {
    fn from(wire: OnWire) -> Self {
        match wire {
            OnWire::Bare(result) => result.into(),
            OnWire::Timed { result, after_ms } => Self { result, after_ms: Some(after_ms) },
        }
    }
}

impl From<Transferred> for OnWire {
    fn from(transferred: Transferred) -> Self {
        let Transferred { result, after_ms } = transferred;
        after_ms.map_or(Self::Bare(result), |after_ms| Self::Timed { result, after_ms })
    }
}

text_enum! {
    /// What became of a transfer.
    pub enum TransferResult {
        Bridged = "bridged",
        NoAnswer = "no_answer",
        Busy = "busy",
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transfer_is_told_with_its_time_or_without() {
        let read = |value: Value| serde_json::from_value::<Input>(value).unwrap();
        let bare = json!({"input": "transfer", "value": "bridged"});
        let timed = json!({"input": "transfer", "value": {"result": "no_answer", "afterMs": 2100}});
        assert_eq!(read(bare.clone()), Input::Transfer(TransferResult::Bridged.into()));
        let transferred = Transferred { result: TransferResult::NoAnswer, after_ms: Some(2_100) };
        assert_eq!(read(timed.clone()), Input::Transfer(transferred));
        for (input, written) in [(read(bare.clone()), bare), (read(timed.clone()), timed)] {
            assert_eq!(serde_json::to_value(input).unwrap(), written);
        }
    }
}
