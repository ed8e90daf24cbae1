//! `bench` as people run it, in its smallest sizes: every scenario works on both databases, says what it measured in the
//! documented shape, and leaves nothing behind. What the figures are is nobody's business here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use callwright_tests::{Backend, TestDb};
use serde_json::Value;

/// Every scenario, with the number of its figures.
const SCENARIOS: [(&str, usize); 16] = [
    ("steps", 1),
    ("calls", 1),
    ("enroll", 1),
    ("triggers", 2),
    ("beside", 4),
    ("backlog", 2),
    ("latency", 4),
    ("memory", 2),
    ("simulate", 2),
    ("gates", 3),
    ("api", 5),
    ("check", 2),
    ("start", 1),
    ("workers", 3),
    ("capacity", 5),
    ("suppression", 5),
];

fn bench(folder: &Path, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
    let output = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
        .args(["bench", "--quick", "--format", "json"])
        .args(arguments)
        .current_dir(folder)
        .env_remove("CALLWRIGHT_DEFINITIONS")
        .output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn has_the_shape(figure: &Value, database: &str) -> anyhow::Result<()> {
    let of_databases = [database, "memory", "files"];
    ensure!(of_databases.contains(&figure["database"].as_str().unwrap_or_default()), "{figure}");
    let value = figure["figure"].as_f64().with_context(|| format!("no figure in {figure}"))?;
    // Lateness may be less than the clock shows; nothing else is ever below nothing.
    ensure!(value.is_finite() && (value > 0.0 || figure["scenario"] == "latency"), "{figure}");
    ensure!(figure["unit"].is_string() && figure["n"].is_u64() && figure["measure"].is_string(), "{figure}");
    ensure!(figure["limit"].is_null() == figure["ratio"].is_null(), "{figure}");
    ensure!(figure["goal"].is_null() == figure["met"].is_null(), "{figure}");
    Ok(())
}

fn works_on(database: &str, only: impl Fn(&str) -> bool, target: &[&str]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (scenario, count) in SCENARIOS.iter().filter(|(scenario, _)| only(scenario)) {
        let arguments: Vec<&str> = [*scenario].into_iter().chain(target.iter().copied()).collect();
        let figures = bench(folder.path(), &arguments)?;
        ensure!(figures.len() == *count, "{scenario}: {figures:?}");
        let measures: BTreeSet<&str> =
            figures.iter().filter_map(|figure| figure["measure"].as_str()).collect();
        ensure!(measures.len() == *count, "{scenario} says the same twice: {figures:?}");
        for figure in &figures {
            ensure!(figure["scenario"] == *scenario, "{figure}");
            has_the_shape(figure, database)?;
        }
    }
    Ok(())
}

#[test]
fn every_scenario_works_on_a_new_file() -> anyhow::Result<()> {
    works_on("sqlite", |scenario| scenario != "workers", &[])
}

#[tokio::test]
#[ignore = "starts worker processes against the clock: on a quiet machine"]
async fn every_scenario_of_a_database_works_on_postgres() -> anyhow::Result<()> {
    let Some(database) = TestDb::open(Backend::Postgres).await? else { return Ok(()) };
    let target = ["--on", database.url.as_str()];
    let without = ["simulate", "gates", "check", "capacity"];
    works_on("postgres", |scenario| !without.contains(&scenario), &target)
}

#[test]
fn real_leads_are_not_measured_with() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let import = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
        command.args(arguments).current_dir(folder.path()).env("DATABASE_URL", "sqlite:real.db").output()
    };
    std::fs::write(folder.path().join("leads.csv"), "externalId,phone\nlead_1,+12124567890\n")?;
    let imported = import(&["import", "leads.csv"])?;
    ensure!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let refused = import(&["bench", "steps", "--quick", "--on", "sqlite:real.db"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds real leads"));
    Ok(())
}
