//! The dial loop: plan, claim, place, move who a publication moves, reconcile, then sleep until the next thing is due.
//! Any number of these may share a PostgreSQL database; each names itself uniquely per boot.

mod rest;

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
        let began = Moment::now();
        let next = match round(&engine, provider.as_ref(), &options, &cancel).await {
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
            () = rest::until_due(&engine, &options, next, &hint, began) => {}
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

impl Next {
    const AT_ONCE: Self = Self { sleep: Duration::ZERO, again_at: None };
}

/// Rest before something that is overdue is looked at again.
const OVERDUE: Duration = Duration::from_millis(2);

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("`{verb}` had no answer within {} s; its connection is given up", PATIENCE.as_secs())]
    Silence { verb: &'static str },
}

/// One round over everything that is due.
pub async fn round(
    engine: &Engine,
    provider: &dyn Provider,
    options: &Options,
    cancel: &CancellationToken,
) -> Result<Next, Trouble> {
    let planned = bounded("plan", engine.plan(options.batch)).await?;
    if cancel.is_cancelled() {
        return Ok(Next::AT_ONCE);
    }
    let claimed = bounded("claim", engine.claim(options.batch, provider, &options.owner)).await?;
    let asked = claimed.requests.len();
    bounded("place", engine.place(provider, claimed.requests)).await?;
    // After what is due: whoever comes due before being moved is moved by `plan`.
    let moved = bounded("move", engine.move_enrollments(options.batch)).await?;
    // Look-ups only read until all are answered: they may be dropped at any point, and a stop does not wait for them.
    tokio::select! {
        biased;
        () = cancel.cancelled() => return Ok(Next::AT_ONCE),
        done = engine.reconcile(provider, options.batch) => drop(done?),
    }
    let again_at = claimed.again_at;
    if moved.has_more() || planned.due > 0 || asked > 0 || claimed.turned_away > 0 {
        return Ok(Next { sleep: Duration::ZERO, again_at });
    }
    let wait = bounded("look ahead", rest::wait(engine, options, again_at)).await?;
    // Never busy: something due that nobody may take yet must not spin the loop.
    let sleep = if wait.is_zero() { OVERDUE } else { wait };
    Ok(Next { sleep: sleep.min(options.poll), again_at })
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
