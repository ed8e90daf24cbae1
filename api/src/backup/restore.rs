//! Restoring a backup: believe it by its checksum, put it in place, bring it up to date, and mark it. A restored database does
//! not dial until it has been reconciled.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::engine::{Engine, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::store::{Db, Durability, backup as store};

use super::make::{Progress, head};
use super::manifest::{Kind, Manifest, find};
use super::sqlite::{Incoming, path_of};
use super::{files, postgres, sqlite};

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    pub backup: PathBuf,
    pub manifest: Manifest,
    /// Where what stood there before is kept: a file, or a schema.
    pub aside: Option<String>,
    /// Migrations applied, because the backup is older than this program.
    pub migrated: usize,
}

/// Restores `from` (a backup, its manifest, or a folder of them) into the database at `url`.
pub async fn restore(
    from: &Path,
    url: &str,
    replace: bool,
    tell: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<Restored> {
    let (backup, manifest) = find(from)?;
    let kind = Kind::of_url(url);
    ensure!(
        manifest.database == kind,
        "{} is a backup of {}, and the target is {}: restore it into the kind it was made of",
        backup.display(),
        manifest.database.as_str(),
        kind.as_str()
    );
    ensure!(
        manifest.schema <= head(),
        "the backup was made by a newer Callwright ({}, schema {}); this program knows schema {}: restore it with that one",
        manifest.callwright,
        manifest.schema,
        head()
    );
    let of = manifest.bytes;
    let (bytes, sha256) = files::digest(&backup, &|done| tell(Progress { doing: "verifying", done, of }))
        .with_context(|| format!("{} cannot be read", backup.display()))?;
    ensure!(
        (bytes, &sha256) == (manifest.bytes, &manifest.sha256),
        "{} is not what its manifest describes ({bytes} bytes, SHA-256 {sha256}): it is damaged or another file",
        backup.display()
    );
    // To the millisecond: two restores must not put aside under the same name.
    let stamp = chrono::Utc::now().format("%Y%m%dT%H%M%S%3fZ").to_string();
    let (aside, migrated) = match kind {
        Kind::Sqlite => into_sqlite(&backup, &manifest, url, replace, &stamp, tell).await?,
        Kind::Postgres => into_postgres(&backup, &manifest, url, replace, &stamp, tell).await?,
    };
    Ok(Restored { backup, manifest, aside, migrated })
}

async fn into_sqlite(
    backup: &Path,
    manifest: &Manifest,
    url: &str,
    replace: bool,
    stamp: &str,
    tell: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<(Option<String>, usize)> {
    let target = path_of(url).context("a backup cannot be restored into a database in memory")?;
    let is_taken = std::fs::metadata(&target).is_ok_and(|file| file.len() > 0);
    ensure!(
        replace || !is_taken,
        "{} exists: name a new file, or give --replace to have it put aside under another name",
        target.display()
    );
    if is_taken {
        sqlite::must_be_closed(&target).await?;
    }
    let incoming = Incoming::prepare(backup, &target, manifest.bytes, tell)?;
    let ready = async {
        tell(Progress { doing: "checking", done: 0, of: 0 });
        sqlite::ensure_sound(incoming.file()).await?;
        let db = incoming.open().await?;
        let migrated = migrate_and_mark(&db, manifest).await?;
        db.close().await;
        anyhow::Ok(migrated)
    };
    let migrated = match ready.await {
        Ok(migrated) => migrated,
        Err(error) => {
            incoming.discard();
            return Err(error);
        }
    };
    let aside = incoming.take_place(stamp).await?;
    Ok((aside.map(|path| path.display().to_string()), migrated))
}

async fn into_postgres(
    backup: &Path,
    manifest: &Manifest,
    url: &str,
    replace: bool,
    stamp: &str,
    tell: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<(Option<String>, usize)> {
    postgres::readable(backup).await?;
    let db = Db::open_read_only(url).await.with_context(|| {
        format!("the database `{}` cannot be reached; make it first (createdb)", postgres::shown(url))
    })?;
    let was_empty = store::is_empty(&db).await?;
    postgres::must_be_free(&db, replace).await?;
    db.close().await;
    let aside = (!was_empty).then(|| postgres::aside(stamp));
    tell(Progress { doing: "restoring", done: 0, of: 0 });
    postgres::restore(url, backup, manifest, aside.as_deref()).await?;
    let db = Db::connect(url, Durability::Full).await?;
    let migrated = migrate_and_mark(&db, manifest).await?;
    db.close().await;
    Ok((aside, migrated))
}

async fn migrate_and_mark(db: &Db, manifest: &Manifest) -> anyhow::Result<usize> {
    let pending = db.schema().await?.pending.len();
    db.migrate().await?;
    let ids = std::sync::Arc::new(IdSource::new(rand::random()));
    let library = std::sync::Arc::new(LibraryHandle::new(Library::default()));
    let engine = Engine::new(db.clone(), library, TimeSource::Database, ids);
    engine.mark_recovering(manifest.taken_at, manifest.engine_at).await?;
    Ok(pending)
}
