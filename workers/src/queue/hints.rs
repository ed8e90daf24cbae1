//! "There may be work": wakes the idle claimers of this process. A hint may be lost; the poll remains.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// One bell per kind, shared by whoever enqueues and whoever claims in one process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<Mutex<HashMap<&'static str, Arc<Notify>>>>);

impl Hints {
    pub fn new() -> Self {
        Self::default()
    }

    /// Call after the commit that enqueued jobs of `kind`: before it, a claimer would look and find nothing.
    pub fn ring(&self, kind: &'static str) {
        self.bell(kind).notify_one();
    }

    /// Every known kind: after work came back, or another process rang, when it matters little whose.
    pub fn ring_all(&self) {
        for bell in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bell.notify_one();
        }
    }

    pub(super) fn bell(&self, kind: &'static str) -> Arc<Notify> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default())
    }
}
