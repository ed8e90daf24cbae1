//! Reads what is being typed: half a line, an open brace, a missing colon. Never fails; on text that is correct it sees the same
//! keys and values at the same places as the strict reader (a test holds the two together). Scalars stay texts here: only
//! places and names matter to an editor.

use std::ops::Range;

use serde_json::Value;

use super::super::source::{Entry, Kind, Node};
use super::flow_style::FlowStyle;

/// Blocks nested deeper than any definition are not looked into.
const DEEPEST: usize = 40;

/// The tree of a text, as far as it can be made out.
pub fn read(text: &str) -> Node {
    let mut reader = Reader { text, lines: lines(text), at: 0, depth: 0 };
    let end = text.len();
    let mut root = reader.block(None).unwrap_or_else(|| nothing(end));
    // Whatever follows a document that ended too early still belongs to it.
    while let Some(line) = reader.peek() {
        let Kind::Map(entries) = &mut root.kind else { break };
        entries.push(reader.entry(line.indent));
    }
    root
}

/// A value that is not there (yet).
pub fn nothing(at: usize) -> Node {
    Node { span: at..at, kind: Kind::Scalar(Value::Null) }
}

/// A scalar as written, without its quotes.
pub fn scalar(text: &str, span: Range<usize>) -> Node {
    let raw = text.get(span.clone()).unwrap_or_default();
    let value = unquoted(raw);
    let value = if value.is_empty() && span.is_empty() { Value::Null } else { Value::String(value) };
    Node { span, kind: Kind::Scalar(value) }
}

/// The inside of a quoted scalar; other scalars as they are.
pub fn unquoted(raw: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = raw.strip_prefix(quote) {
            let inner = inner.strip_suffix(quote).unwrap_or(inner);
            return if quote == '"' { inner.replace("\\\"", "\"") } else { inner.replace("''", "'") };
        }
    }
    raw.to_owned()
}

/// A line that is not blank, without its indentation and its line end.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    indent: usize,
}

fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let content = whole.trim_end();
        let indent = content.len() - content.trim_start_matches([' ', '\t']).len();
        if content.len() > indent {
            found.push(Line { start: at + indent, end: at + content.len(), indent });
        }
        at += whole.len();
    }
    found
}

