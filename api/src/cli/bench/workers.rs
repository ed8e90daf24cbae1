//! Scale-out: one, two and four worker processes on one PostgreSQL, with the product's own dial loop and simulated carrier.
//! Callees hang up at once, so that a call costs what it costs the dialer and no waiting.

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use anyhow::ensure;
use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::id::LeadId;
use callwright_engine::provider::Provider;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::clock::{self, VirtualClock};
use callwright_engine::store::{Db, totals};
use callwright_workers::bell::Bell;
use callwright_workers::dialer::{self, Options};
use callwright_workers::provider::simulated::behaviour::{Profile, Scripted, Seeded};
use callwright_workers::provider::simulated::faults::Faults;
use callwright_workers::provider::simulated::in_process::SimulatedCarrier;
use callwright_workers::provider::simulated::pump;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::Utc;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::steps::START;
use super::{Sizes, child};
use crate::cli::{output, session};

/// Longest that the calls of one run may take.
const WITHIN: Duration = Duration::from_mins(5);

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    if !target.is_postgres() {
        output::note("workers: left out, several processes dial on PostgreSQL only (--on postgres://…)");
        return Ok(Vec::new());
    }
    let mut by_count: [Vec<f64>; 3] = Default::default();
    for _ in 0..sizes.runs {
        for (rates, workers) in by_count.iter_mut().zip([1, 2, 4]) {
            rates.push(calls_per_second(target, sizes.leads, workers).await?);
        }
    }
    let figure = |(rates, workers): (&Vec<f64>, usize)| {
        let samples: Vec<Sample> = rates
            .iter()
            .zip(&by_count[0])
            .map(|(rate, one)| Sample { figure: *rate, limit: Some(*one) })
            .collect();
        let name = if workers == 1 { "one process".to_owned() } else { format!("{workers} processes") };
        let figure =
            Figure::of("workers", target.name(), "calls/s", &samples).measure(name).over(sizes.leads);
        if workers == 1 { figure } else { figure.goal(Goal::Ratio(0.9)) }
    };
    Ok(by_count.iter().zip([1, 2, 4]).map(figure).collect())
}

async fn calls_per_second(target: &Target, leads: u64, workers: usize) -> anyhow::Result<f64> {
    let place = Place::open(target).await?;
    let enrolled = prepare(&place.db, leads).await?;
    let arguments = ["bench", "workers", "--as-worker", place.url.as_str()];
    let children = (0..workers)
        .map(|_| Ok(child::command(&place.url, &arguments)?.spawn()?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let watch = Stopwatch::now();
    let mut first: Option<(Stopwatch, u64)> = None;
    // From the first call that is over: processes start one after the other.
    let rate = loop {
        let calls = finished(&place.db).await?;
        if first.is_none() && calls > 0 {
            first = Some((Stopwatch::now(), calls));
        }
        if let Some((since, already)) = first.filter(|_| calls >= enrolled) {
            // So few that all were over at the first look.
            let (calls, since) = if calls > already { (calls - already, since) } else { (calls, watch) };
            break calls as f64 / since.elapsed().as_secs_f64();
        }
        ensure!(watch.elapsed() < WITHIN, "only {calls} of {enrolled} calls were over within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for mut child in children {
        child.kill().await?;
    }
    place.close().await?;
    Ok(rate)
}

/// Everybody is called once: who does not answer would be called again hours later.
async fn prepare(db: &Db, leads: u64) -> anyhow::Result<u64> {
    let start: Instant = START.parse()?;
    let seed = 13;
    let trial = Trial::open(db.clone(), Library::embedded(), Setup::at(start, seed), Scripted::default());
    trial.engine.publish().await?;
    let mut people = people::leads(&Population::united_states(seed), 0..leads, &trial.engine.ids, start);
    for lead in &mut people {
        lead.preferred = None;
        lead.preferred_text = None;
    }
    trial.add_leads(&people).await?;
    let campaign = campaigns::consented("replay", VoiceClass::Live, &trial.engine.ids, start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = people.iter().map(|lead| lead.id).collect();
    let answers = trial.enroll(campaign, "replay", &ids, &json!({ "offer": { "title": "bench" } })).await?;
    let mut tx = db.begin().await?;
    let noon = VirtualClock { virtual_at: start, real_at: Utc::now(), rate: 1.0 };
    clock::set_virtual_clock(&mut tx, noon).await?;
    tx.commit().await?;
    Ok(answers.iter().filter(|answer| answer.is_ok()).count() as u64)
}

async fn finished(db: &Db) -> anyhow::Result<u64> {
    let mut tx = db.begin_read().await?;
    let (calls, ..) = totals::of_attempts(&mut tx).await?;
    tx.rollback().await?;
    Ok(calls)
}

/// One of the workers: the dial loop and its carrier, until it is killed.
pub async fn work(url: &str) -> anyhow::Result<()> {
    let engine = session::engine(Db::open(url).await?, Library::embedded());
    let seed: u64 = rand::random();
    let profile = Profile { ring_s: (0, 0), talk_s: (0, 0), voicemail_s: (0, 0), ..Profile::default() };
    let clock = pump::EngineClock::follow(&engine, 1.0).await?;
    let source = Seeded { seed: 1, profile };
    let carrier = Arc::new(SimulatedCarrier::new(clock.as_now(), seed, source, Faults::default()));
    let cancel = CancellationToken::new();
    let facts = tokio::spawn(pump::run(Arc::clone(&engine), Arc::clone(&carrier), clock, cancel.clone()));
    let options = Options::new(format!("bench-{seed:016x}"));
    dialer::run(engine, carrier as Arc<dyn Provider>, options, Bell::new(), cancel).await;
    facts.await?;
    Ok(())
}
