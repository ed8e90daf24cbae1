//! One way to two databases: [`Db`], [`Tx`], the `on_db!` dispatch and the few words in which the dialects differ.
//! Statements are written once with `$1` binds; [`Sql`] fills in the dialect's tokens once and keeps the text.

use std::sync::OnceLock;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Postgres, Sqlite};

use super::edge::{self, Fate};
use super::erased_number::SeenKey;
use super::error::StoreError;
use super::journaled::{Journaled, Noted};
use super::{postgres, sqlite};
use crate::journal::Journal;

/// A database: SQLite with one writer connection, or PostgreSQL with a pool. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
        /// Of stops; so is the other.
        journal: Option<Journal>,
        seen_key: SeenKey,
    },
    Postgres {
        pool: PgPool,
        /// How transactions begin where a session cannot keep our settings: behind a transaction pooler.
        begin: Option<&'static str>,
        journal: Option<Journal>,
        seen_key: SeenKey,
    },
}

/// A transaction. Dropped without [`Tx::commit`] it rolls back, and so does what it noted for the journal.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Journaled<Sqlite>),
    Postgres(Journaled<Postgres>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// How hard SQLite tries to keep a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Commits outlive a power cut: production.
    Full,
    /// Commits outlive the process, not the machine: tests and demos.
    Off,
    /// Nothing is ever taken back and nobody else looks on: simulations, where a failed write is the end of the run.
    Scratch,
}

