//! Sleeping until an instant to a tenth of a millisecond: a call that is due is asked for, not waited for.

use std::time::{Duration, Instant};

/// The runtime's timer is up to two milliseconds late: the last ones are slept on a thread, which is late by a tenth.
const LAST: Duration = Duration::from_millis(2);

/// Sleeps until `until`; not at all when that has passed.
pub async fn sleep_until(until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    if let Some(long) = left.checked_sub(LAST) {
        tokio::time::sleep(long).await;
    }
    let rest = until.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        // Cannot fail: sleeping does not panic, and a runtime that shuts down needs no exact time.
        let _ = tokio::task::spawn_blocking(move || on_this_thread(rest)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread for blocking work, where nobody else waits")]
fn on_this_thread(rest: Duration) {
    std::thread::sleep(rest);
}
