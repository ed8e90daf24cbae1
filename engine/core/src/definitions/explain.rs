//! Pages about diagnostic codes: what each protects, how to put it right, a wrong and a right file. The words stand in
//! `explain.md`; a test holds that every code has a page and that each wrong file really shows it.

use super::diagnostic::{Diagnostic, Level, suggestion};

const TEXT: &str = include_str!("explain.md");

/// Codes that may come as warnings, and so may be allowed or denied. All others are errors: they guard calls that would
/// fail, or the law.
pub const WARNINGS: [&str; 15] = [
    "ambiguous-phrase",
    "cut-off",
    "impossible-cap",
    "late-disclosure",
    "missing-disclosure",
    "never-open",
    "stray-braces",
    "unguarded-variable",
    "unknown-event",
    "unknown-event-field",
    "unquoted-number",
    "untranslated",
    "unused-answer",
    "unused-script",
    "unused-text",
];

/// One page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub code: &'static str,
    /// Everything below the code, as Markdown.
    pub body: &'static str,
}

impl Page {
    /// What it protects, in one line.
    pub fn summary(&self) -> &'static str {
        self.body.lines().next().unwrap_or_default()
    }

    /// The file that shows the problem.
    pub fn wrong(&self) -> Option<&'static str> {
        self.example("Wrong:")
    }

    /// The same put right.
    pub fn right(&self) -> Option<&'static str> {
        self.example("Right:")
    }

    fn example(&self, heading: &str) -> Option<&'static str> {
        let (_, rest) = self.body.split_once(heading)?;
        let (_, rest) = rest.split_once("```yaml\n")?;
        rest.split_once("```").map(|(example, _)| example)
    }
}

/// All pages, sorted by code.
pub fn pages() -> impl Iterator<Item = Page> {
    TEXT.split("\n## ").skip(1).filter_map(|page| {
        let (code, body) = page.split_once('\n')?;
        Some(Page { code, body: body.trim() })
    })
}

/// The page of a code.
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code == code)
}

/// Levels that somebody asked for.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    /// Warnings to treat as errors.
    pub deny: Vec<String>,
    /// Warnings to leave as they are, also under `--strict`.
    pub warn: Vec<String>,
    /// Warnings not to mention.
    pub allow: Vec<String>,
}

impl Levels {
    /// What is wrong with the wish, if anything.
    pub fn refusal(&self) -> Option<String> {
        self.deny.iter().chain(&self.warn).chain(&self.allow).find_map(|code| {
            let Some(page) = page(code) else {
                let help =
                    suggestion(code, pages().map(|page| page.code)).filter(|help| help.starts_with("did"));
                return Some(format!(
                    "there is no code `{code}`; {}",
                    help.unwrap_or_else(|| "`--explain` lists them".to_owned())
                ));
            };
            let may = WARNINGS.contains(&page.code);
            (!may).then(|| {
                format!("`{code}` is always an error, and its level cannot be changed: {}", page.summary())
            })
        })
    }

    /// Applies the wish. Errors stay errors.
    pub fn apply(&self, diagnostics: &mut Vec<Diagnostic>) {
        let names = |list: &[String], code: &str| list.iter().any(|each| each == code);
        diagnostics.retain(|each| each.is_error() || !names(&self.allow, each.code));
        for each in diagnostics.iter_mut().filter(|each| names(&self.deny, each.code)) {
            each.level = Level::Error;
        }
    }
}
