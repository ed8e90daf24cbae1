//! Columns of a CSV file: which field of a lead each one is, however its author wrote the heading.

use callwright_engine::definitions::diagnostic::suggestion;
use serde_json::{Map, Value, json};

/// How a cell is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Text,
    Flag,
    Whole,
    /// Separated by `;`.
    List,
    /// Numbers separated by `;`.
    Numbers,
}

/// Field, its reading, and headings by which files know it beside its own name (lower case, letters and digits only).
const FIELDS: &[(&str, Cell, &[&str])] = &[
    ("externalId", Cell::Text, &["id", "leadid", "crmid", "customerid"]),
    ("email", Cell::Text, &["emailaddress", "mail"]),
    ("firstName", Cell::Text, &["first", "givenname"]),
    ("lastName", Cell::Text, &["last", "surname", "familyname"]),
    ("phone", Cell::Text, &["phonenumber", "mobile", "telephone", "number"]),
    ("phones", Cell::Numbers, &["phonenumbers"]),
    ("company", Cell::Text, &["companyname", "organisation", "organization"]),
    ("segment", Cell::Text, &[]),
    ("status", Cell::Text, &[]),
    ("language", Cell::Text, &["lang"]),
    ("timezone", Cell::Text, &["tz", "zone"]),
    ("country", Cell::Text, &["countrycode"]),
    ("region", Cell::Text, &["state", "province"]),
    ("preferredContactTime", Cell::Text, &["preferredtime", "besttimetocall"]),
    ("doNotCall", Cell::Flag, &["dnc"]),
    ("doNotEmail", Cell::Flag, &[]),
    ("score", Cell::Whole, &["leadscore"]),
    ("tags", Cell::List, &["tag", "labels"]),
    ("synthetic", Cell::Flag, &[]),
    ("lastContactedAt", Cell::Text, &[]),
    ("accountId", Cell::Text, &["account", "household", "householdid"]),
    // Of consents that come with a lead.
    ("consentPurpose", Cell::List, &["consentpurposes"]),
    ("consentForm", Cell::Text, &[]),
    ("consentAt", Cell::Text, &["consentdate", "consentgrantedat"]),
    ("consentWording", Cell::Text, &["consenttext"]),
    ("consentEvidence", Cell::Text, &[]),
    ("consentSource", Cell::Text, &[]),
    ("consentChannel", Cell::Text, &[]),
    ("consentNumber", Cell::Text, &[]),
    ("consentSeller", Cell::Text, &[]),
    ("consentUrl", Cell::Text, &["consentevidenceurl"]),
    ("consentSha256", Cell::Text, &["consentevidencesha256"]),
    // Of suppression files.
    ("reason", Cell::Text, &[]),
    ("source", Cell::Text, &[]),
    ("expiresAt", Cell::Text, &["expires"]),
];

/// Shown in exports, not read.
const IGNORED: [&str; 3] = ["createdat", "updatedat", "consents"];

#[derive(Debug)]
enum Column {
    Field(&'static str, Cell),
    Custom(String),
    Ignored,
}

/// The meaning of each column, in order.
#[derive(Debug)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// Reads the header. A heading that is nearly a field's name is an error; any other unknown one is a custom field.
    pub fn read<'a>(header: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let columns: Result<Vec<Column>, String> = header.map(column).collect();
        let columns = columns?;
        for (index, one) in columns.iter().enumerate() {
            if let Column::Field(name, _) = one
                && columns[..index]
                    .iter()
                    .any(|other| matches!(other, Column::Field(same, _) if same == name))
            {
                return Err(format!("two columns are `{name}`"));
            }
        }
        Ok(Self(columns))
    }

    /// A row as a JSON object. Empty cells say nothing.
    pub fn fields(&self, record: &csv::StringRecord) -> Result<Map<String, Value>, String> {
        if record.len() > self.0.len() {
            return Err(format!("has {} cells where the header has {}", record.len(), self.0.len()));
        }
        let (mut fields, mut custom) = (Map::new(), Map::new());
        for (column, cell) in self.0.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
            match column {
                Column::Field(name, reading) => {
                    let value = value(*reading, cell).map_err(|message| format!("{name}: {message}"))?;
                    fields.insert((*name).to_owned(), value);
                }
                Column::Custom(name) => {
                    custom.insert(name.clone(), Value::from(cell));
                }
                Column::Ignored => {}
            }
        }
        if !custom.is_empty() {
            fields.insert("custom".to_owned(), Value::Object(custom));
        }
        Ok(fields)
    }
}

fn column(heading: &str) -> Result<Column, String> {
    // A byte order mark of Excel's is no part of the first heading.
    let heading = heading.trim_start_matches('\u{feff}').trim();
    if let Some(name) = heading.strip_prefix("custom.") {
        return Ok(Column::Custom(name.to_owned()));
    }
    let plain: String =
        heading.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if IGNORED.contains(&plain.as_str()) || heading.is_empty() {
        return Ok(Column::Ignored);
    }
    let is = |(name, _, others): &&(&str, Cell, &[&str])| {
        name.eq_ignore_ascii_case(&plain) || others.contains(&plain.as_str())
    };
    if let Some((name, cell, _)) = FIELDS.iter().find(is) {
        return Ok(Column::Field(name, *cell));
    }
    match suggestion(heading, FIELDS.iter().map(|(name, ..)| *name)) {
        Some(help) if help.starts_with("did you mean") => Err(format!(
            "column `{heading}`: {help} Name it `custom.{heading}` if it is a field of your own."
        )),
        _ => Ok(Column::Custom(heading.to_owned())),
    }
}

fn value(reading: Cell, cell: &str) -> Result<Value, String> {
    let list = || cell.split(';').map(str::trim).filter(|part| !part.is_empty());
    Ok(match reading {
        Cell::Text => Value::from(cell),
        Cell::List => list().map(Value::from).collect(),
        Cell::Numbers => list().map(|number| json!({ "number": number })).collect(),
        Cell::Whole => {
            Value::from(cell.parse::<i64>().map_err(|_| format!("`{cell}` is not a whole number"))?)
        }
        Cell::Flag => match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "1" => Value::Bool(true),
            "false" | "no" | "n" | "0" => Value::Bool(false),
            _ => return Err(format!("`{cell}` is neither true nor false")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(header: &[&str], cells: &[&str]) -> Result<Map<String, Value>, String> {
        Columns::read(header.iter().copied())?.fields(&csv::StringRecord::from(cells.to_vec()))
    }

    #[test]
    fn headings_are_recognised_however_they_are_written() {
        let fields = row(
            &[
                "\u{feff}Lead ID",
                "E-Mail Address",
                "first_name",
                "Do Not Call",
                "Tags",
                "plan",
                "custom.size",
            ],
            &["lead_1", "a@example.com", "Ann", "no", "vip; beta", "pro", "12"],
        );
        let expected = json!({
            "externalId": "lead_1", "email": "a@example.com", "firstName": "Ann", "doNotCall": false,
            "tags": ["vip", "beta"], "custom": {"plan": "pro", "size": "12"},
        });
        assert_eq!(Value::Object(fields.unwrap()), expected);
    }

    #[test]
    fn a_misspelt_heading_is_refused_with_a_suggestion() {
        assert!(row(&["emial"], &["x"]).unwrap_err().contains("did you mean `email`?"));
    }

    #[test]
    fn empty_cells_say_nothing_and_bad_ones_name_their_field() {
        assert!(row(&["email", "company"], &["a@example.com", ""]).unwrap().get("company").is_none());
        assert_eq!(row(&["score"], &["high"]).unwrap_err(), "score: `high` is not a whole number");
    }
}
