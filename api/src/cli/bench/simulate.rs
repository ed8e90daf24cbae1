//! Simulations: complete calls per second in memory, a recorded campaign replayed, a population over thirty virtual days.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use callwright_engine::definitions::library::Library;
use serde_json::Value;

use super::figure::{Figure, Goal, Sample};
use super::place::Place;
use super::{Sizes, calls, child};

/// Virtual days of the population.
const DAYS: u64 = 30;

pub async fn measure(sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let mut samples = Vec::new();
    for run in 0..sizes.runs {
        let place = Place::in_memory().await?;
        samples.push(calls::sample(&place.db, Library::embedded(), sizes.leads, u64::from(run)).await?);
        place.close().await?;
    }
    let mut figures = vec![Figure::of("simulate", "memory", "calls/s", &samples).over(sizes.leads)];
    if let Some(file) = &sizes.replay {
        let mut samples = Vec::new();
        let mut calls = 0;
        for _ in 0..sizes.runs {
            let (seconds, attempts) = replayed(file).await?;
            samples.push(Sample { figure: seconds, limit: None });
            calls = attempts;
        }
        let figure = Figure::of("simulate", "memory", "s", &samples).measure("recorded campaign");
        figures.push(figure.over(calls).goal(Goal::AtMost(10.0)));
    }
    figures.push(population(sizes.simulated).await?);
    Ok(figures)
}

/// Seconds that `simulate --replay` took by itself, and the calls it made.
async fn replayed(file: &Path) -> anyhow::Result<(f64, u64)> {
    let file = file.to_str().context("the path of the recording is not UTF-8")?;
    let line = run(&["simulate", "--replay", file, "--format", "json"]).await?;
    let number = |name: &str| line[name].as_f64().with_context(|| format!("`{name}` in {line}"));
    Ok((number("seconds")?, number("attempts")? as u64))
}

async fn population(leads: u64) -> anyhow::Result<Figure> {
    let watch = std::time::Instant::now();
    let (count, days) = (leads.to_string(), DAYS.to_string());
    run(&["simulate", "new-lead", "--leads", &count, "--days", &days, "--format", "json"]).await?;
    let sample = Sample { figure: watch.elapsed().as_secs_f64(), limit: None };
    let figure = Figure::of("simulate", "memory", "s", &[sample]).measure("30 virtual days").over(leads);
    // The goal is one of a million.
    Ok(if leads >= 1_000_000 { figure.goal(Goal::AtMost(60.0)) } else { figure })
}

async fn run(arguments: &[&str]) -> anyhow::Result<Value> {
    let mut command = child::command("sqlite::memory:", arguments)?;
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().await?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
