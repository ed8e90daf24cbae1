//! Looks every night whether the engine keeps its promise that nobody is forgotten (I4): reading only, page by page.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::Engine;
use callwright_engine::metrics::Invariant;
use callwright_engine::store::{StoreError, vitals};
use callwright_engine::time::zone::Zone;
use serde::{Deserialize, Serialize};

use crate::queue::{Handled, Job, JobConfig, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// Enrollments per transaction.
const CHUNK: u32 = 2_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckPromises {}

impl Job for CheckPromises {
    const KIND: &'static str = "check_promises";

    fn config() -> JobConfig {
        JobConfig { concurrency: 1, timeout: Duration::from_hours(1), ..JobConfig::default() }
    }
}

impl CheckPromises {
    pub fn nightly(zone: Zone) -> Result<Recurring, ScheduleError> {
        Recurring::new("check-promises", "50 3 * * *", zone, &Self {})
    }
}

pub(super) async fn run(_: CheckPromises, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    check(&engine).await.map(|_| Handled::Done).map_err(JobError::retry)
}

/// Goes through all enrollments; answers how many have neither a timer, nor one open attempt, nor a named hold, nor a result.
pub async fn check(engine: &Engine) -> Result<u64, StoreError> {
    let (mut after, mut broken) = (String::new(), 0);
    loop {
        let mut tx = engine.db.begin_read().await?;
        let (found, last) = vitals::unsound(&mut tx, &after, CHUNK).await?;
        tx.rollback().await?;
        for enrollment in &found {
            tracing::error!(enrollment, "this enrollment has no timer, open attempt, hold or result (I4)");
        }
        broken += found.len() as u64;
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    engine.metrics.invariant_violations.get_or_create(&Invariant { id: "I4" }).inc_by(broken);
    Ok(broken)
}
