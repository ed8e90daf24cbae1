//! The bell of a process: whoever commits work that may be due rings it, the dial loop wakes. It may be lost; the poll remains.

use std::sync::Arc;

use tokio::sync::Notify;

/// Shared by whoever rings and the dial loop. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bell {
    near: Arc<Notify>,
    far: Arc<Notify>,
}

impl Bell {
    pub fn new() -> Self {
        Self::default()
    }

    /// Call after the commit: before it, whoever looks would find nothing. Other processes hear it, too (`herald`).
    pub fn ring(&self) {
        self.near.notify_one();
        self.far.notify_one();
    }

    /// Rings in this process only: somebody else has rung.
    pub fn ring_here(&self) {
        self.near.notify_one();
    }

    /// Until it rings, or at once if it rang since the last time.
    pub async fn heard(&self) {
        self.near.notified().await;
    }

    /// The same for whoever carries it to other processes.
    pub(crate) async fn to_carry(&self) {
        self.far.notified().await;
    }
}
