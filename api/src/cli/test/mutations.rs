//! `callwright test --mutate`: which lines could be lost without anybody noticing.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callwright_engine::definitions::diagnostic::Diagnostic;
use callwright_engine::definitions::library::Library;
use callwright_engine::testing::mutate::{Mutant, mutants, survives};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::super::{check, output};
use super::{Format, TestArgs, folders_and_files};

pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let (folders, files) = folders_and_files(args);
    let (flows, cadences) = check::folders(&folders)?;
    let (library, problems) = Library::load(&flows, &cadences);
    anyhow::ensure!(
        !problems.iter().any(Diagnostic::is_error),
        "the definitions have errors; `callwright check` explains them"
    );
    let failed = callwright_engine::testing::run(&library, |_, _| true).failed();
    anyhow::ensure!(failed == 0, "{failed} cases fail as it is; `callwright test` explains them");
    let names: Vec<String> = files
        .iter()
        .filter_map(|file| Some(file.file_name()?.to_string_lossy().replace(".test.", ".")))
        .collect();
    let is_wanted =
        |path: &str| names.is_empty() || names.iter().any(|name| path.ends_with(&format!("/{name}")));
    let all = mutants(&library, is_wanted);
    anyhow::ensure!(!all.is_empty(), "there is no flow or cadence to take lines out of");
    let survivors = survivors(&library, &all, args.format == Format::Human);
    let score = (all.len() - survivors.len()) as f64 * 100.0 / all.len() as f64;
    report(args.format, &all, &survivors, score)?;
    let is_enough = args.min_score.is_none_or(|least| score >= f64::from(least));
    Ok(if is_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// On all cores: each mutant is a library of its own.
fn survivors<'m>(library: &Library, all: &'m [Mutant], shows: bool) -> Vec<&'m Mutant> {
    let bar = if shows { ProgressBar::new(all.len() as u64) } else { ProgressBar::hidden() };
    bar.enable_steady_tick(Duration::from_millis(200));
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<&Mutant> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    while let Some(mutant) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if survives(library, mutant) {
                            own.push(mutant);
                        }
                        bar.inc(1);
                    }
                    own
                })
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    bar.finish_and_clear();
    found.sort();
    found
}

fn report(format: Format, all: &[Mutant], survivors: &[&Mutant], score: f64) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let lines: Value = survivors
                .iter()
                .map(|mutant| json!({"path": mutant.path, "line": mutant.line, "text": mutant.text}))
                .collect();
            output::print_json(&json!({
                "lines": all.len(), "noticed": all.len() - survivors.len(), "percent": score, "survivors": lines,
            }))?;
        }
        Format::Github => {
            for mutant in survivors {
                output::print(&format!(
                    "::warning file={},line={},title=mutation::no test notices when this line is gone",
                    mutant.path, mutant.line
                ));
            }
        }
        Format::Human => {
            for mutant in survivors {
                output::print(&format!("{}:{}  {}", mutant.path, mutant.line, mutant.text));
            }
            let noticed = all.len() - survivors.len();
            output::print(&format!(
                "{noticed} of {} lines are missed when they are gone: {score:.1} %",
                all.len()
            ));
        }
    }
    Ok(())
}
