//! Typed ids: UUIDv7, so that they sort by time and indexes grow at one end.
//! Pure code never invents ids; it is handed an [`IdSource`].

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Instant;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    LeadId, PhoneId, ConsentId, SuppressionId, CampaignId, EnrollmentId, AttemptId, CallId, EventId, DecisionId, UserId,
    ApiKeyId, JobId, ImportId,
}

/// Makes UUIDv7 ids from an instant and a seed: unique per process, reproducible in tests and simulation.
#[derive(Debug)]
pub struct IdSource {
    seed: [u8; 16],
    next: AtomicU64,
}

impl IdSource {
    /// `seed` must differ between processes that share a database: take it from the operating system there.
    pub fn new(seed: [u8; 16]) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }

    pub fn seeded(seed: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self::new(bytes)
    }

    /// A fresh id stamped with `at` (milliseconds).
    pub fn next<T: From<Uuid>>(&self, at: Instant) -> T {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(count.to_le_bytes());
        let digest = hash.finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into()
    }
}
