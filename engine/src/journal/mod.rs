//! The journal of stops, outside the database: opt-outs, suppressions and revoked consents, so that a database restored from
//! an older copy learns of every "do not call me" that came after it. What it records is noted by the store; replaying is
//! `engine::recover`'s.
//!
//! One folder, one file per day and boot of a process (`2026-07-01-4711-9f3c….jsonl`), so that processes never write into each
//! other's lines; one JSON object a line, numbered and with a checksum. The order makes a lost line impossible and a line
//! too many harmless:
//!
//! * what protects people is on disk *before* its transaction commits. If the transaction then fails, the line stops
//!   somebody who asked for it and was told that it failed; if the line cannot be written, the transaction does not commit;
//! * what takes protection back is written *after* its commit. Were it lost, a restore would leave somebody protected.
//!
//! Lines that wait for the disk at the same time share one fsync. Numbers are personal data: files are made with mode 0600 in
//! a folder of mode 0700, and belong wherever backups may be kept.

mod line;
mod read;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{mpsc, oneshot};

pub use line::{Line, NUMBERS_PER_LINE, Word};
pub use read::{Damage, Read, newest, read};

use crate::clock::{Instant, instant_from_micros, micros};

/// Lines waiting for the disk, and who waits for them.
#[derive(Debug)]
struct Batch {
    lines: Vec<Line>,
    written: oneshot::Sender<Result<(), String>>,
}

/// Hands lines to the one thread of this process that writes. Cheap to clone; the thread ends with the last handle.
#[derive(Debug, Clone)]
pub struct Journal {
    folder: PathBuf,
    queue: mpsc::UnboundedSender<Batch>,
    /// Of all commits so far, in microseconds.
    newest: Arc<AtomicI64>,
}

impl Journal {
    /// The folder is made with the first line: most commands stop nobody. `boot` names this start of this process, uniquely
    /// among all that write there.
    pub fn open(folder: &Path, boot: &str) -> io::Result<Self> {
        let (queue, batches) = mpsc::unbounded_channel();
        let mut writer = writer::Writer::new(folder, boot);
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run(batches))?;
        Ok(Self { folder: folder.to_owned(), queue, newest: Arc::new(AtomicI64::new(i64::MIN)) })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The instant under which a commit's lines are kept: the database's `now`, or a microsecond after the commit before. A number
    /// may come onto a list and leave it within what a clock tells apart, and a clock may be set back.
    pub fn instant_of_commit(&self, now: Instant) -> Instant {
        let now = micros(now);
        let next = |newest: i64| now.max(newest.saturating_add(1));
        let before =
            self.newest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |newest| Some(next(newest)));
        instant_from_micros(next(before.unwrap_or_else(|unchanged| unchanged)))
    }

    /// Returns when the lines are on disk; an error means that none of them counts.
    pub async fn append(&self, lines: Vec<Line>) -> Result<(), String> {
        if lines.is_empty() {
            return Ok(());
        }
        let (written, done) = oneshot::channel();
        let gone = || "its writer has ended".to_owned();
        self.queue.send(Batch { lines, written }).map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}

/// Can lines be kept in this folder? Makes it if it is missing.
pub fn probe(folder: &Path, boot: &str) -> io::Result<()> {
    make_folder(folder)?;
    let path = folder.join(format!(".probe-{boot}"));
    let file = create(&path)?;
    let synced = file.sync_all();
    std::fs::remove_file(&path)?;
    synced
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// A new file that only its owner may read.
fn create(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests;
