//! The simulation of the call protocol from the command line: many seeds, one seed with its trace, and the seeded bugs.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use callwright_protocol::{Bug, Fault, Totals, play_many, shrink, told};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

/// Simulates the call protocol under faults: at most one call per attempt, nobody called who must not be, nothing forgotten.
#[derive(Parser)]
#[command(
    after_help = "Examples:\n  protocol run --seeds 1000000\n  protocol replay --seed 42 --trace\n  protocol bugs --seeds 1000\n\nExit codes: 0 all promises kept (bugs: all found), 1 one broken (a bug not found) or a fault that never struck, 2 wrong usage."
)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays many seeds: `protocol run --seeds 5000000`.
    Run {
        #[arg(long, default_value_t = 100_000)]
        seeds: u64,
        /// First seed.
        #[arg(long, default_value_t = 0)]
        from: u64,
        #[arg(long)]
        threads: Option<usize>,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Plays one seed again: `protocol replay --seed 42 --trace`.
    Replay {
        #[arg(long)]
        seed: u64,
        /// With a seeded bug.
        #[arg(long, value_parser = bug)]
        bug: Option<Bug>,
        /// Every step in words.
        #[arg(long)]
        trace: bool,
        /// Leaves out every fault that the violation does not need.
        #[arg(long)]
        shrink: bool,
    },
    /// Plays seeds with each seeded bug: `protocol bugs --seeds 1000`.
    Bugs {
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Only this one.
        #[arg(long, value_parser = bug)]
        only: Option<Bug>,
        #[arg(long)]
        threads: Option<usize>,
        /// One JSON object a line instead of a table.
        #[arg(long)]
        json: bool,
    },
}

fn bug(name: &str) -> Result<Bug, String> {
    let all = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    Bug::find(name).ok_or_else(|| format!("no such bug; there are {}", all()))
}

fn main() -> std::io::Result<ExitCode> {
    match Options::parse().command {
        Command::Run { seeds, from, threads, json } => run(from, seeds, cores(threads), json),
        Command::Replay { seed, bug, trace, shrink } => replay(seed, bug, trace, shrink),
        Command::Bugs { seeds, from, only, threads, json } => bugs(from, seeds, only, cores(threads), json),
    }
}

fn cores(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

fn run(from: u64, seeds: u64, threads: usize, as_json: bool) -> std::io::Result<ExitCode> {
    let began = Instant::now();
    let totals = play_many(from..from + seeds, None, threads, &progress(seeds));
    let seconds = began.elapsed().as_secs_f64();
    let mut out = std::io::stdout().lock();
    let never = totals.fired.never();
    if as_json {
        writeln!(out, "{}", report(&totals, seconds))?;
    } else {
        let years = totals.seconds as f64 / (365.25 * 86_400.0);
        writeln!(out, "{} seeds, {} steps, {years:.1} years in {seconds:.1} s", totals.seeds, totals.steps)?;
        writeln!(out, "{} requests, {} calls", totals.posts, totals.calls)?;
        for fault in Fault::ALL {
            writeln!(out, "  {:<20} {}", fault.name(), totals.fired.of(*fault))?;
        }
        writeln!(out, "{} seeds broke a promise", totals.failed)?;
        for (seed, violation) in &totals.failures {
            writeln!(out, "  seed {seed}: {} at {}: {}", violation.invariant, violation.at, violation.what)?;
        }
        if !never.is_empty() {
            writeln!(out, "never struck: {}", never.join(", "))?;
        }
    }
    Ok(ExitCode::from(u8::from(totals.failed > 0 || !never.is_empty())))
}

fn report(totals: &Totals, seconds: f64) -> Value {
    let fired: serde_json::Map<String, Value> =
        Fault::ALL.iter().map(|fault| (fault.name().to_owned(), json!(totals.fired.of(*fault)))).collect();
    let failures: Vec<Value> = totals
        .failures
        .iter()
        .map(|(seed, v)| json!({"seed": seed, "invariant": v.invariant, "at": v.at, "what": v.what}))
        .collect();
    json!({
        "seeds": totals.seeds, "steps": totals.steps, "requests": totals.posts, "calls": totals.calls,
        "virtualSeconds": totals.seconds, "wallSeconds": seconds, "fired": fired, "failed": totals.failed,
        "failures": failures,
    })
}

fn replay(seed: u64, bug: Option<Bug>, trace: bool, shrinks: bool) -> std::io::Result<ExitCode> {
    let dropped = if shrinks { shrink(seed, bug) } else { Vec::new() };
    let (outcome, lines) = told(seed, bug, &dropped);
    let mut out = std::io::stdout().lock();
    if trace {
        for line in lines {
            writeln!(out, "{line}")?;
        }
    }
    if !dropped.is_empty() {
        let names: Vec<&str> = dropped.iter().map(|fault| fault.name()).collect();
        writeln!(out, "without {}", names.join(", "))?;
    }
    writeln!(out, "seed {seed}: {} steps, hash {:016x}", outcome.steps, outcome.hash)?;
    match &outcome.violation {
        Some(broken) => writeln!(out, "{} broken at {}: {}", broken.invariant, broken.at, broken.what)?,
        None => writeln!(out, "all promises kept")?,
    }
    Ok(ExitCode::from(u8::from(outcome.violation.is_some())))
}

fn bugs(
    from: u64,
    seeds: u64,
    only: Option<Bug>,
    threads: usize,
    as_json: bool,
) -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut missed = 0;
    for bug in Bug::ALL.iter().copied().filter(|bug| only.is_none_or(|only| only == *bug)) {
        let totals = play_many(from..from + seeds, Some(bug), threads, &|_| ());
        let first = totals.failures.first();
        let mut invariants: Vec<&str> = totals.failures.iter().map(|(_, broken)| broken.invariant).collect();
        invariants.sort_unstable();
        invariants.dedup();
        missed += u32::from(totals.failed == 0);
        if as_json {
            let first = first.map(|(seed, _)| *seed);
            let line = json!({"bug": bug.name(), "seeds": seeds, "failed": totals.failed, "first": first, "invariants": invariants});
            writeln!(out, "{line}")?;
        } else {
            let first = first.map_or_else(|| "-".to_owned(), |(seed, _)| seed.to_string());
            writeln!(out, "{:<32} {:>8} {:>8}  {}", bug.name(), totals.failed, first, invariants.join(" "))?;
        }
    }
    if !as_json {
        writeln!(out, "{missed} of {} bugs not found in {seeds} seeds", Bug::ALL.len())?;
    }
    Ok(ExitCode::from(u8::from(missed > 0)))
}

/// On a terminal only.
fn progress(seeds: u64) -> impl Fn(u64) + Sync {
    let is_terminal = std::io::stderr().is_terminal();
    move |played| {
        if is_terminal && played % 8_192 < 32 {
            let _ = write!(std::io::stderr(), "\r{played} of {seeds} seeds");
        }
    }
}
