//! Words of the expression language inside conditions and texts: variables, filters, included texts, and what is being typed.

use std::ops::Range;

use super::super::source::Node;
use super::leaf::Leaf;
use super::slot::Slot;

/// A word that means something to an editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Range<usize>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// `lead.firstName`
    Variable,
    /// What follows a `|`.
    Filter,
    /// The name in `{% include "NAME" %}`.
    Include,
}

/// What is being typed at a place inside code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typing {
    /// A variable; the span is that of its last part, `owner` the path before the last dot.
    Variable {
        owner: String,
        span: Range<usize>,
    },
    Filter {
        span: Range<usize>,
    },
    /// A text in quotes that is compared with a variable.
    Literal {
        variable: String,
        span: Range<usize>,
    },
    Include {
        span: Range<usize>,
    },
}

const WORDS: [&str; 16] = [
    "and", "or", "not", "in", "is", "if", "elif", "else", "endif", "for", "endfor", "true", "false", "none",
    "include", "defined",
];

/// The tokens of a leaf that holds code; none for others.
pub fn tokens(text: &str, slot: Slot, leaf: &Leaf) -> Vec<Token> {
    regions(text, slot, &leaf.span, None).into_iter().flat_map(|region| tokens_in(text, region)).collect()
}

/// What is being typed at `offset` inside the value that starts at `span.start`.
pub fn typing(text: &str, slot: Slot, span: &Range<usize>, offset: usize) -> Option<Typing> {
    let inside = |region: &Range<usize>| region.start <= offset && offset <= region.end;
    let region = regions(text, slot, span, Some(offset)).into_iter().find(inside)?;
    let before = text.get(region.start..offset)?;
    if let Some(open) = open_quote(before) {
        let span = region.start + open + 1..offset;
        let left = before[..open].trim_end();
        if left.ends_with("include") {
            return Some(Typing::Include { span });
        }
        return Some(Typing::Literal { variable: compared(left)?, span });
    }
    let start = before.trim_end_matches(is_path).len();
    let word = &before[start..];
    if before[..start].trim_end().ends_with('|') {
        return Some(Typing::Filter { span: region.start + start..offset });
    }
    let dot = word.rfind('.');
    let owner = dot.map_or("", |dot| &word[..dot]).to_owned();
    let last = region.start + start + dot.map_or(0, |dot| dot + 1);
    Some(Typing::Variable { owner, span: last..offset })
}

fn is_path(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// The variable that a quoted text stands beside: `lead.status == "`, `lead.status in ["cold", "`.
fn compared(left: &str) -> Option<String> {
    let operator = ["==", "!=", "in ["].iter().filter_map(|operator| left.rfind(operator)).max()?;
    let before = left[..operator].trim_end();
    let before = before.strip_suffix(" not").unwrap_or(before).trim_end();
    let path = &before[before.trim_end_matches(is_path).len()..];
    (!path.is_empty()).then(|| path.to_owned())
}

/// Where a quote is open at the end of `code`. In a quoted YAML value an inner quote carries a backslash of YAML's own, so a
/// backslash changes nothing.
fn open_quote(code: &str) -> Option<usize> {
    let mut open: Option<(usize, char)> = None;
    for (at, c) in code.char_indices() {
        match open {
            Some((_, quote)) if c == quote => open = None,
            None if matches!(c, '"' | '\'') => open = Some((at, c)),
            _ => {}
        }
    }
    open.map(|(at, _)| at)
}

/// The parts of a value that are code. `until`: code that is still open ends there.
fn regions(text: &str, slot: Slot, span: &Range<usize>, until: Option<usize>) -> Vec<Range<usize>> {
    let end = until.map_or(span.end, |until| span.end.max(until)).min(text.len());
    let Some(raw) = text.get(span.start..end) else { return Vec::new() };
    match slot {
        Slot::Expression => {
            let quote = raw.chars().next().filter(|c| matches!(c, '"' | '\''));
            // A condition may itself begin with a text: only a quote that also ends the value belongs to YAML.
            let is_yaml =
                quote.is_some_and(|quote| until.is_some() || (raw.len() > 1 && raw.ends_with(quote)));
            let start = span.start + usize::from(is_yaml);
            let closes = is_yaml && raw.len() > 1 && quote.is_some_and(|quote| raw.ends_with(quote));
            std::iter::once(start..end.saturating_sub(usize::from(closes)).max(start)).collect()
        }
        Slot::Template => placeholders(raw, span.start, until.is_some()),
        _ => Vec::new(),
    }
}

/// The insides of `{{ … }}` and `{% … %}`.
fn placeholders(raw: &str, base: usize, open_too: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = raw[at..].find('{').map(|open| at + open) {
        let close = match raw.as_bytes().get(open + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => {
                at = open + 1;
                continue;
            }
        };
        let inside = open + 2;
        let next_open = raw[inside..].find("{{").into_iter().chain(raw[inside..].find("{%")).min();
        let end = raw[inside..].find(close).filter(|end| next_open.is_none_or(|next| *end < next));
        if let Some(end) = end {
            found.push(base + inside..base + inside + end);
            at = inside + end + close.len();
        } else {
            let end = next_open.map_or(raw.len(), |next| inside + next);
            if open_too {
                found.push(base + inside..base + end);
            }
            at = end;
        }
    }
    found
}

fn tokens_in(text: &str, region: Range<usize>) -> Vec<Token> {
    let Some(code) = text.get(region.clone()) else { return Vec::new() };
    let mut found = Vec::new();
    let mut at = 0;
    let mut last_word = "";
    let mut after_pipe = false;
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        if matches!(c, '"' | '\'') {
            let inner = rest[1..].find(c).unwrap_or(rest.len() - 1);
            if last_word == "include" {
                found.push(token(TokenKind::Include, &region, at + 1, &rest[1..=inner]));
            }
            at += (inner + 2).min(rest.len());
            (last_word, after_pipe) = ("", false);
        } else if c.is_alphabetic() || c == '_' {
            let word = &rest[..rest.find(|c| !is_path(c)).unwrap_or(rest.len())];
            let word = word.trim_end_matches('.');
            let is_call = rest[word.len()..].starts_with('(');
            if after_pipe {
                found.push(token(TokenKind::Filter, &region, at, word));
            } else if !WORDS.contains(&word) && !is_call && last_word != "is" {
                found.push(token(TokenKind::Variable, &region, at, word));
            }
            (last_word, after_pipe) = (word, false);
            at += word.len().max(1);
        } else {
            if !c.is_whitespace() {
                (last_word, after_pipe) = ("", c == '|');
            }
            // Digits with their decimals, so that `0.5` is no path.
            let number = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            at += number.max(c.len_utf8());
        }
    }
    found
}

fn token(kind: TokenKind, region: &Range<usize>, at: usize, word: &str) -> Token {
    let start = region.start + at;
    Token { kind, span: start..start + word.len(), text: word.to_owned() }
}

/// The name in `answers.NAME…`, and where it stands.
pub fn learned(token: &Token) -> Option<(String, Range<usize>)> {
    let rest = token.text.strip_prefix("answers.").filter(|_| token.kind == TokenKind::Variable)?;
    let name = rest.split('.').next()?;
    let start = token.span.start + "answers.".len();
    Some((name.to_owned(), start..start + name.len()))
}

/// Names declared under a key of a file: `variables:` of a cadence, `uses:` of a flow.
pub fn declared<'n>(root: &'n Node, key: &str) -> impl Iterator<Item = (&'n str, &'n Node)> {
    root.get(key).into_iter().flat_map(Node::entries).map(|entry| (entry.key.as_str(), &entry.value))
}
