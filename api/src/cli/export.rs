//! `callwright export`: what is on file, for audits, other systems and the people themselves.

mod person;
mod records;

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};

use super::output;
use super::{Global, session};
use crate::export::{Export, Format};

/// Writes what is on file as CSV or JSON lines, a page at a time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright export suppressions > suppressions.csv\n  callwright export suppressions --format json --out suppressions.jsonl\n  callwright export suppressions --lists --out everything.csv\n  callwright export records --from 2026-01-01 --to 2027-01-01 > records.csv\n  callwright export records --from 2026-07-01 --format jsonl --out july.jsonl\n  callwright export records --from 2026-01-01 --only stop\n  callwright export person lead_123 --out person.json\n\nRecords are calls with the consent they rested on, consents and revocations; api/docs/records.md tells every field."
)]
pub struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Calls with the consent they rested on, consents and revocations: what 16 CFR 310.5 and 47 CFR 64.1200 ask to be kept. Full
    /// numbers: keep the file safe.
    Records(records::RecordsArgs),
    /// Everything that is kept about one person, as one JSON document. Full numbers and what was said: keep the file safe.
    Person(person::PersonArgs),
    /// Numbers that are not called: source, reason, who added them, when, until when. Full numbers: keep the file safe.
    Suppressions {
        /// How rows are written; json: one object a line.
        #[arg(long, value_enum, default_value_t = Written::Csv)]
        format: Written,
        /// Also the numbers on registries' lists, which may be millions.
        #[arg(long)]
        lists: bool,
        /// Write into this file instead of standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    Csv,
    Json,
}

pub async fn run(args: ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let (format, lists, out) = match args.what {
        What::Records(args) => return records::run(args, global).await,
        What::Person(args) => return person::run(args, global).await,
        What::Suppressions { format, lists, out } => (format, lists, out),
    };
    let engine = session::open(global).await?;
    let format = if format == Written::Csv { Format::Csv } else { Format::JsonLines };
    let mut export = Export::new(Arc::clone(&engine), format, lists);
    let Some(path) = out else {
        while let Some(text) = export.next().await? {
            output::print_raw(&text);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let file = std::fs::File::create(&path);
    let mut file = io::BufWriter::new(file.with_context(|| format!("{} cannot be written", path.display()))?);
    let mut rows = 0;
    while let Some(text) = export.next().await? {
        rows += text.lines().count();
        file.write_all(text.as_bytes())?;
    }
    file.into_inner()?.sync_all()?;
    if io::stderr().is_terminal() {
        output::note(&format!("{rows} lines in {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
