//! Places as clients count them: lines, and characters in the unit the two sides agreed on.

use gen_lsp_types::{Position, PositionEncodingKind, Range};

/// What one character counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    Utf8,
    /// Unless a client asks for another.
    #[default]
    Utf16,
    Utf32,
}

impl Unit {
    /// The first unit a client names that we know; clients that name none mean UTF-16.
    pub fn agreed<'a>(offered: impl IntoIterator<Item = &'a str>) -> Self {
        let known = offered.into_iter().find_map(|name| match name {
            "utf-8" => Some(Self::Utf8),
            "utf-16" => Some(Self::Utf16),
            "utf-32" => Some(Self::Utf32),
            _ => None,
        });
        known.unwrap_or_default()
    }

    pub const fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn length(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// The lines of a text.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    unit: Unit,
}

impl<'t> Lines<'t> {
    pub fn new(text: &'t str, unit: Unit) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            // A carriage return alone ends a line too.
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        Self { text, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect(), unit }
    }

    pub fn position(&self, byte: usize) -> Position {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte).saturating_sub(1);
        let before = &self.text[self.starts[line]..byte];
        let character: usize = before.chars().map(|c| self.unit.length(c)).sum();
        Position { line: line as u32, character: character as u32 }
    }

    pub fn range(&self, span: &std::ops::Range<usize>) -> Range {
        Range { start: self.position(span.start), end: self.position(span.end) }
    }

    /// The byte of a position; beyond the end of a line its end, beyond the last line the end of the text.
    pub fn byte(&self, position: Position) -> usize {
        let Some(&start) = self.starts.get(position.line as usize) else { return self.text.len() };
        let end = self.starts.get(position.line as usize + 1).map_or(self.text.len(), |next| *next);
        let line = self.text[start..end].trim_end_matches(['\r', '\n']);
        let mut left = position.character as usize;
        for (at, c) in line.char_indices() {
            let length = self.unit.length(c);
            // Inside a character: its start.
            if left < length {
                return start + at;
            }
            left -= length;
        }
        start + line.len()
    }

    pub fn span(&self, range: Range) -> std::ops::Range<usize> {
        let start = self.byte(range.start);
        start..self.byte(range.end).max(start)
    }
}

#[cfg(test)]
mod tests {
    use gen_lsp_types::Position;
    use rstest::rstest;

    use super::{Lines, Unit};

    const TEXT: &str = "a: नमस्ते 😀 x\r\nb: ü\ny\r";

    #[rstest]
    #[case(Unit::Utf8, 27)]
    #[case(Unit::Utf16, 13)]
    #[case(Unit::Utf32, 12)]
    fn characters_count_in_the_agreed_unit(#[case] unit: Unit, #[case] character: u32) {
        let lines = Lines::new(TEXT, unit);
        let byte = TEXT.find('x').unwrap();
        assert_eq!(lines.position(byte), Position { line: 0, character });
        assert_eq!(lines.byte(Position { line: 0, character }), byte);
    }

    #[test]
    fn positions_outside_of_the_text_are_moved_into_it() {
        let lines = Lines::new(TEXT, Unit::Utf16);
        assert_eq!(&TEXT[lines.byte(Position { line: 0, character: 99 })..][..2], "\r\n");
        assert_eq!(lines.byte(Position { line: 9, character: 0 }), TEXT.len());
        let inside_emoji = TEXT.find('😀').unwrap();
        assert_eq!(lines.byte(Position { line: 0, character: 11 }), inside_emoji);
        assert_eq!(lines.position(TEXT.len()), Position { line: 3, character: 0 });
    }
}
