//! What backups and restores ask of a database itself: an online copy, a consistent snapshot, what is in it, whether it is
//! sound. Files, programs and manifests are the command line's.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::db::{Db, Sql, Tx, on_db};
use super::error::StoreError;
use super::schema;
use crate::clock::{Instant, instant_from_micros, micros};

/// Tables whose rows a manifest counts, in its order.
const COUNTED: &[(&str, &str)] = &[
    ("leads", "SELECT count(*) FROM leads"),
    ("suppressions", "SELECT count(*) FROM suppressions"),
    ("consents", "SELECT count(*) FROM consents"),
    ("enrollments", "SELECT count(*) FROM enrollments"),
    ("attempts", "SELECT count(*) FROM attempts"),
    ("calls", "SELECT count(*) FROM calls"),
    ("events", "SELECT count(*) FROM events"),
];

/// A backup that was made of this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// By the database's own clock.
    pub taken_at: Instant,
    pub finished_at: Instant,
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
}

const NOTE: &str =
    "INSERT INTO backups (taken_at, finished_at, file, bytes, sha256) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (taken_at) DO NOTHING";
const LATEST: &str =
    "SELECT taken_at, finished_at, file, bytes, sha256 FROM backups ORDER BY taken_at DESC LIMIT 1";
const REPEATABLE: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
static STRANGERS: Sql = Sql::new(
    "SELECT CAST(table_name AS TEXT) FROM information_schema.tables
     WHERE table_schema = 'public' AND CAST(table_name AS TEXT) NOT IN (SELECT e.value->>0 FROM {each}) ORDER BY 1",
);
const SQLITE_TABLES: &str =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
const POSTGRES_TABLES: &str = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";

/// How many rows the main tables have.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(&'static str, u64)>, StoreError> {
    let mut counts = Vec::with_capacity(COUNTED.len());
    for (name, sql) in COUNTED.iter().copied() {
        let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(sql).fetch_one(conn).await)?;
        counts.push((name, count as u64));
    }
    Ok(counts)
}

/// Notes that a backup is complete.
pub async fn note(tx: &mut Tx, made: &Made) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(NOTE)
        .bind(micros(made.taken_at))
        .bind(micros(made.finished_at))
        .bind(&made.file)
        .bind(made.bytes as i64)
        .bind(&made.sha256)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The newest backup of this database.
pub async fn latest(tx: &mut Tx) -> Result<Option<Made>, StoreError> {
    let row: Option<(i64, i64, String, i64, String)> =
        on_db!(tx, |conn| sqlx::query_as(LATEST).fetch_optional(conn).await)?;
    Ok(row.map(|(taken_at, finished_at, file, bytes, sha256)| Made {
        taken_at: instant_from_micros(taken_at),
        finished_at: instant_from_micros(finished_at),
        file,
        bytes: bytes as u64,
        sha256,
    }))
}

/// Begins a reading transaction in which `counts` and a dump of another connection, given the name, see the same state.
/// PostgreSQL only: an SQLite copy is counted itself.
pub async fn export_snapshot(db: &Db) -> Result<(Tx, String), StoreError> {
    let mut tx = db.begin_read().await?;
    on_db!(&mut tx, |conn| sqlx::query(REPEATABLE).execute(conn).await.map(|_| ()))?;
    let name: String =
        on_db!(&mut tx, |conn| sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(conn).await)?;
    Ok((tx, name))
}

/// Are there any tables?
pub async fn is_empty(db: &Db) -> Result<bool, StoreError> {
    let tables: i64 = match db {
        Db::Sqlite { write, .. } => sqlx::query_scalar(SQLITE_TABLES).fetch_one(write).await?,
        Db::Postgres { pool, .. } => sqlx::query_scalar(POSTGRES_TABLES).fetch_one(pool).await?,
    };
    Ok(tables == 0)
}

/// Other connections to a PostgreSQL database; 0 on SQLite, where the file itself tells ([`sqlite_release`]).
pub async fn others_connected(db: &Db) -> Result<u64, StoreError> {
    let Db::Postgres { pool, .. } = db else { return Ok(0) };
    // One connection asks: our pool's own others would be counted.
    let others: i64 = sqlx::query_scalar(OTHERS).fetch_one(pool).await?;
    Ok(others as u64)
}

/// Tables beside ours in the schema that a restore replaces.
pub async fn strangers(db: &Db) -> Result<Vec<String>, StoreError> {
    let Db::Postgres { pool, .. } = db else { return Ok(Vec::new()) };
    let own = super::keys(&schema::tables());
    Ok(sqlx::query_scalar(STRANGERS.on(db.dialect())).bind(own).fetch_all(pool).await?)
}

