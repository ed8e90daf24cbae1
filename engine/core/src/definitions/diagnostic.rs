//! What is wrong with a definition, said so that its author can act on it.
//! Places are JSON pointers into the file; only `render` turns them into lines and columns.

use std::ops::Range;

use serde::Serialize;

use super::language::Mistake;
use super::source::Source;

/// How bad it is. Any `Error` leaves the file out of the library; a `Warning` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warning,
}

/// Where in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The key that a JSON pointer names.
    Key(String),
    /// The value that a JSON pointer names.
    Value(String),
    /// Bytes of the text that a JSON pointer names, counted as the text reads, without quotes and indentation.
    Within(String, Range<usize>),
    /// Bytes of the text: for files that are no YAML.
    Bytes(Range<usize>),
}

impl Place {
    pub fn key(pointer: impl Into<String>) -> Self {
        Self::Key(pointer.into())
    }

    pub fn value(pointer: impl Into<String>) -> Self {
        Self::Value(pointer.into())
    }

    pub fn within(pointer: impl Into<String>, bytes: Range<usize>) -> Self {
        Self::Within(pointer.into(), bytes)
    }
}

/// One problem of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kebab-case, stable: what `# callwright` documentation and machines refer to.
    pub code: &'static str,
    pub level: Level,
    /// Path relative to the project, with forward slashes.
    pub file: String,
    pub place: Place,
    /// What was found and what is wrong with it.
    pub message: String,
    /// Short words under the caret.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, file: &str, place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, level: Level::Error, file: file.to_owned(), place, message, label: None, help: None }
    }

    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// Adds short words under the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests the nearest of `known`, or lists them when nothing is near and the list is short.
    pub fn suggest<'k>(&mut self, found: &str, known: impl IntoIterator<Item = &'k str>) -> &mut Self {
        if let Some(help) = suggestion(found, known) {
            self.help = Some(help);
        }
        self
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Findings<'a> {
    pub source: &'a Source,
    pub list: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self { source, list: Vec::new() }
    }

    pub fn error(&mut self, code: &'static str, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.list.push_mut(Diagnostic::error(code, &self.source.path, place, message))
    }

    pub fn warning(
        &mut self,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let warning = Diagnostic {
            level: Level::Warning,
            ..Diagnostic::error(code, &self.source.path, place, message)
        };
        self.list.push_mut(warning)
    }

    /// Reports a mistake of the expression or text that stands at a pointer.
    pub fn mistake(&mut self, pointer: &str, mistake: Mistake) -> &mut Diagnostic {
        let place = Place::within(pointer, mistake.at);
        let diagnostic = Diagnostic {
            level: mistake.level,
            label: mistake.label,
            help: mistake.help,
            ..Diagnostic::error(mistake.code, &self.source.path, place, mistake.message)
        };
        self.list.push_mut(diagnostic)
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }
}

/// `did you mean …?`, or the list of what is known when nothing is near, or nothing when there is too much to list.
pub fn suggestion<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(nearest) = nearest(found, &known) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    if known.is_empty() || known.len() > 24 {
        return None;
    }
    let list: Vec<String> = known.iter().map(|each| format!("`{each}`")).collect();
    Some(format!("known here: {}", list.join(", ")))
}

/// The one of `known` that was probably meant.
pub fn nearest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let found = plain(found);
    known
        .iter()
        .map(|each| (strsim::damerau_levenshtein(&found, &plain(each)), *each))
        .filter(|(distance, each)| *distance <= (each.chars().count().max(found.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, each)| each)
}
