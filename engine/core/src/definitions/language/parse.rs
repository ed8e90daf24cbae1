//! Tokens to a tree: the grammar of expressions, smaller than the engine's on purpose. Depth and size are bounded before
//! anything recursive sees an author's text.

use std::ops::Range;

use super::Mistake;
use super::token::{Placed, Token, tokens};
use super::tree::{Kind, Node, Operator};

/// Brackets, `not`, choices inside one another.
const DEEPEST: usize = 16;
/// Operators, filters and brackets of one expression: each may add a level to the tree.
const MOST_OPERATIONS: usize = 150;
/// Joins copy what they have so far.
const MOST_JOINS: usize = 20;

/// Words that are no names.
const WORDS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

type Parsed = Result<Node, Mistake>;

/// Reads a whole expression.
pub fn expression(source: &str) -> Parsed {
    let mut parser = Parser::new(source)?;
    let node = parser.choice()?;
    parser.finish()?;
    Ok(node)
}

/// `NAME[, NAME] in EXPRESSION [if EXPRESSION]` of a `for` tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    pub names: Vec<String>,
    pub over: Node,
    pub condition: Option<Node>,
}

/// Reads what follows the word `for`.
pub fn for_loop(source: &str) -> Result<Loop, Mistake> {
    let mut parser = Parser::new(source)?;
    let mut names = vec![parser.name("a name for the items")?];
    while parser.take(",") {
        names.push(parser.name("a name")?);
    }
    if !parser.take_word("in") {
        return Err(parser.unexpected("`in`").help("write for example: for tag in lead.tags"));
    }
    let over = parser.binary(0)?;
    let condition = if parser.take_word("if") { Some(parser.binary(0)?) } else { None };
    if let Some(Token::Name("recursive")) = parser.peek() {
        return Err(parser.unexpected("the end").help("loops cannot call themselves"));
    }
    parser.finish()?;
    Ok(Loop { names, over, condition })
}

