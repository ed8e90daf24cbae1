//! Finds and fills the words of a script: the callee's language first, then the script's fallbacks, text by text.

use super::program::Program;
use super::session::Session;
use crate::definitions::context::in_language;
use crate::definitions::template::RenderLimits;

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
    let (language, template) = script
        .text_with_language(&session.language, name)
        .ok_or_else(|| format!("script `{}` has no text `{name}`", script.key))?;
    let context = in_language(&program.context(session), language);
    let text = template.render(&context, LIMITS).map_err(|problem| problem.to_string())?;
    Ok(Spoken { text, language: language.to_owned() })
}
