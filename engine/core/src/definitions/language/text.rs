//! A text with placeholders as pieces: words, `{{ … }}`, `if` and `for`. Everything else that a template language can do is
//! refused here, before the engine sees it.

use std::ops::Range;

use super::Mistake;
use super::parse::{Loop, expression, for_loop};
use super::tree::Node;
use crate::definitions::diagnostic::suggestion;

const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
/// Blocks inside one another.
const DEEPEST: usize = 8;
/// Placeholders and tags of one text.
const MOST_PIECES: usize = 1_000;
/// Conditions of one `if`: the engine nests every further one inside the one before.
const MOST_ARMS: usize = 50;

/// A part of a text that is not plain words.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Output(Node),
    /// Arms in order; the condition of `else` is `None`.
    If(Vec<(Option<Node>, Vec<Piece>)>),
    For {
        head: Loop,
        body: Vec<Piece>,
    },
    /// The words of another text, put in before this one is compiled.
    Include(String),
}

/// A text as read.
#[derive(Debug, Clone, Default)]
pub struct Text {
    pub pieces: Vec<Piece>,
    /// Bytes of the plain words between the pieces.
    pub words: Vec<Range<usize>>,
}

/// Reads a text. `{% include "NAME" %}` is accepted where it is still to be replaced.
pub fn parse(source: &str, may_include: bool) -> Result<Text, Mistake> {
    let (marks, words) = marks(source)?;
    let mut reader = Reader { marks: marks.into_iter().peekable(), may_include, depth: 0 };
    let pieces = reader.pieces()?;
    match reader.marks.next() {
        None => Ok(Text { pieces, words }),
        Some(mark) => Err(mark.stray()),
    }
}

enum What {
    Output,
    Tag(String),
}

/// One pair of braces.
struct Mark<'s> {
    what: What,
    /// With its braces.
    at: Range<usize>,
    /// What stands inside, after the word of a tag, and where it begins.
    code: &'s str,
    code_at: usize,
}

impl Mark<'_> {
    fn stray(&self) -> Mistake {
        let What::Tag(tag) = &self.what else { return self.mistake("this cannot stand here") };
        let opener = if tag == "endfor" { "for" } else { "if" };
        self.mistake(format!("`{tag}` without `{opener}` before it")).label("closes nothing")
    }

    fn mistake(&self, words: impl Into<String>) -> Mistake {
        Mistake::error("bad-text", self.at.clone(), words)
    }

    fn read<T>(&self, parse: impl Fn(&str) -> Result<T, Mistake>) -> Result<T, Mistake> {
        parse(self.code).map_err(|mistake| Mistake { code: "bad-text", ..mistake }.shifted(self.code_at))
    }

    fn expression(&self) -> Result<Node, Mistake> {
        if self.code.trim().is_empty() {
            return Err(self
                .mistake("there is nothing between these braces")
                .help("write for example {{ lead.firstName }}"));
        }
        let node = self.read(expression)?;
        Ok(shift(node, self.code_at))
    }
}

/// Moves a tree to its place in the whole text.
fn shift(mut node: Node, by: usize) -> Node {
    fn walk(node: &mut Node, by: usize) {
        use super::tree::Kind;
        node.at = node.at.start + by..node.at.end + by;
        match &mut node.kind {
            Kind::Text(_) | Kind::Number(_) | Kind::Truth(_) | Kind::Nothing | Kind::Name(_) => {}
            Kind::List(items) => items.iter_mut().for_each(|each| walk(each, by)),
            Kind::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
                walk(key, by);
                walk(value, by);
            }),
            Kind::Field { of, .. } | Kind::Not(of) | Kind::Minus(of) => walk(of, by),
            Kind::Index { of, by: more } | Kind::Call { name: of, arguments: more } => {
                walk(of, by);
                for each in more {
                    walk(each, by);
                }
            }
            Kind::Filter { of, arguments, name_at, .. } | Kind::Test { of, arguments, name_at, .. } => {
                *name_at = name_at.start + by..name_at.end + by;
                walk(of, by);
                for each in arguments {
                    walk(each, by);
                }
            }
            Kind::Binary { left, right, .. } => {
                walk(left, by);
                walk(right, by);
            }
            Kind::Choice { condition, first, otherwise } => {
                walk(condition, by);
                walk(first, by);
                if let Some(otherwise) = otherwise {
                    walk(otherwise, by);
                }
            }
        }
    }
    walk(&mut node, by);
    node
}

