//! Wake-up calls between processes that share a PostgreSQL: "something may have become due". They may be lost, doubled or late;
//! whoever waits for one also looks now and then. Told after the commit that made the work, never inside it: a transaction
//! that notifies holds a lock of the whole server until its commit is on disk.

use sqlx::postgres::PgListener;

use super::db::Db;
use super::error::StoreError;

const CHANNEL: &str = "callwright_wake";
const TELL: &str = "SELECT CAST(pg_notify($1, $2) AS TEXT)";

/// Tells every listening process; `sender` lets it pass over its own calls. On SQLite there is nobody else: nothing happens.
pub async fn tell(db: &Db, sender: &str) -> Result<(), StoreError> {
    if let super::Tx::Postgres(mut tx) = db.begin_read().await? {
        sqlx::query(TELL).bind(CHANNEL).bind(sender).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Hears the calls of all processes, its own included. Holds a connection.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// `None` where nothing can be heard: on SQLite, and behind a transaction pooler, where no connection stays ours.
    pub async fn open(db: &Db) -> Result<Option<Self>, StoreError> {
        let Db::Postgres { pool, begin: None } = db else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Self(listener)))
    }

    /// Waits for the next call and answers with its sender; `None`: the connection was lost meanwhile and calls with it.
    pub async fn heard(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|call| call.payload().to_owned()))
    }
}
