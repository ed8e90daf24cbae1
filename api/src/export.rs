//! Exports of suppressions, a page at a time, so that millions of rows are never in memory: entries with who added them, when,
//! why and until when; and, if asked for, the numbers on registries' lists.

use std::sync::Arc;

use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::store::page::Cursor;
use callwright_engine::store::suppression::{self, SuppressionFilter};
use callwright_engine::store::{Tx, registry};
use serde::Serialize;

/// Rows per page.
const ROWS: u32 = 1_000;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With a heading.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// One number that is not called.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    phone: String,
    source: &'static str,
    /// The list that has it, for numbers of registries.
    registry: Option<String>,
    campaign_id: Option<String>,
    reason: String,
    added_by: Option<String>,
    created_at: Option<String>,
    expires_at: Option<String>,
    suppression_id: Option<String>,
}

const HEADING: [&str; 9] = [
    "phone",
    "source",
    "registry",
    "campaignId",
    "reason",
    "addedBy",
    "createdAt",
    "expiresAt",
    "suppressionId",
];

#[derive(Debug, Clone, Copy)]
enum Place {
    Heading,
    Entries(Option<Cursor>),
    Lists((i64, i64)),
    End,
}

/// An export under way.
#[derive(Debug)]
pub struct Export {
    engine: Arc<Engine>,
    format: Format,
    lists: bool,
    place: Place,
}

impl Export {
    /// `lists`: also the numbers of registries, after the entries.
    pub fn new(engine: Arc<Engine>, format: Format, lists: bool) -> Self {
        Self { engine, format, lists, place: Place::Heading }
    }

    /// The next piece of text; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>, EngineError> {
        let rows = match self.place {
            Place::End => return Ok(None),
            Place::Heading => {
                self.place = Place::Entries(None);
                let heading = (self.format == Format::Csv).then(|| format!("{}\n", HEADING.join(",")));
                return Ok(Some(heading.unwrap_or_default()));
            }
            Place::Entries(cursor) => self.entries(cursor).await?,
            Place::Lists(after) => self.listed(after).await?,
        };
        Ok(Some(text(self.format, &rows)?))
    }

    async fn entries(&mut self, cursor: Option<Cursor>) -> Result<Vec<Row>, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let page = suppression::page(&mut tx, SuppressionFilter::default(), cursor, ROWS).await?;
        tx.rollback().await?;
        self.place = match page.next {
            Some(next) => Place::Entries(Some(next)),
            None if self.lists => Place::Lists((0, 0)),
            None => Place::End,
        };
        let row = |entry: callwright_engine::domain::suppression::Suppression| Row {
            phone: entry.number.e164(),
            source: entry.source.as_str(),
            registry: None,
            campaign_id: entry.campaign_id.map(|id| id.to_string()),
            reason: entry.reason,
            added_by: Some(entry.added_by).filter(|by| !by.is_empty()),
            created_at: Some(entry.created_at.to_rfc3339()),
            expires_at: entry.expires_at.map(|at| at.to_rfc3339()),
            suppression_id: Some(entry.id.to_string()),
        };
        Ok(page.items.into_iter().map(row).collect())
    }

    async fn listed(&mut self, after: (i64, i64)) -> Result<Vec<Row>, EngineError> {
        let mut tx: Tx = self.engine.db.begin_read().await?;
        let lists = registry::lists(&mut tx).await?;
        let numbers = registry::page(&mut tx, after, ROWS).await?;
        tx.rollback().await?;
        let last = numbers.last().map(|(number, list)| (registry::digits(*number), *list));
        self.place = last.filter(|_| numbers.len() == ROWS as usize).map_or(Place::End, Place::Lists);
        let row = |(number, list): (callwright_engine::phone::number::PhoneNumber, i64)| {
            let list = lists.iter().find(|each| each.id == list)?;
            Some(Row {
                phone: number.e164(),
                source: list.registry.source.as_str(),
                registry: Some(list.registry.key.clone()),
                campaign_id: None,
                reason: format!("on the list {}", list.name()),
                added_by: None,
                created_at: list.data_at.map(|at| at.to_rfc3339()),
                expires_at: None,
                suppression_id: None,
            })
        };
        Ok(numbers.into_iter().filter_map(row).collect())
    }
}

fn text(format: Format, rows: &[Row]) -> Result<String, EngineError> {
    let unwritten = |error: &dyn std::fmt::Display| EngineError::Invalid {
        field: "export".to_owned(),
        message: error.to_string(),
    };
    let mut out = Vec::new();
    match format {
        Format::JsonLines => {
            for row in rows {
                serde_json::to_writer(&mut out, row).map_err(|error| unwritten(&error))?;
                out.push(b'\n');
            }
        }
        Format::Csv => {
            let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(&mut out);
            for row in rows {
                writer.serialize(row).map_err(|error| unwritten(&error))?;
            }
            writer.flush().map_err(|error| unwritten(&error))?;
            drop(writer);
        }
    }
    String::from_utf8(out).map_err(|error| unwritten(&error))
}
