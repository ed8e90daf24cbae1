//! The instant every pure function takes, and its stored form.
//!
//! There is no way to ask "what time is it" here, on purpose: the shell reads the database's clock and hands it in.

use chrono::{DateTime, Utc};

/// A point on the UTC time line.
pub type Instant = DateTime<Utc>;

/// The instant `micros` microseconds after 1970-01-01T00:00Z. Values outside chrono's ±262,000 years saturate.
pub fn instant_from_micros(micros: i64) -> Instant {
    DateTime::from_timestamp_micros(micros).unwrap_or(if micros < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

/// Microseconds since 1970-01-01T00:00Z, the form instants have in both databases; finer parts are dropped.
pub fn micros(instant: Instant) -> i64 {
    instant.timestamp_micros()
}
