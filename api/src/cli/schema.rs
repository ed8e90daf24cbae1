//! `callwright schema`: the JSON Schema of a kind of file, or of a call's package.

use std::process::ExitCode;

use callwright_engine::definitions::schema::{SchemaKind, schema};
use callwright_engine::package;
use clap::Args;

use super::output;

/// Prints the JSON Schema (draft 2020-12) of a kind of file, for editors, or of a call's package, for voice platforms.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright schema flow > flow.schema.json\n  callwright schema rules > rules.schema.json\n  callwright schema package > package.schema.json\n\nThe first line of a flow then may be:\n  # yaml-language-server: $schema=../flow.schema.json"
)]
pub struct SchemaArgs {
    /// flow, script, cadence, test, rules, holidays or package.
    #[arg(value_parser = kind)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    File(SchemaKind),
    Package,
}

fn kind(text: &str) -> Result<Kind, String> {
    if text == "package" {
        return Ok(Kind::Package);
    }
    text.parse()
        .map(Kind::File)
        .map_err(|error: callwright_engine::domain::UnknownText| format!("{error}, or package"))
}

pub fn run(args: &SchemaArgs) -> anyhow::Result<ExitCode> {
    output::print_json(match args.kind {
        Kind::File(kind) => schema(kind),
        Kind::Package => package::schema(),
    })?;
    Ok(ExitCode::SUCCESS)
}
