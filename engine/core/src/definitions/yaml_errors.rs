//! Files that are no YAML: the parser's complaint in the words of somebody who sees what was probably meant.

use std::ops::Range;

use serde_yaml::Error;

use super::diagnostic::{Diagnostic, Place};
use super::source::{MAX_ALIASES, MAX_DEPTH, MAX_NODES};

/// What to say instead of the parser's words.
struct Told {
    code: &'static str,
    at: Range<usize>,
    message: String,
    label: Option<&'static str>,
    help: Option<String>,
}

/// The diagnostic for a file that could not be parsed.
pub fn explain(path: &str, text: &str, error: &Error) -> Diagnostic {
    let at = place(text, error);
    let told = budget(error)
        .or_else(|| duplicate(error, &at))
        .or_else(|| tab(text, &at))
        .or_else(|| several(error, text))
        .or_else(|| reference(error, text))
        .or_else(|| slip(text, &at))
        .unwrap_or_else(|| plain(error, at));
    let mut diagnostic = Diagnostic::error(told.code, path, Place::Bytes(told.at), told.message);
    diagnostic.label = told.label.map(str::to_owned);
    diagnostic.help = told.help;
    diagnostic
}

fn place(text: &str, error: &Error) -> Range<usize> {
    error.location().map_or(0..0, |at| {
        let start = byte_of(text, at.line() as usize, at.column() as usize);
        let length = at.span().byte_len().map_or(1, |length| length.max(1) as usize);
        start..text.floor_char_boundary(start + length).max(start)
    })
}

fn budget(error: &Error) -> Option<Told> {
    let words = error.to_string();
    let is_budget =
        words.contains("budget") || words.contains("recursion limit") || words.contains("alias replay");
    if !is_budget || words.contains("Documents {") {
        return None;
    }
    Some(Told {
        code: "too-complex",
        at: 0..0,
        message: format!(
            "the file is too complex: at most {MAX_NODES} values, {MAX_ALIASES} aliases and {MAX_DEPTH} levels are read"
        ),
        label: None,
        help: Some("write it out without anchors, or split the file".to_owned()),
    })
}

fn duplicate(error: &Error, at: &Range<usize>) -> Option<Told> {
    let Error::DuplicateMappingKey { key, .. } = error else { return None };
    let key = key.as_deref().unwrap_or("this key");
    Some(Told {
        code: "duplicate-key",
        at: at.clone(),
        message: format!("the key `{key}` stands here twice"),
        label: Some("already written above"),
        help: Some("keep one of them; values that belong together go under one key".to_owned()),
    })
}

/// A tab among the spaces that indent a line, here or shortly before.
fn tab(text: &str, at: &Range<usize>) -> Option<Told> {
    let line_of_error = text[..at.start.min(text.len())].matches('\n').count();
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate().take(line_of_error + 2) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t')
            && number + 2 > line_of_error
            && !line.trim().is_empty()
        {
            return Some(Told {
                code: "tab",
                at: start + tab..start + indent,
                message: "a tab indents this line, and YAML only knows spaces".to_owned(),
                label: Some("a tab"),
                help: Some(
                    "write two spaces instead; most editors can insert spaces for the tab key".to_owned(),
                ),
            });
        }
        start += line.len();
    }
    None
}

fn several(error: &Error, text: &str) -> Option<Told> {
    if !error.to_string().contains("Documents {") {
        return None;
    }
    let at = text.match_indices("\n---").map(|(at, _)| at + 1).last().unwrap_or(0);
    Some(Told {
        code: "several-documents",
        at: at..at + if at == 0 { 0 } else { 3 },
        message: "the file holds more than one document".to_owned(),
        label: Some("begins another one"),
        help: Some("put each definition into its own file, without `---`".to_owned()),
    })
}

