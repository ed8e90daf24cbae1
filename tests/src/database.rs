//! A fresh, migrated database for one test: SQLite in a temporary file, or a PostgreSQL database copied from a template.

use anyhow::Context as _;
use callwright_engine::store::db::{Db, Durability};

use crate::{pooler, postgres};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A database that goes away with the value.
#[derive(Debug)]
pub struct TestDb {
    pub db: Db,
    /// For a second connection, as another process would make it.
    pub url: String,
    _keep: Keep,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for what dropping them does")]
enum Keep {
    Folder(tempfile::TempDir),
    Database(postgres::Database),
}

impl TestDb {
    /// A fresh database; `None`, with a note on stderr, when PostgreSQL is not installed.
    ///
    /// With `CALLWRIGHT_REQUIRE_POSTGRES=1` its absence is an error instead, so that no run is silently half a run.
    pub async fn open(backend: Backend) -> anyhow::Result<Option<Self>> {
        match backend {
            Backend::Sqlite => Self::sqlite().await.map(Some),
            Backend::Postgres => Self::postgres().await,
        }
    }

    /// A fresh SQLite database in a temporary file, with its write-ahead log as in production.
    pub async fn sqlite() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let db = Db::connect(&url, Durability::Off).await?;
        db.migrate().await?;
        Ok(Self { db, url, _keep: Keep::Folder(folder) })
    }

    async fn postgres() -> anyhow::Result<Option<Self>> {
        // Starting the server blocks for seconds; other tests of this process must go on meanwhile.
        let server = tokio::task::spawn_blocking(postgres::server).await?;
        let Some(server) = server else {
            skipped()?;
            return Ok(None);
        };
        let database = server.create_database().await.context("a database for the test")?;
        let url = through(&database.url)?;
        let db = Db::connect(&url, Durability::Full).await?;
        Ok(Some(Self { db, url, _keep: Keep::Database(database) }))
    }
}

/// With `CALLWRIGHT_TEST_POOLER=1` whole suites run through PgBouncer.
fn through(url: &str) -> anyhow::Result<String> {
    if std::env::var("CALLWRIGHT_TEST_POOLER").is_ok_and(|value| value == "1")
        && let Some(pooler) = pooler::pooler(url)?
    {
        return pooler.url_of(url);
    }
    Ok(url.to_owned())
}

#[expect(clippy::print_stderr, reason = "a skipped database is said aloud, never silently green")]
fn skipped() -> anyhow::Result<()> {
    let required = std::env::var("CALLWRIGHT_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
    anyhow::ensure!(
        !required,
        "PostgreSQL is required by CALLWRIGHT_REQUIRE_POSTGRES but could not be started"
    );
    eprintln!("skipped: PostgreSQL not installed");
    Ok(())
}