type Marks<'s> = (Vec<Mark<'s>>, Vec<Range<usize>>);

fn marks(source: &str) -> Result<Marks<'_>, Mistake> {
    let mut found: Vec<Mark<'_>> = Vec::new();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(open) = next_brace(source, at) {
        words.push(at..open);
        let inside = open + 2;
        let (close, is_tag) = match &source[open..inside] {
            "{{" => ("}}", false),
            "{%" => ("%}", true),
            _ => {
                let end = source[inside..].find("#}");
                let end = end.ok_or_else(|| unclosed(open, "#}"))?;
                at = inside + end + 2;
                continue;
            }
        };
        let length = end_of_code(&source[inside..], close).ok_or_else(|| unclosed(open, close))?;
        let end = inside + length + 2;
        found.push(mark(&source[inside..inside + length], inside, open..end, is_tag));
        if found.len() > MOST_PIECES {
            let words = format!("this text is too long: at most {MOST_PIECES} placeholders are read");
            return Err(Mistake::error("bad-text", open..end, words));
        }
        at = end;
    }
    words.push(at..source.len());
    Ok((found, words))
}

fn next_brace(source: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let open = at + source.get(at..)?.find('{')?;
        if source[open + 1..].starts_with(['{', '%', '#']) {
            return Some(open);
        }
        at = open + 1;
    }
}

fn unclosed(open: usize, close: &str) -> Mistake {
    Mistake::error(
        "bad-text",
        open..open + 2,
        format!("a brace is opened here and not closed: `{close}` is missing"),
    )
    .label("opened here")
}

/// The inside of a pair of braces without the marks that trim white space.
fn mark(inside: &str, inside_at: usize, at: Range<usize>, is_tag: bool) -> Mark<'_> {
    let lead = usize::from(inside.starts_with(['-', '+']));
    let tail = usize::from(inside.len() > lead && inside.ends_with(['-', '+']));
    let code = &inside[lead..inside.len() - tail];
    let code_at = inside_at + lead;
    if !is_tag {
        return Mark { what: What::Output, at, code, code_at };
    }
    let start = code.len() - code.trim_start().len();
    let rest = &code[start..];
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let tag = What::Tag(rest[..length].to_owned());
    Mark { what: tag, at, code: &rest[length..], code_at: code_at + start + length }
}

/// Where `close` stands outside quotes and brackets.
fn end_of_code(code: &str, close: &str) -> Option<usize> {
    let (mut quote, mut escaped, mut depth) = (None, false, 0_usize);
    for (at, c) in code.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, _) if depth == 0 && code[at..].starts_with(close) => return Some(at),
            (None, '{') => depth += 1,
            (None, '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // A quote that is not closed swallowed the end: the quote is what the author has to hear about.
    if quote.is_some() { code.find(close) } else { None }
}

struct Reader<'s> {
    marks: std::iter::Peekable<std::vec::IntoIter<Mark<'s>>>,
    may_include: bool,
    depth: usize,
}

