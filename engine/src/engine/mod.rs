//! The shell: load, decide, apply, in batches. The only part of the engine that awaits anything.
//!
//! One file per verb of a call's way: `enroll` → `plan` → `claim` → `place` → `record` (→ `reconcile` when an answer was
//! lost), and beside them `publish` (versions of definitions), `events` (what the CRM tells us), `opt_out`, `erase`, `ledger` (consents
//! given and taken back), `redeem` (coupons), `control` (people's hands), `recover` (after a
//! restore) and `why`.
//! Each verb is one transaction per batch with a fixed number of statements; none is open while a provider is asked.

mod again;
mod apply;
mod batch;
mod calling;
mod changes;
mod claim;
mod context;
mod control;
mod converse;
mod dossier;
mod emergency;
mod enroll;
mod erase;
mod error;
mod events;
mod hang_up;
mod jobs;
mod ledger;
mod opt_in;
mod opt_out;
mod outlets;
pub mod package;
mod person;
mod pick;
mod place;
mod plan;
mod plan_and_claim;
pub mod preflight;
pub mod publish;
mod reconcile;
mod record;
pub mod records;
pub mod recover;
mod redeem;
mod registry_ages;
mod right_of_way;
mod state;
mod status;
pub mod time_source;
pub mod triggers;
mod versions;
mod weed;
mod why;

use std::sync::{Arc, Mutex, PoisonError};

pub use calling::Calling;
pub use claim::Claimed;
pub use control::EnrollmentView;
pub use dossier::CallPackageView;
pub use enroll::{EnrollRefusal, EnrollRequest, Enrolled};
pub use erase::Erased;
pub use error::EngineError;
pub use events::{EventReceipt, NewEvent};
pub use hang_up::HangUpOrder;
pub use jobs::{FailedJobs, JobsChanged};
pub use ledger::TakenBack;
pub use opt_in::OptedIn;
pub use opt_out::Said;
pub use outlets::{Composed, EndpointOrder, MessageOrder, OutgoingMessage, Outlets};
pub use place::PlaceReport;
pub use plan::PlanReport;
pub use reconcile::ReconcileReport;
pub use record::RecordReport;
pub use redeem::{RedeemRequest, Redeemed};
pub use registry_ages::RegistryAge;
pub use right_of_way::RightOfWay;
pub use status::{Failure, LastMinute, QueueStatus, Status, Stopped};
pub use time_source::{ManualClock, TimeSource};
pub use why::Why;

use chrono::TimeDelta;

use crate::clock::Instant;
use crate::decide::pacing::Pace;
use crate::definitions::library::LibraryHandle;
use crate::id::IdSource;
use crate::metrics::Metrics;
use crate::rules::Rules;
use crate::store::{Db, Tx};

/// Handles of one engine. Many engines, in many processes, may share one database.
#[derive(Debug)]
pub struct Engine {
    pub db: Db,
    pub library: Arc<LibraryHandle>,
    /// The calling rules of this process: the shipped ones, or with those of its operator.
    pub rules: Arc<Rules>,
    pub ids: Arc<IdSource>,
    pub time: TimeSource,
    pub metrics: Arc<Metrics>,
    /// Of requests, before the background.
    pub right_of_way: RightOfWay,
    versions: versions::Versions,
    interned: batch::Interned,
    safeguards: Safeguards,
    outlets: outlets::Configured,
    calling: calling::Said,
    /// What this process lately could do in time.
    pace: Mutex<Pace>,
}

/// Safety measures that tests switch off one at a time, to show that a test would notice. All on, always, in the product.
#[derive(Debug, Clone, Copy)]
pub struct Safeguards {
    pub window_gates: bool,
    pub number_lock: bool,
    /// Stops are asked for once more between the claim and the provider.
    pub second_look: bool,
    /// A stop ends the enrollments and calls of everybody who is called at the number.
    pub stops_reach_all: bool,
}

impl Default for Safeguards {
    fn default() -> Self {
        Self { window_gates: true, number_lock: true, second_look: true, stops_reach_all: true }
    }
}

impl Engine {
    pub fn new(db: Db, library: Arc<LibraryHandle>, time: TimeSource, ids: Arc<IdSource>) -> Arc<Self> {
        Self::with_safeguards(db, library, time, ids, Safeguards::default())
    }

    /// An engine that goes by other rules than the shipped ones.
    pub fn with_rules(
        db: Db,
        library: Arc<LibraryHandle>,
        time: TimeSource,
        ids: Arc<IdSource>,
        rules: Arc<Rules>,
    ) -> Arc<Self> {
        Arc::new(Self::build(db, library, time, ids, rules, Safeguards::default()))
    }

    /// For tests that must show what a missing safeguard would do.
    pub fn with_safeguards(
        db: Db,
        library: Arc<LibraryHandle>,
        time: TimeSource,
        ids: Arc<IdSource>,
        safeguards: Safeguards,
    ) -> Arc<Self> {
        Arc::new(Self::build(db, library, time, ids, Rules::shipped(), safeguards))
    }

    fn build(
        db: Db,
        library: Arc<LibraryHandle>,
        time: TimeSource,
        ids: Arc<IdSource>,
        rules: Arc<Rules>,
        safeguards: Safeguards,
    ) -> Self {
        Self {
            db,
            library,
            rules,
            ids,
            time,
            metrics: Arc::default(),
            right_of_way: RightOfWay::default(),
            versions: versions::Versions::default(),
            interned: batch::Interned::default(),
            safeguards,
            outlets: outlets::Configured::default(),
            calling: calling::Said::default(),
            pace: Mutex::default(),
        }
    }

    fn pace(&self) -> Pace {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from a batch about to be sent; see [`Pace::after`].
    fn keep_pace(&self, asked: usize, took: TimeDelta) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        *pace = pace.after(u32::try_from(asked).unwrap_or(u32::MAX), took);
    }

    /// The engine's present: the database's clock, or the virtual one it shares.
    pub async fn now(&self) -> Result<Instant, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        tx.rollback().await?;
        Ok(now)
    }

    /// When something will next be due: an enrollment or a planned attempt. `None`: nothing waits but calls under way, and
    /// calls that pacing holds back ([`Claimed::again_at`]); or the database was restored and nothing may go out.
    pub async fn next_wake(&self) -> Result<Option<Instant>, EngineError> {
        let now = self.now().await?;
        self.next_wake_since(now).await
    }

    /// The same for whoever has looked at every attempt that was due before `since`.
    pub async fn next_wake_since(&self, since: Instant) -> Result<Option<Instant>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let next = next_due(&mut tx, since).await?;
        tx.rollback().await?;
        Ok(next)
    }

    /// The present, and when the next thing is due; as [`Engine::next_wake_since`].
    pub async fn look_ahead(&self, since: Instant) -> Result<(Instant, Option<Instant>), EngineError> {
        let mut tx = self.db.begin_read().await?;
        let next = next_due(&mut tx, since).await?;
        // Last, so that what the look-up took is not slept again.
        let now = self.time.now(&mut tx).await?;
        tx.rollback().await?;
        Ok((now, next))
    }
}

async fn next_due(tx: &mut Tx, since: Instant) -> Result<Option<Instant>, EngineError> {
    // Nothing is planned or claimed in a restored database before it has been reconciled.
    if crate::store::recovery::is_marked(tx).await? {
        return Ok(None);
    }
    let enrollment = crate::store::enrollment::next_due(tx).await?;
    let attempt = crate::store::attempt::next_planned(tx, since).await?;
    Ok([enrollment, attempt].into_iter().flatten().min())
}
