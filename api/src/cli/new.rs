//! `callwright new`: a further flow or cadence with its test, from the starters of `init`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output;
use super::starters::{self, CADENCE, FLOW};

/// Makes a new flow (with its script and test) or a new cadence (with its test).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright new flow winback\n  callwright new cadence winback --flow winback\n  callwright new flow winback --definitions my-outreach"
)]
pub struct NewArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Flow(FlowArgs),
    Cadence(CadenceArgs),
}

/// A flow, its script and its test.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  callwright new flow winback")]
struct FlowArgs {
    /// Its name: lower-case letters, digits, `-` and `_`.
    #[arg(value_parser = name)]
    name: String,
    /// Folder that holds `flows/` and `cadences/`; this folder when left out.
    #[arg(long, default_value = ".", value_name = "DIR", env = "CALLWRIGHT_DEFINITIONS")]
    definitions: PathBuf,
}

/// A cadence and its test.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  callwright new cadence winback --flow winback")]
struct CadenceArgs {
    /// Its name: lower-case letters, digits, `-` and `_`.
    #[arg(value_parser = name)]
    name: String,
    /// Flow that it calls with; the one of the same name when left out.
    #[arg(long, value_parser = name)]
    flow: Option<String>,
    /// Folder that holds `flows/` and `cadences/`; this folder when left out.
    #[arg(long, default_value = ".", value_name = "DIR", env = "CALLWRIGHT_DEFINITIONS")]
    definitions: PathBuf,
}

fn name(text: &str) -> Result<String, String> {
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if starts && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits, `-` and `_`, beginning with a letter".to_owned())
    }
}

pub fn run(args: NewArgs) -> anyhow::Result<ExitCode> {
    let folder = match args.what {
        What::Flow(args) => {
            let path = |path: &str| path.replace(starters::NAME, &args.name);
            let files = FLOW.map(|(file, text)| (path(file), starters::named(text, &args.name)));
            starters::write_named(&args.definitions, &files)?;
            args.definitions
        }
        What::Cadence(args) => {
            let path = |path: &str| path.replace(starters::NAME, &args.name);
            let flow = args.flow.as_deref().unwrap_or(&args.name);
            let files = CADENCE.map(|(file, text)| {
                let text = text.replace(&format!("call: {}\n", starters::NAME), &format!("call: {flow}\n"));
                (path(file), starters::named(&text, &args.name))
            });
            starters::write_named(&args.definitions, &files)?;
            args.definitions
        }
    };
    let folder = folder.display();
    output::note(&format!("Next: edit them, then callwright check {folder}; callwright test {folder}"));
    Ok(ExitCode::SUCCESS)
}
