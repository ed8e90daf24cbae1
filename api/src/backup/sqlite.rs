//! SQLite: an online copy of one consistent state, checked; and putting one in the place of a file that may be broken.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use callwright_engine::store::{Db, Durability, StoreError, backup as store};

use super::files;
use super::make::Progress;

/// The file of `sqlite:PATH`; `None` for a database in memory.
pub fn path_of(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let path = rest.split('?').next().unwrap_or_default();
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// Copies the database to `partial` and proves that the copy is sound.
pub(super) async fn dump(
    db: &Db,
    partial: &Path,
    tell: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let of = store::sqlite_bytes(db).await?;
    files::create_private(partial).with_context(|| format!("{} cannot be written", partial.display()))?;
    let copying = store::sqlite_copy(db, partial);
    tokio::pin!(copying);
    loop {
        tokio::select! {
            done = &mut copying => break done?,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let done = std::fs::metadata(partial).map_or(0, |file| file.len());
                tell(Progress { doing: "copying", done, of });
            }
        }
    }
    tell(Progress { doing: "checking", done: of, of });
    ensure_sound(partial).await?;
    let copy = open(partial).await?;
    let mut tx = copy.begin_read().await?;
    let counts = store::counts(&mut tx).await?;
    tx.rollback().await?;
    copy.close().await;
    Ok(counts)
}

async fn open(path: &Path) -> anyhow::Result<Db> {
    Ok(Db::open_read_only(&format!("sqlite:{}", path.display())).await?)
}

pub(super) async fn ensure_sound(path: &Path) -> anyhow::Result<()> {
    let problems = store::sqlite_problems(path).await?;
    ensure!(
        problems.is_empty(),
        "{} is damaged: {} ({} problems)",
        path.display(),
        problems.first().map(String::as_str).unwrap_or_default(),
        problems.len()
    );
    Ok(())
}

/// A database beside the target that is to take its place: migrated and marked there, so that nobody ever sees it without
/// its mark.
#[derive(Debug)]
pub(super) struct Incoming {
    path: PathBuf,
    target: PathBuf,
}

impl Incoming {
    /// Copies the backup next to where it is to stand.
    pub fn prepare(
        backup: &Path,
        target: &Path,
        of: u64,
        tell: &(dyn Fn(Progress<'_>) + Sync),
    ) -> anyhow::Result<Self> {
        let path = sibling(target, ".restoring");
        files::copy_private(backup, &path, &|done| tell(Progress { doing: "copying", done, of }))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self { path, target: target.to_owned() })
    }

    pub fn file(&self) -> &Path {
        &self.path
    }

    pub async fn open(&self) -> anyhow::Result<Db> {
        Ok(Db::connect(&format!("sqlite:{}", self.path.display()), Durability::Full).await?)
    }

    /// Takes the target's place. What was there is kept under another name, which is answered.
    pub async fn take_place(self, stamp: &str) -> anyhow::Result<Option<PathBuf>> {
        store::sqlite_release(&self.path).await.context("the restored file cannot be closed")?;
        let aside = if self.target.exists() {
            must_be_closed(&self.target).await?;
            let aside = sibling(&self.target, &format!(".before-restore-{stamp}"));
            std::fs::rename(&self.target, &aside)?;
            Some(aside)
        } else {
            None
        };
        // A log of another file would be played into this one.
        for suffix in ["-wal", "-shm", "-journal"] {
            let stale = sibling(&self.target, suffix);
            match (&aside, stale.exists()) {
                (Some(aside), true) => std::fs::rename(&stale, sibling(aside, suffix))?,
                (None, true) => std::fs::remove_file(&stale)?,
                _ => {}
            }
        }
        files::publish(&self.path, &self.target)?;
        Ok(aside)
    }

    /// Leaves nothing behind.
    pub fn discard(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(sibling(&self.path, suffix));
        }
    }
}

/// `callwright.db` and `-wal`: `callwright.db-wal`.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// A process that has the old file open would go on in it, unseen. A file that is broken is nobody's.
pub(super) async fn must_be_closed(target: &Path) -> anyhow::Result<()> {
    match store::sqlite_release(target).await {
        Err(StoreError::Database(error)) if is_busy(&error.to_string()) => bail!(
            "{} is in use: stop `callwright serve` and everything else that has it open first",
            target.display()
        ),
        _ => Ok(()),
    }
}

fn is_busy(error: &str) -> bool {
    error.contains("locked") || error.contains("busy")
}
