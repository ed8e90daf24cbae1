//! `callwright import`: leads or suppressed numbers from a file.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::output::{self, Format};
use super::{Global, session};
use crate::import::{self, Format as RowFormat, ImportKind, Job, Report};

/// Imports leads (or numbers that must not be called) from a CSV file or JSON lines.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright import leads.csv\n  callwright import registry.csv --kind suppressions\n\nColumns: externalId, email, firstName, lastName, phone, company, segment, status, language, timezone, country,\nregion, preferredContactTime, doNotCall, score, tags (separated by `;`), accountId, custom.ANYTHING; and of a\nconsent that comes along: consentPurpose (several with `;`), consentForm, consentAt, consentWording, consentChannel,\nconsentEvidence, consentUrl, consentSha256, consentSource, consentSeller, consentNumber.\nRows match leads on file by externalId, else email, else phone. An import that was cut off goes on where it stopped\nwhen it is started again."
)]
pub struct ImportArgs {
    /// `.csv` with a header line, or `.json`/`.jsonl` with one object a line.
    file: PathBuf,
    /// What the rows are.
    #[arg(long, value_enum, default_value_t = Kind::Leads)]
    kind: Kind,
    /// Import the file even if it was imported before.
    #[arg(long)]
    again: bool,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Leads,
    Suppressions,
}

pub async fn run(args: ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let mut file =
        File::open(&args.file).with_context(|| format!("{} cannot be opened", args.file.display()))?;
    let length = file.metadata()?.len();
    let source = format!("file:{}", digest(&mut file)?);
    let kind = match args.kind {
        Kind::Leads => ImportKind::Leads,
        Kind::Suppressions => ImportKind::Suppressions,
    };
    let job =
        Job { kind, format: RowFormat::of_name(&args.file.to_string_lossy()), source, again: args.again };
    let bar = bar(length)?;
    let counted = bar.wrap_read(file);
    let report = import::run(&engine, job, counted, |so_far| {
        bar.set_message(format!("{} rows, {} rejected", so_far.rows_read, so_far.rejected));
    })
    .await
    .with_context(|| format!("{} was not read to its end", args.file.display()))?;
    bar.finish_and_clear();
    match args.format {
        Format::Human => human(&args.file, &report),
        Format::Json => output::print_json(&report)?,
    }
    Ok(if report.rejected > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Of the content: a renamed file is the same source, a changed one is not.
fn digest(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    file.rewind()?;
    Ok(hex::encode(hash.finalize()))
}

fn bar(length: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {percent}%  {msg}  {eta} left")?;
    Ok(ProgressBar::new(length).with_style(style))
}

fn human(file: &Path, report: &Report) {
    for error in &report.errors {
        let field = error.field.as_deref().map(|field| format!(" {field}:")).unwrap_or_default();
        output::print(&format!("{}:{}:{field} {}", file.display(), error.line, error.message));
    }
    let kept = report.errors.len() as u64;
    if report.rejected > kept && kept > 0 {
        output::print(&format!("… and more; {kept} mistakes are shown"));
    }
    if report.repeated {
        output::print("this file was imported before; --again imports it once more");
    }
    output::print(&format!(
        "{} rows: {} created, {} updated, {} rejected",
        report.rows_read, report.created, report.updated, report.rejected
    ));
}
