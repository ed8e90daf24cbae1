//! The language of conditions and placeholders as its authors write it: tokens, a tree that knows its columns, and types.
//!
//! The template engine runs expressions; this module reads them first, because only so a mistake can be shown at its own
//! column, and because what cannot be read here never reaches the engine (DEF-9).

pub mod infer;
pub mod parse;
mod suggest;
pub mod text;
mod token;
pub mod tree;
pub mod types;

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::diagnostic::Level;

/// A mistake inside an expression or text; `at` counts bytes of that expression or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub code: &'static str,
    pub level: Level,
    pub at: Range<usize>,
    pub message: String,
    /// Short words under the caret.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    pub fn error(code: &'static str, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, level: Level::Error, at, message: message.into(), label: None, help: None }
    }

    pub fn warning(code: &'static str, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(code, at, message) }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The same mistake of a part that begins at `offset`.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        self.at = self.at.start + offset..self.at.end + offset;
        self
    }
}
