//! Publications: what was published when, how far its people have been moved, and what new enrollments get now.

use sqlx_macros::FromRow;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::publication::{Cursor, Publication, PublicationState};
use crate::id::PublicationId;

/// What new enrollments of a cadence get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CadenceHead {
    /// `None`: every version is withdrawn.
    pub version: Option<String>,
    /// Content of the files that was taken note of last. The same content again decides nothing.
    pub files: String,
}

#[derive(Debug, FromRow)]
struct Row {
    id: String,
    cadence: String,
    kind: String,
    version: Option<String>,
    mode: String,
    steps: String,
    rate: i64,
    from_versions: String,
    state: String,
    cursor: String,
    moved: i64,
    ended: i64,
    pulled: i64,
    published_at: i64,
    finished_at: Option<i64>,
}

macro_rules! publication {
    ($rest:literal) => {
        concat!(
            "SELECT id, cadence, kind, version, mode, steps, rate, from_versions, state, cursor, moved, ended, pulled,
                    published_at, finished_at FROM publications ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO publications (id, cadence, kind, version, mode, steps, rate, from_versions, state, cursor, moved, ended,
                               pulled, published_at, finished_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, 0, 0, $10, $11)";
const FIND: &str = publication!("WHERE id = $1");
const MOVING: &str = publication!("WHERE state = 'moving' ORDER BY published_at, id");
static TAKE: Sql = Sql::new(publication!("WHERE id = $1 AND state = 'moving' {skip}"));
static LOCK: Sql = Sql::new(publication!("WHERE id = $1 {lock}"));
const OF_CADENCE: &str = publication!("WHERE cadence = $1 ORDER BY published_at DESC, id DESC LIMIT $2");
const PROGRESS: &str =
    "UPDATE publications SET state = $2, cursor = $3, moved = $4, ended = $5, pulled = $6, finished_at = $7
     WHERE id = $1";
const SUPERSEDE: &str = "UPDATE publications SET state = 'superseded', finished_at = $2
     WHERE cadence = $1 AND state = 'moving'";
const ADD: &str = "UPDATE publications SET moved = moved + $2, ended = ended + $3 WHERE id = $1";
const PEEK_HEAD: &str = "SELECT version, files FROM cadence_heads WHERE cadence = $1";
static HEAD: Sql = Sql::new("SELECT version, files FROM cadence_heads WHERE cadence = $1 {share}");
static LOCK_HEAD: Sql = Sql::new("SELECT version, files FROM cadence_heads WHERE cadence = $1 {lock}");
const SET_HEAD: &str = "INSERT INTO cadence_heads (cadence, version, files, updated_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (cadence) DO UPDATE SET version = excluded.version, files = excluded.files, updated_at = excluded.updated_at";

/// What new enrollments get. Held until the transaction ends: nobody publishes between this and the enrollment (I13).
pub async fn head(tx: &mut Tx, cadence: &str) -> Result<Option<CadenceHead>, StoreError> {
    read_head(tx, &HEAD, cadence).await
}

/// The same for looking only.
pub async fn peek_head(tx: &mut Tx, cadence: &str) -> Result<Option<CadenceHead>, StoreError> {
    let row: Option<(Option<String>, String)> =
        on_db!(tx, |conn| sqlx::query_as(PEEK_HEAD).bind(cadence).fetch_optional(conn).await)?;
    Ok(row.map(|(version, files)| CadenceHead { version, files }))
}

/// The same, to be changed.
pub async fn lock_head(tx: &mut Tx, cadence: &str) -> Result<Option<CadenceHead>, StoreError> {
    read_head(tx, &LOCK_HEAD, cadence).await
}

async fn read_head(tx: &mut Tx, sql: &Sql, cadence: &str) -> Result<Option<CadenceHead>, StoreError> {
    let sql = sql.on(tx.dialect());
    let row: Option<(Option<String>, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(cadence).fetch_optional(conn).await)?;
    Ok(row.map(|(version, files)| CadenceHead { version, files }))
}

pub async fn set_head(
    tx: &mut Tx,
    cadence: &str,
    head: &CadenceHead,
    now: Instant,
) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(SET_HEAD)
        .bind(cadence)
        .bind(head.version.as_deref())
        .bind(head.files.as_str())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub async fn insert(tx: &mut Tx, publication: &Publication) -> Result<(), StoreError> {
    let id = publication.id.to_string();
    let json = |column, value: serde_json::Result<String>| {
        value.map_err(|e| StoreError::bad_row("publications", column, &id, e))
    };
    let steps = json("steps", serde_json::to_string(&publication.steps))?;
    let from = json("from_versions", serde_json::to_string(&publication.from_versions))?;
    on_db!(tx, |conn| sqlx::query(INSERT)
        .bind(id.as_str())
        .bind(publication.cadence.as_str())
        .bind(publication.kind.as_str())
        .bind(publication.version.as_deref())
        .bind(publication.mode.as_str())
        .bind(steps)
        .bind(i64::from(publication.rate))
        .bind(from)
        .bind(publication.state.as_str())
        .bind(micros(publication.published_at))
        .bind(publication.finished_at.map(micros))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: PublicationId) -> Result<Option<Publication>, StoreError> {
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Publication::try_from).transpose()
}

/// Publications whose people are still being moved, the oldest first. Nearly always none.
pub async fn moving(tx: &mut Tx) -> Result<Vec<Publication>, StoreError> {
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(MOVING).fetch_all(conn).await)?;
    rows.into_iter().map(Publication::try_from).collect()
}

/// Takes a moving publication for this transaction; `None` when another worker has it or it is over.
pub async fn take(tx: &mut Tx, id: PublicationId) -> Result<Option<Publication>, StoreError> {
    let sql = TAKE.on(tx.dialect());
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Publication::try_from).transpose()
}

/// The same, waiting for whoever has it.
pub async fn lock(tx: &mut Tx, id: PublicationId) -> Result<Option<Publication>, StoreError> {
    let sql = LOCK.on(tx.dialect());
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Publication::try_from).transpose()
}

