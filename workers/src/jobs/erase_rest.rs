//! Removes what came in about erased people after their erasure: the last words of a call that was under way, late reports; and,
//! when its time is over, what the law wanted kept.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::time::zone::Zone;
use serde::{Deserialize, Serialize};

use crate::queue::{Handled, Job, JobConfig, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// People per look at who is due; each is a transaction.
const CHUNK: u32 = 100;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EraseRest {}

impl Job for EraseRest {
    const KIND: &'static str = "erase_rest";

    fn config() -> JobConfig {
        JobConfig { concurrency: 1, timeout: Duration::from_mins(10), ..JobConfig::default() }
    }
}

impl EraseRest {
    pub fn every_five_minutes(zone: Zone) -> Result<Recurring, ScheduleError> {
        Recurring::new("erase-rest", "*/5 * * * *", zone, &Self {})
    }
}

pub(super) async fn run(_: EraseRest, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    erase(&engine).await.map(|_| Handled::Done).map_err(JobError::retry)
}

/// Sees to everybody who is due; answers of how many something was removed.
pub async fn erase(engine: &Engine) -> Result<usize, EngineError> {
    let mut all = 0;
    loop {
        let done = engine.erase_rest(CHUNK).await?;
        all += done;
        if done < CHUNK as usize {
            return Ok(all);
        }
    }
}
