//! `callwright doctor`: can this machine, database and folder do the work?

use std::process::ExitCode;

use callwright_engine::store::{Db, api_key, clock};
use callwright_engine::time::zone::tzdb_version;
use chrono::{Datelike, Utc};
use clap::Args;
use serde::Serialize;

use super::definitions::{self, DefinitionsArgs};
use super::output::{self, Format};
use super::{Global, session};

/// Checks the database, its clock, time zone data, keys and definitions.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  callwright doctor --database-url postgres://dialer@localhost/dialer\n\nExit code 1 when something must be mended."
)]
pub struct DoctorArgs {
    #[command(flatten)]
    definitions: DefinitionsArgs,
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

/// A worker whose clock is further off does not claim.
const MOST_SKEW_S: f64 = 2.0;

pub async fn run(args: DoctorArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let mut findings = vec![zones(), definitions_found(&args.definitions)];
    match session::database(global).await {
        Ok(db) => {
            findings.insert(0, finding("database", State::Fine, "reachable and up to date"));
            findings.extend(inside(&db).await?);
        }
        Err(error) => findings.insert(0, finding("database", State::Bad, format!("{error:#}"))),
    }
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

/// The year of the bundled zone database tells how stale it is.
fn zones() -> Finding {
    let version = tzdb_version();
    let year: Option<i32> = version.get(..4).and_then(|year| year.parse().ok());
    match year {
        Some(year) if Utc::now().year() - year <= 1 => {
            finding("time zones", State::Fine, format!("database {version}"))
        }
        _ => finding(
            "time zones",
            State::Warning,
            format!("database {version} may be stale; update Callwright"),
        ),
    }
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

async fn inside(db: &Db) -> anyhow::Result<Vec<Finding>> {
    let mut tx = db.begin_read().await?;
    let database_now = clock::database_now(&mut tx).await?;
    let virtual_clock = clock::virtual_clock(&mut tx).await?;
    let keys = api_key::list(&mut tx).await?;
    tx.rollback().await?;
    let skew = (Utc::now() - database_now).as_seconds_f64().abs();
    let mut findings = Vec::new();
    findings.push(if skew <= MOST_SKEW_S {
        finding("clock", State::Fine, format!("{skew:.1} s from the database's"))
    } else {
        finding("clock", State::Bad, format!("{skew:.1} s from the database's; set this machine's clock"))
    });
    if let Some(clock) = virtual_clock {
        let message = format!("virtual, at {} times real time: no real carrier will be used", clock.rate);
        findings.push(finding("clock", State::Warning, message));
    }
    let in_force = keys.iter().filter(|key| key.revoked_at.is_none()).count();
    findings.push(match in_force {
        0 => finding("API keys", State::Warning, "none; `callwright key create NAME` makes one"),
        count => finding("API keys", State::Fine, format!("{count} in force")),
    });
    Ok(findings)
}
