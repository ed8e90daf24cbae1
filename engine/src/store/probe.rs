//! Can this database be worked with? A write that is really committed, and whether its tables are those of this program.

use super::db::{Db, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};

const WRITE: &str =
    "INSERT INTO write_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at";

/// Writes one row and commits: a full disk, a stuck writer and a standby that only reads all fail here.
pub async fn write(db: &Db, at: Instant) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    on_db!(&mut tx, |conn| sqlx::query(WRITE).bind(micros(at)).execute(conn).await.map(|_| ()))?;
    tx.commit().await
}