impl Reader<'_> {
    /// Pieces up to a tag that ends or divides a block.
    fn pieces(&mut self) -> Result<Vec<Piece>, Mistake> {
        let mut pieces = Vec::new();
        while let Some(mark) = self.marks.peek() {
            if let What::Tag(tag) = &mark.what
                && matches!(tag.as_str(), "elif" | "else" | "endif" | "endfor")
            {
                break;
            }
            let Some(mark) = self.marks.next() else { break };
            pieces.push(match &mark.what {
                What::Output => Piece::Output(mark.expression()?),
                What::Tag(tag) => self.block(&mark, tag)?,
            });
        }
        Ok(pieces)
    }

    fn block(&mut self, mark: &Mark<'_>, tag: &str) -> Result<Piece, Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(
                mark.mistake(format!("blocks are nested too deeply: at most {DEEPEST} levels are read"))
            );
        }
        let piece = match tag {
            "if" => self.choice(mark)?,
            "for" => self.repeat(mark)?,
            "include" if self.may_include => {
                let node = mark.expression()?;
                let super::tree::Kind::Text(name) = node.kind else {
                    return Err(mark.mistake("`include` needs the name of a text in quotes"));
                };
                Piece::Include(name)
            }
            other => {
                let help = suggestion(other, TAGS).filter(|help| help.starts_with("did"));
                return Err(mark
                    .mistake(format!("`{other}` is not available in texts; use if, elif, else and for"))
                    .label("unknown tag")
                    .maybe_help(help));
            }
        };
        self.depth -= 1;
        Ok(piece)
    }

    fn choice(&mut self, opened: &Mark<'_>) -> Result<Piece, Mistake> {
        let mut arms = vec![(Some(opened.expression()?), self.pieces()?)];
        loop {
            let Some(mark) = self.marks.next() else { return Err(never_closed(opened, "endif")) };
            let What::Tag(tag) = &mark.what else { return Err(mark.stray()) };
            let has_else = arms.last().is_some_and(|(condition, _)| condition.is_none());
            match tag.as_str() {
                "endif" => return Ok(Piece::If(arms)),
                "elif" if !has_else && arms.len() < MOST_ARMS => {
                    let condition = mark.expression()?;
                    arms.push((Some(condition), self.pieces()?));
                }
                "elif" if !has_else => {
                    return Err(mark.mistake(format!("at most {MOST_ARMS} conditions are read in one `if`")));
                }
                "else" if !has_else => {
                    if mark.code.trim_start().starts_with("if") {
                        return Err(mark.mistake("`else if` is written `elif`"));
                    }
                    arms.push((None, self.pieces()?));
                }
                "endfor" => {
                    return Err(mark
                        .mistake("`endfor` stands where `endif` is expected")
                        .help("close the inner block first"));
                }
                _ => return Err(mark.mistake(format!("`{tag}` after `else`")).help("`else` comes last")),
            }
        }
    }

    fn repeat(&mut self, opened: &Mark<'_>) -> Result<Piece, Mistake> {
        let head = opened.read(for_loop)?;
        let head = Loop {
            names: head.names,
            over: shift(head.over, opened.code_at),
            condition: head.condition.map(|node| shift(node, opened.code_at)),
        };
        let mut body = self.pieces()?;
        let Some(mut mark) = self.marks.next() else { return Err(never_closed(opened, "endfor")) };
        if matches!(&mark.what, What::Tag(tag) if tag == "else") {
            body.extend(self.pieces()?);
            let Some(next) = self.marks.next() else { return Err(never_closed(opened, "endfor")) };
            mark = next;
        }
        match &mark.what {
            What::Tag(tag) if tag == "endfor" => Ok(Piece::For { head, body }),
            What::Tag(tag) => Err(mark
                .mistake(format!("`{tag}` stands where `endfor` is expected"))
                .help("close the inner block first")),
            What::Output => Err(mark.stray()),
        }
    }
}

fn never_closed(opened: &Mark<'_>, close: &str) -> Mistake {
    let What::Tag(tag) = &opened.what else { return opened.stray() };
    opened
        .mistake(format!("`{tag}` is never closed"))
        .label("opened here")
        .help(format!("add {{% {close} %}} where it ends"))
}
