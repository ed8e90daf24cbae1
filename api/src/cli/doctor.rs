//! `callwright doctor`: can this machine, database and folder do the work? What is looked at in the database and for its
//! safety is in `doctor/`.

mod inside;
mod law;
mod safety;

use std::process::ExitCode;

use chrono::Utc;
use clap::Args;
use serde::Serialize;

use super::definitions::{self, DefinitionsArgs};
use super::output::{self, Format};
use super::rules::RulesArgs;
use super::{Global, session};

/// Checks the database with its migrations, clock and settings, the journal of stops, backups, disk space, time zone data,
/// calling rules, keys and definitions. Changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright doctor --database-url postgres://dialer@localhost/dialer\n  callwright doctor --deep --format json\n\nExit code 1 when something must be mended."
)]
pub struct DoctorArgs {
    /// Also read a whole SQLite database and prove that it is sound; takes about a second for each gigabyte.
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    #[command(flatten)]
    rules: RulesArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Fine,
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    message: String,
}

fn finding(what: &'static str, state: State, message: impl Into<String>) -> Finding {
    Finding { what, state, message: message.into() }
}

pub async fn run(args: DoctorArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut findings = match session::as_it_is(&global.database_url).await {
        Ok(db) => inside::all(&db, args.deep).await?,
        Err(error) => vec![finding("database", State::Bad, format!("{error:#}"))],
    };
    findings.extend(safety::all(global));
    findings.extend(law::all(&args.rules, Utc::now().date_naive()));
    findings.push(definitions_found(&args.definitions));
    match args.format {
        Format::Json => output::print_json(&findings)?,
        Format::Human => {
            for found in &findings {
                let mark = match found.state {
                    State::Fine => "ok  ",
                    State::Warning => "warn",
                    State::Bad => "BAD ",
                };
                output::print(&format!("{mark}  {:12} {}", found.what, found.message));
            }
        }
    }
    let is_bad = findings.iter().any(|found| found.state == State::Bad);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn definitions_found(args: &DefinitionsArgs) -> Finding {
    let Some(folder) = args.folder() else {
        return finding("definitions", State::Fine, "the shipped ones");
    };
    let (library, problems) = definitions::read(&folder);
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let counted = format!(
        "{} flows and {} cadences in {}",
        library.flows().count(),
        library.cadences().count(),
        folder.display()
    );
    if errors == 0 {
        finding("definitions", State::Fine, counted)
    } else {
        finding(
            "definitions",
            State::Bad,
            format!("{errors} errors ({counted}); `callwright check` shows them"),
        )
    }
}
