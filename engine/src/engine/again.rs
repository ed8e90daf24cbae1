//! Deadlocks. Transactions lock numbers first, in one order, and then rows; where a verb cannot know its numbers in time, PostgreSQL
//! may have to sacrifice one of two transactions. Nothing of that one is kept, so it is simply run again.

use std::future::Future;

use super::EngineError;

/// More than two transactions in each other's way are rare; losing this often is not a coincidence any more.
const TRIES: u32 = 5;

/// Runs a verb that is one transaction, again if the database gave it up for others.
pub(super) async fn unless_deadlocked<T, F>(
    verb: &'static str,
    work: impl Fn() -> F,
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    for _ in 1..TRIES {
        match work().await {
            Err(EngineError::Store(error)) if error.is_deadlock() => {
                tracing::info!(verb, %error, "deadlock: trying again");
            }
            other => return other,
        }
    }
    work().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn other_errors_are_not_tried_again() {
        let tries = AtomicU32::new(0);
        let work = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(EngineError::missing("lead", "x"))
        };
        assert!(unless_deadlocked("test", work).await.is_err());
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }
}
