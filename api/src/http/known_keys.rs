//! Keys that were verified a moment ago: a client that sends a hundred requests a second has its key looked up once in it.
//! A key that is revoked is refused everywhere when that moment is over.

use std::collections::HashMap;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::auth::Caller;

/// More keys than this are not in use within a moment; somebody is making them up.
const MOST: usize = 1_000;

/// Who sent which key, by the key's digest: secrets are not kept.
#[derive(Debug, Default)]
pub struct KnownKeys {
    /// How long a key passes without being looked up; nothing by default.
    keep: Duration,
    known: RwLock<HashMap<[u8; 32], (Caller, Instant)>>,
}

impl KnownKeys {
    pub fn keeping(keep: Duration) -> Self {
        Self { keep, known: RwLock::default() }
    }

    /// The caller with this key, if it was verified within the moment.
    pub fn get(&self, key: &str) -> Option<Caller> {
        if self.keep.is_zero() {
            return None;
        }
        let known = self.known.read().ok()?;
        let (caller, since) = known.get(&digest(key))?;
        (since.elapsed() < self.keep).then(|| caller.clone())
    }

    /// This key was verified just now.
    pub fn note(&self, key: &str, caller: &Caller) {
        if self.keep.is_zero() {
            return;
        }
        if let Ok(mut known) = self.known.write() {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(digest(key), (caller.clone(), Instant::now()));
        }
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use callwright_engine::domain::user::Role;

    use super::*;

    fn caller() -> Caller {
        Caller { principal: "key:1".to_owned(), name: "crm".to_owned(), role: Role::Manager }
    }

    #[test]
    fn a_key_is_known_for_its_moment_and_no_other_is() {
        let keys = KnownKeys::keeping(Duration::from_hours(1));
        assert_eq!(keys.get("cw_a.secret"), None);
        keys.note("cw_a.secret", &caller());
        assert_eq!(keys.get("cw_a.secret"), Some(caller()));
        assert_eq!(keys.get("cw_a.secre"), None);
        assert_eq!(keys.get("cw_b.secret"), None);
    }

    #[test]
    fn a_key_whose_moment_is_over_is_looked_up_again() {
        let keys = KnownKeys::keeping(Duration::from_nanos(1));
        keys.note("cw_a.secret", &caller());
        assert_eq!(keys.get("cw_a.secret"), None);
    }

    #[test]
    fn by_default_every_request_is_looked_up() {
        let keys = KnownKeys::default();
        keys.note("cw_a.secret", &caller());
        assert_eq!(keys.get("cw_a.secret"), None);
    }
}
