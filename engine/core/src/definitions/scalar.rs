//! Where a part of a text stands in the file that writes it: quotes, escapes, folded lines and indentation lie between.

use std::ops::Range;

/// Bytes of the file for `bytes` of the text `value`, which the file writes in or after `span`. `None` when the two do not
/// match, as for an alias.
///
/// Reading YAML changes white space and escapes and nothing else, so the visible characters of both follow each other.
pub fn written(file: &str, span: Range<usize>, value: &str, bytes: &Range<usize>) -> Option<Range<usize>> {
    let inside = value.get(bytes.start..bytes.end.min(value.len()))?;
    let before = visible(value.get(..bytes.start)?);
    let wanted = visible(inside);
    let mut units = Units::new(file, span);
    let mut value_chars = value.chars().filter(|c| !c.is_whitespace());
    let mut range: Option<Range<usize>> = None;
    // A place between characters, such as the end, is shown at the character before it.
    let (first, last) = match wanted {
        0 => (before.checked_sub(1)?, before - 1),
        many => (before, before + many - 1),
    };
    for index in 0..=last {
        let (at, c) = units.next()?;
        if value_chars.next()? != c {
            return None;
        }
        if index >= first {
            range = Some(range.map_or(at.start, |range| range.start)..at.end);
        }
    }
    range
        .map(|range| if wanted == 0 { range.end - 1..range.end } else { range })
        .filter(|range| file.is_char_boundary(range.start) && file.is_char_boundary(range.end))
}

fn visible(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Unquoted, or a block.
    Bare,
    Single,
    Double,
}

/// The visible characters that a scalar stands for, with the bytes that write them.
struct Units<'f> {
    file: &'f str,
    at: usize,
    style: Style,
}

impl<'f> Units<'f> {
    fn new(file: &'f str, span: Range<usize>) -> Self {
        let start = file.floor_char_boundary(span.start);
        let rest = &file[start..];
        let (style, skip) = match rest.chars().next() {
            Some('"') => (Style::Double, 1),
            Some('\'') => (Style::Single, 1),
            Some('|' | '>') => (Style::Bare, rest.find('\n').map_or(rest.len(), |end| end + 1)),
            _ => (Style::Bare, 0),
        };
        Self { file, at: start + skip, style }
    }

    fn escape(&self) -> Option<(usize, Option<char>)> {
        let rest = &self.file[self.at + 1..];
        let kind = rest.chars().next()?;
        let hex = |digits: usize| {
            let code = u32::from_str_radix(rest.get(1..=digits)?, 16).ok()?;
            Some((2 + digits, char::from_u32(code)))
        };
        match kind {
            'x' => hex(2),
            'u' => hex(4),
            'U' => hex(8),
            'n' | 't' | 'r' | 'v' | 'f' | 'N' | '_' | 'L' | 'P' | ' ' | '\t' | '\n' | '\r' => {
                Some((1 + kind.len_utf8(), None))
            }
            '0' => Some((2, Some('\0'))),
            'a' => Some((2, Some('\u{7}'))),
            'b' => Some((2, Some('\u{8}'))),
            'e' => Some((2, Some('\u{1b}'))),
            other => Some((1 + other.len_utf8(), Some(other))),
        }
    }
}

impl Iterator for Units<'_> {
    type Item = (Range<usize>, char);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let c = self.file.get(self.at..)?.chars().next()?;
            let (length, meant) = match (self.style, c) {
                (Style::Double, '\\') => self.escape()?,
                (Style::Single, '\'') => (2, Some('\'')),
                _ => (c.len_utf8(), Some(c)),
            };
            let at = self.at..self.at + length;
            self.at += length;
            if let Some(meant) = meant.filter(|meant| !meant.is_whitespace()) {
                return Some((at, meant));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::definitions::diagnostic::Place;
    use crate::definitions::source::Source;
    use rstest::rstest;

    #[rstest]
    #[case::plain("a: one XX two\n")]
    #[case::plain_over_lines("a: one\n  more XX two\n")]
    #[case::single("a: 'it''s XX two'\n")]
    #[case::double("a: \"say \\\"now\\\" \\u20b9 \\n XX two\"\n")]
    #[case::double_continued("a: \"one \\\n   two XX\"\n")]
    #[case::folded("a: >-\n  one\n  two\n\n  three XX\n")]
    #[case::literal("a: |\n    one\n      two XX\n    three\n")]
    #[case::indented("a: >2\n    one\n   XX\nb: 1\n")]
    #[case::not_ascii("a: >-\n  नमस्ते, आपकी\n  खरीद ₹ XX\n")]
    #[case::windows("a: >-\r\n  one\r\n  two XX\r\n")]
    #[case::flow("{ b: [c, d], a: one XX two }\n")]
    fn parts_of_a_text_are_found_where_the_file_writes_them(#[case] text: &str) {
        let source = Source::parse("x.yaml", text).unwrap();
        let value = source.root().get("a").unwrap().to_json();
        let value = value.as_str().unwrap();
        let at = value.find("XX").unwrap();
        let span = source.span(&Place::within("/a", at..at + 2));
        assert_eq!((&text[span.clone()], span.start), ("XX", text.find("XX").unwrap()));
    }

    #[test]
    fn an_alias_is_shown_as_a_whole() {
        let text = "b: &words one XX\na: *words\n";
        let source = Source::parse("x.yaml", text).unwrap();
        let span = source.span(&Place::within("/a", 4..6));
        assert_eq!(text[..span.start].matches('\n').count(), 1);
    }
}
