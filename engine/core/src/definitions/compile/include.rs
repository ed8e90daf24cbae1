//! `{% include "NAME" %}` in a text stands for another text of the same language: of the script itself, or of the shared
//! words. Expanded while a script is read, so that what runs at call time is one plain template without a loader.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::diagnostic::{Findings, Place};
use super::super::template::MAX_SOURCE_BYTES;

/// Pieces inside pieces.
const DEEPEST: usize = 4;

#[expect(clippy::expect_used, reason = "a constant pattern, compiled by every test that reads a script")]
static INCLUDE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\{%-?\s*include\s+["']([^"']*)["']\s*-?%\}"#).expect("the pattern is valid")
});

/// The texts of one language that may be included: the script's own go before the shared ones.
#[derive(Debug, Clone, Copy)]
pub struct Pieces<'a> {
    pub own: &'a BTreeMap<String, String>,
    pub shared: Option<&'a BTreeMap<String, String>>,
}

/// Names of the texts that `source` includes, in order.
pub fn included(source: &str) -> impl Iterator<Item = &str> {
    INCLUDE.captures_iter(source).filter_map(|found| Some(found.get(1)?.as_str()))
}

impl Pieces<'_> {
    /// `source` with everything it includes in place. A problem is reported at `pointer`.
    pub fn expand(&self, source: &str, pointer: &str, findings: &mut Findings<'_>) -> Option<String> {
        let expanded = self.fill(source, &mut Vec::new());
        expanded.map_err(|problem| problem.report(self, pointer, findings)).ok()
    }

    fn fill<'s>(&'s self, source: &'s str, inside: &mut Vec<&'s str>) -> Result<String, Problem> {
        let mut out = String::with_capacity(source.len());
        let mut rest = 0;
        for found in INCLUDE.captures_iter(source) {
            let (Some(tag), Some(name)) = (found.get(0), found.get(1)) else { continue };
            out.push_str(&source[rest..tag.start()]);
            rest = tag.end();
            let name = name.as_str();
            if inside.contains(&name) || inside.len() >= DEEPEST {
                return Err(Problem::Circle(name.to_owned()));
            }
            let text = self.find(name).ok_or_else(|| Problem::Unknown(name.to_owned()))?;
            inside.push(name);
            out.push_str(self.fill(text, inside)?.trim_end());
            inside.pop();
            if out.len() > MAX_SOURCE_BYTES {
                return Err(Problem::TooLong);
            }
        }
        out.push_str(&source[rest..]);
        Ok(out)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.own.get(name).or_else(|| self.shared?.get(name)).map(String::as_str)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.own.keys().chain(self.shared.into_iter().flat_map(BTreeMap::keys)).map(String::as_str)
    }
}

enum Problem {
    Unknown(String),
    Circle(String),
    TooLong,
}

impl Problem {
    fn report(&self, pieces: &Pieces<'_>, pointer: &str, findings: &mut Findings<'_>) {
        let place = Place::value(pointer);
        match self {
            Self::Unknown(name) => {
                let words = format!("this text includes `{name}`, which is no text of this language");
                findings.error("unknown-text", place, words).suggest(name, pieces.names());
            }
            Self::Circle(name) => {
                let words = format!("text `{name}` includes itself, or lies more than {DEEPEST} deep");
                findings.error("endless-include", place, words).help("write the piece out here");
            }
            Self::TooLong => {
                let words = format!("with what it includes the text has more than {MAX_SOURCE_BYTES} bytes");
                findings.error("bad-text", place, words);
            }
        }
    }
}
