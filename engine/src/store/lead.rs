//! Leads as people, files and the CRM see them: reading, writing, matching and listing.
//! What the engine changes on leads as calls come in is [`super::lead_change`].

mod page;
mod rows;
mod upsert;
mod write;

pub use page::{LeadFilter, count, page};
pub use upsert::{Upserted, upsert_many};
pub use write::{Edited, insert_many, reinstate, set_status_many, update};

use std::collections::HashMap;

use self::rows::{LeadRow, PhoneRow, lead_row};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::domain::lead::{Lead, Phone};
use crate::id::LeadId;
use crate::phone::number::PhoneNumber;

static FIND: Sql = Sql::new(lead_row!("FROM {each} JOIN leads l ON l.id = e.value->>0 ORDER BY l.id"));
static LOCK: Sql =
    Sql::new(lead_row!("FROM {each} JOIN leads l ON l.id = e.value->>0 ORDER BY l.id {lock_l}"));
static PHONES: Sql = Sql::new(
    "SELECT p.lead_id, p.given, p.number, p.invalid, p.is_primary
     FROM {each} JOIN phones p ON p.lead_id = e.value->>0 ORDER BY p.lead_id, p.position",
);

// Our own id goes first, in case an outside system's ids look like ours.
const RESOLVE: &str = "SELECT id FROM (
         SELECT id, 0 AS place FROM leads WHERE id = $1 UNION ALL SELECT id, 1 FROM leads WHERE external_id = $2
     ) AS found ORDER BY place LIMIT 1";

static RESOLVE_MANY: Sql = Sql::new(
    "SELECT e.value->>0, l.id FROM {each} JOIN leads l ON l.id = lower(e.value->>0)
     UNION ALL SELECT e.value->>0, l.id FROM {each} JOIN leads l ON l.external_id = e.value->>0",
);

static BY_NUMBERS: Sql = Sql::new(
    "SELECT DISTINCT p.number, p.lead_id FROM {each} JOIN phones p ON p.number = e.value->>0 ORDER BY p.number, p.lead_id",
);

pub async fn find(tx: &mut Tx, id: LeadId) -> Result<Option<Lead>, StoreError> {
    Ok(find_many(tx, &[id]).await?.pop())
}

/// The leads that exist among these, in id order.
pub async fn find_many(tx: &mut Tx, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError> {
    read(tx, &FIND, ids).await
}

/// The lead that a caller means by our id or by an outside system's.
pub async fn resolve(tx: &mut Tx, text: &str) -> Result<Option<LeadId>, StoreError> {
    // An id may be written in capitals or without dashes; the column holds one form.
    let own = text.parse::<LeadId>().map_or_else(|_| text.to_owned(), |id| id.to_string());
    let id: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(RESOLVE).bind(own).bind(text).fetch_optional(conn).await)?;
    id.map(|id| id.parse().map_err(|e| StoreError::bad_row("leads", "id", &id, e))).transpose()
}

/// Those of the texts that name a lead, each by our id or by an outside system's; ours goes first.
pub async fn resolve_many(tx: &mut Tx, texts: &[&str]) -> Result<HashMap<String, LeadId>, StoreError> {
    if texts.is_empty() {
        return Ok(HashMap::new());
    }
    let bulk = super::bulk(&texts.iter().map(|text| [text]).collect::<Vec<_>>())?;
    let sql = RESOLVE_MANY.on(tx.dialect());
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    let mut found = HashMap::with_capacity(rows.len());
    for (text, id) in rows {
        let own = id.parse().map_err(|e| StoreError::bad_row("leads", "id", &id, e))?;
        if text.eq_ignore_ascii_case(&id) {
            found.insert(text, own);
        } else {
            found.entry(text).or_insert(own);
        }
    }
    Ok(found)
}

/// Who has these numbers, as `(number, lead)`; several leads may share one.
pub async fn by_numbers(
    tx: &mut Tx,
    numbers: &[PhoneNumber],
) -> Result<Vec<(PhoneNumber, LeadId)>, StoreError> {
    let bulk = super::keys(&numbers.iter().map(|number| number.e164()).collect::<Vec<_>>());
    let sql = BY_NUMBERS.on(tx.dialect());
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(number, lead)| {
            let id = lead.parse().map_err(|e| StoreError::bad_row("phones", "lead_id", &lead, e))?;
            let number = PhoneNumber::e164_only(&number)
                .map_err(|e| StoreError::bad_row("phones", "number", &lead, e))?;
            Ok((number, id))
        })
        .collect()
}

/// As [`find_many`], and nobody else changes these rows until the transaction ends.
async fn lock_many(tx: &mut Tx, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError> {
    read(tx, &LOCK, ids).await
}

async fn read(tx: &mut Tx, statement: &Sql, ids: &[LeadId]) -> Result<Vec<Lead>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (statement.on(tx.dialect()), super::keys(ids));
    let rows: Vec<LeadRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    with_phones(tx, rows).await
}

async fn with_phones(tx: &mut Tx, rows: Vec<LeadRow>) -> Result<Vec<Lead>, StoreError> {
    let mut phones = phones_of(tx, &rows).await?;
    rows.into_iter().map(|row| assemble(row, &mut phones)).collect()
}

type PhonesByLead = HashMap<String, Vec<PhoneRow>>;

/// A lead with its numbers, which are taken out of `phones`.
fn assemble(row: LeadRow, phones: &mut PhonesByLead) -> Result<Lead, StoreError> {
    let phones = phones.remove(&row.id).unwrap_or_default();
    let phones: Vec<Phone> = phones.into_iter().map(Phone::try_from).collect::<Result<_, _>>()?;
    Ok(Lead { phones, ..Lead::try_from(row)? })
}

async fn phones_of(tx: &mut Tx, rows: &[LeadRow]) -> Result<PhonesByLead, StoreError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let (sql, keys) = (PHONES.on(tx.dialect()), super::keys(&ids));
    let phones: Vec<PhoneRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    let mut by_lead = PhonesByLead::new();
    for row in phones {
        by_lead.entry(row.lead_id.clone()).or_default().push(row);
    }
    Ok(by_lead)
}
