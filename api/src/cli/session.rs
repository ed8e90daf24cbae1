//! What most commands begin with: a migrated database, an engine on it, and ids that no other process makes.

use std::sync::Arc;

use anyhow::Context;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::engine::{Engine, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::store::Db;

use super::Global;

/// Opens the database and applies missing migrations.
pub async fn database(global: &Global) -> anyhow::Result<Db> {
    if let Some(direct) = &global.migration_url {
        let opened = Db::open(direct).await;
        opened
            .context("the database cannot be migrated (--migration-url, CALLWRIGHT_MIGRATION_URL)")?
            .close()
            .await;
    }
    Db::open(&global.database_url)
        .await
        .context("the database cannot be opened (--database-url, DATABASE_URL)")
}

/// An engine in this process, on the database's clock.
pub fn engine(db: Db, library: Library) -> Arc<Engine> {
    let ids = Arc::new(IdSource::new(rand::random()));
    Engine::new(db, Arc::new(LibraryHandle::new(library)), TimeSource::Database, ids)
}

/// Opens the database with the definitions at hand; commands that neither enroll nor dial need no better ones.
pub async fn open(global: &Global) -> anyhow::Result<Arc<Engine>> {
    Ok(engine(database(global).await?, Library::embedded()))
}
