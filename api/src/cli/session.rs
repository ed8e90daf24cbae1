//! What most commands begin with: a migrated database with its journal of stops, an engine on it, and ids that no other
//! process makes.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::domain::user::Role;
use callwright_engine::engine::{Engine, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::journal::{self, Journal};
use callwright_engine::rules::Rules;
use callwright_engine::store::{Db, Durability, user};

use super::Global;
use crate::backup::path_of;

/// What to do about missing migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    Apply,
    /// Refuse to start without them: they are applied as a step of its own.
    Demand,
}

/// Opens the database and applies missing migrations.
pub async fn database(global: &Global) -> anyhow::Result<Db> {
    database_with(global, Migrations::Apply).await
}

/// Opens the database; what stops people is in the journal before it commits.
pub async fn database_with(global: &Global, migrations: Migrations) -> anyhow::Result<Db> {
    if let (Some(direct), Migrations::Apply) = (&global.migration_url, migrations) {
        let opened = Db::open(direct).await;
        opened
            .context("the database cannot be migrated (--migration-url, CALLWRIGHT_MIGRATION_URL)")?
            .close()
            .await;
    }
    let opened = async {
        let db = Db::connect(&global.database_url, Durability::Full).await?;
        match migrations {
            Migrations::Apply => db.migrate().await?,
            Migrations::Demand => db.must_be_at_head().await?,
        }
        anyhow::Ok(db)
    };
    let db = opened.await.context("the database cannot be opened (--database-url, DATABASE_URL)")?;
    let journal = journal_folder(global).map(|folder| Journal::open(&folder, &boot())).transpose()?;
    Ok(db.with_journal(journal))
}

/// Opens a database that must exist, as it is: nothing is created or migrated.
pub async fn as_it_is(url: &str) -> anyhow::Result<Db> {
    if let Some(path) = path_of(url) {
        anyhow::ensure!(path.exists(), "{} does not exist (--database-url, DATABASE_URL)", path.display());
    }
    unmigrated(url).await
}

/// Opens the database, a new one if there is none, without migrating it.
pub async fn unmigrated(url: &str) -> anyhow::Result<Db> {
    Db::connect(url, Durability::Full)
        .await
        .context("the database cannot be opened (--database-url, DATABASE_URL)")
}

/// Where the journal of stops is: as told, else beside an SQLite file. `None`: there is none.
pub fn journal_folder(global: &Global) -> Option<PathBuf> {
    match &global.journal {
        Some(folder) if folder.as_os_str() == "off" => None,
        Some(folder) => Some(folder.clone()),
        None => path_of(&global.database_url).map(|mut path| {
            path.as_mut_os_string().push(".stops");
            path
        }),
    }
}

/// For processes that go on for long: proves that stops can be kept, or says that they are not.
pub fn prove_journal(global: &Global) -> anyhow::Result<()> {
    let Some(folder) = journal_folder(global) else {
        tracing::warn!(
            "no journal of stops (--journal FOLDER): after a restore, opt-outs since the backup would be unknown"
        );
        return Ok(());
    };
    journal::probe(&folder, &boot()).with_context(|| {
        format!(
            "the journal of stops cannot be written in {} (--journal, CALLWRIGHT_JOURNAL)",
            folder.display()
        )
    })
}

/// Names this start of this process, uniquely.
pub fn boot() -> String {
    format!("{}-{:016x}", std::process::id(), rand::random::<u64>())
}

/// An engine in this process, on the database's clock, for what places no call.
pub fn engine(db: Db, library: Library) -> Arc<Engine> {
    engine_under(db, library, Rules::shipped())
}

/// An engine in this process, on the database's clock, that goes by these rules.
pub fn engine_under(db: Db, library: Library, rules: Arc<Rules>) -> Arc<Engine> {
    let ids = Arc::new(IdSource::new(rand::random()));
    Engine::with_rules(db, Arc::new(LibraryHandle::new(library)), TimeSource::Database, ids, rules)
}

/// The name under which a manager's act is kept; an error unless the e-mail address is an active manager's.
pub async fn manager(engine: &Engine, email: &str) -> anyhow::Result<String> {
    let mut tx = engine.db.begin_read().await?;
    let found = user::by_email(&mut tx, email).await?;
    tx.rollback().await?;
    let (user, _) =
        found.with_context(|| format!("there is no user `{email}` (--by); `callwright user list`"))?;
    anyhow::ensure!(user.is_active, "the user `{email}` is not active (--by)");
    anyhow::ensure!(
        matches!(user.role, Role::Manager | Role::SuperAdmin),
        "this is a manager's act, and `{email}` has the role {} (--by)",
        user.role
    );
    Ok(user.email)
}

/// Opens the database with the definitions at hand; commands that neither enroll nor dial need no better ones.
pub async fn open(global: &Global) -> anyhow::Result<Arc<Engine>> {
    Ok(engine(database(global).await?, Library::embedded()))
}
