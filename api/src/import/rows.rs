//! Rows of a CSV file or of JSON lines as JSON objects, in batches, with bounded memory whatever the file holds.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde_json::{Map, Value};
use tokio::sync::mpsc::Sender;

use super::ImportError;
use super::columns::Columns;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// By a file name's ending; CSV when it says nothing.
    pub fn of_name(name: &str) -> Self {
        let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if matches!(ending.as_str(), "json" | "jsonl" | "ndjson") { Self::JsonLines } else { Self::Csv }
    }

    /// By a content type; `None` for others.
    pub fn of_content_type(text: &str) -> Option<Self> {
        match text.split(';').next().unwrap_or_default().trim() {
            "text/csv" | "application/csv" => Some(Self::Csv),
            "application/x-ndjson" | "application/jsonl" | "application/json-lines" | "application/json" => {
                Some(Self::JsonLines)
            }
            _ => None,
        }
    }
}

/// One row, or why it is none.
#[derive(Debug)]
pub struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    pub fields: Result<Map<String, Value>, String>,
}

/// Longest row; a quote that is never closed must not swallow the memory.
const ROW_BYTES: usize = 1024 * 1024;

/// Reads all rows after the first `skip` and hands them on. Ends quietly when nobody listens any more.
pub fn read(
    format: Format,
    source: impl Read,
    skip: u64,
    batch: usize,
    sender: &Sender<Vec<Row>>,
) -> Result<(), ImportError> {
    let since_row = Rc::new(Cell::new(0));
    let source = Bounded { inner: source, since_row: Rc::clone(&since_row) };
    let mut pending = Vec::with_capacity(batch);
    let mut number = 0;
    let mut each = |row: Row| {
        since_row.set(0);
        number += 1;
        if number > skip {
            pending.push(row);
        }
        if pending.len() < batch {
            return true;
        }
        sender.blocking_send(std::mem::replace(&mut pending, Vec::with_capacity(batch))).is_ok()
    };
    match format {
        Format::Csv => csv_rows(source, &mut each)?,
        Format::JsonLines => json_rows(source, &mut each)?,
    }
    if !pending.is_empty() {
        let _ = sender.blocking_send(pending);
    }
    Ok(())
}

fn csv_rows(source: impl Read, each: &mut dyn FnMut(Row) -> bool) -> Result<(), ImportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(source);
    let header = reader.headers().map_err(csv_error)?;
    let columns = Columns::read(header.iter()).map_err(ImportError::Header)?;
    let mut record = csv::StringRecord::new();
    loop {
        let row = match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                Row { line, fields: columns.fields(&record) }
            }
            Err(error) => match (error.kind(), error.position()) {
                (csv::ErrorKind::Utf8 { .. }, Some(at)) => {
                    Row { line: at.line(), fields: Err("is not UTF-8 text".to_owned()) }
                }
                _ => return Err(csv_error(error)),
            },
        };
        if !each(row) {
            return Ok(());
        }
    }
}

fn csv_error(error: csv::Error) -> ImportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ImportError::Source(error),
        other => ImportError::Header(format!("the CSV cannot be read: {other:?}")),
    }
}

fn json_rows(source: impl Read, each: &mut dyn FnMut(Row) -> bool) -> Result<(), ImportError> {
    let mut reader = BufReader::new(source);
    let (mut text, mut line) = (Vec::new(), 0);
    loop {
        text.clear();
        line += 1;
        if reader.read_until(b'\n', &mut text)? == 0 {
            return Ok(());
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let fields = serde_json::from_slice(&text).map_err(|error| format!("is not a JSON object: {error}"));
        if !each(Row { line, fields }) {
            return Ok(());
        }
    }
}

/// Fails once far more than a row has been read without a row's end.
struct Bounded<R> {
    inner: R,
    since_row: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_row.get() > ROW_BYTES {
            let message = "a row is longer than 1 MB; is a quote not closed?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let count = self.inner.read(buffer)?;
        self.since_row.set(self.since_row.get() + count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(format: Format, text: &'static str, skip: u64) -> Result<Vec<Row>, ImportError> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
        read(format, text.as_bytes(), skip, 2, &sender)?;
        drop(sender);
        let mut all = Vec::new();
        while let Some(batch) = receiver.blocking_recv() {
            all.extend(batch);
        }
        Ok(all)
    }

    #[test]
    fn csv_rows_keep_their_line_and_may_be_skipped() {
        let text = "Email,First Name\na@example.com,\"Ann\nMarie\"\nb@example.com,Bo\n";
        let all = rows(Format::Csv, text, 0).unwrap();
        assert_eq!(all.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(all[0].fields.as_ref().unwrap()["firstName"], "Ann\nMarie");
        assert_eq!(rows(Format::Csv, text, 1).unwrap()[0].fields.as_ref().unwrap()["firstName"], "Bo");
    }

    #[test]
    fn a_broken_json_line_is_a_mistake_of_its_row_only() {
        let all = rows(Format::JsonLines, "{\"email\":\"a@example.com\"}\n\n{oops\n{}\n", 0).unwrap();
        assert_eq!(
            all.iter().map(|row| (row.line, row.fields.is_ok())).collect::<Vec<_>>(),
            [(1, true), (3, false), (4, true)]
        );
    }

    #[test]
    fn an_endless_row_is_refused() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(b'x');
                Ok(buffer.len())
            }
        }
        let (sender, _receiver) = tokio::sync::mpsc::channel(1);
        let error = read(Format::JsonLines, Endless, 0, 2, &sender).unwrap_err();
        assert!(error.to_string().contains("longer than 1 MB"), "{error}");
    }
}
