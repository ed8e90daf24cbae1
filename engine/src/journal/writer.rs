//! The one thread that writes: everything that waits goes out in one write and one fsync.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use tokio::sync::mpsc;

use super::{Batch, create, line, make_folder};

/// This boot's file of the day.
#[derive(Debug)]
struct Open {
    day: NaiveDate,
    file: File,
    /// Lines in it.
    count: u64,
    /// Bytes that were told to be on disk.
    length: u64,
}

#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    boot: String,
    open: Option<Open>,
    /// Files begun; a file that could not be mended after a failed write is left behind.
    begun: u32,
}

impl Writer {
    pub fn new(folder: &Path, boot: &str) -> Self {
        Self { folder: folder.to_owned(), boot: boot.to_owned(), open: None, begun: 0 }
    }

    pub fn run(&mut self, mut batches: mpsc::UnboundedReceiver<Batch>) {
        while let Some(first) = batches.blocking_recv() {
            let mut waiting = vec![first];
            // Everything that came in during the last fsync shares the next one.
            while let Ok(next) = batches.try_recv() {
                waiting.push(next);
            }
            let answer = self.write(&waiting).map_err(|error| error.to_string());
            if let Err(error) = &answer {
                tracing::error!(
                    error,
                    "the journal of stops cannot be written; stops are refused until it can"
                );
            }
            for batch in waiting {
                let _ = batch.written.send(answer.clone());
            }
        }
    }

    fn write(&mut self, waiting: &[Batch]) -> io::Result<()> {
        let Some(day) = waiting.iter().flat_map(|batch| &batch.lines).map(|line| line.at.date_naive()).max()
        else {
            return Ok(());
        };
        let mut open = match self.open.take() {
            Some(open) if open.day >= day => open,
            _ => self.begin(day)?,
        };
        let mut text = String::new();
        let mut count = open.count;
        for line in waiting.iter().flat_map(|batch| &batch.lines) {
            count += 1;
            text.push_str(&line::encode(count, line)?);
        }
        match open.file.write_all(text.as_bytes()).and_then(|()| open.file.sync_data()) {
            Ok(()) => {
                open.count = count;
                open.length += text.len() as u64;
                self.open = Some(open);
                Ok(())
            }
            Err(error) => {
                // Half a line would make the next one unreadable. A file that cannot be cut back is not written to again.
                if open.file.set_len(open.length).is_ok()
                    && open.file.seek(SeekFrom::Start(open.length)).is_ok()
                {
                    self.open = Some(open);
                }
                Err(error)
            }
        }
    }

    fn begin(&mut self, day: NaiveDate) -> io::Result<Open> {
        make_folder(&self.folder)?;
        self.begun += 1;
        let again = if self.begun == 1 { String::new() } else { format!("-{}", self.begun) };
        let path = self.folder.join(format!("{day}-{}{again}.jsonl", self.boot));
        let file = create(&path)?;
        // The file's name must outlive a power cut as well as its lines.
        File::open(&self.folder)?.sync_all()?;
        Ok(Open { day, file, count: 0, length: 0 })
    }
}
