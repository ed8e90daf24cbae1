//! The database of a run: a new file in the current folder, or one that was named. Whatever happens, nothing stays behind.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use callwright_engine::store::{Db, Durability, wipe};

/// Where to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A new SQLite file in the current folder: temporary folders are often in memory, where fsync costs nothing.
    NewFile,
    /// A database that the user named.
    Url(String),
}

impl Target {
    /// As the result names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Url(url) if url.starts_with("postgres") => "postgres",
            Self::NewFile | Self::Url(_) => "sqlite",
        }
    }

    pub fn is_postgres(&self) -> bool {
        self.name() == "postgres"
    }

    /// Empties a database that was named, after a run that was broken off.
    pub async fn clear(&self) -> anyhow::Result<()> {
        if let Self::Url(url) = self {
            let db = Db::open(url).await?;
            wipe::synthetic(&db).await?;
            db.close().await;
        }
        Ok(())
    }
}

/// An empty, migrated database.
#[derive(Debug)]
pub struct Place {
    pub db: Db,
    /// For other processes.
    pub url: String,
    is_named: bool,
    _leftovers: Option<Leftovers>,
}

impl Place {
    pub async fn open(target: &Target) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        match target {
            Target::NewFile => {
                let name = format!(
                    "callwright-bench-{}-{}.db",
                    std::process::id(),
                    NEXT.fetch_add(1, Ordering::Relaxed)
                );
                let leftovers = Leftovers(std::env::current_dir()?.join(name));
                let url = format!("sqlite:{}", leftovers.0.display());
                Ok(Self { db: Db::open(&url).await?, url, is_named: false, _leftovers: Some(leftovers) })
            }
            Target::Url(url) => {
                let db = Db::open(url).await?;
                anyhow::ensure!(
                    wipe::synthetic(&db).await?,
                    "the database at --on holds real leads: name an empty one"
                );
                Ok(Self { db, url: url.clone(), is_named: true, _leftovers: None })
            }
        }
    }

    /// In memory, without a way back: what simulations run on.
    pub async fn in_memory() -> anyhow::Result<Self> {
        let url = "sqlite::memory:".to_owned();
        let db = Db::connect(&url, Durability::Scratch).await?;
        db.migrate().await?;
        Ok(Self { db, url, is_named: false, _leftovers: None })
    }

    pub async fn close(self) -> anyhow::Result<()> {
        let is_empty = !self.is_named || wipe::synthetic(&self.db).await?;
        self.db.close().await;
        anyhow::ensure!(is_empty, "leads came into the database at --on meanwhile: it is not emptied");
        Ok(())
    }
}

/// A database file that goes with the value, also when a run is broken off.
#[derive(Debug)]
struct Leftovers(PathBuf);

impl Drop for Leftovers {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            // An error only says that there is none.
            let _ = std::fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
        // The journal of stops that a process keeps beside a SQLite file.
        let _ = std::fs::remove_dir_all(format!("{}.stops", self.0.display()));
    }
}
