//! Memory of a worker process with a million enrollments waiting: at rest, and after it has dialed for a while.

use std::time::Duration;

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use callwright_engine::store::clock::{self, VirtualClock};
use chrono::Utc;

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{Sizes, api, child, crowd, steps};

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    let start: Instant = steps::START.parse()?;
    crowd::wait(&place.db, sizes.waiting, start).await?;
    let mut tx = place.db.begin().await?;
    let noon = VirtualClock { virtual_at: start, real_at: Utc::now(), rate: 1.0 };
    clock::set_virtual_clock(&mut tx, noon).await?;
    tx.commit().await?;
    let rest = if sizes.quick { Duration::from_millis(500) } else { Duration::from_secs(5) };

    let mut worker = child::command(&place.url, &["worker"])?.spawn()?;
    let process = worker.id().context("the worker has ended by itself")?;
    tokio::time::sleep(rest).await;
    let (at_rest, _) = child::memory(process)?;
    // Calls at the pace of the `api` scenario.
    api::people_to_call(&place.db, if sizes.quick { 50 } else { 2_000 }).await?;
    tokio::time::sleep(rest * 4).await;
    let (_, at_most) = child::memory(process)?;
    worker.kill().await?;
    place.close().await?;
    let figure = |measure: &str, megabytes: f64| {
        let sample = Sample { figure: megabytes, limit: None };
        Figure::of("memory", target.name(), "MB", &[sample])
            .measure(measure)
            .over(sizes.waiting)
            .goal(Goal::AtMost(60.0))
    };
    Ok(vec![figure("at rest", at_rest), figure("at most, dialing", at_most)])
}
