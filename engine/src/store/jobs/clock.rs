//! The two clocks of the queue, read in one statement at the start of a transaction.

use chrono::TimeDelta;

use crate::clock::{Instant, instant_from_micros, micros};
use crate::store::db::Tx;
use crate::store::error::StoreError;

/// What the database's clocks show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// The present as far as due times are concerned: virtual when a virtual clock is shared, else `real`.
    pub now: Instant,
    /// The database's own clock; leases follow it.
    pub real: Instant,
    /// How many seconds of `now` pass in one of `real`: 1, unless a virtual clock runs faster or slower.
    pub speed: f64,
}

// `statement_timestamp()`, not `clock_timestamp()`: the latter is volatile, and its value would be read again per row.
const POSTGRES: &str = "SELECT CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT), v.virtual_at, v.real_at, v.rate
     FROM (SELECT 1) AS one LEFT JOIN virtual_clock v ON v.id = 1";
// SQLite's own clock is this machine's, too, but shows whole milliseconds: a call that is due would wait for the next one.
const SQLITE: &str =
    "SELECT $1, v.virtual_at, v.real_at, v.rate FROM (SELECT 1) AS one LEFT JOIN virtual_clock v ON v.id = 1";

type Row = (i64, Option<i64>, Option<i64>, Option<f64>);

/// Reads both clocks. Call it once per transaction and pass the instants on.
pub async fn read_clock(tx: &mut Tx) -> Result<Clock, StoreError> {
    let (real, virtual_at, real_at, rate): Row = match tx {
        Tx::Sqlite(tx) => sqlx::query_as(SQLITE).bind(micros(of_this_machine())).fetch_one(&mut **tx).await?,
        Tx::Postgres(tx) => sqlx::query_as(POSTGRES).fetch_one(&mut **tx).await?,
    };
    let now = match (virtual_at, real_at, rate) {
        (Some(virtual_at), Some(real_at), Some(rate)) => {
            let passed = ((real - real_at) as f64 * rate) as i64;
            instant_from_micros(virtual_at) + TimeDelta::microseconds(passed)
        }
        _ => instant_from_micros(real),
    };
    Ok(Clock { now, real: instant_from_micros(real), speed: rate.unwrap_or(1.0) })
}

#[expect(clippy::disallowed_methods, reason = "the one place where a database has no clock of its own")]
fn of_this_machine() -> Instant {
    chrono::Utc::now()
}
