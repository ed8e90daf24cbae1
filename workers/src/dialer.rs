//! The dial loop: plan, claim, place, move who a publication moves, reconcile, then sleep until the next thing is due.
//! Any number of these may share a PostgreSQL database; each names itself uniquely per boot.
//!
//! Claimed calls are placed while the loop goes on: a provider that takes its time holds up its own answers only.

use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use callwright_engine::clock::Instant;
use callwright_engine::engine::{Claimed, Engine, EngineError};
use callwright_engine::provider::{PlaceRequest, Provider};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bell::Bell;
use crate::heartbeat::Heartbeat;
use crate::punctual;
use crate::rest::{Rest, jittered_by};

/// How the loop works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows per transaction.
    pub batch: u32,
    /// Longest sleep, give or take a quarter: work that another process wrote is seen after this long at the latest.
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

const SHORTEST_REST: Duration = Duration::from_millis(100);
/// Longest rest after an error.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Longest that one verb of a round may take. A connection whose other end is gone without a word answers never; what was
/// asked over it then counts as not answered, which every verb survives as it survives a crash.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rest before something that is due is looked at again: nobody may take it yet, and the loop must not spin.
const SHORTEST_SLEEP: Duration = Duration::from_millis(5);
/// Shortest sleep while pacing holds calls back: lines and spans become free one by one, and are better used a few at a time.
const PACED_SLEEP: Duration = Duration::from_millis(20);
/// Least time from one look to one that the bell asks for.
const QUIET: Duration = Duration::from_millis(10);
/// Batches that may be waiting for the provider's answers at once.
const MOST_PLACING: usize = 8;

/// Runs until cancelled. `bell` wakes it early: new work was committed.
/// On cancellation nothing more is claimed, and what is claimed is asked for and written down: no attempt is left in doubt.
pub async fn run(
    engine: Arc<Engine>,
    provider: Arc<dyn Provider>,
    options: Options,
    bell: Bell,
    cancel: CancellationToken,
) {
    let mut rest = Rest::between(SHORTEST_REST, LONGEST_REST);
    let mut placing = Placing { engine, provider, batches: JoinSet::new() };
    let mut load = Load::Light;
    while !cancel.is_cancelled() {
        let began = Moment::now();
        let (sleep, look) = match round(&mut placing, &options, load, &cancel).await {
            Ok((sleep, look)) => {
                rest.is_over();
                (sleep, Some(look))
            }
            Err(error) => {
                tracing::error!(%error, "dial loop: resting after an error");
                (rest.pause(), None)
            }
        };
        load = look.map_or(Load::Heavy, Load::after);
        tokio::select! {
            () = asleep(&placing.engine, &options, sleep, look, &bell, began) => {}
            () = cancel.cancelled() => {}
        }
    }
    placing.finish().await;
    options.heartbeat.stopped();
}

/// Sleeps until the next round. The bell is looked into with a reading query, and no oftener than every [`QUIET`]: a server
/// that takes a thousand writes a second must not look for work a thousand times.
async fn asleep(
    engine: &Engine,
    options: &Options,
    sleep: Duration,
    look: Option<Look>,
    bell: &Bell,
    began: Moment,
) {
    let mut until = Moment::now() + sleep;
    let mut looked = began;
    while Moment::now() < until {
        let rung = async {
            bell.heard().await;
            tokio::time::sleep_until((looked + QUIET).into()).await;
        };
        tokio::select! {
            () = punctual::sleep_until(until) => return,
            () = rung => {}
        }
        looked = Moment::now();
        let Some(look) = look else { return };
        // What cannot be looked up is met again, and reported, in the round.
        let ahead = ahead(engine, look, options, rand::random()).await.unwrap_or_default();
        until = until.min(looked + ahead);
    }
}

/// Batches on their way to the provider.
struct Placing {
    engine: Arc<Engine>,
    provider: Arc<dyn Provider>,
    batches: JoinSet<Result<(), Trouble>>,
}

impl Placing {
    /// Sends a batch off; waits first while too many are under way. Answers with the error of one that has failed meanwhile.
    async fn place(&mut self, requests: Vec<PlaceRequest>) -> Result<(), Trouble> {
        if !requests.is_empty() {
            let (engine, provider) = (Arc::clone(&self.engine), Arc::clone(&self.provider));
            let placed = async move { bounded("place", engine.place(provider.as_ref(), requests)).await };
            self.batches.spawn(async move { placed.await.map(drop) });
        }
        loop {
            let done = if self.batches.len() >= MOST_PLACING {
                self.batches.join_next().await
            } else {
                self.batches.try_join_next()
            };
            match done {
                None => return Ok(()),
                Some(Ok(result)) => result?,
                Some(Err(error)) => {
                    tracing::error!(%error, "placing a batch ended badly; it is looked up later");
                }
            }
        }
    }

