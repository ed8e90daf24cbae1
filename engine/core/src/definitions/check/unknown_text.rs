//! Protects the callee from silence: every text that a step speaks must be in the script, in every language it speaks.

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepAction;
use super::super::model::flow::{Action, Exit};
use super::super::model::script::Script;
use super::{CadenceFile, FlowFile, Scope};

pub fn flow(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let Some(script) = workspace.script(&file.model.script) else { return };
    for step in &file.model.steps {
        let at = format!("/steps/{}", step.name);
        let texts: Vec<&String> = step
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Say { text } => Some(text),
                _ => None,
            })
            .collect();
        let is_list = file
            .source
            .root()
            .get("steps")
            .and_then(|steps| steps.get(&step.name)?.get("say"))
            .is_some_and(|say| matches!(say.kind, super::super::source::Kind::List(_)));
        for (index, text) in texts.into_iter().enumerate() {
            let pointer = if is_list { format!("{at}/say/{index}") } else { format!("{at}/say") };
            report(findings, script, &pointer, text);
        }
        match &step.exit {
            Exit::Ask(ask) => report(findings, script, &format!("{at}/ask"), &ask.text),
            Exit::Consent { words, .. } => {
                let key = if file.raw.steps.get(&step.name).is_some_and(|raw| raw.words.is_some()) {
                    "words"
                } else {
                    "ask_consent"
                };
                report(findings, script, &format!("{at}/{key}"), words);
            }
            _ => {}
        }
    }
    if let Some(text) = file.model.voicemail.as_ref().and_then(|ending| ending.say.as_ref()) {
        report(findings, script, "/voicemail/say", text);
    }
}

pub fn cadence(workspace: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        if let StepAction::Message { script, text, .. } = &step.action
            && let Some(script) = workspace.script(script)
        {
            let written = file.source.root().keys_at(&format!("{pointer}/message")).contains(&"text");
            let key = if written { "text" } else { "script" };
            report(findings, script, &format!("{pointer}/message/{key}"), text);
        }
    }
}

fn report(findings: &mut Findings<'_>, script: &Script, pointer: &str, text: &str) {
    let missing: Vec<&str> = script
        .languages
        .iter()
        .filter(|(_, words)| !words.texts.contains_key(text))
        .map(|(code, _)| code.as_str())
        .collect();
    if missing.len() == script.languages.len() {
        let known: std::collections::BTreeSet<&str> =
            script.languages.values().flat_map(|words| words.texts.keys()).map(String::as_str).collect();
        findings
            .error(
                "unknown-text",
                Place::value(pointer),
                format!("script `{}` has no text `{text}`", script.key),
            )
            .label("nothing to say")
            .suggest(text, known);
    } else if !missing.is_empty() {
        findings
            .warning(
                "untranslated",
                Place::value(pointer),
                format!("text `{text}` is missing in {} of script `{}`", missing.join(", "), script.key),
            )
            .help("until it is translated, another language is spoken at this point");
    }
}