/// Runs one expression on whichever connection a transaction holds.
macro_rules! on_db {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx {
            $crate::store::db::Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            $crate::store::db::Tx::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}
pub(crate) use on_db;

impl Db {
    /// Opens `sqlite:PATH`, `sqlite::memory:` or `postgres://…` and applies missing migrations. With `?pooler=transaction` in the
    /// address nothing outlives a transaction, and missing migrations are an error.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let db = Self::connect(url, Durability::Full).await?;
        db.migrate().await?;
        Ok(db)
    }

    /// Opens without migrating.
    pub async fn connect(url: &str, durability: Durability) -> Result<Self, StoreError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return postgres::connect(url).await;
        }
        if url.starts_with("sqlite:") {
            return sqlite::connect(url, durability).await;
        }
        Err(StoreError::Url(url.split(':').next().unwrap_or_default().to_owned()))
    }

    /// Opens an existing database to read from: nothing is created, migrated or written.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            return sqlite::connect_read_only(url).await;
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return postgres::connect_read_only(url).await;
        }
        Err(StoreError::Url(url.split(':').next().unwrap_or_default().to_owned()))
    }

    /// Open connections by what they are for; on PostgreSQL all of them write.
    pub fn connections(&self) -> Vec<(&'static str, u32)> {
        match self {
            Self::Sqlite { write, read, .. } => vec![("read", read.size()), ("write", write.size())],
            Self::Postgres { pool, .. } => vec![("write", pool.size())],
        }
    }

    /// From now on every stop that commits through this handle, and its clones, is in the journal before.
    #[must_use]
    pub fn with_journal(mut self, own: Option<Journal>) -> Self {
        let (Self::Sqlite { journal, .. } | Self::Postgres { journal, .. }) = &mut self;
        *journal = own;
        self
    }

    pub const fn journal(&self) -> Option<&Journal> {
        let (Self::Sqlite { journal, .. } | Self::Postgres { journal, .. }) = self;
        journal.as_ref()
    }

    /// Does the address lead through a transaction pooler, so that nothing outlives a transaction?
    pub const fn is_pooled(&self) -> bool {
        matches!(self, Self::Postgres { begin: Some(_), .. })
    }

    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// May transactions write side by side? SQLite takes one writer at a time.
    pub const fn takes_several_writers(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// Begins a writing transaction. On SQLite it takes the write lock at once, so it cannot fail half-way.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        if let Some(edge) = edge::current() {
            edge.begins(true).await;
        }
        Ok(match self {
            Self::Sqlite { write, journal, seen_key, .. } => {
                let tx = write.begin_with("BEGIN IMMEDIATE").await?;
                Tx::Sqlite(Journaled::new(tx, journal.clone(), seen_key.clone()))
            }
            Self::Postgres { pool, begin, journal, seen_key } => {
                let tx = postgres::begin(pool, *begin).await?;
                Tx::Postgres(Journaled::new(tx, journal.clone(), seen_key.clone()))
            }
        })
    }

    /// Begins a reading transaction: on SQLite it does not wait for the writer.
    pub async fn begin_read(&self) -> Result<Tx, StoreError> {
        if let Some(edge) = edge::current() {
            edge.begins(false).await;
        }
        Ok(match self {
            Self::Sqlite { read, seen_key, .. } => {
                Tx::Sqlite(Journaled::new(read.begin().await?, None, seen_key.clone()))
            }
            Self::Postgres { pool, begin, seen_key, .. } => {
                let tx = postgres::begin(pool, *begin).await?;
                Tx::Postgres(Journaled::new(tx, None, seen_key.clone()))
            }
        })
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

impl Tx {
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// An error leaves it open whether the changes were kept, as with any commit whose answer is lost.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Some(edge) = edge::current() else { return self.keep().await };
        match edge.commits().await {
            Fate::NotApplied => {
                self.rollback().await?;
                return Err(edge::lost());
            }
            Fate::AnswerLost => {
                self.keep().await?;
                return Err(edge::lost());
            }
            Fate::Applied => self.keep().await?,
        }
        edge.committed().await;
        Ok(())
    }

    /// What was noted of stops is in the journal before the commit, what takes them back after it: see [`crate::journal`].
    async fn keep(mut self) -> Result<(), StoreError> {
        let noted = self.noted().take();
        if noted.is_empty() {
            return self.apply().await;
        }
        // Read while the locks of the numbers are held: lines about one number are in the order of their commits.
        let at = noted.instant(super::clock::database_now(&mut self).await?);
        noted.protect(at).await?;
        self.apply().await?;
        noted.take_back(at).await;
        Ok(())
    }

    /// What this transaction is going to tell the journal.
    pub(super) const fn noted(&mut self) -> &mut Noted {
        match self {
            Self::Sqlite(tx) => tx.noted(),
            Self::Postgres(tx) => tx.noted(),
        }
    }

    /// The key of erased numbers that was in force when somebody last looked.
    pub(super) const fn seen_key(&self) -> &SeenKey {
        match self {
            Self::Sqlite(tx) => tx.seen_key(),
            Self::Postgres(tx) => tx.seen_key(),
        }
    }

    async fn apply(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

/// A statement for both databases. Tokens:
/// `{each}`, `{each2}`, … `{each4}`: the rows of the JSON array bound as `$1`, `$2`, … `$4`, named `e`, `e2`, … (column `value`);
/// `{any}`: is among the first values of those rows, in a way that no planner can turn round;
/// `{skip}`: lock the rows read and pass over locked ones; `{lock}`: lock the rows read (with `_n`, `_a`: only the rows of that alias);
/// `{share}`: keep the rows read from being changed; `{variable}`: the enrollment's variable at the path in the third value;
/// `{array}`: the aggregate that makes a JSON array; `{pack}`, `{collect}`: see `packed`; `{greatest}`: the larger of several values; `{most}`: the
/// smaller of `$2` and the row's sixth value, or `$2` where a limit may not depend on a row; `{series}`: the whole numbers from `$1` up to,
/// but without, `$2`, as `s.n`.
#[derive(Debug)]
pub struct Sql {
    text: &'static str,
    sqlite: OnceLock<&'static str>,
    postgres: OnceLock<&'static str>,
}

impl Sql {
    pub const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The text for a dialect; rendered once per process and kept for good.
    pub fn on(&self, dialect: Dialect) -> &'static str {
        let slot = match dialect {
            Dialect::Sqlite => &self.sqlite,
            Dialect::Postgres => &self.postgres,
        };
        slot.get_or_init(|| Box::leak(render(self.text, dialect).into_boxed_str()))
    }
}

/// The text with its tokens filled in, for statements that are put together at run time.
pub(super) fn render(text: &str, dialect: Dialect) -> String {
    TOKENS.iter().fold(text.to_owned(), |text, (token, sqlite, postgres)| {
        text.replace(token, if dialect == Dialect::Sqlite { sqlite } else { postgres })
    })
}

// What is true of every row makes PostgreSQL expect a single one, where it would expect a hundred: it then looks up by index what belongs
// to each, however small it takes a table for, and never goes through the whole table for all of them.
macro_rules! each_of {
    ($bound:literal) => {
        concat!(
            "SELECT value FROM jsonb_array_elements(CAST(",
            $bound,
            " AS jsonb)) WHERE jsonb_typeof(value) = 'array'"
        )
    };
}

// `jsonb_each` hands rows out parsed: with `json_each` every `e.value->>n` would parse the row's text anew.
const TOKENS: &[(&str, &str, &str)] = &[
    ("{each}", "jsonb_each($1) AS e", concat!("(", each_of!("$1"), ") AS e")),
    ("{each2}", "jsonb_each($2) AS e2", concat!("(", each_of!("$2"), ") AS e2")),
    ("{each3}", "jsonb_each($3) AS e3", concat!("(", each_of!("$3"), ") AS e3")),
    ("{each4}", "jsonb_each($4) AS e4", concat!("(", each_of!("$4"), ") AS e4")),
    (
        "{any}",
        "IN (SELECT e.value->>0 FROM jsonb_each($1) AS e)",
        "= ANY (ARRAY(SELECT e.value->>0 FROM jsonb_array_elements(CAST($1 AS jsonb)) AS e))",
    ),
    ("{skip}", "", "FOR UPDATE SKIP LOCKED"),
    ("{lock}", "", "FOR UPDATE"),
    ("{share}", "", "FOR SHARE"),
    (
        "{variable}",
        "json_extract(n.variables, e.value->>2)",
        "jsonb_path_query_first(CAST(n.variables AS jsonb), CAST(e.value->>2 AS jsonpath)) #>> '{}'",
    ),
    ("{skip_n}", "", "FOR UPDATE OF n SKIP LOCKED"),
    ("{lock_n}", "", "FOR UPDATE OF n"),
    ("{lock_a}", "", "FOR UPDATE OF a"),
    ("{lock_l}", "", "FOR UPDATE OF l"),
    ("{skip_a}", "", "FOR UPDATE OF a SKIP LOCKED"),
    ("{skip_t}", "", "FOR UPDATE OF t SKIP LOCKED"),
    ("{lock_t}", "", "FOR UPDATE OF t"),
    ("{array}", "json_group_array", "json_agg"),
    ("{pack}", "json_array", "json_build_array"),
    (
        "{collect}",
        "'[' || coalesce(group_concat(r, ','), '') || ']'",
        "'[' || coalesce(string_agg(CAST(r AS text), ','), '') || ']'",
    ),
    ("{greatest}", "max", "greatest"),
    (
        "{series}",
        "(WITH RECURSIVE s(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < $2) SELECT n FROM s) AS s",
        "generate_series(CAST($1 AS BIGINT), CAST($2 AS BIGINT) - 1) AS s(n)",
    ),
    ("{most}", "$2", "least($2, CAST(e.value->>5 AS BIGINT))"),
];
