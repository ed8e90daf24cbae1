//! What a place of a file means: the one table from which completion, hover, navigation and rename read.

use super::super::schema::DefinitionKind;
use super::super::source::Node;
use super::leaf::{Leaf, node_at};

/// Meaning of a key or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The file's own name.
    Own(DefinitionKind),
    /// The name of another file.
    Refers(DefinitionKind),
    /// Names a step here.
    StepName,
    /// Leads to a step.
    Target,
    /// Names a text of a script.
    TextName,
    /// Speaks a text.
    Text,
    /// Names an answer of a script.
    AnswerName,
    /// Listens for an answer.
    Answer,
    /// Ends a call under a disposition.
    EndingName,
    /// Goes by the ending of a call or of another flow.
    Ending,
    /// Goes by the result of a transfer.
    TransferResult,
    /// Goes by whether consent was granted.
    ConsentResult,
    LanguageName,
    Language,
    /// Names something the call learns.
    LearnedName,
    /// Appends an event.
    EventName,
    /// Reacts to an event.
    Event,
    /// A condition or a value in the expression language.
    Expression,
    /// A text with placeholders.
    Template,
    Zone,
    Person,
    LeadField,
    Length,
    Days,
    Other,
}

/// Where the innermost step of a path ends: `steps/2/split/0/steps/1/call` → 6. Flows have named steps without nesting.
pub fn step_len(kind: DefinitionKind, path: &[&str]) -> Option<usize> {
    let is_step = |at: usize| {
        path.get(at) == Some(&"steps")
            && path
                .get(at + 1)
                .is_some_and(|name| kind == DefinitionKind::Flow || name.parse::<usize>().is_ok())
    };
    let mut at = 0;
    while is_step(at) {
        let nests = path.get(at + 2) == Some(&"split") && path.len() > at + 3 && is_step(at + 4);
        if kind != DefinitionKind::Cadence || !nests {
            return Some(at + 2);
        }
        at += 4;
    }
    None
}

/// What a leaf means.
pub fn slot(kind: DefinitionKind, root: &Node, leaf: &Leaf) -> Slot {
    slot_of(kind, root, &leaf.steps(), leaf.is_key)
}

/// What the key or value at a path means.
pub fn slot_of(kind: DefinitionKind, root: &Node, path: &[&str], is_key: bool) -> Slot {
    let step = step_len(kind, path).map(|len| path.split_at(len));
    match (kind, is_key, step) {
        (DefinitionKind::Flow, true, Some((step, rest))) => flow_step_key(root, step, rest),
        (DefinitionKind::Flow, false, Some((_, rest))) => flow_step_value(rest),
        (DefinitionKind::Flow, _, None) => flow_head(path, is_key),
        (DefinitionKind::Cadence, true, Some((step, rest))) => cadence_step_key(root, step, rest),
        (DefinitionKind::Cadence, false, Some((_, rest))) => cadence_step_value(rest),
        (DefinitionKind::Cadence, _, None) => cadence_head(path, is_key),
        (DefinitionKind::Script, ..) => script(path, is_key),
        (DefinitionKind::Test, ..) => Slot::Other,
    }
}

fn flow_head(path: &[&str], is_key: bool) -> Slot {
    match path {
        ["endings", _] if is_key => Slot::Ending,
        _ if is_key => Slot::Other,
        ["flow"] => Slot::Own(DefinitionKind::Flow),
        ["script"] => Slot::Refers(DefinitionKind::Script),
        ["start"] => Slot::Target,
        ["voicemail", "say"] => Slot::Text,
        ["voicemail", "end"] => Slot::EndingName,
        ["operator"] => Slot::Person,
        ["max_duration"] => Slot::Length,
        _ => Slot::Other,
    }
}

fn flow_step_key(root: &Node, step: &[&str], rest: &[&str]) -> Slot {
    match rest {
        [] => Slot::StepName,
        ["set", _] => Slot::LearnedName,
        ["then", _] => then_key(root, step),
        _ => Slot::Other,
    }
}

