//! SQLite's log is written back to its file beside whoever commits. Left to itself SQLite does it in the commit that makes the log
//! too long, and everybody else who writes waits for that one.

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _};

use super::db::Db;
use super::error::StoreError;

/// A connection that does nothing else.
#[derive(Debug)]
pub struct Checkpointer(SqliteConnection);

/// Pages of the log, in all and written back; both 0 after SQLite has begun it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenBack {
    pub log: i64,
    pub done: i64,
}

impl Checkpointer {
    /// `None`: PostgreSQL has a process for it, and a database in memory no log.
    pub async fn open(db: &Db) -> Result<Option<Self>, StoreError> {
        let Db::Sqlite { write, .. } = db else { return Ok(None) };
        let mut connection = write.connect_options().as_ref().clone().connect().await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await?;
        Ok((mode == "wal").then_some(Self(connection)))
    }

    /// Writes back what is in the log, without waiting for anybody and without anybody waiting.
    pub async fn write_back(&mut self) -> Result<WrittenBack, StoreError> {
        let (_, log, done): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut self.0).await?;
        Ok(WrittenBack { log, done })
    }

    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.0.close().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    #[tokio::test]
    async fn the_log_is_written_back_while_somebody_writes() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let db = Db::connect(&url, Durability::Full).await.unwrap();
        db.migrate().await.unwrap();
        let mut log = Checkpointer::open(&db).await.unwrap().unwrap();
        let writing = db.begin().await.unwrap();
        let all = log.write_back().await.unwrap();
        assert!(all.log > 0 && all.log == all.done, "{all:?}");
        writing.rollback().await.unwrap();
        log.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_database_in_memory_has_no_log() {
        let db = Db::connect("sqlite::memory:", Durability::Off).await.unwrap();
        assert!(Checkpointer::open(&db).await.unwrap().is_none());
    }
}
