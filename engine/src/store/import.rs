//! Imports: how far a file has been read, written in the transaction of each chunk, so that an import can be resumed.

use serde::{Deserialize, Serialize};
use sqlx_macros::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::text_enum::text_enum;
use crate::id::ImportId;

text_enum! {
    /// Where an import stands. A running one whose process died is resumed from `rows_read`.
    pub enum ImportState {
        Running = "running",
        Finished = "finished",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// What the rows are.
    pub enum ImportKind {
        Leads = "leads",
        Suppressions = "suppressions",
        Products = "products",
        Purchases = "purchases",
        Interests = "interests",
    }
}

/// An import as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub id: ImportId,
    pub kind: ImportKind,
    pub state: ImportState,
    /// Of the file's content: the same file again continues or repeats this import.
    pub source_hash: String,
    pub progress: Progress,
    pub started_at: Instant,
    pub updated_at: Instant,
}

/// Counts so far, and what was wrong with rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub rows_read: u64,
    pub created: u64,
    pub updated: u64,
    pub rejected: u64,
    /// The first mistakes; the caller bounds how many it keeps.
    pub errors: Vec<RowError>,
}

/// A mistake in one row of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowError {
    /// Line of the file, from 1.
    pub line: u64,
    pub field: Option<String>,
    pub message: String,
}

#[derive(Debug, FromRow)]
struct ImportRow {
    id: String,
    kind: String,
    state: String,
    source_hash: String,
    rows_read: i64,
    created: i64,
    updated: i64,
    rejected: i64,
    errors: String,
    started_at: i64,
    updated_at: i64,
}

macro_rules! import_row {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, state, source_hash, rows_read, created, updated, rejected, errors, started_at, updated_at
             FROM imports ",
            $rest
        )
    };
}

const START: &str = "INSERT INTO imports (id, kind, state, source_hash, rows_read, created, updated, rejected, errors, started_at,
                          updated_at)
     VALUES ($1, $2, 'running', $3, 0, 0, 0, 0, '[]', $4, $4)";
const FIND: &str = import_row!("WHERE id = $1");
const OF_SOURCE: &str = import_row!("WHERE source_hash = $1 ORDER BY started_at DESC, id DESC LIMIT 1");
const RECENT: &str = import_row!("ORDER BY started_at DESC, id DESC LIMIT $1");
const PROGRESS: &str = "UPDATE imports SET rows_read = $2, created = $3, updated = $4, rejected = $5, errors = $6, updated_at = $7
     WHERE id = $1 AND state = 'running' AND rows_read <= $2";
const END: &str = "UPDATE imports SET state = $2, updated_at = $3 WHERE id = $1 AND state = 'running'";
const RESUME: &str = "UPDATE imports SET state = 'running', updated_at = $2 WHERE id = $1 AND state IN ('failed', 'cancelled')";

/// Begins an import.
pub async fn start(
    tx: &mut Tx,
    id: ImportId,
    kind: ImportKind,
    source_hash: &str,
    now: Instant,
) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(START)
        .bind(id.to_string())
        .bind(kind.as_str())
        .bind(source_hash)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: ImportId) -> Result<Option<Import>, StoreError> {
    let row: Option<ImportRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Import::try_from).transpose()
}

/// The last import of a file with this content.
pub async fn of_source(tx: &mut Tx, source_hash: &str) -> Result<Option<Import>, StoreError> {
    let row: Option<ImportRow> =
        on_db!(tx, |conn| sqlx::query_as(OF_SOURCE).bind(source_hash).fetch_optional(conn).await)?;
    row.map(Import::try_from).transpose()
}

/// The last imports, newest first.
pub async fn recent(tx: &mut Tx, limit: u32) -> Result<Vec<Import>, StoreError> {
    let rows: Vec<ImportRow> =
        on_db!(tx, |conn| sqlx::query_as(RECENT).bind(i64::from(limit)).fetch_all(conn).await)?;
    rows.into_iter().map(Import::try_from).collect()
}

/// Writes progress with the chunk it counts. Answers `false`, and the chunk must not be committed, when the import was
/// ended meanwhile or another process is ahead.
pub async fn progress(
    tx: &mut Tx,
    id: ImportId,
    progress: &Progress,
    now: Instant,
) -> Result<bool, StoreError> {
    let errors = serde_json::to_string(&progress.errors)
        .map_err(|e| StoreError::bad_row("imports", "errors", id, e))?;
    let done = on_db!(tx, |conn| sqlx::query(PROGRESS)
        .bind(id.to_string())
        .bind(progress.rows_read as i64)
        .bind(progress.created as i64)
        .bind(progress.updated as i64)
        .bind(progress.rejected as i64)
        .bind(errors)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Ends a running import; answers whether it was running.
pub async fn end(tx: &mut Tx, id: ImportId, state: ImportState, now: Instant) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(END)
        .bind(id.to_string())
        .bind(state.as_str())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Takes up a failed or cancelled import where it stopped; answers whether it was one.
pub async fn resume(tx: &mut Tx, id: ImportId, now: Instant) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(RESUME)
        .bind(id.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

impl TryFrom<ImportRow> for Import {
    type Error = StoreError;

    fn try_from(row: ImportRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("imports", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            kind: row.kind.parse().map_err(|e| bad("kind", &e))?,
            state: row.state.parse().map_err(|e| bad("state", &e))?,
            progress: Progress {
                rows_read: row.rows_read as u64,
                created: row.created as u64,
                updated: row.updated as u64,
                rejected: row.rejected as u64,
                errors: serde_json::from_str(&row.errors).map_err(|e| bad("errors", &e))?,
            },
            started_at: instant_from_micros(row.started_at),
            updated_at: instant_from_micros(row.updated_at),
            source_hash: row.source_hash,
        })
    }
}
