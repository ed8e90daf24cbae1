//! How the dial loop sleeps: until something is due, to a tenth of a millisecond, and not startled by every hint.

use std::time::{Duration, Instant as Moment};

use callwright_engine::clock::Instant;
use callwright_engine::engine::{Engine, EngineError};
use tokio::sync::Notify;

use super::{Next, Options};

/// Least time from one look to one that a hint asks for.
const QUIET: Duration = Duration::from_millis(10);
/// The runtime's timer is up to two milliseconds late: the last ones are slept on a thread, which is late by a tenth.
const LAST: Duration = Duration::from_millis(2);

/// Until something is due, or pacing lets the next one go; zero when something is due already.
pub(super) async fn wait(
    engine: &Engine,
    options: &Options,
    again_at: Option<Instant>,
) -> Result<Duration, EngineError> {
    let (now, next) = engine.look_ahead(again_at.is_some()).await?;
    let next = [next, again_at].into_iter().flatten().min();
    Ok(next.map_or(options.poll, |next| {
        let ahead = (next - now).to_std().unwrap_or_default();
        ahead.div_f64(options.rate.max(f64::MIN_POSITIVE))
    }))
}

/// Sleeps until the next round. A hint is looked into with a reading query, and no oftener than every [`QUIET`]: a server that
/// takes a thousand writes a second must not look for work a thousand times.
pub(super) async fn until_due(engine: &Engine, options: &Options, next: Next, hint: &Notify, began: Moment) {
    let mut until = Moment::now() + next.sleep;
    let mut looked = began;
    while Moment::now() < until {
        let rung = async {
            hint.notified().await;
            tokio::time::sleep_until((looked + QUIET).into()).await;
        };
        tokio::select! {
            () = exactly(until) => return,
            () = rung => {}
        }
        looked = Moment::now();
        // What cannot be looked up is met again, and reported, in the round.
        let wait = wait(engine, options, next.again_at).await.unwrap_or_default();
        until = until.min(looked + wait);
    }
}

async fn exactly(until: Moment) {
    let left = until.saturating_duration_since(Moment::now());
    if left > LAST {
        tokio::time::sleep(left - LAST).await;
    }
    let rest = until.saturating_duration_since(Moment::now());
    if !rest.is_zero() {
        // Cannot fail: sleeping does not panic, and a runtime that shuts down needs no exact time.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(rest)).await;
    }
}
