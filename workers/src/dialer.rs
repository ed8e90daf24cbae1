//! The dial loop: move who a publication moves, plan, claim, place, record, reconcile, then sleep until the next thing is due.
//! Any number of these may share a PostgreSQL database; each names itself uniquely per boot.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::provider::Provider;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::heartbeat::Heartbeat;

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
    /// Beats with every verb of every round.
    pub heartbeat: Arc<Heartbeat>,
}

impl Options {
    pub fn new(owner: String) -> Self {
        Self { batch: 500, poll: Duration::from_millis(500), owner, rate: 1.0, heartbeat: Arc::default() }
    }
}

/// Longest rest after an error; it doubles from a tenth of a second.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Longest that one verb of a round may take. A connection whose other end is gone without a word answers never; what was
/// asked over it then counts as not answered, which every verb survives as it survives a crash.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs until cancelled. `hint` wakes it early: new work was committed in this process.
/// On cancellation nothing more is claimed, and what is claimed is asked for and written down: no attempt is left in doubt.
pub async fn run(
    engine: Arc<Engine>,
    provider: Arc<dyn Provider>,
    options: Options,
    hint: Arc<Notify>,
    cancel: CancellationToken,
) {
    let mut rest = Duration::from_millis(100);
    while !cancel.is_cancelled() {
        let sleep = match round(&engine, provider.as_ref(), &options, &cancel).await {
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
            () = tokio::time::sleep(sleep) => {}
            () = hint.notified() => {}
            () = cancel.cancelled() => {}
        }
    }
    options.heartbeat.stopped();
}

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("`{verb}` had no answer within {} s; its connection is given up", PATIENCE.as_secs())]
    Silence { verb: &'static str },
}

/// One round over everything that is due; answers how long to sleep.
async fn round(
    engine: &Engine,
    provider: &dyn Provider,
    options: &Options,
    cancel: &CancellationToken,
) -> Result<Duration, Trouble> {
    options.heartbeat.beat();
    let moved = bounded("move", engine.move_enrollments(options.batch)).await?;
    options.heartbeat.beat();
    let planned = bounded("plan", engine.plan(options.batch)).await?;
    if cancel.is_cancelled() {
        return Ok(Duration::ZERO);
    }
    options.heartbeat.beat();
    let claimed = bounded("claim", engine.claim(options.batch, provider, &options.owner)).await?;
    let asked = claimed.requests.len();
    options.heartbeat.beat();
    bounded("place", engine.place(provider, claimed.requests)).await?;
    options.heartbeat.beat();
    // Look-ups only read until all are answered: they may be dropped at any point, and a stop does not wait for them.
    tokio::select! {
        biased;
        () = cancel.cancelled() => return Ok(Duration::ZERO),
        done = engine.reconcile(provider, options.batch) => drop(done?),
    }
    if moved.has_more() || planned.due > 0 || asked > 0 || claimed.turned_away > 0 {
        return Ok(Duration::ZERO);
    }
    options.heartbeat.beat();
    let now = bounded("now", engine.now()).await?;
    let next = bounded("next_wake", engine.next_wake()).await?;
    let next = [next, claimed.again_at].into_iter().flatten().min();
    let wait = next.map_or(options.poll, |next| {
        let ahead = (next - now).to_std().unwrap_or_default();
        ahead.div_f64(options.rate.max(f64::MIN_POSITIVE))
    });
    // Never busy: something due that nobody may take yet (a paused campaign) must not spin the loop.
    Ok(wait.clamp(Duration::from_millis(5), options.poll))
}

async fn bounded<T>(
    verb: &'static str,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Trouble::Silence { verb }),
    }
}
