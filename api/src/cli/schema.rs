//! `callwright schema`: the JSON Schema of a kind of file.

use std::process::ExitCode;

use callwright_engine::definitions::schema::{SchemaKind, schema};
use clap::Args;

use super::output;

/// Prints the JSON Schema (draft 2020-12) of a kind of file, for editors.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright schema flow > flow.schema.json\n  callwright schema rules > rules.schema.json\n\nThe first line of a flow then may be:\n  # yaml-language-server: $schema=../flow.schema.json"
)]
pub struct SchemaArgs {
    /// flow, script, cadence, test, rules or holidays.
    #[arg(value_parser = kind)]
    kind: SchemaKind,
}

fn kind(text: &str) -> Result<SchemaKind, String> {
    text.parse().map_err(|error: callwright_engine::domain::UnknownText| error.to_string())
}

pub fn run(args: &SchemaArgs) -> anyhow::Result<ExitCode> {
    output::print_json(schema(args.kind))?;
    Ok(ExitCode::SUCCESS)
}
