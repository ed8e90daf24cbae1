//! Complete calls per second: plan, claim with the intent durable before anyone is asked, place, callbacks, outcome, advance.

use std::time::Instant as Stopwatch;

use anyhow::ensure;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::Db;
use callwright_engine::store::limit::calls::Recorded;
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::json;

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{BATCH, Sizes};

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let mut samples = Vec::new();
    for run in 0..sizes.runs {
        let place = Place::open(target).await?;
        samples.push(sample(&place.db, Library::embedded(), sizes.leads, u64::from(run)).await?);
        place.close().await?;
    }
    // The peak of a billion calls a month.
    let figure = Figure::of("calls", target.name(), "calls/s", &samples).over(sizes.leads);
    Ok(vec![figure.goal(Goal::AtLeast(4_000.0))])
}

pub async fn sample(db: &Db, library: Library, leads: u64, seed: u64) -> anyhow::Result<Sample> {
    // Monday noon in New York: open in every zone of the mainland.
    let start: Instant = "2026-03-02T17:30:00Z".parse()?;
    let source = Seeded { seed, profile: Profile::default() };
    let trial = Trial::open(db.clone(), library, Setup::at(start, seed), source);
    trial.engine.publish().await?;
    let population = Population::united_states(seed);
    let mut people = people::leads(&population, 0..leads, &trial.engine.ids, start);
    for lead in &mut people {
        lead.preferred = None;
        lead.preferred_text = None;
    }
    trial.add_leads(&people).await?;
    let campaign = campaigns::consented("replay", VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    trial.enroll(campaign, "replay", &ids, &json!({"offer": {"title": "bench"}})).await?;

    let watch = Stopwatch::now();
    let pace = Pace { resolution: TimeDelta::minutes(10), batch: BATCH, until: start + TimeDelta::hours(6) };
    let mut asked = 0;
    trial.run(pace, |now| asked = now.asked).await?;
    let engine = watch.elapsed().as_secs_f64();
    ensure!(asked >= leads / 2, "too few calls ({asked}) to measure");

    let written = Recorded::take(db, BATCH as usize).await?;
    let watch = Stopwatch::now();
    written.write(db).await?;
    let by_hand = watch.elapsed().as_secs_f64();
    Ok(Sample { figure: asked as f64 / engine, limit: Some(asked as f64 / by_hand) })
}
