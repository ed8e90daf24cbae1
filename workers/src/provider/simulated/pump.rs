//! Carries the in-process carrier's facts to the engine as they fall due. The dial loop is not here: it only places calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::provider::Provider;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::in_process::{Now, SimulatedCarrier};

/// The engine's clock, readable without asking the database: what it last showed, and how fast it runs.
#[derive(Debug)]
pub struct EngineClock {
    shown: Mutex<(Instant, tokio::time::Instant)>,
    rate: f64,
}

impl EngineClock {
    /// Reads the engine's clock; `rate` virtual seconds pass in a real one (1 in real time).
    pub async fn follow(engine: &Engine, rate: f64) -> Result<Arc<Self>, EngineError> {
        let shown = (engine.now().await?, tokio::time::Instant::now());
        Ok(Arc::new(Self { shown: Mutex::new(shown), rate }))
    }

    /// Sets this clock right: a virtual clock may have been moved.
    fn correct(&self, now: Instant) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = (now, tokio::time::Instant::now());
    }

    pub fn now(&self) -> Instant {
        let (shown, at) = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown + TimeDelta::microseconds((at.elapsed().as_secs_f64() * self.rate * 1e6) as i64)
    }

    /// For [`SimulatedCarrier::new`].
    pub fn as_now(self: &Arc<Self>) -> Now {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Records what is due by the engine's clock, and hangs up calls that should not be. Answers how many facts there were.
pub async fn deliver(engine: &Engine, carrier: &SimulatedCarrier) -> Result<usize, EngineError> {
    let now = engine.now().await?;
    deliver_until(engine, carrier, now).await
}

async fn deliver_until(
    engine: &Engine,
    carrier: &SimulatedCarrier,
    now: Instant,
) -> Result<usize, EngineError> {
    let facts = carrier.due(now);
    let count = facts.len();
    let report = match engine.record(carrier.name(), facts.clone()).await {
        Ok(report) => report,
        Err(error) => {
            // A carrier whose receiver is down delivers again.
            carrier.deliver_again(now, facts);
            return Err(error);
        }
    };
    for (_, call_id) in report.orphans {
        if let Err(error) = carrier.hang_up(&call_id).await {
            tracing::error!(%error, call_id, "an orphan call goes on");
        }
    }
    Ok(count)
}

/// Longest sleep between two looks at the queue: calls are placed meanwhile.
const NAP: Duration = Duration::from_millis(50);
/// Rest after the engine failed to record.
const REST: Duration = Duration::from_millis(500);

/// Delivers until cancelled.
pub async fn run(
    engine: Arc<Engine>,
    carrier: Arc<SimulatedCarrier>,
    clock: Arc<EngineClock>,
    cancel: CancellationToken,
) {
    while !cancel.is_cancelled() {
        let round = async {
            let now = engine.now().await?;
            clock.correct(now);
            deliver_until(&engine, &carrier, now).await
        };
        let nap = match round.await {
            Ok(_) => NAP,
            Err(error) => {
                tracing::error!(%error, "simulated carrier: facts not recorded");
                REST
            }
        };
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            () = cancel.cancelled() => {}
        }
    }
}
