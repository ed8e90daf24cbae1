//! The inside of `{ … }` and `[ … ]`, closed or not: what is missing ends where the next line of the owner begins.

use std::ops::Range;

use super::super::source::{Entry, Kind, Node};
use super::forgiving::{end_of_quoted, is_left_of, nothing, scalar, unquoted};

const DEEPEST: usize = 40;

/// Reads one value in flow style, from an opening bracket on.
pub struct FlowStyle<'t> {
    text: &'t str,
    /// Byte that is read next; after the value one past its end.
    pub at: usize,
    /// Indentation of the key the value belongs to.
    owner: Option<usize>,
    depth: usize,
}

impl<'t> FlowStyle<'t> {
    pub fn new(text: &'t str, at: usize, owner: Option<usize>) -> Self {
        Self { text, at, owner, depth: 0 }
    }

    pub fn value(&mut self) -> Node {
        self.depth += 1;
        let node = match self.byte() {
            Some(b'{') if self.depth < DEEPEST => self.map(),
            Some(b'[') if self.depth < DEEPEST => self.list(),
            _ => {
                let span = self.word(false);
                scalar(self.text, span)
            }
        };
        self.depth -= 1;
        node
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves to what follows spaces, line ends and comments; `false` where the value has run out.
    fn gap(&mut self) -> bool {
        loop {
            match self.byte() {
                None => return false,
                Some(b'\n') if is_left_of(self.text, self.at + 1, self.owner) => return false,
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'#') => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                Some(_) => return true,
            }
        }
    }

    fn map(&mut self) -> Node {
        let start = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        while self.gap() {
            match self.byte() {
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                Some(b',' | b']') => self.at += 1,
                _ => entries.push(self.entry()),
            }
        }
        Node { span: start..start + 1, kind: Kind::Map(entries) }
    }

    fn entry(&mut self) -> Entry {
        let key_span = self.word(true);
        let key = unquoted(self.text.get(key_span.clone()).unwrap_or_default());
        let here = self.at;
        if !self.gap() || self.byte() != Some(b':') {
            return Entry { key, key_span, value: nothing(here) };
        }
        self.at += 1;
        let after = self.at;
        let is_there = self.gap() && !matches!(self.byte(), Some(b',' | b'}' | b']'));
        let value = if is_there { self.value() } else { nothing((after + 1).min(self.at.max(after))) };
        Entry { key, key_span, value }
    }

    fn list(&mut self) -> Node {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        while self.gap() {
            match self.byte() {
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                Some(b',') => self.at += 1,
                // A list inside braces that is not closed ends with them.
                Some(b'}') => break,
                _ => items.push(self.value()),
            }
        }
        Node { span: start..start + 1, kind: Kind::List(items) }
    }

    /// A quoted or plain word; a key ends at its colon. Always moves on.
    fn word(&mut self, is_key: bool) -> Range<usize> {
        let start = self.at;
        if let Some(quote @ (b'"' | b'\'')) = self.byte() {
            let line_end = self.text[start..].find('\n').map_or(self.text.len(), |end| start + end);
            self.at = end_of_quoted(self.text, start, quote, self.owner).unwrap_or(line_end);
            return start..self.at;
        }
        let bytes = self.text.as_bytes();
        let mut end = start;
        while let Some(byte) = self.byte() {
            let next = bytes.get(self.at + 1);
            let stops = match byte {
                b',' | b'}' | b']' => true,
                b':' if is_key => {
                    matches!(next, None | Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b'}' | b']'))
                }
                b'#' => self.at > start && bytes[self.at - 1].is_ascii_whitespace(),
                b'\n' => is_key || is_left_of(self.text, self.at + 1, self.owner),
                _ => false,
            };
            if stops && self.at > start {
                break;
            }
            self.at += 1;
            if !byte.is_ascii_whitespace() {
                end = self.at;
            }
        }
        start..end.max(start)
    }
}
