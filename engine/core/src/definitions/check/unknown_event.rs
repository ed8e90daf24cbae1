//! Protects from waiting for what never comes: an event whose name is nearly one of the vocabulary is a misspelling.

use super::super::diagnostic::{Findings, Place, nearest};
use super::super::model::cadence::{StepAction, Wait};
use super::super::model::flow::Action;
use super::{CadenceFile, FlowFile, Scope};
use crate::domain::vocabulary::VOCABULARY;

pub fn flow(scope: &Scope<'_>, file: &FlowFile, findings: &mut Findings<'_>) {
    for step in &file.model.steps {
        for action in &step.actions {
            if let Action::RecordEvent { event, .. } = action {
                report(scope, findings, &format!("/steps/{}/record_event", step.name), event);
            }
        }
    }
}

pub fn cadence(scope: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    for (index, rule) in file.model.exits.iter().enumerate() {
        if let Some(event) = &rule.event {
            report(scope, findings, &format!("/exit/{index}/when_event"), event);
        }
    }
    for (step, pointer) in file.model.steps.iter().zip(&file.pointers) {
        if let StepAction::Wait(Wait::Event { event, .. }) = &step.action {
            report(scope, findings, &format!("{pointer}/wait/event"), event);
        }
    }
}

fn report(scope: &Scope<'_>, findings: &mut Findings<'_>, pointer: &str, event: &str) {
    let is_known = VOCABULARY.iter().any(|(name, _)| *name == event);
    let is_recorded_somewhere = scope.recorded.contains_key(event) && !pointer.ends_with("record_event");
    if is_known || is_recorded_somewhere {
        return;
    }
    let names: Vec<&str> = VOCABULARY.iter().map(|(name, _)| *name).collect();
    let Some(near) = nearest(event, &names).filter(|near| strsim::damerau_levenshtein(near, event) <= 2)
    else {
        return;
    };
    findings
        .warning(
            "unknown-event",
            Place::value(pointer),
            format!("`{event}` is no event of the vocabulary, but nearly one"),
        )
        .label("may never come")
        .help(format!("did you mean `{near}`?"));
}