/// `*word` that refers to nothing, and `<<:`.
fn reference(error: &Error, text: &str) -> Option<Told> {
    let words = error.to_string().to_lowercase();
    if words.contains("merge") {
        let at = text.find("<<")?;
        return Some(syntax(
            at..at + 2,
            "`<<` is not read here",
            "merges another mapping",
            "write the keys out",
        ));
    }
    if !words.contains("anchor") && !words.contains("alias") {
        return None;
    }
    let at =
        text.match_indices('*').map(|(at, _)| at).find(|at| text[..*at].ends_with([' ', '\n', '[', '-']))?;
    let length = text[at..]
        .find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'))
        .unwrap_or(text.len() - at);
    let word = &text[at..at + length];
    Some(syntax(
        at..at + length,
        format!("`{word}` refers to a part of this file that is not there"),
        "read as a reference",
        "put a text that begins with * into quotes",
    ))
}

/// Typical slips, recognised on the line of the error or one of the lines before it.
fn slip(text: &str, at: &Range<usize>) -> Option<Told> {
    let line_start = text[..at.start.min(text.len())].rfind('\n').map_or(0, |n| n + 1);
    let above = text[..line_start].trim_end();
    let above_start = above.rfind('\n').map_or(0, |n| n + 1);
    for start in [line_start, above_start] {
        let line = text[start..].lines().next().unwrap_or_default();
        let found = unclosed_quote(line, start)
            .or_else(|| text_after_quote(line, start))
            .or_else(|| second_colon(line, start))
            .or_else(|| reserved_start(line, start))
            .or_else(|| in_braces(line, start))
            .or_else(|| list_in_braces(line, start))
            .or_else(|| unclosed_bracket(line, start))
            .or_else(|| no_colon(text, line, start));
        if found.is_some() {
            return found;
        }
    }
    indent(text, line_start).or_else(|| late_quote(text))
}

fn syntax(
    at: Range<usize>,
    message: impl Into<String>,
    label: &'static str,
    help: impl Into<String>,
) -> Told {
    Told { code: "yaml-syntax", at, message: message.into(), label: Some(label), help: Some(help.into()) }
}

/// Where the value of `key: value` or `- value` begins.
fn value_of(line: &str) -> Option<(usize, &str)> {
    let indent = line.len() - line.trim_start().len();
    let mut at = indent;
    while line[at..].starts_with("- ") {
        at += 2;
        at += line[at..].len() - line[at..].trim_start().len();
    }
    let rest = &line[at..];
    let value_at = match rest.find(": ") {
        Some(colon) if !rest.starts_with(['"', '\'', '{', '[']) => at + colon + 2,
        _ if at > indent => at,
        _ => return None,
    };
    let skipped = line[value_at..].len() - line[value_at..].trim_start().len();
    Some((value_at + skipped, line[value_at + skipped..].trim_end()))
}

/// `"text` without its second quote on the line.
fn unclosed_quote(line: &str, start: usize) -> Option<Told> {
    let (at, value) = value_of(line)?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let closed = closing(value, quote).is_some();
    (!closed).then(|| {
        syntax(
            start + at..start + at + value.len(),
            format!("this text opens with {quote} and is not closed"),
            "no closing quote",
            format!("add {quote} at its end; for an apostrophe inside, quote the text with \""),
        )
    })
}

fn closing(value: &str, quote: char) -> Option<usize> {
    let mut chars = value.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote {
            if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') {
                chars.next();
                continue;
            }
            return Some(at);
        }
    }
    None
}

/// `"Hi" there`, and `'it's'`
fn text_after_quote(line: &str, start: usize) -> Option<Told> {
    let (at, value) = value_of(line)?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let end = closing(value, quote)? + 1;
    let rest = value[end..].trim_start();
    if rest.is_empty() || rest.starts_with('#') || rest.starts_with([',', ']', '}', ':']) {
        return None;
    }
    let help = if quote == '\'' {
        "write an apostrophe inside '…' twice, or quote the whole text with \""
    } else {
        "put the whole text into one pair of quotes; write a quote inside \"…\" as \\\""
    };
    Some(syntax(
        start + at + end..start + at + value.len(),
        "the text goes on after its closing quote",
        "outside the quotes",
        help,
    ))
}

