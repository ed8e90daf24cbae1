//! `callwright graph`: a flow or a cadence as a picture.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use callwright_engine::definitions::graph::{Coverage, Graph};
use callwright_engine::definitions::library::Library;
use callwright_engine::testing::{self, shading};
use clap::{Args, ValueEnum};

use super::definitions::DefinitionsArgs;
use super::output;

/// Draws a flow or a cadence: its steps, what leads from one to the next, tries, waits, shares and ends.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright graph price-drop -o price-drop.svg          # open it in any browser\n  callwright graph price-drop --kind cadence > cadence.svg\n  callwright graph price-drop --coverage -o tested.svg   # what its tests go through\n  callwright graph new-lead --format mermaid             # for wikis and pull requests\n  callwright graph new-lead --format json | jq '.edges'"
)]
pub struct GraphArgs {
    /// Its name in its file.
    name: String,
    /// Which, when a flow and a cadence have the same name; the flow unless said otherwise.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// How the graph is written.
    #[arg(long, value_enum, default_value_t = Form::Svg)]
    format: Form,
    /// Shade what the tests of the definitions go through, and what not.
    #[arg(long)]
    coverage: bool,
    /// File to write; standard output when left out.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    definitions: DefinitionsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Flow,
    Cadence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A picture for browsers.
    Svg,
    /// A Mermaid flowchart.
    Mermaid,
    /// Nodes, edges and notes.
    Json,
}

pub fn run(args: &GraphArgs) -> anyhow::Result<ExitCode> {
    let library = args.definitions.load()?;
    let (graph, shading) = find(&library, args)?;
    let text = match args.format {
        Form::Svg => graph.svg(shading.as_ref()),
        Form::Mermaid => graph.mermaid(shading.as_ref()),
        Form::Json => serde_json::to_string_pretty(&graph)? + "\n",
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, text).with_context(|| path.display().to_string())?;
            output::note(&format!("written to {}", path.display()));
        }
        None => output::print_raw(&text),
    }
    Ok(ExitCode::SUCCESS)
}

/// The graph, and what the tests of the definitions go through when that is asked for.
fn find(library: &Library, args: &GraphArgs) -> anyhow::Result<(Graph, Option<Coverage>)> {
    let (name, kind) = (args.name.as_str(), args.kind);
    let tested = args.coverage.then(|| testing::run(library, |_, _| true).coverage);
    let flow = library.flow(name).filter(|_| kind != Some(Kind::Cadence));
    let cadence = library.cadence(name).filter(|_| kind != Some(Kind::Flow));
    match (flow, cadence) {
        (Some(flow), also) => {
            if also.is_some() && kind.is_none() {
                output::note(&format!("`{name}` is also a cadence: --kind cadence draws that"));
            }
            Ok((Graph::of_flow(flow), tested.map(|tested| shading::of_flow(&tested, flow))))
        }
        (None, Some(cadence)) => {
            Ok((Graph::of_cadence(cadence), tested.map(|tested| shading::of_cadence(&tested, cadence))))
        }
        (None, None) => {
            let flows: Vec<&str> = library.flows().map(|flow| flow.key.as_str()).collect();
            let cadences: Vec<&str> = library.cadences().map(|cadence| cadence.key.as_str()).collect();
            let (flows, cadences) = (flows.join(", "), cadences.join(", "));
            match kind {
                Some(Kind::Flow) => anyhow::bail!("there is no flow `{name}`; known are {flows}"),
                Some(Kind::Cadence) => anyhow::bail!("there is no cadence `{name}`; known are {cadences}"),
                None => anyhow::bail!("there is no `{name}`; flows: {flows}; cadences: {cadences}"),
            }
        }
    }
}
