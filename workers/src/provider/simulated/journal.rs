//! The stand-alone carrier's books on disk: one JSON line per change of an entry, fsynced once per batch of waiting changes.
//! Whatever a client was told was on disk before; a torn last line of a killed process is dropped on reload.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use tokio::sync::{mpsc, oneshot};

use super::ledger::{Entry, Ledger};

/// Hands changes to the one thread that writes.
#[derive(Debug, Clone)]
pub struct Journal(mpsc::UnboundedSender<Change>);

#[derive(Debug)]
struct Change {
    entries: Vec<Entry>,
    written: oneshot::Sender<()>,
}

impl Journal {
    /// Opens or creates the file and reads the books back. The writer ends with the last handle.
    pub fn open(path: &Path) -> io::Result<(Self, Ledger)> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let ledger = reload(&mut file)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("carrier-journal".to_owned())
            .spawn(move || write_all(file, receiver))?;
        Ok((Self(sender), ledger))
    }

    /// Returns when the entries are on disk; `Err` when they could not be written.
    pub async fn keep(&self, entries: Vec<Entry>) -> io::Result<()> {
        let (written, done) = oneshot::channel();
        let gone = || io::Error::other("the carrier's journal cannot be written");
        self.0.send(Change { entries, written }).map_err(|_| gone())?;
        done.await.map_err(|_| gone())
    }
}

fn reload(file: &mut File) -> io::Result<Ledger> {
    let mut entries = Vec::new();
    let mut whole = 0;
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() != Some(&b'\n') {
            break;
        }
        entries.push(serde_json::from_slice::<Entry>(&line)?);
        whole += line.len() as u64;
        line.clear();
    }
    // Half a line would swallow the next one.
    file.set_len(whole)?;
    file.seek(SeekFrom::End(0))?;
    Ok(Ledger::reload(entries))
}

fn write_all(mut file: File, mut changes: mpsc::UnboundedReceiver<Change>) {
    while let Some(first) = changes.blocking_recv() {
        let mut batch = vec![first];
        // Everything that came in during the last fsync shares the next one.
        while let Ok(next) = changes.try_recv() {
            batch.push(next);
        }
        if let Err(error) = write_batch(&mut file, &batch) {
            // Stopping drops every waiter: the carrier then refuses instead of calling off the books.
            tracing::error!(%error, "carrier journal");
            return;
        }
        for change in batch {
            let _ = change.written.send(());
        }
    }
}

fn write_batch(file: &mut File, batch: &[Change]) -> io::Result<()> {
    let mut lines = Vec::new();
    for entry in batch.iter().flat_map(|change| &change.entries) {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    file.write_all(&lines)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use callwright_engine::clock::instant_from_micros;
    use callwright_engine::id::IdSource;
    use callwright_engine::phone::number::PhoneNumber;

    use super::super::ledger::Asked;
    use super::*;

    fn entry(seed: u64) -> Entry {
        let asked = Asked {
            attempt_id: IdSource::seeded(seed).next(instant_from_micros(0)),
            enrollment_id: None,
            number: PhoneNumber::e164_only("+12125550143").unwrap(),
            step: "first".to_owned(),
            visit: 1,
            attempt: 1,
            callback_url: None,
        };
        Ledger::default().book(&asked, instant_from_micros(5), true).clone()
    }

    #[tokio::test]
    async fn books_survive_a_restart_and_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let (journal, _) = Journal::open(&path).unwrap();
        journal.keep(vec![entry(1), entry(2)]).await.unwrap();
        drop(journal);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(br#"{"callId":"sim-"#).unwrap();

        let (journal, ledger) = Journal::open(&path).unwrap();
        assert_eq!(ledger.entries(), [entry(1), entry(2)]);
        journal.keep(vec![entry(3)]).await.unwrap();
        let (_, ledger) = Journal::open(&path).unwrap();
        assert_eq!(ledger.entries().len(), 3);
    }
}