/// What `then` goes by is decided by the key beside it.
fn then_key(root: &Node, step: &[&str]) -> Slot {
    let Some(node) = node_at(root, step) else { return Slot::Other };
    let owners = [
        ("ask", Slot::Answer),
        ("ask_consent", Slot::ConsentResult),
        ("transfer", Slot::TransferResult),
        ("run", Slot::Ending),
        ("call", Slot::Ending),
    ];
    owners.iter().find(|(key, _)| node.get(key).is_some()).map_or(Slot::Other, |(_, slot)| *slot)
}

fn flow_step_value(rest: &[&str]) -> Slot {
    match rest {
        ["next" | "otherwise"] | ["then", _] | ["branch", _, "go"] => Slot::Target,
        ["say" | "ask" | "words"] | ["say", _] => Slot::Text,
        ["keys" | "answers", _] => Slot::Answer,
        ["run"] => Slot::Refers(DefinitionKind::Flow),
        ["end"] => Slot::EndingName,
        ["save_as"] => Slot::LearnedName,
        ["record_event"] => Slot::EventName,
        ["branch", _, "if"] | ["set" | "with", _] => Slot::Expression,
        ["transfer"] => Slot::Person,
        ["timeout" | "call_back" | "or_after"] => Slot::Length,
        _ => Slot::Other,
    }
}

fn cadence_head(path: &[&str], is_key: bool) -> Slot {
    match path {
        _ if is_key => Slot::Other,
        ["cadence"] => Slot::Own(DefinitionKind::Cadence),
        ["enter", "when"] | ["exit", _, "if"] => Slot::Expression,
        ["enter", "again_after"] | ["limits", "gap"] => Slot::Length,
        ["exit", _, "when_event"] => Slot::Event,
        ["exit", _, "enroll"] => Slot::Refers(DefinitionKind::Cadence),
        ["hours", "zone"] => Slot::Zone,
        ["hours", "days"] | ["hours", "days", _] => Slot::Days,
        _ => Slot::Other,
    }
}

fn cadence_step_key(root: &Node, step: &[&str], rest: &[&str]) -> Slot {
    match rest {
        ["then", _] => then_key(root, step),
        ["update", _] => Slot::LeadField,
        _ => Slot::Other,
    }
}

fn cadence_step_value(rest: &[&str]) -> Slot {
    match rest {
        ["id"] => Slot::StepName,
        ["next"]
        | ["then", _]
        | ["then", _, "next"]
        | ["branch", _, "go"]
        | ["wait", "then" | "on_timeout"] => Slot::Target,
        ["call"] => Slot::Refers(DefinitionKind::Flow),
        ["message", "script"] => Slot::Refers(DefinitionKind::Script),
        ["message", "text"] => Slot::Text,
        ["enroll" | "switch"] => Slot::Refers(DefinitionKind::Cadence),
        ["if"] | ["branch", _, "if"] | ["wait", "if"] | ["update", _] => Slot::Expression,
        ["wait", "event"] => Slot::Event,
        ["wait", "until"] | ["wait", "until", _] => Slot::Days,
        ["wait" | "valid_for"]
        | ["wait", "timeout"]
        | ["task", "due"]
        | ["then", _, "after" | "or_after"]
        | ["then", _, "after", _] => Slot::Length,
        _ => Slot::Other,
    }
}

fn script(path: &[&str], is_key: bool) -> Slot {
    match (path, is_key) {
        (["languages", _], true) => Slot::LanguageName,
        (["languages", _, "texts", _], true) => Slot::TextName,
        (["languages", _, "answers", _], true) => Slot::AnswerName,
        (["languages", _, "texts", _], false) => Slot::Template,
        (["script"], false) => Slot::Own(DefinitionKind::Script),
        (["fallback", _], false) => Slot::Language,
        _ => Slot::Other,
    }
}
