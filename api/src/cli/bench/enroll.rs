//! Enrollments per second: a million leads into one cadence, in the batches of a trigger, beside INSERT … SELECT.

use std::time::Instant as Stopwatch;

use anyhow::{Context as _, ensure};
use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::id::LeadId;
use callwright_engine::store::limit::enroll::{self as limit, Enrolling};
use callwright_engine::store::{crowd as copies, wipe};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns};
use serde_json::json;

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{Sizes, crowd, steps};

const CADENCE: &str = "bench-steps";
/// As a trial enrolls: one transaction each.
const AT_ONCE: u32 = 1_000;

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    let start: Instant = steps::START.parse()?;
    crowd::leads(&place.db, sizes.enrolled, start).await?;
    let mut samples = Vec::new();
    for run in 0..sizes.runs {
        samples.push(sample(&place, sizes.enrolled, start, run).await?);
    }
    place.close().await?;
    let figure = Figure::of("enroll", target.name(), "leads/s", &samples).over(sizes.enrolled);
    Ok(vec![figure.goal(Goal::Ratio(0.5))])
}

async fn sample(place: &Place, leads: u64, start: Instant, run: u32) -> anyhow::Result<Sample> {
    let db = &place.db;
    let setup = Setup::at(start, u64::from(run));
    let trial = Trial::open(db.clone(), steps::library()?, setup, Scripted::default());
    trial.engine.publish().await?;
    let campaign =
        campaigns::consented(&format!("enroll-{run}"), VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = (0..leads).map(copies::id).collect();

    let watch = Stopwatch::now();
    let answers = trial.enroll(campaign, CADENCE, &ids, &json!({})).await?;
    let engine = watch.elapsed().as_secs_f64();
    ensure!(answers.iter().all(Result::is_ok), "every lead must be enrolled");
    wipe::walks(db).await?;

    let library = trial.engine.library.current();
    let bundle = library.bundle(CADENCE).context("the cadence of the benchmark")?;
    let enrolling = Enrolling { campaign, cadence: CADENCE, version: &bundle.hash, step: "one", at: start };
    let watch = Stopwatch::now();
    limit::all(db, &enrolling, LeadId::default(), AT_ONCE).await?;
    let by_hand = watch.elapsed().as_secs_f64();
    wipe::walks(db).await?;
    Ok(Sample { figure: leads as f64 / engine, limit: Some(leads as f64 / by_hand) })
}
