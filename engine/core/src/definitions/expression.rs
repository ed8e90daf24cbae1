//! A condition or value that an author wrote: `lead.score >= 70`.
//!
//! A missing value is null: `==` and `in` with it are false, `!=` is true, and a condition that orders it (`<`, `>`) does
//! not hold. So an author never has to guard a field that a lead may not have.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;

use super::language::{Mistake, parse};
use super::{sandbox, template};

const MAX_SOURCE_BYTES: usize = 4 << 10;

/// A compiled expression. Cloning shares the compiled form.
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    source: String,
    compiled: minijinja::Expression<'static, 'static>,
    /// Paths beside `<` and `>`: without a value the condition does not hold.
    ordered: Vec<Vec<String>>,
}

/// Why an expression could not be compiled or evaluated. The message is meant for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expression `{expression}`: {message}")]
pub struct ExpressionError {
    pub expression: String,
    pub message: String,
    /// Where in the expression, when it could not be read.
    pub mistake: Option<Box<Mistake>>,
}

impl Expression {
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        let failed = |message: String, mistake: Option<Mistake>| ExpressionError {
            expression: source.trim().chars().take(80).collect(),
            message,
            mistake: mistake.map(Box::new),
        };
        if source.len() > MAX_SOURCE_BYTES {
            let message = format!("it has {} bytes; at most {MAX_SOURCE_BYTES} are allowed", source.len());
            return Err(failed(message, None));
        }
        // What our own reader refuses never reaches the engine.
        parse::expression(source).map_err(|mistake| failed(mistake.message.clone(), Some(mistake)))?;
        let compiled = sandbox::EXPRESSIONS
            .compile_expression_owned(source.to_owned())
            .map_err(|error| failed(template::explain(&error), None))?;
        Ok(Self(Arc::new(Inner { source: source.to_owned(), compiled, ordered: ordered_paths(source) })))
    }

    /// Stands where an author's expression could not be read, so that the rest of the file is still looked at.
    pub(super) fn never() -> Option<Self> {
        Self::compile("false").ok()
    }

    /// Does the condition hold?
    pub fn eval_bool(&self, context: &Value) -> Result<bool, ExpressionError> {
        if self.0.ordered.iter().any(|path| is_missing(context, path)) {
            return Ok(false);
        }
        self.eval(context).map(|value| value.is_true())
    }

    /// The value as JSON; a missing value is null.
    pub fn eval_json(&self, context: &Value) -> Result<serde_json::Value, ExpressionError> {
        let value = self.eval(context)?;
        if value.is_undefined() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::to_value(&value).map_err(|error| self.failed(error.to_string()))
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Dotted paths of the variables it reads, sorted.
    pub fn variables(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.0.compiled.undeclared_variables(true).into_iter().collect();
        paths.retain(|path| path != "range");
        paths.sort();
        paths
    }

    fn eval(&self, context: &Value) -> Result<Value, ExpressionError> {
        self.0.compiled.eval(context.clone()).map_err(|error| self.failed(template::explain(&error)))
    }

    fn failed(&self, message: String) -> ExpressionError {
        ExpressionError { expression: self.0.source.clone(), message, mistake: None }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.source).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

fn is_missing(context: &Value, path: &[String]) -> bool {
    let mut value = context.clone();
    for part in path {
        value = match value.get_attr(part) {
            Ok(next) if !next.is_undefined() && !next.is_none() => next,
            _ => return true,
        };
    }
    false
}

/// The plain paths directly beside an ordering operator, outside quotes.
fn ordered_paths(source: &str) -> Vec<Vec<String>> {
    let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut paths = Vec::new();
    let mut keep = |path: &str| {
        let is_name = path.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_name && !matches!(path, "true" | "false" | "none") {
            paths.push(path.split('.').map(str::to_owned).collect());
        }
    };
    for (at, operator) in operators(source) {
        let before = source[..at].trim_end();
        let start = before.trim_end_matches(in_path).len();
        // What follows a pipe is a filter, not a variable, and the filter decides about missing values.
        if !before[..start].trim_end().ends_with('|') {
            keep(&before[start..]);
        }
        let after = source[at + operator..].trim_start();
        let rest = after.trim_start_matches(in_path);
        if !rest.trim_start().starts_with(['|', '(']) {
            keep(&after[..after.len() - rest.len()]);
        }
    }
    paths
}

fn operators(source: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut quote = None;
    for (at, c) in source.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '<' | '>') => found.push((at, if source[at + 1..].starts_with('=') { 2 } else { 1 })),
            _ => {}
        }
    }
    found
}
