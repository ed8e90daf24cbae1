//! An expression as a tree whose every node knows its bytes.

use std::ops::Range;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: Range<usize>,
    pub kind: Kind,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Text(String),
    Number(f64),
    Truth(bool),
    Nothing,
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Name(String),
    /// `of.name`
    Field {
        of: Box<Node>,
        name: String,
    },
    /// `of[by]`, and `of[by:by]`
    Index {
        of: Box<Node>,
        by: Vec<Node>,
    },
    /// `name(…)`
    Call {
        name: Box<Node>,
        arguments: Vec<Node>,
    },
    /// `of | name(…)`
    Filter {
        of: Box<Node>,
        name: String,
        name_at: Range<usize>,
        arguments: Vec<Node>,
    },
    /// `of is name(…)`; `not` is a node of its own
    Test {
        of: Box<Node>,
        name: String,
        name_at: Range<usize>,
        arguments: Vec<Node>,
    },
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary {
        operator: Operator,
        left: Box<Node>,
        right: Box<Node>,
    },
    /// `first if condition else otherwise`
    Choice {
        condition: Box<Node>,
        first: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
}

/// Operators with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Plus,
    Minus,
    Join,
    Divide,
    WholeDivide,
    Remainder,
}

impl Operator {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Join => "~",
            Self::Divide => "/",
            Self::WholeDivide => "//",
            Self::Remainder => "%",
        }
    }

    /// `<`, `<=`, `>`, `>=`
    pub const fn orders(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual)
    }
}

impl Node {
    /// `lead.firstName` of a name with its fields; `None` for anything computed.
    pub fn path(&self) -> Option<String> {
        match &self.kind {
            Kind::Name(name) => Some(name.clone()),
            Kind::Field { of, name } => Some(format!("{}.{name}", of.path()?)),
            Kind::Index { of, by } => match by.as_slice() {
                [Node { kind: Kind::Text(name), .. }] => Some(format!("{}.{name}", of.path()?)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The parts directly inside.
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Text(_) | Kind::Number(_) | Kind::Truth(_) | Kind::Nothing | Kind::Name(_) => Vec::new(),
            Kind::List(items) => items.iter().collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Kind::Field { of, .. } | Kind::Not(of) | Kind::Minus(of) => vec![of],
            Kind::Index { of, by: more }
            | Kind::Call { name: of, arguments: more }
            | Kind::Filter { of, arguments: more, .. }
            | Kind::Test { of, arguments: more, .. } => std::iter::once(&**of).chain(more).collect(),
            Kind::Binary { left, right, .. } => vec![left, right],
            Kind::Choice { condition, first, otherwise } => {
                [Some(condition), Some(first), otherwise.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|each| &**each)
                    .collect()
            }
        }
    }

    /// Every path that stands anywhere inside.
    pub fn paths(&self) -> Vec<String> {
        match self.path() {
            Some(path) => vec![path],
            None => self.children().into_iter().flat_map(Node::paths).collect(),
        }
    }
}
