//! Ends coupons whose time is over, so that what was reserved for them can be promised to others. A coupon is worth nothing from
//! its last instant on, whether this has run or not.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::time::zone::Zone;
use serde::{Deserialize, Serialize};

use crate::queue::{Handled, Job, JobConfig, JobError, Run};
use crate::schedule::{Recurring, ScheduleError};

/// Coupons per transaction.
const CHUNK: u32 = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExpireCoupons {}

impl Job for ExpireCoupons {
    const KIND: &'static str = "expire_coupons";

    fn config() -> JobConfig {
        JobConfig { concurrency: 1, timeout: Duration::from_mins(10), ..JobConfig::default() }
    }
}

impl ExpireCoupons {
    pub fn every_ten_minutes(zone: Zone) -> Result<Recurring, ScheduleError> {
        Recurring::new("expire-coupons", "*/10 * * * *", zone, &Self {})
    }
}

pub(super) async fn run(_: ExpireCoupons, engine: Arc<Engine>, _: Run) -> Result<Handled, JobError> {
    expire(&engine).await.map(|_| Handled::Done).map_err(JobError::retry)
}

/// Ends all that are over; answers how many.
pub async fn expire(engine: &Engine) -> Result<u64, EngineError> {
    let mut all = 0;
    loop {
        let ended = engine.expire_coupons(CHUNK).await?;
        all += ended;
        if ended < u64::from(CHUNK) {
            return Ok(all);
        }
    }
}
