//! Rows of a CSV file or of JSON lines as JSON objects, in batches, with bounded memory whatever the file holds.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::sync::mpsc::Sender;

use callwright_engine::store::import::ImportKind;

use super::ImportError;
use super::columns::{Columns, Mapping};

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
#[derive(Debug, Clone)]
pub struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    pub fields: Result<Map<String, Value>, String>,
}

/// Longest row; a quote that is never closed must not swallow the memory.
const ROW_BYTES: usize = 1024 * 1024;

/// How a source is read.
#[derive(Debug)]
pub struct Reading {
    pub format: Format,
    pub kind: ImportKind,
    pub mapping: Mapping,
    /// Rows that were dealt with before.
    pub skip: u64,
    /// Rows handed on at once.
    pub batch: usize,
}

/// Reads all rows after the first `skip` and hands them on. Ends quietly when nobody listens any more.
pub fn read(reading: &Reading, source: impl Read, sender: &Sender<Vec<Row>>) -> Result<(), ImportError> {
    let (skip, batch) = (reading.skip, reading.batch);
    let mut lines = OrderLines::default();
    let since_row = Rc::new(Cell::new(0));
    let source = Bounded { inner: source, since_row: Rc::clone(&since_row) };
    let mut pending = Vec::with_capacity(batch);
    let mut number = 0;
    let mut each = |mut row: Row| {
        since_row.set(0);
        number += 1;
        if let (ImportKind::Purchases, Ok(fields)) = (reading.kind, &mut row.fields) {
            // Also of rows that are skipped: the next ones are numbered after them.
            lines.name(fields);
        }
        if number > skip {
            pending.push(row);
        }
        if pending.len() < batch {
            return true;
        }
        sender.blocking_send(std::mem::replace(&mut pending, Vec::with_capacity(batch))).is_ok()
    };
    match reading.format {
        Format::Csv => csv_rows(reading, source, &mut each)?,
        Format::JsonLines => json_rows(reading, source, &mut each)?,
    }
    if !pending.is_empty() {
        let _ = sender.blocking_send(pending);
    }
    Ok(())
}

/// Names lines of orders that have no id of their own, so that importing a file again changes nothing: `ORDER/PRODUCT`, and
/// `ORDER/PRODUCT#2` for the second line of that product in that order.
#[derive(Default)]
struct OrderLines(HashMap<u64, u32>);

impl OrderLines {
    fn name(&mut self, fields: &mut Map<String, Value>) {
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let (None, Some(order), Some(product)) = (text("externalId"), text("orderId"), text("productId"))
        else {
            return;
        };
        let name = format!("{order}/{product}");
        // Eight bytes a line: files of millions are read so.
        let mut hash = DefaultHasher::new();
        name.hash(&mut hash);
        let count = self.0.entry(hash.finish()).or_default();
        *count += 1;
        let name = if *count > 1 { format!("{name}#{count}") } else { name };
        fields.insert("externalId".to_owned(), Value::String(name));
    }
}

fn csv_rows(
    reading: &Reading,
    source: impl Read,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), ImportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(source);
    let header = reader.headers().map_err(csv_error)?;
    let columns =
        Columns::read(reading.kind, &reading.mapping, header.iter()).map_err(ImportError::Header)?;
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

/// A JSON object; of the shop's rows numbers with a fraction stay the digits they are, because amounts are read from them.
fn json_fields(kind: ImportKind, text: &[u8]) -> serde_json::Result<Map<String, Value>> {
    if matches!(kind, ImportKind::Leads | ImportKind::Suppressions) {
        return serde_json::from_slice(text);
    }
    let raw: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(text)?;
    let value = |text: &str| {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if is_number && text.contains(['.', 'e', 'E']) {
            Ok(Value::String(text.to_owned()))
        } else {
            serde_json::from_str(text)
        }
    };
    raw.into_iter().map(|(field, text)| Ok((field, value(text.get())?))).collect()
}

fn json_rows(
    reading: &Reading,
    source: impl Read,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), ImportError> {
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
        let fields =
            json_fields(reading.kind, &text).map_err(|error| format!("is not a JSON object: {error}"));
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

    fn reading(format: Format, kind: ImportKind, skip: u64) -> Reading {
        Reading { format, kind, mapping: Mapping::default(), skip, batch: 2 }
    }

    fn names(text: &'static str, format: Format, skip: u64) -> Vec<String> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
        read(&reading(format, ImportKind::Purchases, skip), text.as_bytes(), &sender).unwrap();
        drop(sender);
        std::iter::from_fn(|| receiver.blocking_recv())
            .flatten()
            .map(|row| row.fields.unwrap()["externalId"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn lines_of_an_order_are_named_the_same_when_an_import_goes_on() {
        let text = "orderId,productId,externalId\n1,a,\n1,b,\n1,a,\n2,a,own\n1,a,\n";
        let all = names(text, Format::Csv, 0);
        assert_eq!(all, ["1/a", "1/b", "1/a#2", "own", "1/a#3"]);
        assert_eq!(names(text, Format::Csv, 2), all[2..]);
    }

    #[test]
    fn amounts_in_json_lines_keep_their_digits() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
        let text = "{\"price\": 9007199254740993.01, \"stock\": 5}\n";
        read(&reading(Format::JsonLines, ImportKind::Products, 0), text.as_bytes(), &sender).unwrap();
        let fields = receiver.blocking_recv().unwrap().remove(0).fields.unwrap();
        assert_eq!((&fields["price"], &fields["stock"]), (&"9007199254740993.01".into(), &5.into()));
    }

    fn rows(format: Format, text: &'static str, skip: u64) -> Result<Vec<Row>, ImportError> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
        read(&reading(format, ImportKind::Leads, skip), text.as_bytes(), &sender)?;
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
        let reading = reading(Format::JsonLines, ImportKind::Leads, 0);
        let error = read(&reading, Endless, &sender).unwrap_err();
        assert!(error.to_string().contains("longer than 1 MB"), "{error}");
    }
}
