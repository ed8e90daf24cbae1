//! Does it matter how many wait? `steps` with a million others waiting beside `steps` alone, and a round that finds nothing.

use std::time::{Duration, Instant as Stopwatch};

use callwright_engine::clock::Instant;
use callwright_workers::dialer::{self, Load, Options};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial};
use tokio_util::sync::CancellationToken;

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{Sizes, crowd, steps};

/// Rounds that find nothing.
const IDLE_ROUNDS: u32 = 300;

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let mut alone = Vec::new();
    for run in 0..sizes.runs {
        let place = Place::open(target).await?;
        alone.push(steps::engine(&place.db, sizes.leads, u64::from(run)).await?);
        place.close().await?;
    }
    let place = Place::open(target).await?;
    let start: Instant = steps::START.parse()?;
    crowd::wait(&place.db, sizes.waiting, start).await?;
    let mut samples = Vec::new();
    for (run, limit) in (0..sizes.runs).zip(alone) {
        // Other people each time: those of the last run have ended, and stay.
        let figure = steps::engine(&place.db, sizes.leads, 1_000 + u64::from(run)).await?;
        samples.push(Sample { figure, limit: Some(limit) });
    }
    let idle = idle(&place, start).await?;
    place.close().await?;
    let name = target.name();
    Ok(vec![
        Figure::of("backlog", name, "steps/s", &samples).over(sizes.waiting).goal(Goal::Ratio(0.9)),
        Figure::of("backlog", name, "ms", &idle)
            .measure("idle tick")
            .over(sizes.waiting)
            .goal(Goal::AtMost(1.0)),
    ])
}

/// Milliseconds of whole rounds of the dial loop without work.
async fn idle(place: &Place, start: Instant) -> anyhow::Result<Vec<Sample>> {
    let setup = Setup::at(start, 7);
    let trial = Trial::open(place.db.clone(), steps::library()?, setup, Scripted::default());
    let options = Options::new("bench".to_owned());
    let go_on = CancellationToken::new();
    while round(&trial, &options, &go_on).await?.is_zero() {}
    let mut samples = Vec::new();
    for _ in 0..IDLE_ROUNDS {
        let watch = Stopwatch::now();
        round(&trial, &options, &go_on).await?;
        samples.push(Sample { figure: watch.elapsed().as_secs_f64() * 1e3, limit: None });
    }
    Ok(samples)
}

/// What the dial loop does between two sleeps; answers how long it would sleep.
async fn round(trial: &Trial, options: &Options, go_on: &CancellationToken) -> anyhow::Result<Duration> {
    let (requests, look) = dialer::look(&trial.engine, &trial.carrier, options, Load::Light, go_on).await?;
    anyhow::ensure!(requests.is_empty(), "a call is due among those who wait");
    trial.engine.move_enrollments(options.batch).await?;
    trial.engine.reconcile(&trial.carrier, options.batch).await?;
    Ok(dialer::pause(&trial.engine, look, options, 0.5).await?)
}
