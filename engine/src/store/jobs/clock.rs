//! The two clocks of the queue, read in one statement at the start of a transaction.

use chrono::TimeDelta;

use crate::clock::{Instant, instant_from_micros};
use crate::store::db::{Dialect, Tx, on_db};
use crate::store::error::StoreError;

/// What the database's clocks show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The present as far as due times are concerned: virtual when a virtual clock is shared, else `real`.
    pub now: Instant,
    /// The database's own clock; leases follow it.
    pub real: Instant,
}

// `statement_timestamp()`, not `clock_timestamp()`: the latter is volatile, and its value would be read again per row.
const POSTGRES: &str = "SELECT CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT), v.virtual_at, v.real_at, v.rate
     FROM (SELECT 1) AS one LEFT JOIN virtual_clock v ON v.id = 1";
const SQLITE: &str =
    "SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000, v.virtual_at, v.real_at, v.rate
     FROM (SELECT 1) AS one LEFT JOIN virtual_clock v ON v.id = 1";

type Row = (i64, Option<i64>, Option<i64>, Option<f64>);

/// Reads both clocks. Call it once per transaction and pass the instants on.
pub async fn read_clock(tx: &mut Tx) -> Result<Clock, StoreError> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let (real, virtual_at, real_at, rate): Row =
        on_db!(tx, |conn| sqlx::query_as(sql).fetch_one(conn).await)?;
    let now = match (virtual_at, real_at, rate) {
        (Some(virtual_at), Some(real_at), Some(rate)) => {
            let passed = ((real - real_at) as f64 * rate) as i64;
            instant_from_micros(virtual_at) + TimeDelta::microseconds(passed)
        }
        _ => instant_from_micros(real),
    };
    Ok(Clock { now, real: instant_from_micros(real) })
}
