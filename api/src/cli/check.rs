//! `callwright check`: every problem of the definitions and of the calling rules at once.

mod law;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callwright_engine::definitions::explain::{self, Levels};
use callwright_engine::definitions::render;
use callwright_engine::definitions::review::{self, Review};
use callwright_engine::definitions::schema::DefinitionKind;
use clap::{Args, ValueEnum};

use super::output;
use super::rules::RulesArgs;
use law::Law;
use workspace::Target;
pub(super) use workspace::folders;

/// Checks flows, scripts, cadences and calling rules, and reports all problems at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright check\n  callwright check my-outreach\n  callwright check flows cadences --format github\n  callwright check flows/price-drop.yaml\n  callwright check - --as flows/price-drop.yaml < draft.yaml\n  callwright check rules\n  callwright check --rules our-rules\n  callwright check --explain unknown-variable\n  callwright check --deny unguarded-variable --allow unused-text\n\nExit code 1 when there is an error."
)]
pub struct CheckArgs {
    /// A folder with `flows/` and `cadences/`, those folders themselves, a folder of calling rules, or one file, which is checked
    /// among its neighbours; `-` reads a file from standard input. This folder when left out.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The file that standard input stands for.
    #[arg(long = "as", value_name = "FILE")]
    stands_for: Option<PathBuf>,
    /// How problems are written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Warnings fail the check too.
    #[arg(long)]
    strict: bool,
    /// Makes a warning an error.
    #[arg(long, value_name = "CODE")]
    deny: Vec<String>,
    /// Keeps a warning a warning, also with `--strict`.
    #[arg(long, value_name = "CODE")]
    warn: Vec<String>,
    /// Leaves a warning out.
    #[arg(long, value_name = "CODE")]
    allow: Vec<String>,
    /// Explains a code, with a wrong and a right example; lists all codes when none is given.
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "", conflicts_with = "paths")]
    explain: Option<String>,
    #[command(flatten)]
    rules: RulesArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    /// Annotations on pull requests.
    Github,
}

pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if let Some(code) = &args.explain {
        return explain_code(code);
    }
    let levels = Levels { deny: args.deny.clone(), warn: args.warn.clone(), allow: args.allow.clone() };
    if let Some(refusal) = levels.refusal() {
        anyhow::bail!(refusal);
    }
    for prepare in [review::prepare_shapes, review::prepare_words] {
        std::thread::spawn(prepare);
    }
    let law = Law::find(&args.paths, args.stands_for.as_deref(), &args.rules)?;
    let mut review = match law.definitions.as_deref() {
        Some(paths) => definitions(paths, args.stands_for.as_deref(), &law)?,
        None => Review::default(),
    };
    let told =
        law.review.diagnostics.iter().filter(|each| law.only.as_ref().is_none_or(|only| *only == each.file));
    review.diagnostics.extend(told.cloned());
    review.sources.extend(&law.review.sources);
    levels.apply(&mut review.diagnostics);
    match args.format {
        Format::Human => human(&review, &law),
        Format::Json => output::print_json(&render::json(&review.diagnostics, &review.sources))?,
        Format::Github => output::print_raw(&render::github(&review.diagnostics, &review.sources)),
    }
    let strict = |code: &str| args.strict && !args.warn.iter().any(|each| each == code);
    let fails = review.diagnostics.iter().any(|problem| problem.is_error() || strict(problem.code));
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The review of the definitions that the paths mean, by the law of the rules at hand.
fn definitions(paths: &[PathBuf], stands_for: Option<&Path>, law: &Law) -> anyhow::Result<Review> {
    let target = Target::find(paths, stands_for)?;
    let files = target.files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let rules = law.rules()?;
    let mut review = Review::under(&rules, files, target.only.as_deref());
    review.diagnostics.splice(0..0, target.problems);
    Ok(review)
}

fn explain_code(code: &str) -> anyhow::Result<ExitCode> {
    if code.is_empty() {
        let width = explain::pages().map(|page| page.code.len()).max().unwrap_or_default();
        for page in explain::pages() {
            output::print(&format!("{:width$}  {}", page.code, page.summary()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(page) = explain::page(code) {
        let kind =
            if explain::WARNINGS.contains(&page.code) { "may be a warning" } else { "always an error" };
        output::print(&format!("{} ({kind})\n\nProtects: {}", page.code, page.body));
        return Ok(ExitCode::SUCCESS);
    }
    let levels = Levels { allow: vec![code.to_owned()], ..Levels::default() };
    anyhow::bail!(levels.refusal().unwrap_or_default())
}

fn human(review: &Review, law: &Law) {
    if review.diagnostics.is_empty() {
        let count =
            |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        if law.definitions.is_some() {
            let [flows, scripts, cadences] =
                [DefinitionKind::Flow, DefinitionKind::Script, DefinitionKind::Cadence]
                    .map(|kind| count(review.count(kind), kind.as_str()));
            output::print(&format!("{flows}, {scripts} and {cadences}: no problems"));
        }
        if law.review.files > 0 {
            let rules = &law.review;
            let (files, named) = (count(rules.files, "rule file"), count(rules.rules, "rule"));
            let examples = count(rules.vectors, "example");
            output::print(&format!("{files} with {named} and {examples}: no problems"));
        }
    } else {
        output::print_raw(&render::terminal(&review.diagnostics, &review.sources, output::colour()));
    }
}
