//! The manifest beside a backup: what it is, of when, and the checksum by which it is believed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use callwright_engine::clock::Instant;
use serde::{Deserialize, Serialize};

/// Which kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn of_url(url: &str) -> Self {
        if url.starts_with("postgres") { Self::Postgres } else { Self::Sqlite }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Sqlite => "db",
            Self::Postgres => "pgdump",
        }
    }
}

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the program that made it.
    pub callwright: String,
    pub database: Kind,
    /// Newest migration in it.
    pub schema: i64,
    /// By the database's own clock, before the copy was begun.
    pub taken_at: Instant,
    /// By the engine's clock, virtual where one is shared.
    pub engine_at: Instant,
    /// Name of the file beside this manifest.
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    /// Rows of the main tables.
    pub counts: BTreeMap<String, u64>,
}

const SUFFIX: &str = ".manifest.json";

impl Manifest {
    /// Where the manifest of this backup is.
    pub fn path_for(backup: &Path) -> PathBuf {
        let mut name = backup.file_name().unwrap_or_default().to_os_string();
        name.push(SUFFIX);
        backup.with_file_name(name)
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "{} cannot be read; a backup without its manifest is incomplete or was copied without it",
                path.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} is no manifest of a backup", path.display()))
    }
}

/// The backup that `from` names: a file, its manifest, or a folder, of which the newest is meant.
pub fn find(from: &Path) -> anyhow::Result<(PathBuf, Manifest)> {
    if from.is_dir() {
        let newest = all(from)?.pop();
        return newest.with_context(|| format!("there is no backup in {}", from.display()));
    }
    let name = from.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let backup = name.strip_suffix(SUFFIX).map_or_else(|| from.to_owned(), |name| from.with_file_name(name));
    let manifest = Manifest::read(&Manifest::path_for(&backup))?;
    Ok((backup, manifest))
}

/// Complete backups of a folder, oldest first.
pub(super) fn all(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Manifest)>> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_manifest =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(SUFFIX));
        // Somebody else's file by that name is left alone.
        let Some(manifest) = is_manifest.then(|| Manifest::read(&path).ok()).flatten() else { continue };
        found.push((folder.join(&manifest.file), manifest));
    }
    found.sort_by_key(|(_, manifest)| manifest.taken_at);
    Ok(found)
}