/// Publications of a cadence, the newest first.
pub async fn of_cadence(tx: &mut Tx, cadence: &str, limit: u32) -> Result<Vec<Publication>, StoreError> {
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(OF_CADENCE)
        .bind(cadence)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(Publication::try_from).collect()
}

/// Writes how far the moving has come, in the transaction that moved.
pub async fn progress(tx: &mut Tx, publication: &Publication) -> Result<(), StoreError> {
    let id = publication.id.to_string();
    let cursor = match &publication.cursor {
        None => String::new(),
        Some(cursor) => serde_json::to_string(cursor)
            .map_err(|e| StoreError::bad_row("publications", "cursor", &id, e))?,
    };
    on_db!(tx, |conn| sqlx::query(PROGRESS)
        .bind(id.as_str())
        .bind(publication.state.as_str())
        .bind(cursor)
        .bind(publication.moved as i64)
        .bind(publication.ended as i64)
        .bind(publication.pulled as i64)
        .bind(publication.finished_at.map(micros))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Counts people who were moved outside the batches.
pub async fn add(tx: &mut Tx, id: PublicationId, moved: u64, ended: u64) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(ADD)
        .bind(id.to_string())
        .bind(moved as i64)
        .bind(ended as i64)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Whoever the earlier publications of this cadence have not moved yet is left to a later one.
pub async fn supersede(tx: &mut Tx, cadence: &str, now: Instant) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(SUPERSEDE)
        .bind(cadence)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

impl TryFrom<Row> for Publication {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("publications", column, &row.id, problem)
        };
        let cursor: Option<Cursor> = match row.cursor.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text).map_err(|e| bad("cursor", &e))?),
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            kind: row.kind.parse().map_err(|e| bad("kind", &e))?,
            mode: row.mode.parse().map_err(|e| bad("mode", &e))?,
            steps: serde_json::from_str(&row.steps).map_err(|e| bad("steps", &e))?,
            rate: row.rate as u32,
            from_versions: serde_json::from_str(&row.from_versions).map_err(|e| bad("from_versions", &e))?,
            state: row.state.parse::<PublicationState>().map_err(|e| bad("state", &e))?,
            cursor,
            moved: row.moved as u64,
            ended: row.ended as u64,
            pulled: row.pulled as u64,
            published_at: instant_from_micros(row.published_at),
            finished_at: row.finished_at.map(instant_from_micros),
            cadence: row.cadence,
            version: row.version,
        })
    }
}