struct Reader<'t> {
    text: &'t str,
    lines: Vec<Line>,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// The next line that is no comment.
    fn peek(&mut self) -> Option<Line> {
        while let Some(line) = self.lines.get(self.at).copied() {
            let content = self.content(line);
            if !content.starts_with('#') && content != "---" {
                return Some(line);
            }
            self.at += 1;
        }
        None
    }

    fn content(&self, line: Line) -> &str {
        self.text.get(line.start..line.end).unwrap_or_default()
    }

    /// What stands deeper than `owner`: a mapping, a list or a scalar.
    fn block(&mut self, owner: Option<usize>) -> Option<Node> {
        let line = self.peek()?;
        if owner.is_some_and(|owner| line.indent <= owner) || self.depth > DEEPEST {
            return None;
        }
        self.depth += 1;
        let node = if is_item(self.content(line)) {
            self.list(line.indent)
        } else if colon(self.content(line)).is_some() || self.has_sibling_keys(line) {
            self.map(line.indent)
        } else {
            self.at += 1;
            self.value(line.start, line.end, owner)
        };
        self.depth -= 1;
        Some(node)
    }

    /// A lone word above keys is a key being typed.
    fn has_sibling_keys(&self, line: Line) -> bool {
        let is_word = !self.content(line).starts_with(['{', '[', '"', '\'', '|', '>']);
        let below = self.lines.get(self.at + 1).copied();
        is_word
            && below.is_some_and(|below| below.indent == line.indent && colon(self.content(below)).is_some())
    }

    fn map(&mut self, indent: usize) -> Node {
        let start = self.peek().map_or(0, |line| line.start);
        let mut entries = Vec::new();
        while let Some(line) = self.peek() {
            if line.indent < indent || (line.indent == indent && is_item(self.content(line))) {
                break;
            }
            entries.push(self.entry(indent));
        }
        Node { span: start..start, kind: Kind::Map(entries) }
    }

    /// One line `key: value` with what belongs to it; or half of it.
    fn entry(&mut self, indent: usize) -> Entry {
        let line = self.lines[self.at];
        self.at += 1;
        let content = self.text.get(line.start..line.end).unwrap_or_default();
        let Some(colon) = colon(content) else {
            let key_span = line.start..line.end;
            return Entry { key: unquoted(content), key_span, value: nothing(line.end) };
        };
        let key_span = line.start..line.start + content[..colon].trim_end().len();
        let key = unquoted(self.text.get(key_span.clone()).unwrap_or_default());
        let after = line.start + colon + 1;
        let rest = self.text.get(after..line.end).unwrap_or_default();
        let from = after + rest.len() - rest.trim_start().len();
        let is_empty = rest.trim_start().is_empty() || rest.trim_start().starts_with('#');
        let value =
            if is_empty { self.below(indent, after) } else { self.value(from, line.end, Some(indent)) };
        Entry { key, key_span, value }
    }

    /// The value of a key that has none on its own line. A list may stand as far left as its key.
    fn below(&mut self, indent: usize, after: usize) -> Node {
        let beside = self.peek().is_some_and(|line| line.indent == indent && is_item(self.content(line)));
        if beside {
            return self.list(indent);
        }
        self.block(Some(indent)).unwrap_or_else(|| nothing(after))
    }

    fn list(&mut self, indent: usize) -> Node {
        let start = self.peek().map_or(0, |line| line.start);
        let mut items = Vec::new();
        while let Some(line) = self.peek() {
            if line.indent != indent || !is_item(self.content(line)) {
                break;
            }
            let rest = &self.content(line)[1..];
            let gap = 1 + rest.len() - rest.trim_start().len();
            if rest.trim_start().is_empty() || rest.trim_start().starts_with('#') {
                self.at += 1;
                items.push(
                    self.block(Some(indent))
                        .unwrap_or_else(|| nothing((line.start + 2).min(self.text.len()))),
                );
            } else {
                // What follows the dash is a line of its own, further right.
                let inner = Line { start: line.start + gap, indent: line.indent + gap, ..line };
                self.lines[self.at] = inner;
                items.push(self.block(Some(indent)).unwrap_or_else(|| nothing(inner.start)));
                // Beyond the depth limit nothing was read: move on all the same.
                if self.lines.get(self.at).is_some_and(|next| next.start == inner.start) {
                    self.at += 1;
                }
            }
        }
        Node { span: start..start, kind: Kind::List(items) }
    }

    /// A value that starts in the line before `self.at`.
    fn value(&mut self, from: usize, line_end: usize, owner: Option<usize>) -> Node {
        match self.text.as_bytes().get(from) {
            Some(b'{' | b'[') => {
                let mut inside = FlowStyle::new(self.text, from, owner);
                let node = inside.value();
                self.skip_to(inside.at);
                node
            }
            Some(quote @ (b'"' | b'\'')) => {
                let end = end_of_quoted(self.text, from, *quote, owner).unwrap_or(line_end);
                self.skip_to(end);
                scalar(self.text, from..end)
            }
            Some(b'|' | b'>') => self.block_scalar(line_end, owner),
            _ => self.plain(from, line_end, owner),
        }
    }

    fn skip_to(&mut self, end: usize) {
        while self.lines.get(self.at).is_some_and(|line| line.start < end) {
            self.at += 1;
        }
    }

    /// `|` and `>`: all deeper lines, comments too.
    fn block_scalar(&mut self, line_end: usize, owner: Option<usize>) -> Node {
        let first = self.at;
        while self.lines.get(self.at).is_some_and(|line| owner.is_none_or(|owner| line.indent > owner)) {
            self.at += 1;
        }
        match (self.lines.get(first), self.lines.get(self.at.wrapping_sub(1))) {
            (Some(start), Some(last)) if self.at > first => scalar(self.text, start.start..last.end),
            _ => scalar(self.text, line_end..line_end),
        }
    }

    /// A scalar without quotes; deeper lines that are no keys continue it.
    fn plain(&mut self, from: usize, line_end: usize, owner: Option<usize>) -> Node {
        let content = self.text.get(from..line_end).unwrap_or_default();
        if let Some(comment) = content.find(" #") {
            return scalar(self.text, from..from + content[..comment].trim_end().len());
        }
        let mut end = line_end;
        while let Some(line) = self.lines.get(self.at).copied() {
            let text = self.content(line);
            let deeper = owner.is_some_and(|owner| line.indent > owner);
            if !deeper || text.starts_with('#') || colon(text).is_some() || is_item(text) {
                break;
            }
            end = line.end;
            self.at += 1;
        }
        scalar(self.text, from..end)
    }
}

fn is_item(content: &str) -> bool {
    content == "-" || content.starts_with("- ")
}

/// Where the colon after a key stands, if a line starts with one.
fn colon(content: &str) -> Option<usize> {
    let bytes = content.as_bytes();
    let mut at = match bytes.first()? {
        b'{' | b'[' | b'#' | b'|' | b'>' => return None,
        quote @ (b'"' | b'\'') => end_of_quoted(content, 0, *quote, None)?,
        _ => 0,
    };
    while at < bytes.len() {
        match bytes[at] {
            b':' if matches!(bytes.get(at + 1), None | Some(b' ' | b'\t')) => return Some(at),
            b'#' if at > 0 && bytes[at - 1] == b' ' => return None,
            _ => at += 1,
        }
    }
    None
}

/// One past the closing quote. A quote that is not closed before a line as far left as its owner ends nowhere.
pub fn end_of_quoted(text: &str, from: usize, quote: u8, owner: Option<usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if is_left_of(text, at + 1, owner) => return None,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Does the next line that holds something begin at `owner` or further left?
pub fn is_left_of(text: &str, line_start: usize, owner: Option<usize>) -> bool {
    let Some(owner) = owner else { return false };
    let rest = text.get(line_start..).unwrap_or_default();
    let next = rest.split('\n').find(|line| !line.trim().is_empty());
    next.is_none_or(|line| line.len() - line.trim_start_matches([' ', '\t']).len() <= owner)
}
