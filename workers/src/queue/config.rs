//! Settings of a process's queue engine.

use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::TimeSource;
use callwright_engine::metrics::Metrics;
use callwright_engine::store::jobs::BackOff;
use chrono::TimeDelta;

/// Settings that all kinds of one process share.
#[derive(Debug, Clone)]
pub struct QueueConfig {
    /// Names this process in `owner` columns and logs; must be unique among living processes.
    pub owner: String,
    /// How long a silent process keeps its jobs. Renewed every third of it; statements are bounded by a quarter of it.
    pub lease: Duration,
    /// How often an idle kind looks for work without being hinted, ± a quarter.
    pub poll: Duration,
    /// Worker deaths after which a job is quarantined.
    pub quarantine_after: u32,
    /// Pause after a death.
    pub death_back_off: BackOff,
    /// Says what is due. Leases follow the database's real clock whatever this is.
    pub time: TimeSource,
    /// Where runs are counted.
    pub metrics: Arc<Metrics>,
}

impl QueueConfig {
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(500),
            quarantine_after: 3,
            death_back_off: BackOff::new(TimeDelta::seconds(1), TimeDelta::minutes(10)),
            time: TimeSource::Database,
            metrics: Arc::default(),
        }
    }

    /// The longest that a transaction of the queue may take: losing one must leave time to renew leases.
    pub(super) fn patience(&self) -> Duration {
        self.lease / 4
    }
}
