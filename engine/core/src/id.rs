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
    ApiKeyId, JobId, ImportId, PublicationId, EmergencyStopId, ProductId, PriceChangeId, StockChangeId, PurchaseId, InterestId, OfferId, CouponId,
    TriggerId, TriggerRuleId, RevocationId,
}

/// Makes UUIDv7 ids from an instant and a seed: unique per process, reproducible in tests and simulation.
///
/// Ids of one millisecond are in the order in which they were made (RFC 9562 §6.2, a counter of 42 bits before 32 random
/// ones): what is imported or enrolled together lies together in every index.
#[derive(Debug)]
pub struct IdSource {
    seed: [u8; 16],
    next: AtomicU64,
}

impl IdSource {
    /// `seed` must differ between processes that share a database: take it from the operating system there.
    pub fn new(seed: [u8; 16]) -> Self {
        // Processes count from different places: only the same millisecond, count and random part would make the same id.
        let start = u64::from_le_bytes(Sha256::digest(seed)[..8].try_into().unwrap_or_default());
        Self { seed, next: AtomicU64::new(start >> 24) }
    }

    pub fn seeded(seed: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self::new(bytes)
    }

    /// Bytes that nobody guesses who does not know the seed, whatever ids of it they have seen: for coupon codes.
    pub fn secret<const N: usize>(&self) -> [u8; N] {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(b"secret");
        hash.update(self.seed);
        hash.update(count.to_le_bytes());
        let digest = hash.finalize();
        std::array::from_fn(|at| digest[at % digest.len()])
    }

    /// A fresh id stamped with `at` (milliseconds).
    pub fn next<T: From<Uuid>>(&self, at: Instant) -> T {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(count.to_le_bytes());
        let digest = hash.finalize();
        let random = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Uuid::from_u128(version_7(millis, count, random)).into()
    }
}

/// 48 bits of time, the version, 12 bits of the count, the variant, 30 more bits of the count, 32 random ones.
fn version_7(millis: u64, count: u64, random: u32) -> u128 {
    const VERSION: u64 = 7;
    const VARIANT: u64 = 0b10;
    let high = (millis << 16) | (VERSION << 12) | ((count >> 30) & 0xfff);
    let low = (VARIANT << 62) | ((count & 0x3fff_ffff) << 32) | u64::from(random);
    (u128::from(high) << 64) | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(seed: u64) -> Vec<Uuid> {
        let ids = IdSource::seeded(seed);
        let at = |n: i64| crate::clock::instant_from_micros(1_700_000_000_000_000 + n / 100 * 1_000);
        (0..1_000).map(|n| ids.next::<LeadId>(at(n)).0).collect()
    }

    #[test]
    fn ids_are_in_the_order_in_which_they_were_made() {
        let ids = some(1);
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
    }

    #[test]
    fn two_processes_make_different_ids_and_one_seed_the_same() {
        let (one, other) = (some(1), some(2));
        assert!(one.iter().all(|id| !other.contains(id)));
        assert_eq!(one, some(1));
    }
}
