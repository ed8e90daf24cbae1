//! Writing one batch of rows: what is wrong with a row is its own matter and stops no other.

use callwright_engine::clock::Instant;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::Engine;
use callwright_engine::id::{LeadId, SuppressionId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::lead::{Upserted, upsert_many};
use callwright_engine::store::{StoreError, Tx, suppression};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::RowError;
use super::rows::Row;
use crate::http::extract::parse_value;
use crate::http::families::crm::lead_body::LeadInput;
use crate::http::moment::Moment;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub created: u64,
    pub updated: u64,
    pub rejected: u64,
    pub errors: Vec<RowError>,
    /// Leads that were on file and are marked not to be called: the engine opts them out.
    pub opted_out: Vec<LeadId>,
}

impl Applied {
    fn reject(&mut self, errors: impl IntoIterator<Item = RowError>) {
        self.rejected += 1;
        self.errors.extend(errors);
    }
}

fn wrong(line: u64, field: &str, message: impl Into<String>) -> RowError {
    let field = (!field.is_empty()).then(|| field.to_owned());
    RowError { line, field, message: message.into() }
}

pub(super) async fn leads(
    engine: &Engine,
    tx: &mut Tx,
    batch: Vec<Row>,
    now: Instant,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let (mut lines, mut inputs, mut marked) = (Vec::new(), Vec::new(), Vec::new());
    for row in batch {
        match read_lead(&row) {
            Ok(input) => {
                let mut probe = LeadInput { lead: input.lead.clone(), last_contacted_at: None };
                marked.push(probe.take_opt_out());
                lines.push(row.line);
                inputs.push(input.lead);
            }
            Err(error) => applied.reject([error]),
        }
    }
    let answers = upsert_many(tx, &engine.ids, &inputs, now).await?;
    for ((line, is_marked), answer) in lines.into_iter().zip(marked).zip(answers) {
        match answer {
            Upserted::Created(_) => applied.created += 1,
            Upserted::Updated(id) => {
                applied.updated += 1;
                if is_marked {
                    applied.opted_out.push(id);
                }
            }
            Upserted::Refused(errors) => {
                applied.reject(errors.into_iter().map(|error| wrong(line, &error.field, error.message)));
            }
        }
    }
    Ok(applied)
}

fn read_lead(row: &Row) -> Result<LeadInput, RowError> {
    let mut fields = row.fields.clone().map_err(|message| wrong(row.line, "", message))?;
    // Another system's `leadId` is its own id of the lead, which we keep as the external one.
    if let Some(id) = fields.shift_remove("leadId") {
        fields.entry("externalId").or_insert(id);
    }
    let says_who = ["externalId", "email", "phone", "phones"].iter().any(|name| fields.contains_key(*name));
    if !says_who {
        return Err(wrong(row.line, "", "has neither externalId, email nor phone"));
    }
    LeadInput::read(fields).map_err(|problem| {
        let message = match problem.help {
            Some(help) => format!("{}; {help}", problem.message),
            None => problem.message,
        };
        wrong(row.line, problem.pointer.trim_start_matches('/'), message)
    })
}

/// A row of a suppression file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SuppressionRow {
    phone: String,
    country: Option<String>,
    reason: Option<String>,
    source: Option<Source>,
    expires_at: Option<Moment>,
}

pub(super) async fn suppressions(
    engine: &Engine,
    tx: &mut Tx,
    batch: Vec<Row>,
    now: Instant,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let mut entries = Vec::with_capacity(batch.len());
    for row in batch {
        match read_suppression(row) {
            Ok((number, row)) => entries.push(Suppression {
                id: engine.ids.next::<SuppressionId>(now),
                number,
                source: row.source.unwrap_or(Source::NationalRegistry),
                campaign_id: None,
                reason: row.reason.unwrap_or_else(|| "imported".to_owned()),
                added_by: "import".to_owned(),
                created_at: now,
                expires_at: row.expires_at.map(|at| at.0),
            }),
            Err(error) => applied.reject([error]),
        }
    }
    applied.created = entries.len() as u64;
    // One statement must not touch a row twice.
    entries.sort_by_key(|entry| (entry.number, entry.source));
    entries.dedup_by_key(|entry| (entry.number, entry.source));
    suppression::import_many(tx, &entries).await?;
    Ok(applied)
}

fn read_suppression(row: Row) -> Result<(PhoneNumber, SuppressionRow), RowError> {
    let line = row.line;
    let fields: Map<String, Value> = row.fields.map_err(|message| wrong(line, "", message))?;
    let row: SuppressionRow = parse_value(Value::Object(fields))
        .map_err(|problem| wrong(line, problem.pointer.trim_start_matches('/'), problem.message))?;
    let number = PhoneNumber::parse(&row.phone, row.country.as_deref())
        .or_else(|error| PhoneNumber::e164_only(&row.phone).map_err(|_| error))
        .map_err(|error| wrong(line, "phone", error.to_string()))?;
    Ok((number, row))
}
