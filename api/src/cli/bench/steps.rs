//! Steps per second: three steps per lead, each its own claim, decision and durable commit, with three events in all.

use std::time::Instant as Stopwatch;

use anyhow::ensure;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::{Db, limit};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::json;

use super::{BATCH, Sample};

/// Waits, so that every step is claimed on its own: steps without a pause would be run through in one commit.
const CADENCE: &str = "cadence: bench-steps
title: Three timed steps
enter: { again_after: at_end }
steps:
  - { id: one, wait: 1 second }
  - { id: two, wait: 1 second }
  - { id: three, end: completed }
";
const STEPS: u32 = 3;

pub async fn sample(db: &Db, leads: u64, seed: u64) -> anyhow::Result<Sample> {
    let (library, problems) = Library::from_files([("cadences/bench-steps.yaml", CADENCE)]);
    ensure!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    let start: Instant = "2026-03-02T17:00:00Z".parse()?;
    let trial = Trial::open(db.clone(), library, Setup::at(start, seed), Scripted::default());
    trial.engine.publish().await?;
    let population = Population::united_states(seed);
    let people = people::leads(&population, 0..leads, &trial.engine.ids, start);
    trial.add_leads(&people).await?;
    let campaign = campaigns::consented("bench", VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    trial.enroll(campaign, "bench-steps", &ids, &json!({})).await?;

    let watch = Stopwatch::now();
    // Each second takes every lead one step further; the last one ends.
    for second in 0..STEPS {
        trial.clock.advance_to(start + TimeDelta::seconds(i64::from(second)));
        while trial.engine.plan(BATCH).await?.due == BATCH as usize {}
    }
    let engine = watch.elapsed().as_secs_f64();
    ensure!(trial.engine.next_wake().await?.is_none(), "every lead must have passed its {STEPS} steps");

    limit::prepare(db, leads).await?;
    let watch = Stopwatch::now();
    let mut round = 0;
    while limit::step(db, BATCH, STEPS, &mut round).await? > 0 {}
    let by_hand = watch.elapsed().as_secs_f64();
    limit::clear(db).await?;
    let work = leads as f64 * f64::from(STEPS);
    Ok(Sample { figure: work / engine, limit: work / by_hand })
}
