//! Words, numbers, quoted texts and signs of an expression, each with its bytes.

use std::ops::Range;

use super::Mistake;

/// Longest quoted text inside an expression: longer ones belong into the script itself.
const LONGEST_TEXT: usize = 500;

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'s> {
    Name(&'s str),
    Number(&'s str),
    /// What stands between the quotes.
    Text(&'s str),
    Sign(&'static str),
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<'s> {
    pub token: Token<'s>,
    pub at: Range<usize>,
}

/// Longer signs first.
const SIGNS: [&str; 22] = [
    "==", "!=", "<=", ">=", "//", "+", "-", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",",
    ":", ".",
];

/// Signs of other languages, and what stands for them here.
const FOREIGN: [(&str, &str); 10] = [
    ("===", "to compare, write `==`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("=<", "write `<=`"),
    ("=>", "write `>=`"),
    ("<>", "write `!=`"),
    ("**", "multiplication is written `value | times(2)`"),
    ("*", "multiplication is written `value | times(2)`"),
    ("&", "write `and`"),
    ("!", "write `not`"),
];

/// Cuts `source` into tokens.
pub fn tokens(source: &str) -> Result<Vec<Placed<'_>>, Mistake> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = one(source, at, first)?;
        found.push(Placed { token, at: at..at + length });
        at += length;
    }
    Ok(found)
}

fn one(source: &str, at: usize, first: char) -> Result<(Token<'_>, usize), Mistake> {
    let rest = &source[at..];
    let run = |belongs: fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    if first.is_ascii_alphabetic() || first == '_' {
        let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
        return Ok((Token::Name(&rest[..length]), length));
    }
    if first.is_ascii_digit() {
        let length = number(rest);
        return Ok((Token::Number(&rest[..length]), length));
    }
    if matches!(first, '"' | '\'') {
        return quoted(rest, at, first);
    }
    if rest.starts_with("{{") || rest.starts_with("{%") || rest.starts_with("}}") || rest.starts_with("%}") {
        let words = "write conditions without braces";
        return Err(Mistake::error("bad-expression", at..at + 2, words)
            .label("not needed here")
            .help("write for example: lead.score >= 70"));
    }
    if let Some((sign, instead)) = FOREIGN.iter().find(|(sign, _)| rest.starts_with(sign)) {
        let is_not_equal = *sign == "!" && rest.starts_with("!=");
        if !is_not_equal {
            let words = if instead.starts_with("multi") {
                (*instead).to_owned()
            } else {
                format!("`{sign}` is not known here")
            };
            return Err(Mistake::error("bad-expression", at..at + sign.len(), words).label(*instead));
        }
    }
    if first == '|' {
        return Ok((Token::Sign("|"), 1));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    let end = at + first.len_utf8();
    let help = match first {
        '“' | '”' | '„' | '‘' | '’' | '«' | '»' => "write straight quotes: \" or '",
        '–' | '—' | '−' => "write the plain sign: -",
        c if c.is_alphabetic() => "put texts into quotes",
        _ => "write for example: lead.score >= 70 and lead.status == \"cold\"",
    };
    Err(Mistake::error("bad-expression", at..end, format!("`{first}` means nothing in an expression"))
        .label("not understood")
        .help(help))
}

/// Digits, at most one point with digits after it, an exponent.
fn number(rest: &str) -> usize {
    let digits = |from: usize| {
        rest[from..].find(|c: char| !c.is_ascii_digit() && c != '_').map_or(rest.len(), |n| from + n)
    };
    let mut end = digits(0);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        if rest[end + 1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

fn quoted(rest: &str, at: usize, quote: char) -> Result<(Token<'_>, usize), Mistake> {
    let mut escaped = false;
    for (length, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote && length > LONGEST_TEXT => {
                let words = format!("a quoted text may have at most {LONGEST_TEXT} bytes");
                return Err(Mistake::error("bad-expression", at..at + length, words));
            }
            c if c == quote => return Ok((Token::Text(&rest[1..length]), length + 1)),
            _ => {}
        }
    }
    let end = at + rest.trim_end().len().max(1);
    Err(Mistake::error(
        "bad-expression",
        at..end,
        format!("this quote is not closed: add {quote} at its end"),
    )
    .label("begins here"))
}
