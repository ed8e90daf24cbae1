//! How wide words are, and where lines break. Nobody knows the reader's font here, so widths are those of the widest common
//! system font (DejaVu Sans): in any other there is only more room.

/// How much wider bold letters are.
pub const BOLD: f64 = 1.13;

/// Width of a line in pixels at a font size.
pub fn width(line: &str, size: f64) -> f64 {
    line.chars().map(advance).sum::<f64>() * size
}

/// In ems, rounded up by class.
const fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '\'' | '.' | ',' | ':' | ';' | '|' | ' ' | '!' | '/' | '\\' => 0.36,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' => 0.42,
        '_' | '“' | '”' | '"' | 's' | 'c' | 'z' => 0.56,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        'A'..='Z' | '=' | '+' | '<' | '>' | '#' | '&' | '~' | '^' | '×' => 0.84,
        ' '..='~' => 0.65,
        _ => 1.0,
    }
}

/// Breaks a text into lines of at most `most` pixels, between words where it can.
pub fn wrap(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size) <= most {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        line = cut(word, size, most, &mut lines);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A word that is too long for a line fills whole ones; its rest begins the next.
fn cut(word: &str, size: f64, most: f64, lines: &mut Vec<String>) -> String {
    let mut rest = String::new();
    for letter in word.chars() {
        rest.push(letter);
        if width(&rest, size) > most && rest.chars().count() > 1 {
            rest.pop();
            lines.push(std::mem::replace(&mut rest, letter.to_string()));
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_fit() {
        let lines = wrap("only if lead.score >= 70 and lead.status == \"cold\"", 12.0, 140.0);
        assert!(lines.len() > 1, "{lines:?}");
        assert!(lines.iter().all(|line| width(line, 12.0) <= 140.0), "{lines:?}");
        assert_eq!(lines.join(" "), "only if lead.score >= 70 and lead.status == \"cold\"");
    }

    #[test]
    fn a_word_that_is_too_long_is_cut_and_nothing_of_it_is_lost() {
        let word = "lead.custom.a_very_long_name_that_no_line_can_hold";
        let lines = wrap(word, 12.0, 100.0);
        assert!(lines.iter().all(|line| width(line, 12.0) <= 100.0), "{lines:?}");
        assert_eq!(lines.concat(), word);
    }
}
