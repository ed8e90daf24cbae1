//! Finds and fills the words of a script: the callee's language first, then the script's fallbacks, text by text.

use super::program::Program;
use super::session::Session;
use crate::definitions::model::script::Script;
use crate::definitions::template::{RenderLimits, Template};

/// A text ready to be spoken, with the language it is in.
pub(super) struct Spoken {
    pub text: String,
    pub language: String,
}

/// Longest text of one prompt: about ten minutes of speech.
const LIMITS: RenderLimits = RenderLimits { output_bytes: 16 << 10 };

/// Renders `name` of the script of the session's current flow.
pub(super) fn text(program: &Program<'_>, session: &Session, name: &str) -> Result<Spoken, String> {
    let frame = session.stack.last().ok_or("no flow is running")?;
    let flow = program.flow(&frame.flow).ok_or_else(|| format!("there is no flow `{}`", frame.flow))?;
    let script =
        program.script(&flow.script).ok_or_else(|| format!("there is no script `{}`", flow.script))?;
    let (language, template) = find(script, &session.language, name)
        .ok_or_else(|| format!("script `{}` has no text `{name}`", script.key))?;
    let text = template.render(&program.context(session), LIMITS).map_err(|problem| problem.to_string())?;
    Ok(Spoken { text, language: language.to_owned() })
}

fn find<'s>(script: &'s Script, wanted: &str, name: &str) -> Option<(&'s str, &'s Template)> {
    let order = std::iter::once(wanted)
        .chain(script.fallback.iter().map(String::as_str))
        .chain(script.languages.keys().map(String::as_str));
    let mut order = order.filter_map(|code| script.languages.get_key_value(code));
    order.find_map(|(code, words)| Some((code.as_str(), words.texts.get(name)?)))
}
