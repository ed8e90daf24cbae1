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

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{BATCH, Sizes};

/// Waits, so that every step is claimed on its own: steps without a pause would be run through in one commit.
pub const CADENCE: &str = "cadence: bench-steps
title: Three timed steps
enter: { again_after: at_end }
steps:
  - { id: one, wait: 1 second }
  - { id: two, wait: 1 second }
  - { id: three, end: completed }
";
const STEPS: u32 = 3;
/// A Monday, two in the afternoon in New York and nine in the morning in Honolulu: people may be called everywhere.
pub const START: &str = "2026-03-02T19:00:00Z";

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let mut samples = Vec::new();
    for run in 0..sizes.runs {
        let place = Place::open(target).await?;
        let figure = engine(&place.db, sizes.leads, u64::from(run)).await?;
        samples.push(Sample { figure, limit: Some(by_hand(&place.db, sizes.leads).await?) });
        place.close().await?;
    }
    // Ahead of every engine this work was measured on, and this close to what the database can do.
    let goal = Goal::Ratio(if target.is_postgres() { 0.40 } else { 0.30 });
    Ok(vec![Figure::of("steps", target.name(), "steps/s", &samples).over(sizes.leads).goal(goal)])
}

/// The definitions of this scenario.
pub fn library() -> anyhow::Result<Library> {
    let (library, problems) = Library::from_files([("cadences/bench-steps.yaml", CADENCE)]);
    ensure!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    Ok(library)
}

/// Steps per second through the engine. Others that wait in the database stay waiting.
pub async fn engine(db: &Db, leads: u64, seed: u64) -> anyhow::Result<f64> {
    let start: Instant = START.parse()?;
    let trial = Trial::open(db.clone(), library()?, Setup::at(start, seed), Scripted::default());
    trial.engine.publish().await?;
    let population = Population::united_states(seed);
    let first = seed * leads;
    let people = people::leads(&population, first..first + leads, &trial.engine.ids, start);
    trial.add_leads(&people).await?;
    let campaign =
        campaigns::consented(&format!("bench-{seed}"), VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    trial.enroll(campaign, "bench-steps", &ids, &json!({})).await?;

    let watch = Stopwatch::now();
    let mut passed = 0;
    // Each second takes every lead one step further; the last one ends.
    for second in 0..STEPS {
        trial.clock.advance_to(start + TimeDelta::seconds(i64::from(second)));
        loop {
            let due = trial.engine.plan_batches(BATCH).await?.due;
            passed += due as u64;
            if due < BATCH as usize {
                break;
            }
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    let work = leads * u64::from(STEPS);
    ensure!(passed == work, "every lead must pass its {STEPS} steps: {passed} of {work} were");
    Ok(work as f64 / seconds)
}

async fn by_hand(db: &Db, leads: u64) -> anyhow::Result<f64> {
    limit::prepare(db, leads).await?;
    let watch = Stopwatch::now();
    let mut round = 0;
    while limit::step(db, BATCH, STEPS, &mut round).await? > 0 {}
    let seconds = watch.elapsed().as_secs_f64();
    limit::clear(db).await?;
    Ok(leads as f64 * f64::from(STEPS) / seconds)
}
