//! Rows of registries' files as numbers: one number a line, or area code and number, with or without marks of a change, in
//! whatever line ends. A line that is no number is a mistake of its own.

use std::io::{self, BufRead, BufReader, Read};

use callwright_engine::phone::number::PhoneNumber;
use tokio::sync::mpsc::Sender;

use super::super::ImportError;

/// Rows per transaction: long enough to be quick, short enough not to hold calls back.
pub const BATCH: usize = 5_000;
/// Longest line of a list; longer ones are no numbers.
const LINE_BYTES: u64 = 1_024;

/// What a row of a list of changes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Add,
    Delete,
}

/// One row that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    pub read: Result<(PhoneNumber, Option<Mark>), String>,
}

/// Hands on all rows after the first `skip`. Ends quietly when nobody listens any more.
pub fn read(
    source: impl Read,
    country: Option<&str>,
    skip: u64,
    sender: &Sender<Vec<Row>>,
) -> Result<(), ImportError> {
    let mut reader = BufReader::with_capacity(1 << 16, source);
    let (mut text, mut line, mut number) = (Vec::new(), 0, 0);
    let mut pending = Vec::with_capacity(BATCH);
    loop {
        text.clear();
        line += 1;
        if reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let is_cut = text.last() != Some(&b'\n') && text.len() as u64 == LINE_BYTES;
        if is_cut {
            skip_line(&mut reader)?;
        }
        if line == 1 {
            must_be_text(&text)?;
        }
        let Some(read) = read_line(&text, is_cut, line == 1, country) else { continue };
        number += 1;
        if number <= skip {
            continue;
        }
        pending.push(Row { line, read });
        if pending.len() == BATCH
            && sender.blocking_send(std::mem::replace(&mut pending, Vec::with_capacity(BATCH))).is_err()
        {
            return Ok(());
        }
    }
    if !pending.is_empty() {
        let _ = sender.blocking_send(pending);
    }
    Ok(())
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(count);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Registries hand out zipped files, and XML beside plain text.
fn must_be_text(first: &[u8]) -> Result<(), ImportError> {
    let wrong = |what: &str| Err(ImportError::Header(what.to_owned()));
    match first {
        [b'P', b'K', ..] => wrong("the file is a zip archive: unpack it and import what is inside"),
        [0x1f, 0x8b, ..] => wrong("the file is compressed: unpack it and import what is inside"),
        _ if first.trim_ascii_start().starts_with(b"<") => {
            wrong("the file is XML: ask the registry for the flat text file")
        }
        _ => Ok(()),
    }
}

/// `None`: nothing stands there, or a heading.
fn read_line(
    text: &[u8],
    is_cut: bool,
    is_first: bool,
    country: Option<&str>,
) -> Option<Result<(PhoneNumber, Option<Mark>), String>> {
    if is_cut {
        return Some(Err(format!("is longer than {LINE_BYTES} bytes, which no number is")));
    }
    let Ok(text) = std::str::from_utf8(text) else { return Some(Err("is not text".to_owned())) };
    // A byte order mark of a spreadsheet's is no part of the first number.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return None;
    }
    if is_first && !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(read_fields(text, country))
}

fn read_fields(text: &str, country: Option<&str>) -> Result<(PhoneNumber, Option<Mark>), String> {
    let mut fields = text.split([',', ';', '\t']).map(|field| field.trim().trim_matches('"').trim());
    let first = fields.next().unwrap_or_default();
    let rest: Vec<&str> = fields.collect();
    let is_area = first.len() == 3 && first.bytes().all(|byte| byte.is_ascii_digit());
    let (number, rest) = match (is_area, rest.split_first()) {
        (true, Some((local, rest))) => (north_american(&format!("{first}{local}"))?, rest),
        (true, None) => return Err(format!("`{first}` is an area code without a number")),
        (false, _) => (full(first, country)?, &rest[..]),
    };
    let mark = rest.iter().find_map(|field| match field.to_ascii_lowercase().as_str() {
        "a" | "add" | "added" => Some(Mark::Add),
        "d" | "del" | "delete" | "deleted" => Some(Mark::Delete),
        _ => None,
    });
    Ok((number, mark))
}

