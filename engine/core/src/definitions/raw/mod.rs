//! The shapes authors write, exactly: the JSON Schemas are generated from these types, and their documentation is what
//! editors show while typing. Names and texts are still plain; `compile` gives them meaning.

pub mod cadence;
pub mod flow;
pub mod script;
pub mod test;
mod then;

use schemars::JsonSchema;
use serde::Deserialize;

/// One value, or several in order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A value: a number, true or false, or an expression such as `answers.budget`. Literal text needs inner quotes: `"'gold'"`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawValue {
    Bool(bool),
    Number(f64),
    Expression(String),
}

impl RawValue {
    /// The expression that yields the value.
    pub fn source(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Expression(text) => text.clone(),
        }
    }
}

/// Points to add to the lead's score, or points with a reason.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RawScore {
    By(i64),
    Because(RawScoreBecause),
}

/// Points with a reason.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawScoreBecause {
    /// Points to add; negative to take away.
    pub by: i64,
    /// Why, as the lead's timeline shows it.
    pub because: Option<String>,
}

impl RawScore {
    pub fn parts(&self) -> (i64, Option<String>) {
        match self {
            Self::By(by) => (*by, None),
            Self::Because(score) => (score.by, score.because.clone()),
        }
    }
}
