//! The dial loop: plan, claim, place, reconcile, move who a publication moves, then sleep until the next thing is due, to the
//! millisecond.
//! Any number of these may share a PostgreSQL database; each names itself uniquely per boot.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::provider::Provider;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How the loop works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows per transaction.
    pub batch: u32,
    /// Longest sleep: work that another process wrote is seen after this long at the latest.
    pub poll: Duration,
    /// Unique per boot of a process: a restarted process must not pass for its former self.
    pub owner: String,
    /// How many virtual seconds pass in a real one; 1 in real time.
    pub rate: f64,
}

impl Options {
    pub fn new(owner: String) -> Self {
        Self { batch: 500, poll: Duration::from_millis(500), owner, rate: 1.0 }
    }
}

/// Longest rest after an error; it doubles from a tenth of a second.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Runs until cancelled. `hint` wakes it early: new work was committed in this process.
/// On cancellation the batch in hand is finished, so that no attempt is left in doubt.
pub async fn run(
    engine: Arc<Engine>,
    provider: Arc<dyn Provider>,
    options: Options,
    hint: Arc<Notify>,
    cancel: CancellationToken,
) {
    let mut rest = Duration::from_millis(100);
    while !cancel.is_cancelled() {
        let sleep = match round(&engine, provider.as_ref(), &options).await {
            Ok(sleep) => {
                rest = Duration::from_millis(100);
                sleep
            }
            Err(error) => {
                tracing::error!(%error, "dial loop: resting after an error");
                rest = (rest * 2).min(LONGEST_REST);
                rest
            }
        };
        tokio::select! {
            () = exactly(sleep) => {}
            () = hint.notified() => {}
            () = cancel.cancelled() => {}
        }
    }
}

/// The runtime's timer is up to two milliseconds late: the last ones are slept on a thread, which is late by a tenth.
const LAST: Duration = Duration::from_millis(2);

async fn exactly(sleep: Duration) {
    let until = std::time::Instant::now() + sleep;
    if sleep > LAST {
        tokio::time::sleep(sleep - LAST).await;
    }
    let rest = until.saturating_duration_since(std::time::Instant::now());
    if !rest.is_zero() {
        // Cannot fail: sleeping does not panic, and a runtime that shuts down needs no exact time.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(rest)).await;
    }
}

/// One round over everything that is due; answers how long to sleep.
pub async fn round(
    engine: &Engine,
    provider: &dyn Provider,
    options: &Options,
) -> Result<Duration, EngineError> {
    let planned = engine.plan(options.batch).await?;
    let claimed = engine.claim(options.batch, provider, &options.owner).await?;
    let asked = claimed.requests.len();
    engine.place(provider, claimed.requests).await?;
    // After what is due: whoever comes due before being moved is moved by `plan`.
    let moved = engine.move_enrollments(options.batch).await?;
    engine.reconcile(provider, options.batch).await?;
    if moved.has_more() || planned.due > 0 || asked > 0 || claimed.turned_away > 0 {
        return Ok(Duration::ZERO);
    }
    let (now, next) = engine.look_ahead().await?;
    let next = [next, claimed.again_at].into_iter().flatten().min();
    Ok(match next {
        // Never busy: something due that nobody may take yet (a paused campaign) must not spin the loop.
        Some(next) if next <= now => OVERDUE.min(options.poll),
        Some(next) => {
            let ahead = (next - now).to_std().unwrap_or_default();
            ahead.div_f64(options.rate.max(f64::MIN_POSITIVE)).min(options.poll)
        }
        None => options.poll,
    })
}

/// Rest before something that is overdue is looked at again.
const OVERDUE: Duration = Duration::from_millis(5);
