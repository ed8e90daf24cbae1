//! The dial loop: plan, claim, place, reconcile, move who a publication moves, then sleep until the next thing is due, to the
//! millisecond.
//! Any number of these may share a PostgreSQL database; each names itself uniquely per boot.

use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use callwright_engine::clock::Instant;
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
        let began = Moment::now();
        let next = match round(&engine, provider.as_ref(), &options).await {
            Ok(next) => {
                rest = Duration::from_millis(100);
                next
            }
            Err(error) => {
                tracing::error!(%error, "dial loop: resting after an error");
                rest = (rest * 2).min(LONGEST_REST);
                Next { sleep: rest, again_at: None }
            }
        };
        tokio::select! {
            () = sleep(&engine, &options, next, &hint, began) => {}
            () = cancel.cancelled() => {}
        }
    }
}

/// What a round came to.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    /// Until the next round; zero: there was work, and may be more.
    pub sleep: Duration,
    /// Pacing holds planned calls back until then.
    pub again_at: Option<Instant>,
}

/// One round over everything that is due.
pub async fn round(
    engine: &Engine,
    provider: &dyn Provider,
    options: &Options,
) -> Result<Next, EngineError> {
    let planned = engine.plan(options.batch).await?;
    let claimed = engine.claim(options.batch, provider, &options.owner).await?;
    let asked = claimed.requests.len();
    engine.place(provider, claimed.requests).await?;
    // After what is due: whoever comes due before being moved is moved by `plan`.
    let moved = engine.move_enrollments(options.batch).await?;
    engine.reconcile(provider, options.batch).await?;
    let again_at = claimed.again_at;
    if moved.has_more() || planned.due > 0 || asked > 0 || claimed.turned_away > 0 {
        return Ok(Next { sleep: Duration::ZERO, again_at });
    }
    let wait = wait(engine, options, again_at).await?;
    // Never busy: something due that nobody may take yet must not spin the loop.
    let sleep = if wait.is_zero() { OVERDUE } else { wait };
    Ok(Next { sleep: sleep.min(options.poll), again_at })
}

/// Until something is due, or pacing lets the next one go; zero when something is due already.
async fn wait(
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

/// Sleeps until the next round is due. A hint is looked into with a reading query, and no oftener than every [`QUIET`]: a
/// server that takes a thousand writes a second must not look for work a thousand times.
async fn sleep(engine: &Engine, options: &Options, next: Next, hint: &Notify, began: Moment) {
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

/// Rest before something that is overdue is looked at again.
const OVERDUE: Duration = Duration::from_millis(2);
/// Least time from one look to one that a hint asks for.
const QUIET: Duration = Duration::from_millis(10);
/// The runtime's timer is up to two milliseconds late: the last ones are slept on a thread, which is late by a tenth.
const LAST: Duration = Duration::from_millis(2);

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
