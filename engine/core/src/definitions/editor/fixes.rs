//! "did you mean `X`?" as an edit.

use std::ops::Range;

use super::project::{Problem, Project};
use super::rename::Edit;

/// An edit that solves a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub title: String,
    pub problem: Problem,
    pub edit: Edit,
}

/// Fixes for the problems that touch some bytes of a file. Needs a refreshed project.
pub fn fixes(project: &Project, path: &str, touched: &Range<usize>) -> Vec<Fix> {
    let problems = project.problems().get(path).into_iter().flatten();
    let here =
        problems.filter(|problem| problem.span.start <= touched.end && touched.start <= problem.span.end);
    here.filter_map(|problem| {
        let suggested = quoted_after(problem.diagnostic.help.as_deref()?, "did you mean ")?;
        let span = wrong_word(project.text(path)?, problem)?;
        let edit = Edit { path: path.to_owned(), span, text: suggested.to_owned() };
        Some(Fix { title: format!("Change to `{suggested}`"), problem: problem.clone(), edit })
    })
    .collect()
}

fn quoted_after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    text.strip_prefix(words)?.strip_prefix('`')?.split('`').next()
}

/// Where the word stands that the message calls wrong: the last one in back quotes that is written there.
fn wrong_word(text: &str, problem: &Problem) -> Option<Range<usize>> {
    let marked = text.get(problem.span.clone())?;
    let named = problem.diagnostic.message.split('`').skip(1).step_by(2);
    let word = named.filter(|word| !word.is_empty() && marked.contains(*word)).last()?;
    let start = problem.span.start + marked.find(word)?;
    Some(start..start + word.len())
}
