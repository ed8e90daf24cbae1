//! Protects from misunderstanding people: a phrase that means two answers of the same question counts for one of them by
//! chance.

use std::collections::BTreeMap;

use super::super::compile::flow::GLOBAL_ANSWERS;
use super::super::diagnostic::{Findings, Place};
use super::super::model::flow::{Ask, Exit};
use super::super::model::script::Words;
use super::{FlowFile, Scope};

pub fn flow(scope: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    let Some(script) = scope.script(&file.model.script) else { return };
    for step in &file.model.steps {
        let Exit::Ask(ask) = &step.exit else { continue };
        for (code, words) in &script.languages {
            for (phrase, first, second) in shared(ask, words) {
                findings
                    .warning(
                        "ambiguous-phrase",
                        Place::value(format!("/steps/{}/ask", step.name)),
                        format!(
                            "\"{phrase}\" means both `{first}` and `{second}` in {code} of script `{}`",
                            script.key
                        ),
                    )
                    .label("two answers for the same words")
                    .help(format!("take \"{phrase}\" out of the phrases of one of them"));
            }
        }
    }
}

/// Phrases that stand under two answers of the question.
fn shared<'w>(ask: &'w Ask, words: &'w Words) -> Vec<(&'w str, &'w str, &'w str)> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for answer in ask.answers.iter().map(String::as_str).chain(GLOBAL_ANSWERS) {
        for phrase in words.answers.get(answer).into_iter().flatten() {
            match owners.insert(phrase, answer) {
                Some(other) if other != answer => found.push((phrase.as_str(), other, answer)),
                _ => {}
            }
        }
    }
    found
}
