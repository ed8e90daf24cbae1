//! `callwright export person`: everything kept about one person.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use callwright_engine::store::lead;
use clap::{Args, ValueEnum};

use crate::cli::{Global, output, session, stop};

#[derive(Debug, Args)]
pub struct PersonArgs {
    /// A lead, by our id or yours.
    lead: String,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Written::Json)]
    format: Written,
    /// Who asks; kept as an event of the person's. [default: the user of this machine]
    #[arg(long)]
    by: Option<String>,
    /// Write into this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One document: tables would tear it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    Json,
}

pub async fn run(args: PersonArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let Written::Json = args.format;
    let engine = session::open(global).await?;
    let mut tx = engine.db.begin_read().await?;
    let id = lead::resolve(&mut tx, &args.lead).await?;
    tx.rollback().await?;
    let id = id.with_context(|| format!("lead `{}` does not exist", args.lead))?;
    let document = engine.person(id, &args.by.unwrap_or_else(stop::whoever)).await?;
    match args.out {
        None => output::print_json(&document)?,
        Some(path) => {
            let text = serde_json::to_string_pretty(&document)?;
            std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
