//! The edges of a transaction, where tests may step in: before it begins, when it commits, and after that. A commit has three
//! ends — applied, not applied, applied with the answer lost — and a process may die or fall asleep on either side of it.
//!
//! Nothing is configured here: an edge holds for the futures that a test wraps in [`within`], and for nothing else. Without one
//! a transaction costs a look at an empty thread-local.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::error::StoreError;

/// What a test does at an edge; it may wait there, and it may be dropped there.
pub type Pause<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How a commit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Applied,
    /// The changes are gone, and the caller is told so by an error.
    NotApplied,
    /// The changes are kept, and the caller is told of an error all the same.
    AnswerLost,
}

/// A test at the edges of transactions.
pub trait Edge: Send + Sync + std::fmt::Debug {
    /// Before a connection is taken; nothing is held while this waits.
    fn begins(&self, writes: bool) -> Pause<'_>;

    /// Everything is written. On SQLite the connection is held while this waits.
    fn commits(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>>;

    /// The commit has been applied; the caller has not been told yet.
    fn committed(&self) -> Pause<'_>;
}

tokio::task_local! {
    static EDGE: Arc<dyn Edge>;
}

/// Runs `work` with `edge` at every transaction in it, those of spawned tasks left out.
pub async fn within<T>(edge: Arc<dyn Edge>, work: impl Future<Output = T>) -> T {
    EDGE.scope(edge, work).await
}

pub(super) fn current() -> Option<Arc<dyn Edge>> {
    EDGE.try_with(Arc::clone).ok()
}

/// What a caller sees of a commit whose answer was lost.
pub(super) fn lost() -> StoreError {
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    StoreError::Database(sqlx::Error::Io(reset))
}
