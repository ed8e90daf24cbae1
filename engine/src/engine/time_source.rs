//! Where "now" comes from: the database's clock (or the virtual one stored in it), or a clock that tests move by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Instant, instant_from_micros, micros};
use crate::provider::Deadline;
use crate::store::{StoreError, Tx, clock};

/// Read once per transaction; the instant is an argument from there on.
#[derive(Debug, Clone)]
pub enum TimeSource {
    /// The database's clock, or its shared virtual clock while one is set.
    Database,
    Manual(Arc<ManualClock>),
}

impl TimeSource {
    pub async fn now(&self, tx: &mut Tx) -> Result<Instant, StoreError> {
        match self {
            Self::Database => clock::now(tx).await,
            Self::Manual(clock) => Ok(clock.now()),
        }
    }

    /// The steady clock of this machine, read before the database's; none where time is moved by hand.
    pub fn steady(&self) -> Deadline {
        match self {
            Self::Database => Deadline::after(Duration::ZERO),
            Self::Manual(_) => Deadline::NEVER,
        }
    }

    /// The present, and how many of its seconds pass in a second of the wall: 1, unless a shared virtual clock runs faster or
    /// slower.
    pub async fn now_and_speed(&self, tx: &mut Tx) -> Result<(Instant, f64), StoreError> {
        match self {
            Self::Database => clock::now_and_speed(tx).await,
            Self::Manual(clock) => Ok((clock.now(), 1.0)),
        }
    }
}

/// A clock that stands still until it is moved, and never goes back.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(instant: Instant) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(micros(instant))))
    }

    pub fn now(&self) -> Instant {
        instant_from_micros(self.0.load(Ordering::SeqCst))
    }

    /// Moves forward to `instant`; an earlier one is ignored.
    pub fn advance_to(&self, instant: Instant) {
        self.0.fetch_max(micros(instant), Ordering::SeqCst);
    }
}
