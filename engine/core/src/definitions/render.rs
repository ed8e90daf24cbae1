//! Diagnostics for people, machines and pull requests. The only place that knows lines and columns.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level as Title, Renderer, Snippet};
use serde::Serialize;
use serde_json::{Value, json};

use super::diagnostic::{Diagnostic, Level, Place};
use super::source::Source;

/// Sources by path, including the text of files that could not be parsed.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    parsed: BTreeMap<String, Source>,
    unparsed: BTreeMap<String, String>,
}

/// Where something stands: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

impl Sources {
    pub fn insert(&mut self, source: Source) {
        self.parsed.insert(source.path.clone(), source);
    }

    pub fn insert_text(&mut self, path: &str, text: &str) {
        self.unparsed.insert(path.to_owned(), text.to_owned());
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        let parsed = self.parsed.get(path).map(|source| &*source.text);
        parsed.or_else(|| self.unparsed.get(path).map(String::as_str))
    }

    /// Paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.parsed.keys().chain(self.unparsed.keys()).map(String::as_str)
    }

    /// Adds the files of others.
    pub fn extend(&mut self, others: &Self) {
        self.parsed.extend(others.parsed.iter().map(|(path, source)| (path.clone(), source.clone())));
        self.unparsed.extend(others.unparsed.iter().map(|(path, text)| (path.clone(), text.clone())));
    }

    /// The bytes a problem stands at.
    pub fn span(&self, diagnostic: &Diagnostic) -> Range<usize> {
        let span = match (self.parsed.get(&diagnostic.file), &diagnostic.place) {
            (Some(source), place) => source.span(place),
            (None, Place::Bytes(range)) => range.clone(),
            (None, _) => 0..0,
        };
        whole_characters(self.text(&diagnostic.file).unwrap_or_default(), &span)
    }

    pub fn position(&self, diagnostic: &Diagnostic) -> Position {
        self.position_in(&diagnostic.file, self.span(diagnostic))
    }

    /// Where a place of a file stands; line 1 when the file could not be read.
    pub fn position_of(&self, path: &str, place: &Place) -> Position {
        let span = self.parsed.get(path).map_or(0..0, |source| source.span(place));
        self.position_in(path, span)
    }

    fn position_in(&self, path: &str, span: Range<usize>) -> Position {
        let text = self.text(path).unwrap_or_default();
        let (line, column) = line_column(text, span.start);
        let (end_line, end_column) = line_column(text, span.end);
        Position { line, column, end_line, end_column }
    }

    /// Sorts by file and place, so that a reader works from top to bottom.
    pub fn sort(&self, diagnostics: &mut [Diagnostic]) {
        diagnostics.sort_by_cached_key(|each| {
            (each.file.clone(), self.span(each).start, each.code, each.message.clone())
        });
    }
}

/// The span widened to whole characters: readers of broken files count bytes.
fn whole_characters(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end.max(start))
}

fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let byte = byte.min(text.len());
    let before = text.get(..byte).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// As a good compiler prints them, with a count at the end.
pub fn terminal(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&one(&renderer, diagnostic, sources));
        out.push_str("\n\n");
    }
    if let Some(summary) = summary(diagnostics) {
        out.push_str(&summary);
        out.push('\n');
    }
    out
}

fn one(renderer: &Renderer, diagnostic: &Diagnostic, sources: &Sources) -> String {
    let level = match diagnostic.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
    };
    let text = sources.text(&diagnostic.file).unwrap_or_default();
    let span = sources.span(diagnostic);
    let mark = AnnotationKind::Primary.span(span).label(diagnostic.label.as_deref());
    let snippet = Snippet::source(text).path(diagnostic.file.as_str()).annotation(mark);
    let mut group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Title::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// `2 errors and 1 warning`, or nothing.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors = diagnostics.iter().filter(|each| each.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let count = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    let parts: Vec<String> =
        [count(errors, "error"), count(warnings, "warning")].into_iter().flatten().collect();
    if parts.is_empty() { None } else { Some(parts.join(" and ")) }
}

/// For machines: a list of objects with file, position, code, level, message, label and help.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    diagnostics
        .iter()
        .map(|each| {
            let position = sources.position(each);
            json!({
                "file": each.file, "line": position.line, "column": position.column,
                "endLine": position.end_line, "endColumn": position.end_column,
                "code": each.code, "level": each.level, "message": each.message, "label": each.label, "help": each.help,
            })
        })
        .collect()
}

/// As workflow commands that GitHub shows beside the changed lines.
pub fn github(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut out = String::new();
    for each in diagnostics {
        let at = sources.position(each);
        let level = match each.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let help = each.help.as_deref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
        let written = writeln!(
            out,
            "::{level} file={},line={},col={},endColumn={},title={}::{}",
            property(&each.file),
            at.line,
            at.column,
            at.end_column,
            property(each.code),
            data(&format!("{}{help}", each.message)),
        );
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    out
}
