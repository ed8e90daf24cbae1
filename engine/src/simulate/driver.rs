//! The driver: plan, claim, place, record until nothing is due, then move the clock to the next thing that is.

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::engine::{Engine, EngineError, ManualClock};
use crate::provider::VirtualCarrier;

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The clock moves at least this far at a time: what falls between is handled together, at the later instant.
    pub resolution: TimeDelta,
    /// Rows per transaction.
    pub batch: u32,
    /// Stop here even if something is still waiting.
    pub until: Instant,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    pub from: Instant,
    pub to: Instant,
    /// Nothing is waiting any more; otherwise the horizon was reached.
    pub finished: bool,
    pub ticks: u64,
}

/// Progress after each move of the clock.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub now: Instant,
    /// Calls asked for since the start.
    pub asked: u64,
    pub finished: u64,
}

/// Runs until nothing is waiting or the horizon is reached.
pub async fn run(
    engine: &Engine,
    carrier: &dyn VirtualCarrier,
    clock: &ManualClock,
    pace: Pace,
    mut progress: impl FnMut(Progress),
) -> Result<Ran, EngineError> {
    let from = clock.now();
    let mut seen = Progress { now: from, asked: 0, finished: 0 };
    let mut ticks = 0;
    loop {
        ticks += 1;
        let again_at = settle(engine, carrier, clock, pace.batch, &mut seen).await?;
        let now = clock.now();
        seen.now = now;
        progress(seen);
        let look_up = engine.next_look_up(carrier).await?;
        let waits = [engine.next_wake().await?, carrier.next_at(), look_up, again_at];
        let Some(next) = waits.into_iter().flatten().min() else {
            return Ok(Ran { from, to: now, finished: true, ticks });
        };
        if next > pace.until {
            return Ok(Ran { from, to: now, finished: false, ticks });
        }
        clock.advance_to(next.max(now + pace.resolution));
    }
}

/// Does everything that is due at this instant; answers when pacing wants to be asked again.
async fn settle(
    engine: &Engine,
    carrier: &dyn VirtualCarrier,
    clock: &ManualClock,
    batch: u32,
    seen: &mut Progress,
) -> Result<Option<Instant>, EngineError> {
    let facts = carrier.due(clock.now());
    for chunk in facts.chunks(batch as usize) {
        seen.finished += engine.record(carrier.name(), chunk.to_vec()).await?.finished as u64;
    }
    while engine.move_enrollments(batch).await?.has_more() {}
    while engine.plan_batches(batch).await?.due >= batch as usize {}
    loop {
        let claimed = engine.claim(batch, carrier, "simulation").await?;
        let nothing_left = claimed.requests.is_empty() && claimed.turned_away == 0;
        seen.asked += claimed.requests.len() as u64;
        engine.place(carrier, claimed.requests).await?;
        if nothing_left {
            engine.reconcile(carrier, batch).await?;
            return Ok(claimed.again_at);
        }
    }
}
