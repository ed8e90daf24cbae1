//! What differs between two versions, by what it means: steps, hours, texts. Comments, layout, the order of keys and the
//! names of files are not looked at, because the compiled definitions do not know them.
//!
//! ```text
//! bundle ─describe─▶ parts with named fields ─compare─▶ changes        pairing: which step of the old cadence is which of the new
//! ```

mod describe_cadence;
mod describe_flow;
pub mod pairing;
mod parts;
mod steps;
mod words;

use serde::Serialize;

use super::bundle::Bundle;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What kind of thing is different.
    pub part: Part,
    /// Which one: `second`, `hello/greet`, `hello/en/greeting`.
    pub name: String,
    pub kind: ChangeKind,
    /// The field of the part, in the words of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What kind of thing a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Cadence,
    Step,
    Flow,
    FlowStep,
    Script,
    Text,
    Answer,
}

impl Part {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cadence => "cadence",
            Self::Step => "step",
            Self::Flow => "flow",
            Self::FlowStep => "flow step",
            Self::Script => "script",
            Self::Text => "text",
            Self::Answer => "answer",
        }
    }
}

/// What happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Removed,
    Moved,
    Changed,
}

impl ChangeKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Moved => "moved",
            Self::Changed => "changed",
        }
    }
}

impl Change {
    fn whole(part: Part, name: impl Into<String>, kind: ChangeKind) -> Self {
        Self { part, name: name.into(), kind, field: None, from: None, to: None }
    }
}

/// One line for people: `step pause: wait: 2 business days -> 1 business day`.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: ", self.part.as_str(), self.name)?;
        match (&self.field, &self.from, &self.to) {
            (Some(field), Some(from), Some(to)) => write!(f, "{field}: {from} -> {to}"),
            (Some(field), None, Some(to)) => write!(f, "{field} added: {to}"),
            (Some(field), Some(from), None) => write!(f, "{field} removed: {from}"),
            (None, _, Some(to)) => write!(f, "{} ({to})", self.kind.as_str()),
            (None, Some(from), None) => write!(f, "{} ({from})", self.kind.as_str()),
            _ => f.write_str(self.kind.as_str()),
        }
    }
}

/// Everything that is different in `new`, in the order of the cadence, then its flows, then their words.
pub fn diff(old: &Bundle, new: &Bundle) -> Vec<Change> {
    let mut changes = steps::cadence(&old.cadence, &new.cadence);
    changes.extend(describe_flow::flows(&old.flows, &new.flows));
    changes.extend(words::scripts(&old.scripts, &new.scripts));
    changes
}

#[cfg(test)]
mod tests;
