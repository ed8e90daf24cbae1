//! Connections to SQLite: what each is set to, and patience while others open the same new file.

use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::Instant;

use super::db::{Db, Durability};
use super::erased_number::SeenKey;
use super::error::StoreError;

/// How long one waits for a lock that another connection holds.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn connect(url: &str, durability: Durability) -> Result<Db, StoreError> {
    let in_memory = url.contains(":memory:");
    let alone = durability == Durability::Scratch;
    let file = SqliteConnectOptions::from_str(url)?.create_if_missing(true).busy_timeout(PATIENCE);
    let options = file
        .clone()
        .foreign_keys(true)
        .journal_mode(match (durability, in_memory) {
            (Durability::Scratch, _) => SqliteJournalMode::Off,
            (_, true) => SqliteJournalMode::Memory,
            (_, false) => SqliteJournalMode::Wal,
        })
        .synchronous(match durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Off | Durability::Scratch => SqliteSynchronous::Off,
        })
        .locking_mode(if alone { SqliteLockingMode::Exclusive } else { SqliteLockingMode::Normal })
        // What is written once and seldom read wants fewer, larger pages.
        .page_size(if alone { 8_192 } else { 4_096 })
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "memory")
        // 64 MB: a page that many batches change is written to the file once, not once per batch.
        .pragma("wal_autocheckpoint", "16000")
        // Rows cross from SQLite's thread in a bounded channel; a batch should fit without the two waiting for each other.
        .row_buffer_size(4_096)
        .statement_cache_capacity(256);
    let write = once_unlocked(&file, || writer().connect_with(options.clone())).await?;
    // Readers would each see their own empty database if it lives in memory.
    let read = if in_memory || alone {
        write.clone()
    } else {
        SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options.read_only(true))
    };
    Ok(Db::Sqlite { write, read, journal: None, seen_key: SeenKey::default() })
}

pub(super) async fn connect_read_only(url: &str) -> Result<Db, StoreError> {
    let options =
        SqliteConnectOptions::from_str(url)?.read_only(true).create_if_missing(false).busy_timeout(PATIENCE);
    let read = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    Ok(Db::Sqlite { write: read.clone(), read, journal: None, seen_key: SeenKey::default() })
}

fn writer() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30))
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    connection.ping().await?; // An ordinary rollback is on its way, before this.
                }
                // After a write that failed (disk full, I/O error) SQLite may have rolled back by itself. The driver then
                // fails to, and would refuse every transaction from there on: such a connection is given up.
                Ok(!connection.is_in_transaction())
            })
        })
}

/// Opens a file that others may be opening too. A new one gets its write-ahead log from whoever is first, and for that change
/// SQLite does not wait, whatever its busy time-out: it is reading by then, and two that read and wait for each other would wait for
/// ever (<https://www.sqlite.org/c3ref/busy_handler.html>). For its turn to write it does wait, and when that has come the other is
/// done.
async fn once_unlocked<T, F>(
    file: &SqliteConnectOptions,
    mut open: impl FnMut() -> F,
) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let began = Instant::now();
    loop {
        match open().await {
            Err(error) if is_locked(&error) && began.elapsed() < PATIENCE => turn_to_write(file).await?,
            opened => return opened,
        }
    }
}

async fn turn_to_write(file: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = file.connect().await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
    sqlx::query("ROLLBACK").execute(&mut connection).await?;
    connection.close().await
}

/// `SQLITE_BUSY`, also with a reason in its upper bits (<https://www.sqlite.org/rescode.html#busy>).
fn is_locked(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use sqlx::sqlite::SqliteConnection;

    use super::*;

    /// A new file that another connection is writing to, without a write-ahead log; and how to open it with one.
    async fn held() -> (tempfile::TempDir, SqliteConnection, SqliteConnectOptions) {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new().filename(folder.path().join("new.db")).create_if_missing(true);
        let mut other = SqliteConnection::connect_with(&file).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        (folder, other, file.journal_mode(SqliteJournalMode::Wal))
    }

    #[tokio::test]
    async fn a_file_that_another_is_opening_is_waited_for() {
        let (_folder, other, file) = held().await;
        let (other, tries) = (Cell::new(Some(other)), Cell::new(0));
        let patient = file.clone().journal_mode(SqliteJournalMode::Delete).busy_timeout(PATIENCE);
        let opened = once_unlocked(&patient, async || {
            tries.set(tries.get() + 1);
            let opened = SqliteConnection::connect_with(&file).await;
            // The first try has met the lock; now the other is done.
            if let Some(other) = other.take() {
                other.close().await?;
            }
            opened
        })
        .await;
        let mut opened = opened.unwrap();
        assert_eq!(tries.get(), 2);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut opened).await.unwrap();
        assert_eq!(mode, "wal");
    }

    #[tokio::test]
    async fn a_file_that_stays_locked_is_given_up() {
        let (_folder, _other, file) = held().await;
        let impatient = file.clone().busy_timeout(Duration::ZERO);
        let refused =
            once_unlocked(&impatient, || SqliteConnection::connect_with(&impatient)).await.unwrap_err();
        assert!(is_locked(&refused), "{refused}");
    }
}
