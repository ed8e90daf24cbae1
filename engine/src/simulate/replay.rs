//! Replaying a recorded campaign: a CSV with `contact, attempts, duration_s, subscribed` (other columns are allowed).
//! Each contact did not answer `attempts − 1` times, answered the last call for `duration_s` seconds, and converted or not.

use std::io::Read;

use serde::Deserialize;

/// One contact of the recorded campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub contact: String,
    /// Calls made to the contact, at least one.
    pub attempts: u32,
    /// Length of the last call, in seconds.
    pub duration_s: u32,
    pub subscribed: bool,
}

/// A row that cannot be replayed: which line, and why.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("line {line}: {problem}")]
    Row { line: u64, problem: String },
    #[error("the file has no rows below its header")]
    Empty,
}

#[derive(Deserialize)]
struct Row {
    contact: String,
    attempts: u32,
    duration_s: u32,
    subscribed: String,
}

/// Reads a recorded campaign; the first bad row ends it, since half a campaign replayed would prove nothing.
pub fn read(input: impl Read) -> Result<Vec<Contact>, ReplayError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let mut contacts = Vec::new();
    for (index, row) in reader.deserialize::<Row>().enumerate() {
        let line = index as u64 + 2;
        let row = row.map_err(|error| ReplayError::Row { line, problem: error.to_string() })?;
        contacts.push(contact(row).map_err(|problem| ReplayError::Row { line, problem })?);
    }
    if contacts.is_empty() { Err(ReplayError::Empty) } else { Ok(contacts) }
}

fn contact(row: Row) -> Result<Contact, String> {
    let subscribed = match row.subscribed.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => true,
        "no" | "false" | "0" => false,
        other => return Err(format!("`subscribed` is `{other}`: write yes or no")),
    };
    if row.attempts == 0 {
        return Err("`attempts` is 0: a contact was called at least once".to_owned());
    }
    Ok(Contact { contact: row.contact, attempts: row.attempts, duration_s: row.duration_s, subscribed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_four_columns_among_others_in_any_order() {
        let csv = "subscribed,age,contact,duration_s,attempts\nyes,30,7,120,3\nno,41,8,0,1\n";
        let contacts = read(csv.as_bytes()).unwrap();
        assert_eq!(
            contacts[0],
            Contact { contact: "7".into(), attempts: 3, duration_s: 120, subscribed: true }
        );
        assert_eq!(contacts[1].duration_s, 0);
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        let error = read("contact,attempts,duration_s,subscribed\n1,0,5,no\n".as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "line 2: `attempts` is 0: a contact was called at least once");
        let error = read("contact,attempts,duration_s,subscribed\n1,1,5,maybe\n".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("line 2: `subscribed` is `maybe`"), "{error}");
    }

    #[test]
    fn an_empty_file_is_an_error() {
        assert!(matches!(
            read("contact,attempts,duration_s,subscribed\n".as_bytes()),
            Err(ReplayError::Empty)
        ));
    }
}