    async fn finish(&mut self) {
        while let Some(done) = self.batches.join_next().await {
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a batch in hand could not be recorded"),
                Err(error) => tracing::error!(%error, "placing a batch ended badly; it is looked up later"),
            }
        }
    }
}

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("`{verb}` had no answer within {} s; its connection is given up", PATIENCE.as_secs())]
    Silence { verb: &'static str },
}

/// One round over everything that is due; answers how long to sleep.
async fn round(
    placing: &mut Placing,
    options: &Options,
    load: Load,
    cancel: &CancellationToken,
) -> Result<(Duration, Look), Trouble> {
    let (engine, provider) = (Arc::clone(&placing.engine), Arc::clone(&placing.provider));
    let (requests, mut look) = look(&engine, provider.as_ref(), options, load, cancel).await?;
    options.heartbeat.beat();
    placing.place(requests).await?;
    options.heartbeat.beat();
    // After what is due: whoever comes due before being moved is moved by `plan`.
    look.has_more |= bounded("move", engine.move_enrollments(options.batch)).await?.has_more();
    options.heartbeat.beat();
    // Look-ups only read until all are answered: they may be dropped at any point, and a stop does not wait for them.
    tokio::select! {
        biased;
        () = cancel.cancelled() => return Ok((Duration::ZERO, look)),
        done = engine.reconcile(provider.as_ref(), options.batch) => { done?; }
    }
    Ok((pause(&engine, look, options, rand::random()).await?, look))
}

/// How much there was to do at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Less than a batch: both verbs take one transaction, and a call that is due goes out after one commit.
    Light,
    /// More, or nobody knows since the last round failed: planning may go on side by side, and does not depend on a claim.
    Heavy,
}

impl Load {
    /// What the next look is to expect.
    pub const fn after(look: Look) -> Self {
        if look.has_more { Self::Heavy } else { Self::Light }
    }
}

/// What a look at everything due came to.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// There is more than a batch takes.
    has_more: bool,
    /// There was something, so there may be something new: what follows at once from what was done.
    is_moving: bool,
    /// When pacing lets the next call go, if it held one back.
    again_at: Option<Instant>,
    planned_at: Instant,
}

/// Plans and claims what is due; claims nothing more once it is to stop. The requests are to be placed at once.
pub async fn look(
    engine: &Engine,
    provider: &dyn Provider,
    options: &Options,
    load: Load,
    cancel: &CancellationToken,
) -> Result<(Vec<PlaceRequest>, Look), Trouble> {
    options.heartbeat.beat();
    let (planned, claimed) = match load {
        Load::Light if !cancel.is_cancelled() => {
            let both = engine.plan_and_claim(options.batch, provider, &options.owner);
            bounded("plan and claim", both).await?
        }
        _ => {
            let planned = bounded("plan", engine.plan_batches(options.batch)).await?;
            options.heartbeat.beat();
            let claim = engine.claim(options.batch, provider, &options.owner);
            let claimed =
                if cancel.is_cancelled() { Claimed::default() } else { bounded("claim", claim).await? };
            (planned, claimed)
        }
    };
    let has_asked = !claimed.requests.is_empty();
    let look = Look {
        has_more: planned.due >= options.batch as usize
            || claimed.turned_away > 0
            || claimed.has_more && has_asked,
        is_moving: planned.due > 0 || has_asked,
        again_at: claimed.again_at.filter(|_| !claimed.has_more),
        planned_at: planned.at,
    };
    Ok((claimed.requests, look))
}

/// How long to sleep after a look. `chance`, between 0 and 1, keeps several loops from staying in step.
pub async fn pause(engine: &Engine, look: Look, options: &Options, chance: f64) -> Result<Duration, Trouble> {
    if look.has_more {
        return Ok(Duration::ZERO);
    }
    options.heartbeat.beat();
    // Looked for with a reading query: a round writes, also where it finds nothing.
    let ahead = ahead(engine, look, options, chance).await?;
    let shortest = if ahead.is_zero() && !look.is_moving { SHORTEST_SLEEP } else { Duration::ZERO };
    Ok(ahead.max(shortest).min(jittered_by(options.poll, chance)))
}

/// Until something is due, or pacing lets the next one go; zero when something is due already. Whoever is due does not wait for a
/// pace that holds others back.
async fn ahead(engine: &Engine, look: Look, options: &Options, chance: f64) -> Result<Duration, Trouble> {
    let (now, due) = bounded("look ahead", engine.look_ahead(look.planned_at)).await?;
    let until = |at: Instant| {
        let ahead = (at - now).to_std().unwrap_or_default();
        ahead.div_f64(options.rate.max(f64::MIN_POSITIVE))
    };
    let free = look.again_at.map(|at| until(at).max(jittered_by(PACED_SLEEP, chance)));
    Ok([due.map(until), free].into_iter().flatten().min().unwrap_or(options.poll))
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
