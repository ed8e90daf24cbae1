//! The one source of time: the database's own clock, or the virtual one that processes share through it.

use super::db::{Tx, on_db};
use super::error::StoreError;
use super::jobs::read_clock;
use crate::clock::{Instant, instant_from_micros, micros};

/// A clock that read `virtual_at` when the database's read `real_at`, and runs `rate` times as fast since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VirtualClock {
    pub virtual_at: Instant,
    pub real_at: Instant,
    /// 1.0: as fast as real time; 0.0: stands still.
    pub rate: f64,
}

const READ: &str = "SELECT virtual_at, real_at, rate FROM virtual_clock WHERE id = 1";
const SET: &str = "INSERT INTO virtual_clock (id, virtual_at, real_at, rate) VALUES (1, $1, $2, $3)
     ON CONFLICT (id) DO UPDATE SET virtual_at = excluded.virtual_at, real_at = excluded.real_at, rate = excluded.rate";
const CLEAR: &str = "DELETE FROM virtual_clock";

/// The present: virtual while a virtual clock is set, else the database's. Read once per transaction, and again after waiting
/// for a lock.
pub async fn now(tx: &mut Tx) -> Result<Instant, StoreError> {
    Ok(read_clock(tx).await?.now)
}

/// The present, and how many of its seconds pass in a second of the wall: 1, unless a shared virtual clock runs faster or slower.
pub async fn now_and_speed(tx: &mut Tx) -> Result<(Instant, f64), StoreError> {
    let clock = read_clock(tx).await?;
    Ok((clock.now, clock.speed))
}

/// The database's own clock, whatever the virtual one shows.
pub async fn database_now(tx: &mut Tx) -> Result<Instant, StoreError> {
    Ok(read_clock(tx).await?.real)
}

pub async fn virtual_clock(tx: &mut Tx) -> Result<Option<VirtualClock>, StoreError> {
    let row: Option<(i64, i64, f64)> = on_db!(tx, |conn| sqlx::query_as(READ).fetch_optional(conn).await)?;
    Ok(row.map(|(virtual_at, real_at, rate)| VirtualClock {
        virtual_at: instant_from_micros(virtual_at),
        real_at: instant_from_micros(real_at),
        rate,
    }))
}

/// Sets the shared virtual clock. Callers refuse it with real providers; this function cannot know.
pub async fn set_virtual_clock(tx: &mut Tx, clock: VirtualClock) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(SET)
        .bind(micros(clock.virtual_at))
        .bind(micros(clock.real_at))
        .bind(clock.rate)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Back to real time.
pub async fn clear_virtual_clock(tx: &mut Tx) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(CLEAR).execute(conn).await.map(|_| ()))?;
    Ok(())
}
