//! The jobs this process holds, from the claim until their outcome is written: leases to renew, handlers to stop, slots taken.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use callwright_engine::id::JobId;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A job and the claim it was taken by.
pub(super) type Key = (JobId, i64);

#[derive(Debug, Default)]
pub(super) struct Held {
    entries: Mutex<HashMap<Key, Entry>>,
    emptied: Notify,
}

#[derive(Debug)]
struct Entry {
    kind: &'static str,
    /// When the lease surely has not ended yet, on this process's own clock.
    deadline: Instant,
    handler: Option<AbortHandle>,
    /// Has an outcome, perhaps not written yet.
    settled: bool,
    /// Given back when the entry goes, which is when the outcome is *written*: that is the back-pressure.
    _slot: OwnedSemaphorePermit,
}

impl Held {
    pub fn insert(&self, key: Key, kind: &'static str, deadline: Instant, slot: OwnedSemaphorePermit) {
        let entry = Entry { kind, deadline, handler: None, settled: false, _slot: slot };
        self.lock().insert(key, entry);
    }

    /// The kind of a job that is held.
    pub fn kind(&self, key: Key) -> Option<&'static str> {
        self.lock().get(&key).map(|entry| entry.kind)
    }

    pub fn is_current(&self, key: Key) -> bool {
        self.lock().get(&key).is_some_and(|entry| entry.deadline > Instant::now())
    }

    /// `handler` is stopped by the watchdog if the lease is lost; `None` lets it finish.
    pub fn started(&self, key: Key, handler: Option<AbortHandle>) {
        if let Some(entry) = self.lock().get_mut(&key) {
            entry.handler = handler;
        }
    }

    pub fn settled(&self, key: Key) {
        if let Some(entry) = self.lock().get_mut(&key) {
            entry.settled = true;
            entry.handler = None;
        }
    }

    pub fn remove(&self, keys: impl IntoIterator<Item = Key>) {
        let mut entries = self.lock();
        for key in keys {
            entries.remove(&key);
        }
        if entries.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    pub fn keys(&self) -> Vec<Key> {
        self.lock().keys().copied().collect()
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Notes the answer to a renewal asked for `asked`: `renewed` hold until `deadline`, the others are gone.
    /// Answers how many were lost. A job settled meanwhile is not lost: its row is simply no longer running.
    pub fn renewed(&self, asked: &[Key], renewed: &[JobId], deadline: Instant) -> usize {
        let renewed: std::collections::HashSet<JobId> = renewed.iter().copied().collect();
        let mut entries = self.lock();
        let mut lost = 0;
        for key in asked {
            let Some(entry) = entries.get_mut(key).filter(|entry| !entry.settled) else { continue };
            if renewed.contains(&key.0) {
                entry.deadline = deadline;
            } else {
                entry.deadline = Instant::now();
                lost += 1;
            }
        }
        lost
    }

    /// Stops the handlers whose lease ended, once each, and answers whose they were.
    pub fn stop_expired(&self) -> Vec<JobId> {
        let now = Instant::now();
        let mut stopped = Vec::new();
        for (key, entry) in self.lock().iter_mut() {
            if entry.deadline <= now
                && let Some(handler) = entry.handler.take()
            {
                handler.abort();
                stopped.push(key.0);
            }
        }
        stopped
    }

    /// Waits until nothing is held.
    pub async fn wait_until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before the look, or a removal in between would go unnoticed.
            emptied.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