fn file_options(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false)
}

/// Size of an SQLite database by its own account, in bytes: about what a copy will have.
pub async fn sqlite_bytes(db: &Db) -> Result<u64, StoreError> {
    let Db::Sqlite { read, .. } = db else { return Ok(0) };
    let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(read).await?;
    Ok(bytes as u64)
}

/// Copies a live SQLite database to `path`, which must not exist or be empty: one consistent state, without holding up its
/// writers.
pub async fn sqlite_copy(db: &Db, path: &std::path::Path) -> Result<(), StoreError> {
    let Db::Sqlite { read, .. } = db else { return Ok(()) };
    sqlx::query("VACUUM INTO $1").bind(path.to_string_lossy().into_owned()).execute(read).await?;
    Ok(())
}

/// What is wrong with an SQLite file; empty: nothing. Reads all of it.
pub async fn sqlite_problems(path: &std::path::Path) -> Result<Vec<String>, StoreError> {
    let mut connection = file_options(path).read_only(true).connect().await?;
    let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// What is wrong with the SQLite database behind this handle.
pub async fn sqlite_problems_live(db: &Db) -> Result<Vec<String>, StoreError> {
    let Db::Sqlite { read, .. } = db else { return Ok(Vec::new()) };
    let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(read).await?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Takes an SQLite file out of its write-ahead log, so that it stands for itself without `-wal` and `-shm`. Fails while anybody
/// else has it open.
pub async fn sqlite_release(path: &std::path::Path) -> Result<(), StoreError> {
    let options = file_options(path).busy_timeout(std::time::Duration::ZERO).foreign_keys(false);
    let mut connection: SqliteConnection = options.journal_mode(SqliteJournalMode::Delete).connect().await?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await?;
    connection.close().await?;
    if mode == "delete" {
        return Ok(());
    }
    Err(StoreError::Database(sqlx::Error::Protocol("database is locked".into())))
}

/// Prefix of schemas into which a restore puts what was there before.
pub const ASIDE: &str = "callwright_before_";

/// For `psql`, before the dump: what is there is kept under another name. `aside` is made of [`ASIDE`] and digits.
pub fn postgres_preamble(aside: &str) -> String {
    format!("ALTER SCHEMA public RENAME TO {aside}; CREATE SCHEMA public;")
}

/// For `psql`, behind the dump and in its transaction: nobody sees the restored tables without their mark.
pub fn postgres_mark(journal_from: Instant, calls_from: Instant) -> String {
    let (journal, calls) = (micros(journal_from), micros(calls_from));
    format!(
        "INSERT INTO public.recovery (id, journal_from, calls_from, marked_at, marked_real_at) \
         VALUES (1, {journal}, {calls}, {calls}, {journal}) ON CONFLICT (id) DO NOTHING; ANALYZE;"
    )
}

/// What of a PostgreSQL server's configuration decides whether commits outlive a power cut and old rows go away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostgresHealth {
    pub fsync: bool,
    pub full_page_writes: bool,
    /// `off`: a power cut takes the last commits along.
    pub synchronous_commit: String,
    /// 0: a session may hold a transaction for ever.
    pub idle_in_transaction_ms: i64,
    /// Transactions behind the newest that the oldest session still sees.
    pub oldest_xmin_age: i64,
    /// When the oldest open transaction of another session began.
    pub oldest_transaction_at: Option<Instant>,
}

const SETTINGS: &str = "SELECT name, setting FROM pg_settings
     WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'idle_in_transaction_session_timeout')";
const OLDEST: &str = "SELECT CAST(coalesce(max(age(backend_xmin)), 0) AS BIGINT),
            CAST(min(extract(epoch FROM xact_start) * 1000000) AS BIGINT)
     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// `None` on SQLite.
pub async fn postgres_health(db: &Db) -> Result<Option<PostgresHealth>, StoreError> {
    let Db::Postgres { pool, .. } = db else { return Ok(None) };
    let settings: Vec<(String, String)> = sqlx::query_as(SETTINGS).fetch_all(pool).await?;
    let setting = |wanted: &str| {
        settings.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (oldest_xmin_age, began): (i64, Option<i64>) = sqlx::query_as(OLDEST).fetch_one(pool).await?;
    Ok(Some(PostgresHealth {
        fsync: setting("fsync") == "on",
        full_page_writes: setting("full_page_writes") == "on",
        synchronous_commit: setting("synchronous_commit"),
        idle_in_transaction_ms: setting("idle_in_transaction_session_timeout").parse().unwrap_or(0),
        oldest_xmin_age,
        oldest_transaction_at: began.map(instant_from_micros),
    }))
}