fn full(text: &str, country: Option<&str>) -> Result<PhoneNumber, String> {
    if text.starts_with('+') {
        return PhoneNumber::e164_only(&digits_of(text, "+")?).map_err(|error| error.to_string());
    }
    match country {
        None | Some("US" | "CA") => north_american(text),
        // Only the form matters: a list may name numbers that nobody has any more.
        Some(_) => PhoneNumber::parse(text, country).map_err(|error| error.to_string()),
    }
}

/// Ten digits, or eleven with the 1 before them; an area code and an exchange never begin with 0 or 1.
fn north_american(text: &str) -> Result<PhoneNumber, String> {
    let digits = digits_of(text, "")?;
    let national = if digits.len() == 11 { digits.strip_prefix('1') } else { Some(digits.as_str()) };
    let Some(national) = national.filter(|national| national.len() == 10) else {
        return Err(format!("has {} digits where 10 were expected (area code and number)", digits.len()));
    };
    let begins = |at: usize| matches!(national.as_bytes().get(at), Some(b'2'..=b'9'));
    if !begins(0) || !begins(3) {
        return Err("is no number of North America: area code and exchange begin with 2 to 9".to_owned());
    }
    PhoneNumber::e164_only(&format!("+1{national}")).map_err(|error| error.to_string())
}

/// The digits behind `start`, without what people put between them.
fn digits_of(text: &str, start: &str) -> Result<String, String> {
    let mut digits = String::with_capacity(16);
    digits.push_str(start);
    for c in text.chars().skip(start.len()) {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' => {}
            _ => return Err("is no number: only digits were expected".to_owned()),
        }
    }
    if digits.len() == start.len() {
        return Err("has no number in it".to_owned());
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, country: Option<&str>, skip: u64) -> Result<Vec<Row>, ImportError> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
        let text = text.to_owned();
        read(text.as_bytes(), country, skip, &sender)?;
        drop(sender);
        let mut all = Vec::new();
        while let Some(batch) = receiver.blocking_recv() {
            all.extend(batch);
        }
        Ok(all)
    }

    fn numbers(text: &str) -> Vec<String> {
        let all = rows(text, Some("US"), 0).unwrap();
        all.into_iter().map(|row| row.read.map_or_else(|error| error, |(number, _)| number.e164())).collect()
    }

    #[test]
    fn both_forms_of_the_registry_are_read_in_whatever_line_ends() {
        assert_eq!(numbers("2025550101\r\n2025550102\r\n"), ["+12025550101", "+12025550102"]);
        assert_eq!(numbers("202,5550101\n202,555-0102\n"), ["+12025550101", "+12025550102"]);
        assert_eq!(
            numbers("\u{feff}phone\n(202) 555-0101\n\n+1 202 555 0102"),
            ["+12025550101", "+12025550102"]
        );
    }

    #[test]
    fn a_bad_row_is_named_and_stops_no_other() {
        let all = rows("2025550101\n202\n123\u{1F}\n1025550101\n20255501\n\n2025550102\n", None, 0).unwrap();
        let bad: Vec<u64> = all.iter().filter(|row| row.read.is_err()).map(|row| row.line).collect();
        assert_eq!((bad, all.len()), (vec![2, 3, 4, 5], 6));
        assert_eq!(all[1].read, Err("`202` is an area code without a number".to_owned()));
    }

    #[test]
    fn a_change_says_what_it_does_wherever_the_mark_stands() {
        let all = rows("202,5550101,2026-11-01,A\n202,5550102,D,2026-11-01\n2025550103\n", None, 0).unwrap();
        let marks: Vec<_> = all.into_iter().filter_map(|row| row.read.ok()).map(|(_, mark)| mark).collect();
        assert_eq!(marks, [Some(Mark::Add), Some(Mark::Delete), None]);
    }

    #[test]
    fn archives_and_xml_are_refused_with_what_to_do() {
        let refused = |text: &str| rows(text, None, 0).unwrap_err().to_string();
        assert!(refused("PK\u{3}\u{4}").contains("unpack"));
        assert!(refused("<list type='full'>").contains("flat text"));
    }

    #[test]
    fn a_line_without_end_is_one_mistake_and_little_memory() {
        let text = format!("2025550101\n{}\n2025550102\n", "9".repeat(100_000));
        let all = rows(&text, None, 0).unwrap();
        assert_eq!(all.iter().map(|row| row.read.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn rows_already_imported_are_passed_over() {
        assert_eq!(rows("2025550101\n\n2025550102\n", None, 1).unwrap().len(), 1);
    }
}
