//! What a definition's tests go through, as its picture shows it: steps, and the ways between them that authors wrote down.

use std::collections::BTreeMap;

use super::coverage::Coverage;
use crate::definitions::graph;
use crate::definitions::model::cadence::Cadence;
use crate::definitions::model::flow::{Exit, Flow, StepIndex};
use crate::definitions::schema::DefinitionKind;

/// Shading of a flow's picture: steps, its message for machines, and arrows that answers, results and conditions lead along.
pub fn of_flow(coverage: &Coverage, flow: &Flow) -> graph::Coverage {
    let mut shading = graph::Coverage::default();
    let covered = |step: &str| coverage.has_step(DefinitionKind::Flow, &flow.key, step);
    for step in &flow.steps {
        shading.steps.insert(step.name.clone(), covered(&step.name));
        for (way, target) in ways(&step.exit) {
            let Some(target) = flow.steps.get(target) else { continue };
            let is_taken = coverage.has_way(DefinitionKind::Flow, &flow.key, &step.name, &way);
            // Several answers may lead along one arrow: one of them is enough.
            *shading.edges.entry((step.name.clone(), target.name.clone())).or_default() |= is_taken;
        }
    }
    if flow.voicemail.is_some() {
        shading.steps.insert("@message".to_owned(), covered("voicemail"));
    }
    shading
}

/// Shading of a cadence's picture: its steps.
pub fn of_cadence(coverage: &Coverage, cadence: &Cadence) -> graph::Coverage {
    let covered = |step: &str| coverage.has_step(DefinitionKind::Cadence, &cadence.key, step);
    let steps = cadence.steps.iter().map(|step| (step.id.clone(), covered(&step.id)));
    graph::Coverage { steps: steps.collect(), edges: BTreeMap::new() }
}

fn ways(exit: &Exit) -> Vec<(String, StepIndex)> {
    let by = |then: &BTreeMap<String, StepIndex>, otherwise: Option<StepIndex>| {
        let named = then.iter().map(|(key, target)| (format!("then/{key}"), *target));
        named.chain(otherwise.map(|target| ("then/default".to_owned(), target))).collect()
    };
    match exit {
        Exit::Next(_) | Exit::End(_) => Vec::new(),
        Exit::Branch { arms, otherwise } => {
            let arms = arms.iter().enumerate().map(|(arm, (_, target))| (format!("branch/{arm}"), *target));
            arms.chain([("otherwise".to_owned(), *otherwise)]).collect()
        }
        Exit::Ask(ask) => by(&ask.then, Some(ask.otherwise)),
        Exit::Transfer { then, otherwise, .. } => by(then, Some(*otherwise)),
        Exit::SubFlow { then, otherwise, .. } => by(then, *otherwise),
        Exit::Consent { granted, otherwise, .. } => {
            vec![("then/granted".to_owned(), *granted), ("then/default".to_owned(), *otherwise)]
        }
    }
}
