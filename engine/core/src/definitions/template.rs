//! A text with placeholders, compiled once and rendered many times inside the sandbox (DEF-9).

use std::fmt;
use std::io;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Value};

use super::language::{Mistake, text};
use super::sandbox;

/// Longest template source.
pub const MAX_SOURCE_BYTES: usize = 64 << 10;

const NAME: &str = "text";

/// A compiled text. Cloning shares the compiled form.
#[derive(Clone)]
pub struct Template {
    name: Arc<str>,
    source: Arc<str>,
    kind: Compiled,
}

#[derive(Clone)]
enum Compiled {
    /// Without placeholders: most texts of most scripts need no engine at all.
    Plain,
    Jinja(Arc<Environment<'static>>),
}

/// What rendering may produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderLimits {
    pub output_bytes: usize,
}

impl Default for RenderLimits {
    fn default() -> Self {
        Self { output_bytes: 256 << 10 }
    }
}

/// Why a text could not be compiled or rendered. `message` is meant for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("text `{name}`: {message}")]
pub struct TemplateError {
    pub name: String,
    pub message: String,
    /// Line within the text, from 1, when known.
    pub line: Option<usize>,
    /// A value was missing, as opposed to a fault of the template.
    pub missing: bool,
    /// Where in the text, when it could not be read.
    pub mistake: Option<Box<Mistake>>,
}

impl Template {
    /// Compiles `source`; `name` appears in errors only.
    pub fn compile(name: &str, source: &str) -> Result<Self, TemplateError> {
        let failed = |message: String, mistake: Option<Mistake>| TemplateError {
            name: name.to_owned(),
            message,
            line: None,
            missing: false,
            mistake: mistake.map(Box::new),
        };
        if source.len() > MAX_SOURCE_BYTES {
            let words = format!("it has {} bytes; at most {MAX_SOURCE_BYTES} are allowed", source.len());
            return Err(failed(words, None));
        }
        let kind = if source.contains("{{") || source.contains("{%") || source.contains("{#") {
            // What our own reader refuses never reaches the engine.
            text::parse(source, false).map_err(|mistake| failed(mistake.message.clone(), Some(mistake)))?;
            let mut environment = sandbox::TEXTS.clone();
            environment
                .add_template_owned(NAME, source.to_owned())
                .map_err(|error| TemplateError::from_engine(name, &error))?;
            Compiled::Jinja(Arc::new(environment))
        } else {
            Compiled::Plain
        };
        Ok(Self { name: name.into(), source: source.into(), kind })
    }

    /// An empty text.
    pub(super) fn plain(name: &str) -> Self {
        Self { name: name.into(), source: "".into(), kind: Compiled::Plain }
    }

    /// The text for one call. A missing value is an error, so that nobody hears half a sentence.
    pub fn render(&self, context: &Value, limits: RenderLimits) -> Result<String, TemplateError> {
        let Compiled::Jinja(environment) = &self.kind else { return Ok(self.source.trim_end().to_owned()) };
        let mut out = Capped { text: Vec::with_capacity(self.source.len() * 2), limit: limits.output_bytes };
        environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context.clone(), &mut out).map(drop))
            .map_err(|error| TemplateError::from_engine(&self.name, &error))?;
        let mut text = String::from_utf8_lossy(&out.text).into_owned();
        text.truncate(text.trim_end().len());
        Ok(text)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Dotted paths of the variables it reads, sorted.
    pub fn variables(&self) -> Vec<String> {
        let Compiled::Jinja(environment) = &self.kind else { return Vec::new() };
        let mut paths: Vec<String> = environment
            .get_template(NAME)
            .map(|template| template.undeclared_variables(true).into_iter().collect())
            .unwrap_or_default();
        paths.retain(|path| path != "range");
        paths.sort();
        paths
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("name", &self.name)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl TemplateError {
    fn from_engine(name: &str, error: &Error) -> Self {
        Self {
            name: name.to_owned(),
            message: explain(error),
            line: error.line(),
            missing: error.kind() == ErrorKind::UndefinedError,
            mistake: None,
        }
    }
}

/// The engine's error in our words.
pub(super) fn explain(error: &Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => "it takes too many steps; loops must be short".to_owned(),
        ErrorKind::UndefinedError => "a value is missing; give it one with | default(\"…\")".to_owned(),
        ErrorKind::WriteFailure => "it produces too much text".to_owned(),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
            let words = error.detail().unwrap_or("unknown filter");
            format!("{words}; filters are {}", sandbox::filter_names().join(", "))
        }
        _ => error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    }
}

struct Capped {
    text: Vec<u8>,
    limit: usize,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            return Err(io::Error::other("the text is too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
