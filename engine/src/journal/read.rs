//! Reading a journal back: whole lines in one order, torn ends left out, damage named.

use std::io;
use std::path::{Path, PathBuf};

use super::line::{self, Line};
use crate::clock::Instant;

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Read {
    /// By instant; at the same one, what takes protection back comes first, so that a stop wins a tie.
    pub lines: Vec<Line>,
    pub files: usize,
    /// Files whose last line was being written when their process died: nobody was told that it counts.
    pub torn: usize,
    pub damaged: Vec<Damage>,
}

/// A line that must be there and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub file: PathBuf,
    /// From 1.
    pub line: u64,
    pub problem: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {}", self.file.display(), self.line, self.problem)
    }
}

/// Everything from `since` on. A folder that does not exist is an error; an empty one is an empty journal.
pub fn read(folder: &Path, since: Instant) -> io::Result<Read> {
    let mut found = Read::default();
    for path in files(folder)? {
        // A file is named by the first day of its lines and holds only that day's, but for those of a clock set back.
        let day = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.get(..10));
        let is_older = day.and_then(|day| day.parse::<chrono::NaiveDate>().ok());
        if is_older.is_some_and(|day| day < since.date_naive()) {
            continue;
        }
        found.files += 1;
        read_file(&path, &mut found)?;
    }
    found.lines.retain(|line| line.at >= since);
    found.lines.sort_by_key(|line| (line.at, line.word.protects()));
    Ok(found)
}

/// The newest file alone; `None`: there is none yet.
pub fn newest(folder: &Path) -> io::Result<Option<Read>> {
    let Some(path) = files(folder)?.pop() else { return Ok(None) };
    let mut found = Read { files: 1, ..Read::default() };
    read_file(&path, &mut found)?;
    Ok(Some(found))
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path, found: &mut Read) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    let (whole, rest) = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => bytes.split_at(end + 1),
        None => (&[][..], &bytes[..]),
    };
    found.torn += usize::from(!rest.is_empty());
    for (index, text) in whole.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let n = index as u64 + 1;
        let text = std::str::from_utf8(text).map_err(|_| "is not text".to_owned());
        match text.and_then(|text| line::decode(text.trim_end_matches('\n'), n)) {
            Ok(line) => found.lines.push(line),
            Err(problem) => found.damaged.push(Damage { file: path.to_owned(), line: n, problem }),
        }
    }
    Ok(())
}
