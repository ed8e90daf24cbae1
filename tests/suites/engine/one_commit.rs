//! Transactions of which one ends as the test wants it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callwright_engine::store::edge::{Edge, Fate, Pause};

/// The commit with this number, from 0, has this end; the others are applied.
#[derive(Debug)]
pub struct OneCommit {
    nth: usize,
    fate: Fate,
    seen: AtomicUsize,
}

impl OneCommit {
    pub fn ending(nth: usize, fate: Fate) -> Arc<Self> {
        Arc::new(Self { nth, fate, seen: AtomicUsize::new(0) })
    }

    /// Commits until now.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

impl Edge for OneCommit {
    fn begins(&self, _: bool) -> Pause<'_> {
        Box::pin(async {})
    }

    fn commits(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        let is_it = self.seen.fetch_add(1, Ordering::Relaxed) == self.nth;
        let fate = if is_it { self.fate } else { Fate::Applied };
        Box::pin(async move { fate })
    }

    fn committed(&self) -> Pause<'_> {
        Box::pin(async {})
    }
}