struct Parser<'s> {
    tokens: Vec<Placed<'s>>,
    next: usize,
    depth: usize,
    operations: usize,
    joins: usize,
    end: usize,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Result<Self, Mistake> {
        let tokens = tokens(source)?;
        let end = source.trim_end().len();
        Ok(Self { tokens, next: 0, depth: 0, operations: 0, joins: 0, end })
    }

    fn peek(&self) -> Option<Token<'s>> {
        self.tokens.get(self.next).map(|placed| placed.token)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Sign(found)) if found == sign);
        self.next += usize::from(is_it);
        is_it
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Name(found)) if found == word);
        self.next += usize::from(is_it);
        is_it
    }

    /// Bytes of the coming token, or of the end.
    fn here(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end..self.end, |placed| placed.at.clone())
    }

    fn last_end(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |placed| placed.at.end)
    }

    fn node(&self, start: usize, kind: Kind) -> Node {
        Node { at: start..self.last_end(), kind }
    }

    fn expect(&mut self, sign: &str, opened: &Range<usize>) -> Result<(), Mistake> {
        if self.take(sign) {
            return Ok(());
        }
        if self.peek().is_none() {
            return Err(Mistake::error(
                "bad-expression",
                opened.clone(),
                format!("this bracket is not closed: `{sign}` is missing"),
            ));
        }
        Err(self.unexpected(&format!("`{sign}` or `,`")))
    }

    fn name(&mut self, what: &str) -> Result<String, Mistake> {
        match self.peek() {
            Some(Token::Name(name)) if !WORDS.contains(&name) => {
                self.next += 1;
                Ok(name.to_owned())
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// What stands here cannot stand here.
    fn unexpected(&self, wanted: &str) -> Mistake {
        let at = self.here();
        let message = match self.peek() {
            None => {
                return Mistake::error(
                    "bad-expression",
                    at.start.saturating_sub(1)..at.end,
                    format!("{wanted} is missing at the end"),
                )
                .label("and then?");
            }
            Some(Token::Name(name) | Token::Number(name)) => {
                format!("`{name}` cannot stand here; {wanted} is expected")
            }
            Some(Token::Text(text)) => format!("\"{text}\" cannot stand here; {wanted} is expected"),
            Some(Token::Sign(sign)) => format!("`{sign}` cannot stand here; {wanted} is expected"),
        };
        Mistake::error("bad-expression", at, message).label("not expected here")
    }

    fn finish(&self) -> Result<(), Mistake> {
        let Some(token) = self.peek() else { return Ok(()) };
        let mistake = self.unexpected("an operator or the end");
        Err(match token {
            Token::Sign("=") => {
                Mistake { message: "`=` does not compare".to_owned(), ..mistake }.label("write `==`")
            }
            Token::Name(word) => match word.to_ascii_lowercase().as_str() {
                "and" | "or" | "not" | "in" if !WORDS.contains(&word) => {
                    mistake.help("write it in small letters")
                }
                "equals" | "eq" => mistake.help("to compare, write `==`"),
                "contains" | "includes" | "has" => {
                    mistake.help("write the other way round: \"x\" in lead.tags")
                }
                _ => {
                    mistake.help("put texts of several words into quotes; join conditions with `and` or `or`")
                }
            },
            Token::Text(_) | Token::Number(_) => mistake.help("an operator such as == is missing before it"),
            Token::Sign(_) => mistake,
        })
    }

    fn deeper(&mut self) -> Result<(), Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let words = format!("this is nested too deeply: at most {DEEPEST} levels are read");
            return Err(Mistake::error("bad-expression", self.here(), words).label("too deep"));
        }
        Ok(())
    }

    fn operation(&mut self) -> Result<(), Mistake> {
        self.operations += 1;
        if self.operations > MOST_OPERATIONS {
            let words = format!(
                "this expression is too long: at most {MOST_OPERATIONS} operators and filters are read"
            );
            return Err(Mistake::error("bad-expression", self.here(), words).label("too much"));
        }
        Ok(())
    }

    fn choice(&mut self) -> Parsed {
        self.deeper()?;
        let start = self.here().start;
        let mut node = self.binary(0)?;
        while self.take_word("if") {
            self.operation()?;
            let condition = Box::new(self.binary(0)?);
            let otherwise = if self.take_word("else") { Some(Box::new(self.choice()?)) } else { None };
            node = self.node(start, Kind::Choice { condition, first: Box::new(node), otherwise });
        }
        self.depth -= 1;
        Ok(node)
    }

    /// Operators by how loosely they bind: or, and, not, comparisons, sums, joins, quotients.
    fn binary(&mut self, level: usize) -> Parsed {
        let start = self.here().start;
        if level == 2 && self.take_word("not") {
            self.deeper()?;
            let inner = Box::new(self.binary(2)?);
            self.depth -= 1;
            return Ok(self.node(start, Kind::Not(inner)));
        }
        if level == 7 {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level)? {
            self.operation()?;
            if matches!(operator, Operator::Join | Operator::Plus) {
                self.joins += 1;
                if self.joins > MOST_JOINS {
                    let words = format!("more than {MOST_JOINS} values are joined in one place");
                    return Err(Mistake::error("bad-expression", self.here(), words));
                }
            }
            let right = Box::new(self.binary(level + 1)?);
            left = self.node(start, Kind::Binary { operator, left: Box::new(left), right });
        }
        Ok(left)
    }

    fn operator(&mut self, level: usize) -> Result<Option<Operator>, Mistake> {
        let Some(token) = self.peek() else { return Ok(None) };
        let found = match (level, token) {
            (0, Token::Name("or")) => Operator::Or,
            (1, Token::Name("and")) => Operator::And,
            (3, Token::Sign("==")) => Operator::Equal,
            (3, Token::Sign("!=")) => Operator::Unequal,
            (3, Token::Sign("<")) => Operator::Less,
            (3, Token::Sign("<=")) => Operator::LessOrEqual,
            (3, Token::Sign(">")) => Operator::Greater,
            (3, Token::Sign(">=")) => Operator::GreaterOrEqual,
            (3, Token::Name("in")) => Operator::In,
            (3, Token::Name("not")) => {
                self.next += 1;
                if !self.take_word("in") {
                    return Err(self.unexpected("`in`"));
                }
                return Ok(Some(Operator::NotIn));
            }
            (4, Token::Sign("+")) => Operator::Plus,
            (4, Token::Sign("-")) => Operator::Minus,
            (5, Token::Sign("~")) => Operator::Join,
            (6, Token::Sign("/")) => Operator::Divide,
            (6, Token::Sign("//")) => Operator::WholeDivide,
            (6, Token::Sign("%")) => Operator::Remainder,
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(found))
    }

    fn unary(&mut self) -> Parsed {
        let start = self.here().start;
        let operand = self.signed()?;
        self.filters(start, operand)
    }

    fn signed(&mut self) -> Parsed {
        let start = self.here().start;
        if self.take("-") {
            self.deeper()?;
            let inner = Box::new(self.signed()?);
            self.depth -= 1;
            return Ok(self.node(start, Kind::Minus(inner)));
        }
        let primary = self.primary()?;
        self.postfix(start, primary)
    }

    fn primary(&mut self) -> Parsed {
        let at = self.here();
        let Some(token) = self.peek() else { return Err(self.unexpected("a value")) };
        let kind = match token {
            Token::Text(text) => Kind::Text(text.replace("\\\"", "\"").replace("\\'", "'")),
            Token::Number(digits) => Kind::Number(digits.replace('_', "").parse().unwrap_or(f64::MAX)),
            Token::Name("true" | "True") => Kind::Truth(true),
            Token::Name("false" | "False") => Kind::Truth(false),
            Token::Name("none" | "None") => Kind::Nothing,
            Token::Name(word) if WORDS.contains(&word) => return Err(self.unexpected("a value")),
            Token::Name(name) => Kind::Name(name.to_owned()),
            Token::Sign("(") => return self.group(&at),
            Token::Sign("[") => {
                self.next += 1;
                let items = self.list("]", &at)?;
                return Ok(self.node(at.start, Kind::List(items)));
            }
            Token::Sign("{") => return self.map(&at),
            Token::Sign(_) => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(Node { at, kind })
    }

    fn group(&mut self, opened: &Range<usize>) -> Parsed {
        self.next += 1;
        let mut items = self.list(")", opened)?;
        match items.pop() {
            Some(only) if items.is_empty() => Ok(Node { at: opened.start..self.last_end(), kind: only.kind }),
            Some(last) => {
                items.push(last);
                Ok(self.node(opened.start, Kind::List(items)))
            }
            None => Err(Mistake::error(
                "bad-expression",
                opened.start..self.last_end(),
                "there is nothing between these brackets",
            )),
        }
    }

    /// Values between commas, up to and including `close`.
    fn list(&mut self, close: &str, opened: &Range<usize>) -> Result<Vec<Node>, Mistake> {
        let mut items = Vec::new();
        while !self.take(close) {
            self.operation()?;
            items.push(self.choice()?);
            if !self.take(",") {
                self.expect(close, opened)?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self, opened: &Range<usize>) -> Parsed {
        self.next += 1;
        let mut entries = Vec::new();
        while !self.take("}") {
            self.operation()?;
            let key = self.choice()?;
            if !self.take(":") {
                return Err(self.unexpected("`:`"));
            }
            entries.push((key, self.choice()?));
            if !self.take(",") {
                self.expect("}", opened)?;
                break;
            }
        }
        Ok(self.node(opened.start, Kind::Map(entries)))
    }

    fn postfix(&mut self, start: usize, mut node: Node) -> Parsed {
        loop {
            let opened = self.here();
            if self.take(".") {
                self.operation()?;
                let Some(Token::Name(name) | Token::Number(name)) = self.peek() else {
                    return Err(self.unexpected("the name of a field"));
                };
                self.next += 1;
                node = self.node(start, Kind::Field { of: Box::new(node), name: name.to_owned() });
            } else if self.take("[") {
                self.operation()?;
                let by = self.subscript(&opened)?;
                node = self.node(start, Kind::Index { of: Box::new(node), by });
            } else if self.take("(") {
                self.operation()?;
                let arguments = self.arguments(&opened)?;
                node = self.node(start, Kind::Call { name: Box::new(node), arguments });
            } else {
                return Ok(node);
            }
        }
    }

    fn subscript(&mut self, opened: &Range<usize>) -> Result<Vec<Node>, Mistake> {
        let mut by = Vec::new();
        for _ in 0..3 {
            if !matches!(self.peek(), Some(Token::Sign(":" | "]"))) {
                by.push(self.choice()?);
            }
            if !self.take(":") {
                break;
            }
        }
        self.expect("]", opened)?;
        Ok(by)
    }

    fn arguments(&mut self, opened: &Range<usize>) -> Result<Vec<Node>, Mistake> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            self.operation()?;
            let argument = self.choice()?;
            // `name=value`
            let is_named = matches!(argument.kind, Kind::Name(_)) && self.take("=");
            arguments.push(if is_named { self.choice()? } else { argument });
            if !self.take(",") {
                self.expect(")", opened)?;
                break;
            }
        }
        Ok(arguments)
    }

    fn filters(&mut self, start: usize, mut node: Node) -> Parsed {
        loop {
            if self.take("|") {
                self.operation()?;
                let name_at = self.here();
                let name = self.name("the name of a filter")?;
                let opened = self.here();
                let arguments = if self.take("(") { self.arguments(&opened)? } else { Vec::new() };
                node = self.node(start, Kind::Filter { of: Box::new(node), name, name_at, arguments });
            } else if self.take_word("is") {
                self.operation()?;
                let negated = self.take_word("not");
                node = self.test(start, node)?;
                if negated {
                    node = self.node(start, Kind::Not(Box::new(node)));
                }
            } else {
                return Ok(node);
            }
        }
    }

    fn test(&mut self, start: usize, of: Node) -> Parsed {
        let name_at = self.here();
        let name = match self.peek() {
            // `is in [..]`
            Some(Token::Name("in")) => {
                self.next += 1;
                "in".to_owned()
            }
            Some(Token::Text(text)) => {
                return Err(self.unexpected("a test").help(format!("to compare, write == \"{text}\"")));
            }
            _ => self.name("a test such as `defined`")?,
        };
        let opened = self.here();
        let arguments = match self.peek() {
            Some(Token::Sign("(")) => {
                self.next += 1;
                self.arguments(&opened)?
            }
            Some(Token::Text(_) | Token::Number(_) | Token::Sign("[" | "{" | "-")) => vec![self.signed()?],
            Some(Token::Name(word)) if !WORDS.contains(&word) => vec![self.signed()?],
            _ => Vec::new(),
        };
        Ok(self.node(start, Kind::Test { of: Box::new(of), name, name_at, arguments }))
    }
}
