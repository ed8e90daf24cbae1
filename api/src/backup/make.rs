//! Making a backup of a live database: copy or dump under another name, check, checksum, name, manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use callwright_engine::store::{Db, backup as store, clock, schema};

use super::manifest::{Kind, Manifest, all};
use super::{files, postgres, sqlite};

/// The first migration with the tables that a restore needs.
const FIRST_SCHEMA: i64 = 4;

/// What is being done, and how far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    pub doing: &'a str,
    pub done: u64,
    /// 0: not known.
    pub of: u64,
}

/// A complete backup.
#[derive(Debug)]
pub struct Made {
    pub path: PathBuf,
    pub manifest: Manifest,
    /// Older ones that were removed.
    pub removed: Vec<PathBuf>,
}

/// Backs the database up to `to`: a file, or a folder in which it gets a name by its instant. With `keep`, only that many
/// remain in the folder. Nothing is ever overwritten.
pub async fn make(
    url: &str,
    db: &Db,
    to: &Path,
    keep: Option<usize>,
    tell: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<Made> {
    let standing = db.schema().await?;
    ensure!(
        standing.applied >= FIRST_SCHEMA,
        "the database is at schema {}, from before backups: run `callwright migrate` first",
        standing.applied
    );
    let kind = Kind::of_url(url);
    // Before the copy is begun: whatever is not in it came later than this.
    let mut tx = db.begin_read().await?;
    let taken_at = clock::database_now(&mut tx).await?;
    let engine_at = clock::now(&mut tx).await?;
    tx.rollback().await?;
    let path = target(to, kind, &taken_at.format("%Y%m%dT%H%M%SZ").to_string())?;
    ensure!(
        keep.is_none() || to.is_dir(),
        "--keep needs a folder, so that older backups can be told from other files"
    );
    ensure!(keep != Some(0), "--keep 0 would remove the backup that was just made");

    let partial = files::partial(&path);
    let counts = match kind {
        Kind::Sqlite => sqlite::dump(db, &partial, tell).await,
        Kind::Postgres => postgres::dump(url, db, &partial, tell).await,
    };
    let counts = match counts {
        Ok(counts) => counts,
        Err(error) => {
            let _ = std::fs::remove_file(&partial);
            return Err(error);
        }
    };
    let (bytes, sha256) = files::digest(&partial, &|done| tell(Progress { doing: "checksum", done, of: 0 }))?;
    let manifest = Manifest {
        callwright: env!("CARGO_PKG_VERSION").to_owned(),
        database: kind,
        schema: standing.applied,
        taken_at,
        engine_at,
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes,
        sha256,
        counts: counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    };
    ensure!(!path.exists(), "{} exists already; it is not overwritten", path.display());
    files::publish(&partial, &path)?;
    // Last: a backup with a manifest is complete.
    files::write(&Manifest::path_for(&path), &serde_json::to_string_pretty(&manifest)?)?;
    note(db, &path, &manifest).await?;
    let removed = keep.map_or(Ok(Vec::new()), |keep| remove_older(to, keep))?;
    Ok(Made { path, manifest, removed })
}

/// The schema this program brings databases to.
pub(super) fn head() -> i64 {
    schema::head()
}

fn target(to: &Path, kind: Kind, stamp: &str) -> anyhow::Result<PathBuf> {
    let path =
        if to.is_dir() { to.join(format!("callwright-{stamp}.{}", kind.extension())) } else { to.to_owned() };
    ensure!(
        !to.as_os_str().to_string_lossy().ends_with('/') || to.is_dir(),
        "the folder {} does not exist; make it first",
        to.display()
    );
    for taken in [&path, &Manifest::path_for(&path)] {
        ensure!(!taken.exists(), "{} exists already; it is not overwritten", taken.display());
    }
    Ok(path)
}

async fn note(db: &Db, path: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut tx = db.begin().await.context("the backup is complete, but the database could not note it")?;
    let made = store::Made {
        taken_at: manifest.taken_at,
        finished_at: clock::database_now(&mut tx).await?,
        file: file.to_string_lossy().into_owned(),
        bytes: manifest.bytes,
        sha256: manifest.sha256.clone(),
    };
    store::note(&mut tx, &made).await?;
    tx.commit().await?;
    Ok(())
}

fn remove_older(folder: &Path, keep: usize) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = all(folder)?;
    let older = found.len().saturating_sub(keep);
    let mut removed = Vec::with_capacity(older);
    for (path, _) in found.drain(..older) {
        // The manifest first: without it the rest is no backup any more.
        std::fs::remove_file(Manifest::path_for(&path))?;
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        removed.push(path);
    }
    Ok(removed)
}
