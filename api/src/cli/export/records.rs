//! `callwright export records`: the records that a seller has to keep, as a file that others can read.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use callwright_engine::engine::records::{Record, RecordKind, RecordQuery};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use crate::cli::{Global, output, session};
use crate::http::moment::Moment;

#[derive(Debug, Args)]
pub(super) struct RecordsArgs {
    /// Placed, granted or received at or after.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    from: Moment,
    /// And before; now, when left out.
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    to: Option<Moment>,
    /// Only call, consent or stop records; may be repeated.
    #[arg(long = "only", value_name = "KIND", value_parser = kind)]
    kinds: Vec<RecordKind>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Form::Csv)]
    format: Form,
    /// A file that does not exist yet; standard output, when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One table for all kinds; the first column says which.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// The columns of the table: every field of every kind.
const COLUMNS: [&str; 52] = [
    "record",
    "id",
    "leadId",
    "externalId",
    "name",
    "seller",
    "callerName",
    "campaign",
    "purpose",
    "direction",
    "voice",
    "callerNumber",
    "calledNumber",
    "placedAt",
    "answeredAt",
    "endedAt",
    "seconds",
    "answeredBy",
    "state",
    "outcome",
    "disposition",
    "flow",
    "scriptVersion",
    "recorded",
    "transferredTo",
    "transferResult",
    "abandoned",
    "consentSource",
    "consentId",
    "consentForm",
    "consentAt",
    "consentWording",
    "provider",
    "providerCallId",
    "numbers",
    "form",
    "channel",
    "language",
    "wording",
    "evidence",
    "evidenceUrl",
    "evidenceSha256",
    "grantedAt",
    "revokedAt",
    "source",
    "recordedAt",
    "recordedBy",
    "words",
    "receivedAt",
    "dueOn",
    "honoredAt",
    "attemptId",
];

/// Records per page: what is in memory at a time.
const PAGE: u32 = 1_000;

fn kind(text: &str) -> Result<RecordKind, String> {
    text.parse().map_err(|error: callwright_engine::domain::UnknownText| error.to_string())
}

pub(super) async fn run(args: RecordsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let until = match args.to {
        Some(to) => to.0,
        None => engine.now().await?,
    };
    anyhow::ensure!(args.from.0 < until, "--from must be before --to");
    let query = RecordQuery { from: args.from.0, until, kinds: args.kinds };
    let counts = engine.count_records(&query).await?;
    let wanted = |kind: &RecordKind| query.kinds.is_empty() || query.kinds.contains(kind);
    let total =
        RecordKind::ALL.iter().zip(counts).filter(|(kind, _)| wanted(kind)).map(|(_, count)| count).sum();
    let bar = bar(total)?;
    let mut sink = Sink::open(args.format, args.out.as_ref())?;
    let mut cursor = None;
    loop {
        let page = engine.records(&query, cursor, PAGE).await?;
        for record in &page.items {
            if !sink.write(record)? {
                // Nobody reads any more.
                return Ok(ExitCode::SUCCESS);
            }
        }
        bar.inc(page.items.len() as u64);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let written = sink.finish()?;
    bar.finish_and_clear();
    if let Some(path) = &args.out {
        output::note(&format!("{written} records in {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn bar(total: u64) -> anyhow::Result<ProgressBar> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} records  {eta} left")?;
    Ok(ProgressBar::new(total).with_style(style))
}

/// Where records go.
struct Sink {
    form: Form,
    out: BufWriter<Box<dyn Write + Send>>,
    written: u64,
}

impl Sink {
    fn open(form: Form, path: Option<&PathBuf>) -> anyhow::Result<Self> {
        let out: Box<dyn Write + Send> = match path {
            Some(path) => Box::new(
                File::create_new(path).with_context(|| format!("{} cannot be created", path.display()))?,
            ),
            None => Box::new(io::stdout()),
        };
        let mut sink = Self { form, out: BufWriter::new(out), written: 0 };
        if form == Form::Csv {
            sink.row(&COLUMNS.map(str::to_owned))?;
        }
        Ok(sink)
    }

    /// Answers whether somebody still reads.
    fn write(&mut self, record: &Record) -> anyhow::Result<bool> {
        let done = match self.form {
            Form::Jsonl => serde_json::to_writer(&mut self.out, record)
                .map_err(io::Error::from)
                .and_then(|()| self.out.write_all(b"\n")),
            Form::Csv => {
                let Value::Object(fields) = serde_json::to_value(record)? else {
                    anyhow::bail!("a record is no object");
                };
                self.row(&COLUMNS.map(|column| cell(&fields, column)))
            }
        };
        match done {
            Ok(()) => {
                self.written += 1;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("the records cannot be written"),
        }
    }

    fn row(&mut self, cells: &[String]) -> io::Result<()> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(cells).map_err(io::Error::other)?;
        let line = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        self.out.write_all(&line)
    }

    fn finish(mut self) -> anyhow::Result<u64> {
        match self.out.flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error).context("the records cannot be written")
            }
            _ => Ok(self.written),
        }
    }
}

fn cell(fields: &Map<String, Value>, column: &str) -> String {
    match fields.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => guarded(text),
        Some(other) => other.to_string(),
    }
}

/// What people typed must not become a formula in whoever's spreadsheet. Numbers in E.164 are ours and stay as they are.
fn guarded(text: &str) -> String {
    let is_number = text
        .strip_prefix('+')
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '+'));
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula && !is_number { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_is_no_formula_and_numbers_stay_numbers() {
        assert_eq!(guarded("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(guarded("+12125550143"), "+12125550143");
        assert_eq!(guarded("-1+1"), "'-1+1");
        assert_eq!(guarded("plain"), "plain");
    }
}
