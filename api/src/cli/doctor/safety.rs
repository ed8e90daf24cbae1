//! What must not fail on the day of a disaster: the journal of stops, and room on the disk.

use std::path::{Path, PathBuf};

use callwright_engine::journal;

use super::super::{Global, session};
use super::{Finding, State, finding};
use crate::backup::path_of;

/// Below this nothing can be written soon.
const LEAST_FREE: u64 = 200 << 20;
/// Below this somebody should look.
const LITTLE_FREE: u64 = 2 << 30;

pub(super) fn all(global: &Global) -> Vec<Finding> {
    let folder = session::journal_folder(global);
    let mut findings = vec![journal_of(folder.as_deref())];
    let database = path_of(&global.database_url);
    let mut looked_at: Vec<PathBuf> = Vec::new();
    for path in [database.as_deref(), folder.as_deref()].into_iter().flatten() {
        let Some(place) = existing(path).filter(|place| !looked_at.contains(place)) else { continue };
        let size =
            database.as_deref().and_then(|file| std::fs::metadata(file).ok()).map_or(0, |file| file.len());
        findings.extend(room(&place, size));
        looked_at.push(place);
    }
    findings
}

fn journal_of(folder: Option<&Path>) -> Finding {
    let Some(folder) = folder else {
        let message = "none (--journal FOLDER): after a restore, opt-outs since the backup would be unknown";
        return finding("journal", State::Warning, message);
    };
    if let Err(error) = journal::probe(folder, &session::boot()) {
        let message = format!("{} cannot be written: {error}; opt-outs are refused", folder.display());
        return finding("journal", State::Bad, message);
    }
    match journal::newest(folder) {
        Err(error) => finding("journal", State::Bad, format!("{} cannot be read: {error}", folder.display())),
        Ok(None) => finding("journal", State::Fine, format!("writable, no stop yet: {}", folder.display())),
        Ok(Some(found)) => match (found.damaged.first(), found.torn) {
            (Some(damage), _) => {
                let message = format!("{damage}; make a backup now, which holds what the line said");
                finding("journal", State::Bad, message)
            }
            (None, 0) => finding(
                "journal",
                State::Fine,
                format!("writable, its last line is whole: {}", folder.display()),
            ),
            (None, _) => {
                let message = "its last line is torn: a process died while it wrote, before anybody was told";
                finding("journal", State::Fine, message)
            }
        },
    }
}

/// The folder in which this path is, or will be.
fn existing(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned)
}

fn room(folder: &Path, database: u64) -> Option<Finding> {
    let space = rustix::fs::statvfs(folder).ok()?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let megabytes = free / 1_000_000;
    let message = format!("{megabytes} MB free on the disk of {}", folder.display());
    Some(if free < LEAST_FREE {
        finding("disk", State::Bad, format!("{message}: writes fail soon"))
    } else if free < LITTLE_FREE.max(database) {
        finding("disk", State::Warning, format!("{message}: too little for a restore beside the database"))
    } else {
        finding("disk", State::Fine, message)
    })
}
