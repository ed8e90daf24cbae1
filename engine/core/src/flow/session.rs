//! State of one conversation, stored between turns, and what it adds up to when the call ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::outcome::Outcome;

/// Everything the interpreter knows about a call in progress. Serialised into the call's row between turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Flow and step names, innermost last: sub-flows push, their endings pop.
    pub stack: Vec<Frame>,
    pub language: String,
    pub answers: BTreeMap<String, Value>,
    /// Tries used of the question that is being asked.
    pub tries: u32,
    /// Silent or misunderstood turns in a row.
    pub silent: u32,
    pub recording_consent: Option<bool>,
    pub recording: bool,
    /// What the carrier is waiting for; `None` before the first prompt and after the end.
    pub waiting: Option<Waiting>,
    pub conversation: Conversation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub flow: String,
    pub step: String,
    /// Actions of the step that are done: a step that waits for an endpoint goes on behind it.
    #[serde(default)]
    pub done: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    Answer,
    Consent,
    Transfer,
    Webhook,
}

/// What was said and done: the part of a call that survives it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Conversation {
    /// Set when the flow has ended (or the callee hung up: then the disposition is `hung_up`).
    pub ended: Option<Ended>,
    pub transcript: Vec<Line>,
    /// Names of the steps traversed, in order (`flowNodesTraversed`).
    pub nodes: Vec<String>,
    pub effects: Vec<Effect>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub outcome: Outcome,
    pub disposition: String,
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Agent(String),
    Callee(String),
    Key(char),
    Silence,
}

/// Something the shell must apply, once, in the transaction that records it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    Event {
        kind: String,
        data: Value,
    },
    Score {
        by: i64,
        because: Option<String>,
    },
    Consent {
        purpose: String,
        granted: bool,
        wording: String,
    },
    OptOut {
        reason: String,
    },
    WrongNumber,
    /// Seconds from the end of the call, or what the callee said (parsed by the shell with the lead's zone).
    CallBack {
        after_s: Option<i64>,
        said: Option<String>,
    },
    Recording {
        on: bool,
    },
    Webhook {
        endpoint: String,
        save_as: Option<String>,
    },
    Transfer {
        target: String,
        result: Option<String>,
        /// How long it took from asking to the result, if the provider says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<u32>,
    },
}

impl Conversation {
    pub fn turns(&self) -> usize {
        self.transcript.len() + self.effects.len() + usize::from(self.ended.is_some())
    }

    pub fn outcome(&self) -> Outcome {
        self.ended.as_ref().map_or(Outcome::Answered, |ended| ended.outcome)
    }

    pub fn disposition(&self) -> &str {
        self.ended.as_ref().map_or("hung_up", |ended| ended.disposition.as_str())
    }
}
