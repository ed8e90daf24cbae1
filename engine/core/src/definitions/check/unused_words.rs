//! Protects the author's time: a text that no step speaks, and an answer that no question listens for, are a forgotten link or
//! dead words.

use std::collections::BTreeSet;

use super::super::compile::flow::{GLOBAL_ANSWERS, RESERVED_ANSWERS};
use super::super::compile::script::COMMON;
use super::super::diagnostic::{Findings, Place};
use super::super::language::text::{self, Piece};
use super::super::model::cadence::StepAction;
use super::super::model::flow::{Action, Exit, Flow};
use super::super::source::escape;
use super::{Scope, ScriptFile};

/// Texts that every call may speak without a step that says so, and the one that goes into its package.
const SPOKEN_BY_THE_ENGINE: [&str; 9] = [
    "call_script",
    "opted_out",
    "wrong_number",
    "goodbye_silent",
    "did_not_hear",
    "did_not_understand",
    "connecting",
    "nobody_free",
    "goodbye",
];

pub fn script(scope: &Scope<'_>, file: &ScriptFile, findings: &mut Findings<'_>) {
    let key = file.model.key.as_str();
    if key == COMMON {
        return;
    }
    // A broken file may use what cannot be seen.
    let may_speak = |path: &String| scope.sources.text(path).is_some_and(|text| text.contains(key));
    if scope.broken.iter().any(may_speak) {
        return;
    }
    let Some(speakers) = scope.speakers.get(key) else {
        findings
            .warning(
                "unused-script",
                Place::value("/script"),
                format!("no flow and no message speaks script `{key}`"),
            )
            .label("never used")
            .help("name it under `script:` of a flow, or delete it");
        return;
    };
    let (mut texts, mut answers) = (BTreeSet::new(), BTreeSet::new());
    texts.extend(SPOKEN_BY_THE_ENGINE);
    answers.extend(GLOBAL_ANSWERS.into_iter().chain(RESERVED_ANSWERS).chain(["granted"]));
    for speaker in speakers {
        if let Some(flow) = scope.flows.get(*speaker).filter(|flow| flow.model.script == key) {
            of_flow(&flow.model, &mut texts, &mut answers);
        }
        if let Some(cadence) = scope.cadences.get(*speaker) {
            texts.extend(cadence.model.steps.iter().filter_map(|step| match &step.action {
                StepAction::Message { script, text, .. } if script == key => Some(text.as_str()),
                _ => None,
            }));
        }
    }
    let included = included(file);
    texts.extend(included.iter().map(String::as_str));
    let common = scope.script(COMMON);
    let is_shared = |name: &str, is_text: bool| {
        common.is_some_and(|script| {
            script.languages.values().any(|words| {
                if is_text { words.texts.contains_key(name) } else { words.answers.contains_key(name) }
            })
        })
    };
    // The first language stands for all: once is enough.
    let mut seen = BTreeSet::new();
    for (code, words) in &file.raw.languages {
        let names =
            words.texts.keys().map(|name| (name, true)).chain(words.answers.keys().map(|name| (name, false)));
        for (name, is_text) in names {
            let used = if is_text { texts.contains(name.as_str()) } else { answers.contains(name.as_str()) };
            if used || is_shared(name, is_text) || !seen.insert((name.clone(), is_text)) {
                continue;
            }
            let (list, code_name, what) = if is_text {
                ("texts", "unused-text", "speaks text")
            } else {
                ("answers", "unused-answer", "listens for answer")
            };
            let known: Vec<&str> =
                if is_text { texts.iter().copied().collect() } else { answers.iter().copied().collect() };
            let owner = if is_text { "step" } else { "question" };
            let warning = findings
                .warning(
                    code_name,
                    Place::key(format!("/languages/{}/{list}/{}", escape(code), escape(name))),
                    format!("no {owner} {what} `{name}`"),
                )
                .label("never used");
            match super::super::diagnostic::nearest(name, &known) {
                Some(near) if !words_have(file, near, is_text) => {
                    warning.help(format!("is this the missing `{near}`?"))
                }
                _ => warning.help("name it in a step, or delete it"),
            };
        }
    }
}

fn words_have(file: &ScriptFile, name: &str, is_text: bool) -> bool {
    file.raw
        .languages
        .values()
        .any(|words| if is_text { words.texts.contains_key(name) } else { words.answers.contains_key(name) })
}

fn of_flow<'f>(flow: &'f Flow, texts: &mut BTreeSet<&'f str>, answers: &mut BTreeSet<&'f str>) {
    texts.extend(flow.voicemail.iter().filter_map(|ending| ending.say.as_deref()));
    for step in &flow.steps {
        texts.extend(step.actions.iter().filter_map(|action| match action {
            Action::Say { text } => Some(text.as_str()),
            _ => None,
        }));
        match &step.exit {
            Exit::Ask(ask) => {
                texts.insert(&ask.text);
                answers.extend(ask.answers.iter().map(String::as_str));
            }
            Exit::Consent { words, .. } => {
                texts.insert(words);
            }
            _ => {}
        }
    }
}

/// Texts that other texts include.
fn included(file: &ScriptFile) -> BTreeSet<String> {
    fn walk(pieces: &[Piece], found: &mut BTreeSet<String>) {
        for piece in pieces {
            match piece {
                Piece::Include(name) => {
                    found.insert(name.clone());
                }
                Piece::If(arms) => arms.iter().for_each(|(_, body)| walk(body, found)),
                Piece::For { body, .. } => walk(body, found),
                Piece::Output(_) => {}
            }
        }
    }
    let mut found = BTreeSet::new();
    for source in file
        .raw
        .languages
        .values()
        .flat_map(|words| words.texts.values())
        .filter(|text| text.contains("include"))
    {
        if let Ok(read) = text::parse(source, true) {
            walk(&read.pieces, &mut found);
        }
    }
    found
}
