//! Which variables a version's texts and conditions read that an enrollment has to bring.

use std::collections::BTreeSet;

use crate::definitions::bundle::Bundle;
use crate::definitions::expression::Expression;
use crate::definitions::model::cadence::{StepAction, Wait};
use crate::definitions::model::flow::{Action, Exit};
use crate::definitions::template::Template;

/// Owners that the product fills itself.
const OURS: [&str; 6] = ["lead", "campaign", "agent", "cadence", "event", "answers"];

/// Dotted paths, such as `offer.savings`.
pub fn needs(bundle: &Bundle) -> BTreeSet<String> {
    let texts = bundle.scripts.values().flat_map(|script| script.languages.values());
    let of_texts = texts.flat_map(|words| words.texts.values()).flat_map(Template::variables);
    let of_conditions = expressions(bundle).into_iter().flat_map(Expression::variables);
    let required =
        bundle.cadence.variables.iter().filter(|(_, required)| **required).map(|(name, _)| name.clone());
    let paths = of_texts.chain(of_conditions).chain(required);
    paths.filter(|path| !OURS.contains(&path.split('.').next().unwrap_or_default())).collect()
}

fn expressions(bundle: &Bundle) -> Vec<&Expression> {
    let mut found: Vec<&Expression> =
        bundle.cadence.exits.iter().filter_map(|rule| rule.condition.as_ref()).collect();
    for step in &bundle.cadence.steps {
        found.extend(&step.condition);
        match &step.action {
            StepAction::Branch(arms) => found.extend(arms.iter().map(|(condition, _)| condition)),
            StepAction::Update { fields } => found.extend(fields.values()),
            StepAction::Wait(Wait::Event { condition, .. }) => found.extend(condition),
            _ => {}
        }
    }
    for step in bundle.flows.values().flat_map(|flow| &flow.steps) {
        for action in &step.actions {
            match action {
                Action::Set { values } => found.extend(values.values()),
                Action::RecordEvent { fields, .. } => found.extend(fields.values()),
                _ => {}
            }
        }
        if let Exit::Branch { arms, .. } = &step.exit {
            found.extend(arms.iter().map(|(condition, _)| condition));
        }
    }
    found
}

/// The path as both databases read it: `$."offer"."savings"`.
pub fn json_path(path: &str) -> String {
    let parts: Vec<String> = path.split('.').map(|part| format!(".\"{}\"", part.replace('"', ""))).collect();
    format!("${}", parts.concat())
}
