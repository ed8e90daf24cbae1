//! A fresh database per test, the tests' jobs and instants, and short ways to ask and tell the store.

use callwright_engine::clock::Instant;
use callwright_engine::id::{IdSource, JobId};
use callwright_engine::store::jobs::{self, Claim, Claimed, Finish, NewJob, Outcome, Written, admin};
use callwright_engine::store::{Db, Tx};
use callwright_tests::Backend;
use chrono::{DateTime, TimeDelta};
use serde_json::json;

pub const KIND: &str = "probe";
pub const ME: &str = "worker-1/probe/0";
pub const LEASE: TimeDelta = TimeDelta::seconds(30);

/// A database of a test's own, with ids and instants that repeat.
pub struct TestDb {
    pub db: Db,
    pub ids: IdSource,
    _place: callwright_tests::TestDb,
}

/// Runs each test on SQLite and, when a server is known, on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::db::TestDb::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(db) = crate::db::TestDb::postgres().await {
                    super::$name(db).await;
                }
            }
        }
    )+};
}
pub(crate) use on_both;

impl TestDb {
    pub async fn sqlite() -> Self {
        Self::on(Backend::Sqlite).await.expect("SQLite is always there")
    }

    pub async fn postgres() -> Option<Self> {
        Self::on(Backend::Postgres).await
    }

    async fn on(backend: Backend) -> Option<Self> {
        let place = callwright_tests::TestDb::open(backend).await.unwrap()?;
        Some(Self { db: place.db.clone(), ids: IdSource::seeded(1), _place: place })
    }

    /// A job due at `run_at` whose payload says `n`.
    pub fn job(&self, n: u32, run_at: Instant) -> NewJob {
        NewJob::new(self.ids.next(noon()), KIND, &json!({ "n": n }), run_at).unwrap()
    }

    pub async fn enqueue(&self, jobs: &[NewJob], now: Instant) -> Vec<JobId> {
        self.in_tx(async |tx| jobs::enqueue(tx, jobs, now).await.unwrap()).await
    }

    pub async fn claim(&self, limit: u32, now: Instant) -> Vec<Claimed> {
        self.claim_as(ME, limit, now).await
    }

    /// Claims with a lease of [`LEASE`] from `now`, as if the real clock showed the same.
    pub async fn claim_as(&self, owner: &str, limit: u32, now: Instant) -> Vec<Claimed> {
        let claim = Claim { kind: KIND, limit, owner, now, lease_until: now + LEASE };
        self.in_tx(async |tx| jobs::claim(tx, claim).await.unwrap()).await
    }

    pub async fn finish(&self, job: &Claimed, outcome: Outcome, now: Instant) -> Written {
        self.finish_all(&[(job, outcome)], now).await
    }

    pub async fn finish_all(&self, endings: &[(&Claimed, Outcome)], now: Instant) -> Written {
        let finishes: Vec<Finish> = endings
            .iter()
            .map(|(job, outcome)| Finish { id: job.id, fence: job.fence, outcome: outcome.clone() })
            .collect();
        self.in_tx(async |tx| jobs::finish_many(tx, &finishes, now).await.unwrap()).await
    }

    pub async fn find(&self, id: JobId) -> admin::JobView {
        self.in_tx(async |tx| admin::find(tx, id).await.unwrap()).await.unwrap()
    }

    pub async fn in_tx<T>(&self, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
        let mut tx = self.db.begin().await.unwrap();
        let result = work(&mut tx).await;
        tx.commit().await.unwrap();
        result
    }
}

/// A Thursday.
pub fn noon() -> Instant {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

pub fn after(seconds: i64) -> Instant {
    noon() + TimeDelta::seconds(seconds)
}

pub fn ids(jobs: &[Claimed]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}
