//! The words of a call as one text: the script's own `call_script` where it has one, else what is said up to the first question.

use crate::definitions::bundle::Bundle;
use crate::definitions::context::in_language;
use crate::definitions::model::flow::{Action, Exit, Flow};
use crate::definitions::model::script::Script;
use crate::definitions::template::{RenderLimits, TemplateError};

/// The text that a script may have for platforms which want everything at once.
pub const CALL_SCRIPT: &str = "call_script";

/// A rendered text and the language it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spoken {
    pub text: String,
    pub language: String,
}

/// `None`: the flow or its script is not part of the bundle, or says nothing.
pub(super) fn render(
    bundle: &Bundle,
    flow: &str,
    language: &str,
    variables: &minijinja::Value,
) -> Result<Option<Spoken>, TemplateError> {
    let Some(flow) = bundle.flows.get(flow) else { return Ok(None) };
    let Some(script) = bundle.scripts.get(&flow.script) else { return Ok(None) };
    let whole = script.text_with_language(language, CALL_SCRIPT).is_some();
    let names = if whole { vec![CALL_SCRIPT] } else { opening(flow) };
    let mut said: Option<Spoken> = None;
    for name in names {
        let Some(spoken) = text(script, language, name, variables)? else { continue };
        match &mut said {
            None => said = Some(spoken),
            Some(before) => {
                before.text.push(' ');
                before.text.push_str(&spoken.text);
            }
        }
    }
    Ok(said)
}

fn text(
    script: &Script,
    language: &str,
    name: &str,
    variables: &minijinja::Value,
) -> Result<Option<Spoken>, TemplateError> {
    let Some((language, template)) = script.text_with_language(language, name) else { return Ok(None) };
    let text = template.render(&in_language(variables, language), RenderLimits::default())?;
    Ok(Some(Spoken { text, language: language.to_owned() }))
}

/// Texts from the start of the flow up to and with the first question, as far as the way does not depend on answers.
fn opening(flow: &Flow) -> Vec<&str> {
    let (mut names, mut next) = (Vec::new(), Some(flow.start));
    // A flow that goes round in a circle is still said once.
    for _ in 0..flow.steps.len() {
        let Some(step) = next.and_then(|index| flow.steps.get(index)) else { break };
        names.extend(step.actions.iter().filter_map(|action| match action {
            Action::Say { text } => Some(text.as_str()),
            _ => None,
        }));
        next = match &step.exit {
            Exit::Next(index) => Some(*index),
            // What is asked about recording is between the platform and its own law.
            Exit::Consent { granted, .. } => Some(*granted),
            Exit::SubFlow { then, otherwise, .. } => then.get("go_on").copied().or(*otherwise),
            Exit::Ask(ask) => {
                names.push(&ask.text);
                None
            }
            Exit::End(ending) => {
                names.extend(ending.say.as_deref());
                None
            }
            Exit::Branch { .. } | Exit::Transfer { .. } => None,
        };
    }
    names
}
