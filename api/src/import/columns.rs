//! Columns of a CSV file: which field each one is, however its author wrote the heading.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use callwright_engine::definitions::diagnostic::suggestion;
use callwright_engine::store::import::ImportKind;
use serde_json::{Map, Value, json};

use super::fields::{Cell, Fields, fields_of};

/// What columns mean that are not headed as we head them: `stock_code=productId,country=-`; `-` leaves a column out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<String, String>);

impl Mapping {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mapping with those of another, which wins.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((heading, field)) if !heading.trim().is_empty() && !field.trim().is_empty() => {
                Ok((heading.trim().to_owned(), field.trim().to_owned()))
            }
            _ => Err(format!(
                "`{pair}` is not COLUMN=FIELD; write for example stock_code=productId, or country=- to leave one out"
            )),
        };
        text.split(',').filter(|pair| !pair.trim().is_empty()).map(pair).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (heading, field)) in self.0.iter().enumerate() {
            write!(f, "{}{heading}={field}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

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
pub struct Columns {
    columns: Vec<Column>,
    /// Where fields of the sender's own go.
    own: Option<&'static str>,
}

impl Columns {
    /// Reads the header. A heading that is nearly a field's name is an error; any other unknown one is a field of the
    /// sender's own, where the rows can have such, and an error elsewhere.
    pub fn read<'a>(
        kind: ImportKind,
        mapping: &Mapping,
        header: impl Iterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let (fields, header) = (fields_of(kind), header.map(cleaned).collect::<Vec<_>>());
        if let Some(heading) = mapping.0.keys().find(|heading| !header.contains(&heading.as_str())) {
            return Err(format!(
                "there is no column `{heading}` to map; the file has: {}",
                header.join(", ")
            ));
        }
        let columns: Result<Vec<Column>, String> = header
            .iter()
            .map(|heading| match mapping.0.get(*heading) {
                Some(field) => mapped(fields, heading, field),
                None => column(fields, heading),
            })
            .collect();
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
        Ok(Self { columns, own: fields.own })
    }

    /// A row as a JSON object. Empty cells say nothing.
    pub fn fields(&self, record: &csv::StringRecord) -> Result<Map<String, Value>, String> {
        if record.len() > self.columns.len() {
            return Err(format!("has {} cells where the header has {}", record.len(), self.columns.len()));
        }
        let (mut fields, mut custom) = (Map::new(), Map::new());
        for (column, cell) in self.columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
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
        if let (Some(own), false) = (self.own, custom.is_empty()) {
            fields.insert(own.to_owned(), Value::Object(custom));
        }
        Ok(fields)
    }
}

/// A byte order mark of Excel's is no part of the first heading.
fn cleaned(heading: &str) -> &str {
    heading.trim_start_matches('\u{feff}').trim()
}

fn mapped(fields: &Fields, heading: &str, field: &str) -> Result<Column, String> {
    if field == "-" {
        return Ok(Column::Ignored);
    }
    if let Some((name, cell, _)) = fields.known.iter().find(|(name, ..)| *name == field) {
        return Ok(Column::Field(name, *cell));
    }
    match (field.strip_prefix("custom."), fields.own) {
        (Some(own), Some(_)) => Ok(Column::Custom(own.to_owned())),
        _ => {
            let help = suggestion(field, fields.known.iter().map(|(name, ..)| *name));
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            Err(format!(
                "column `{heading}` is mapped to `{field}`, which is not a field of these rows{help}"
            ))
        }
    }
}

fn column(fields: &Fields, heading: &str) -> Result<Column, String> {
    if let (Some(name), Some(_)) = (heading.strip_prefix("custom."), fields.own) {
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
    if let Some((name, cell, _)) = fields.known.iter().find(is) {
        return Ok(Column::Field(name, *cell));
    }
    let help = suggestion(heading, fields.known.iter().map(|(name, ..)| *name));
    match (help, fields.own) {
        (Some(help), Some(_)) if help.starts_with("did you mean") => Err(format!(
            "column `{heading}`: {help} Name it `custom.{heading}` if it is a field of your own."
        )),
        (_, Some(_)) => Ok(Column::Custom(heading.to_owned())),
        (help, None) => {
            let help = help.map(|help| format!(" ({help})")).unwrap_or_default();
            Err(format!(
                "column `{heading}` is not known{help}: say what it is with --map \"{heading}=FIELD\", or leave it out with \
                 --map \"{heading}=-\""
            ))
        }
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
        let kind = ImportKind::Leads;
        Columns::read(kind, &Mapping::default(), header.iter().copied())?
            .fields(&csv::StringRecord::from(cells.to_vec()))
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

    fn purchase(mapping: &str, header: &[&str], cells: &[&str]) -> Result<Map<String, Value>, String> {
        let columns = Columns::read(ImportKind::Purchases, &mapping.parse()?, header.iter().copied())?;
        columns.fields(&csv::StringRecord::from(cells.to_vec()))
    }

    #[test]
    fn columns_are_what_the_mapping_says_and_else_what_their_heading_says() {
        let fields = purchase(
            "cost_gbp=unitPrice, land=-",
            &["Invoice No", "Stock Code", "cost_gbp", "land", "Qty"],
            &["536365", "85123A", "2.55", "Utopia", "6"],
        );
        let expected =
            json!({"orderId": "536365", "productId": "85123A", "unitPrice": "2.55", "quantity": 6});
        assert_eq!(Value::Object(fields.unwrap()), expected);
    }

    #[test]
    fn a_column_that_means_nothing_is_refused_with_the_way_out() {
        let error = purchase("", &["cost_gbp"], &["2.55"]).unwrap_err();
        assert!(error.contains("--map \"cost_gbp=-\""), "{error}");
        let error = purchase("price=unitPrise", &["price"], &["2.55"]).unwrap_err();
        assert!(error.contains("did you mean `unitPrice`?"), "{error}");
        let error = purchase("prize=unitPrice", &["price"], &["2.55"]).unwrap_err();
        assert!(error.contains("no column `prize`"), "{error}");
        assert!("price".parse::<Mapping>().unwrap_err().contains("COLUMN=FIELD"));
    }

    #[test]
    fn empty_cells_say_nothing_and_bad_ones_name_their_field() {
        assert!(row(&["email", "company"], &["a@example.com", ""]).unwrap().get("company").is_none());
        assert_eq!(row(&["score"], &["high"]).unwrap_err(), "score: `high` is not a whole number");
    }
}
