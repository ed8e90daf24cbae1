//! Protects against answers nobody can give: each answer of a question needs a key or a phrase, and each result of a transfer
//! or sub-flow must be one that can happen.

use std::collections::BTreeSet;

use super::super::compile::flow::{GLOBAL_ANSWERS, RESERVED_ANSWERS, TRANSFER_RESULTS};
use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Ask, Exit};
use super::super::model::script::Script;
use super::unknown_outcome::dispositions;
use super::{FlowFile, Scope};

pub fn flow(workspace: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let script = workspace.script(&file.model.script);
    for step in &file.model.steps {
        let at = format!("/steps/{}", step.name);
        match &step.exit {
            Exit::Ask(ask) => {
                if let Some(script) = script {
                    answers(
                        findings,
                        script,
                        &at,
                        ask,
                        file.raw.steps.get(&step.name).and_then(|raw| raw.answers.as_ref()),
                    );
                }
            }
            Exit::Transfer { then, .. } => {
                results(findings, &at, then.keys(), &TRANSFER_RESULTS.into_iter().collect(), "a transfer");
            }
            Exit::SubFlow { flow, then, .. } => {
                if let Some(sub) = workspace.flows.get(flow) {
                    let known = dispositions(workspace, &sub.model);
                    let known = known.iter().map(String::as_str).collect();
                    results(findings, &at, then.keys(), &known, &format!("flow `{flow}`"));
                }
            }
            _ => {}
        }
    }
    let own = dispositions(workspace, &file.model);
    for ending in file.model.endings.keys().filter(|ending| !own.contains(*ending)) {
        findings
            .error(
                "unknown-ending",
                Place::key(format!("/endings/{ending}")),
                format!("this flow never ends as `{ending}`"),
            )
            .suggest(ending, own.iter().map(String::as_str));
    }
}

fn answers(findings: &mut Findings<'_>, script: &Script, at: &str, ask: &Ask, listed: Option<&Vec<String>>) {
    let phrases: BTreeSet<&str> =
        script.languages.values().flat_map(|words| words.answers.keys()).map(String::as_str).collect();
    let mut known = phrases.clone();
    known.extend(ask.keys.values().map(String::as_str));
    known.extend(RESERVED_ANSWERS);
    known.extend(GLOBAL_ANSWERS);
    for answer in &ask.answers {
        if known.contains(answer.as_str()) {
            untranslated(findings, script, at, ask, answer, &phrases);
            continue;
        }
        let index = listed.and_then(|list| list.iter().position(|each| each == answer));
        let place = match index {
            Some(index) if !ask.then.contains_key(answer) => Place::value(format!("{at}/answers/{index}")),
            _ => Place::key(format!("{at}/then/{answer}")),
        };
        findings
            .error(
                "unknown-answer",
                place,
                format!(
                    "nobody can answer `{answer}`: it has no key and no phrases in script `{}`",
                    script.key
                ),
            )
            .label("cannot be given")
            .suggest(answer, known.iter().copied());
    }
    // `open: yes` has been reported; it is there all the same.
    let says_open = findings.source.root().pointer(at).is_some_and(|step| step.get("open").is_some());
    if ask.then.contains_key("said") && !ask.open && !says_open {
        findings
            .error(
                "unknown-answer",
                Place::key(format!("{at}/then/said")),
                "`said` is the answer of open questions",
            )
            .help("add `open: true`");
    }
}

fn untranslated(
    findings: &mut Findings<'_>,
    script: &Script,
    at: &str,
    ask: &Ask,
    answer: &str,
    phrases: &BTreeSet<&str>,
) {
    if !phrases.contains(answer) || ask.keys.values().any(|each| each == answer) {
        return;
    }
    let missing: Vec<&str> = script
        .languages
        .iter()
        .filter(|(_, words)| !words.answers.contains_key(answer))
        .map(|(code, _)| code.as_str())
        .collect();
    if !missing.is_empty() {
        findings
            .warning(
                "untranslated",
                Place::key(format!("{at}/then/{answer}")),
                format!("answer `{answer}` has no phrases in {}", missing.join(", ")),
            )
            .help("add phrases, or a key");
    }
}

fn results<'k>(
    findings: &mut Findings<'_>,
    at: &str,
    found: impl Iterator<Item = &'k String>,
    known: &BTreeSet<&str>,
    who: &str,
) {
    for result in found.filter(|result| !known.contains(result.as_str())) {
        findings
            .error(
                "unknown-answer",
                Place::key(format!("{at}/then/{result}")),
                format!("{who} never answers `{result}`"),
            )
            .suggest(result, known.iter().copied());
    }
}
