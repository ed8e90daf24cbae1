//! `callwright plan`: what publishing would do to the people under way.

use std::process::ExitCode;

use callwright_engine::domain::publication::{MapTo, Mode};
use callwright_engine::engine::publish::{DEFAULT_RATE, PublicationPlan, PublishRequest};
use clap::Args;

use super::super::definitions::DefinitionsArgs;
use super::super::output::{self, Format};
use super::super::{Global, session};
use super::{ModeArg, pair, short, step_map};

/// Shows what publishing a cadence would do to the people under way. Changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright plan new-lead --mode pin\n  callwright plan new-lead --mode follow --rate 120\n  callwright plan new-lead --mode migrate --map pause=second --map goodbye=end\n  callwright plan new-lead --to 3f2a91c0 --mode follow      (back to an earlier version)\n\nThe last line is a token: `callwright apply --token TOKEN` does what was planned, unless things have changed since.\nExit code 1 when it cannot be applied."
)]
pub struct PlanArgs {
    /// The cadence's name in its file.
    cadence: String,
    /// What to publish: `files`, or an earlier version by its hash.
    #[arg(long, value_name = "VERSION", default_value = "files")]
    to: String,
    /// What becomes of the people under way.
    #[arg(long, value_enum, default_value_t = ModeArg::Pin)]
    mode: ModeArg,
    /// Where the people on an old step go: OLD=NEW, or OLD=end for out; may be repeated.
    #[arg(long = "map", value_name = "OLD=NEW", value_parser = pair)]
    steps: Vec<(String, MapTo)>,
    /// People a minute who may become due at once, because their wait is over by its new length.
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_RATE)]
    rate: u32,
    #[command(flatten)]
    definitions: DefinitionsArgs,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub async fn run(args: PlanArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = match args.to.as_str() {
        "files" => super::engine(&args.definitions, global).await?,
        _ => session::open(global).await?,
    };
    let request = PublishRequest {
        cadence: args.cadence,
        to: (args.to != "files").then_some(args.to),
        mode: args.mode.into(),
        steps: step_map(&args.steps),
        rate: args.rate,
    };
    let plan = engine.plan_publication(&request).await?;
    match args.format {
        Format::Human => output::print(&text(&plan)),
        Format::Json => output::print_json(&plan)?,
    }
    Ok(if plan.token.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(plan: &PublicationPlan) -> String {
    let head = plan.head.as_deref().map_or("nothing", short);
    let mut lines = vec![format!(
        "{}: publish {}, mode {}; new enrollments get {head} now",
        plan.cadence_id,
        short(&plan.to),
        plan.mode
    )];
    lines.extend(plan.changes.iter().map(|change| format!("  {change}")));
    lines.push(String::new());
    lines.push(format!("{} people are under way in other versions", plan.running));
    if plan.mode == Mode::Pin {
        lines.push(format!("  {} stay in the version they have", plan.stays));
    } else {
        lines.extend(people(plan));
    }
    for problem in &plan.problems {
        lines.push(format!("cannot be applied: {problem}"));
    }
    if let Some(token) = &plan.token {
        lines.push(format!("\ncallwright apply --token {token}"));
    }
    lines.join("\n")
}

fn people(plan: &PublicationPlan) -> Vec<String> {
    let mut rows = vec![["step", "version", "people", "in a call", "then"].map(str::to_owned).to_vec()];
    for step in &plan.steps {
        let then = match (&step.to, &step.ends) {
            (Some(to), _) if step.because == "kept" => format!("stays on {to}"),
            (Some(to), _) => format!("goes on to {to} ({})", step.because),
            (None, ends) => format!("ends as {} ({})", ends.as_deref().unwrap_or_default(), step.because),
        };
        let (people, calls) = (step.people.to_string(), step.in_calls.to_string());
        rows.push(vec![step.step.clone(), short(&step.version).to_owned(), people, calls, then]);
    }
    let table = if plan.steps.is_empty() { String::new() } else { output::table(&rows) };
    let mut lines: Vec<String> = table.lines().map(|line| format!("  {line}")).collect();
    lines.push(format!("{} move, {} end", plan.moves, plan.ends));
    if plan.in_calls > 0 {
        lines.push(format!(
            "{} are in a call ({} in doubt): they move when it has settled, from wherever it leads them",
            plan.in_calls, plan.in_doubt
        ));
    }
    if plan.earlier > 0 {
        let first = plan.earliest.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
        lines.push(format!("{} wake earlier, the first at {first}", plan.earlier));
    }
    if plan.at_once > 0 {
        let last =
            plan.at_once_until.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
        lines.push(format!(
            "  of them {} at once, because their wait is over: {} a minute until {last}",
            plan.at_once, plan.rate
        ));
    }
    if plan.later > 0 {
        lines.push(format!("{} wake later", plan.later));
    }
    for empty in &plan.empty {
        lines.push(format!(
            "{} people do not bring `{}`, which the new version reads",
            empty.people, empty.variable
        ));
    }
    for repeat in &plan.repeats {
        lines.push(format!(
            "{} people have had step `{}` and would come to it again: it stands behind them now",
            repeat.people, repeat.step
        ));
    }
    lines
}