/// `title: Offer: today only`
fn second_colon(line: &str, start: usize) -> Option<Told> {
    let (at, value) = value_of(line)?;
    if value.starts_with(['"', '\'', '{', '[', '|', '>', '&', '*', '!']) || value.contains('{') {
        return None;
    }
    let colon = value.find(": ").or_else(|| value.strip_suffix(':').map(str::len))?;
    Some(syntax(
        start + at + colon..start + at + colon + 1,
        "a second colon ends the key here",
        "looks like another key",
        "put the whole value into quotes: key: \"one: two\"",
    ))
}

/// Values that begin with a sign that means something to YAML.
fn reserved_start(line: &str, start: usize) -> Option<Told> {
    let (at, value) = value_of(line)?;
    let first = value.chars().next()?;
    let place = start + at..start + at + value.len();
    if value.starts_with("{{") || value.starts_with("{%") {
        return Some(syntax(
            place,
            "a text that begins with a brace needs quotes",
            "read as a mapping",
            "put the whole text into quotes: \"{{ lead.firstName }}, …\"",
        ));
    }
    matches!(first, '%' | '@' | '`' | '&' | '*' | '!').then(|| {
        syntax(
            place,
            format!("an unquoted text cannot begin with {first}"),
            "needs quotes",
            "put the whole text into quotes",
        )
    })
}

/// `{ say: one end: two }`, `{ if: "a" == "b" }`
fn in_braces(line: &str, start: usize) -> Option<Told> {
    let open = line.find('{')? + 1;
    let mut at = open;
    for part in line[open..].split(',') {
        let (begins, begins_at) = (part.trim_start(), at + part.len() - part.trim_start().len());
        at += part.len() + 1;
        let Some(colon) = begins.find(": ") else { continue };
        let value = begins[colon + 2..].trim_end_matches(['}', ' ']);
        let value_at = begins_at + colon + 2;
        if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let Some(end) = closing(value, quote).map(|end| end + 1) else { continue };
            if !value[end..].trim().is_empty() && !value[end..].trim_start().starts_with(['}', ']']) {
                let place = start + value_at + end..start + value_at + value.len();
                return Some(syntax(
                    place,
                    "the value goes on after its closing quote",
                    "outside the quotes",
                    "put the whole value into '…', with the texts inside in \"…\"",
                ));
            }
        } else if let Some(next) = value.find(": ").filter(|_| !value.contains(['{', '['])) {
            let word = value[..next].rfind(' ').map_or(0, |space| space + 1);
            let place = start + value_at + word..start + value_at + next;
            let key = &value[word..next];
            return Some(syntax(
                place,
                format!("a comma is missing before `{key}`"),
                "begins the next key",
                format!("write `, {key}: …`, or put the value into quotes"),
            ));
        }
    }
    None
}

/// `{ when: lead.status in ["cold"] }`, `{ say: one, two: three: four }`
fn list_in_braces(line: &str, start: usize) -> Option<Told> {
    let open = line.find('{')?;
    let inside = &line[open + 1..];
    for (at, _) in inside.match_indices(['[', '{', '"']) {
        let before = inside[..at].trim_end();
        let begins_a_value = before.is_empty()
            || before.ends_with([':', ',', '[', '{', '"', '\\', '('])
            || before.matches('"').count() % 2 == 1;
        let is_quote = inside[at..].starts_with('"');
        if !begins_a_value && !is_quote {
            let place = start + open + 1 + at;
            return Some(syntax(
                place..place + 1,
                "inside { … } this value needs quotes",
                "read as the start of a list",
                "put the whole value into '…', or write one key per line without { }",
            ));
        }
    }
    None
}

fn unclosed_bracket(line: &str, start: usize) -> Option<Told> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') if line[..at].ends_with([' ', '[', '{', ',']) => quote = Some(c),
            (None, '{' | '[') => open.push((at, c)),
            (None, '}' | ']') => {
                let Some((_, opened)) = open.pop() else {
                    return Some(syntax(
                        start + at..start + at + 1,
                        format!("`{c}` closes nothing"),
                        "nothing to close",
                        "delete it, or put the text into quotes",
                    ));
                };
                if (opened == '{') != (c == '}') {
                    let wanted = if opened == '{' { '}' } else { ']' };
                    return Some(syntax(
                        start + at..start + at + 1,
                        format!("`{c}` stands where `{wanted}` is expected"),
                        "wrong bracket",
                        format!("`{opened}` is closed by `{wanted}`"),
                    ));
                }
            }
            _ => {}
        }
    }
    let (at, opened) = open.pop()?;
    let wanted = if opened == '{' { '}' } else { ']' };
    Some(syntax(
        start + at..start + at + 1,
        format!("`{opened}` is opened here and not closed"),
        "never closed",
        format!("add `{wanted}` where it ends"),
    ))
}

/// `say greeting`, `say:greeting`
fn no_colon(text: &str, line: &str, start: usize) -> Option<Told> {
    let key = line.trim();
    let indent = line.len() - line.trim_start().len();
    if key.is_empty()
        || key.starts_with(['#', '-', '{', '[', '"', '\'', '}', ']'])
        || key.contains(": ")
        || key.ends_with(':')
    {
        return None;
    }
    // A line of a text that goes on is no key.
    let next = text[start + line.len()..].trim_start_matches(['\r', '\n']);
    let goes_deeper = next.len() - next.trim_start_matches(' ').len() > indent;
    let word = key.split([' ', ':']).next().unwrap_or_default();
    if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return None;
    }
    let rest = key[word.len()..].trim_start_matches(':').trim();
    let help = if goes_deeper || rest.is_empty() {
        format!("write `{word}:`")
    } else {
        format!("write `{word}: {rest}`")
    };
    let label = if key.contains(':') { "no space after the colon" } else { "no colon" };
    Some(syntax(
        start + indent..start + indent + key.len(),
        "this is neither a key nor part of the value above",
        label,
        help,
    ))
}

/// A line that begins further left or right than its neighbours.
fn indent(text: &str, line_start: usize) -> Option<Told> {
    let line = text[line_start..].lines().next().unwrap_or_default();
    let own = line.len() - line.trim_start_matches(' ').len();
    if line.trim().is_empty() || line.contains(['{', '[']) {
        return None;
    }
    let above = text[..line_start]
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
    let dashes = if above.trim_start().starts_with("- ") { 2 } else { 0 };
    let other = above.len() - above.trim_start_matches(' ').len() + dashes;
    (own != other).then(|| {
        let words = if own > other {
            "this line begins further right than the one above, which holds no mapping"
        } else {
            "this line begins where nothing above begins"
        };
        syntax(
            line_start..line_start + own.max(1),
            words,
            "indentation",
            format!(
                "lines that belong together begin in the same column; the line above has its key in column {}",
                other + 1
            ),
        )
    })
}

/// A quote opened far above swallows the rest of the file.
fn late_quote(text: &str) -> Option<Told> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(told) = unclosed_quote(line.trim_end(), start) {
            return Some(told);
        }
        start += line.len();
    }
    None
}

fn plain(error: &Error, at: Range<usize>) -> Told {
    let words = error.to_string();
    let line = words.lines().next().unwrap_or("this is not YAML");
    let line = line.split(" at line ").next().unwrap_or(line);
    let message = line.trim_end_matches([':', ' ']).to_owned();
    let help = words.contains("flow mapping").then(|| {
        "inside { … }, put texts with [ ] { } , or : into quotes, or write one key per line".to_owned()
    });
    Told { code: "yaml-syntax", at, message, label: Some("YAML ends here"), help }
}

/// Byte of a 1-based line and column (columns count characters).
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}
