//! Creating or updating leads in sets, as imports and the CRM send them: matched by external id, else by e-mail address,
//! else (when a row has neither) by number.

use std::collections::{HashMap, HashSet};

use super::lock_many;
use super::write::{insert_many, replace_many};
use crate::clock::Instant;
use crate::domain::lead::Lead;
use crate::domain::new_lead::{FieldError, NewLead, prepare};
use crate::id::{IdSource, LeadId};
use crate::phone::number::PhoneNumber;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted {
    Created(LeadId),
    Updated(LeadId),
    /// Nothing was written for this row.
    Refused(Vec<FieldError>),
}

/// How a row was recognised, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    ExternalId,
    Email,
    Number,
}

/// A lead on file that shares an identity with a row.
#[derive(Debug, Clone)]
struct Match {
    by: By,
    id: LeadId,
    has_external_id: bool,
}

struct Row {
    /// Place among the rows given.
    at: usize,
    /// What it would be as a new lead.
    lead: Lead,
}

static MATCH: Sql = Sql::new(
    "SELECT CAST(e.value->>0 AS BIGINT) AS at, 0 AS kind, l.id AS id, l.external_id IS NOT NULL AS has_external_id
     FROM {each} JOIN leads l ON l.external_id = e.value->>1
     UNION ALL
     SELECT CAST(e.value->>0 AS BIGINT), 1, l.id, l.external_id IS NOT NULL FROM {each} JOIN leads l ON l.email = e.value->>2
     UNION ALL
     SELECT CAST(e.value->>0 AS BIGINT), 2, l.id, l.external_id IS NOT NULL FROM {each} JOIN leads l ON l.phone = e.value->>3
     ORDER BY at, kind, id",
);

/// Creates or updates a lead for each row, in order; the answers are in the order of the rows.
///
/// What a row does not mention stays as it is on file. Two flags are only ever set here, never lifted: `doNotCall` and
/// `doNotEmail`; a stale file must not undo what a person asked for. A set of distinct rows costs seven statements at most.
pub async fn upsert_many(
    tx: &mut Tx,
    ids: &IdSource,
    rows: &[NewLead],
    now: Instant,
) -> Result<Vec<Upserted>, StoreError> {
    let mut answers: Vec<Upserted> = vec![Upserted::Refused(Vec::new()); rows.len()];
    let mut pending = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        match prepare(row, ids.next(now), now) {
            Ok(lead) => pending.push(Row { at, lead }),
            Err(mistakes) => answers[at] = Upserted::Refused(mistakes),
        }
    }
    // Rows about one lead are applied one after the other: each round takes those that have nothing in common.
    while !pending.is_empty() {
        pending = round(tx, rows, pending, now, &mut answers).await?;
    }
    Ok(answers)
}

/// Applies rows that concern different leads; answers those left for the next round. Always takes the first row.
async fn round(
    tx: &mut Tx,
    given: &[NewLead],
    pending: Vec<Row>,
    now: Instant,
    answers: &mut [Upserted],
) -> Result<Vec<Row>, StoreError> {
    let mut seen = HashSet::new();
    let (distinct, mut later): (Vec<Row>, Vec<Row>) = pending.into_iter().partition(|row| {
        let keys = identities(&row.lead);
        let is_new = keys.iter().all(|key| !seen.contains(key));
        seen.extend(keys);
        is_new
    });
    let mut matches = matches(tx, &distinct).await?;
    let mut targets: HashMap<LeadId, Row> = HashMap::new();
    let mut created = Vec::new();
    for row in distinct {
        match target(&row.lead, &matches.remove(&row.at).unwrap_or_default()) {
            Ok(Some(id)) if targets.contains_key(&id) => later.push(row),
            Ok(Some(id)) => {
                targets.insert(id, row);
            }
            Ok(None) => {
                answers[row.at] = Upserted::Created(row.lead.id);
                created.push(row.lead);
            }
            Err(mistake) => answers[row.at] = Upserted::Refused(vec![mistake]),
        }
    }
    update_targets(tx, given, targets, now, answers).await?;
    insert_many(tx, &created).await?;
    later.sort_unstable_by_key(|row| row.at);
    Ok(later)
}

async fn update_targets(
    tx: &mut Tx,
    given: &[NewLead],
    targets: HashMap<LeadId, Row>,
    now: Instant,
    answers: &mut [Upserted],
) -> Result<(), StoreError> {
    let mut ids: Vec<LeadId> = targets.keys().copied().collect();
    ids.sort_unstable();
    let (mut changed, mut with_phones) = (Vec::new(), Vec::new());
    for before in lock_many(tx, &ids).await? {
        let Some(row) = targets.get(&before.id) else { continue };
        let careful = NewLead {
            do_not_call: given[row.at].do_not_call.filter(|forbidden| *forbidden),
            do_not_email: given[row.at].do_not_email.filter(|forbidden| *forbidden),
            ..given[row.at].clone()
        };
        match careful.apply(&before, now) {
            Ok(lead) => {
                answers[row.at] = Upserted::Updated(lead.id);
                if lead.phones != before.phones {
                    with_phones.push(lead.clone());
                }
                changed.push(lead);
            }
            Err(mistakes) => answers[row.at] = Upserted::Refused(mistakes),
        }
    }
    replace_many(tx, &changed, &with_phones).await
}

/// The lead a row is about; `None` for a new one; an error when its identities belong to different people.
fn target(row: &Lead, matches: &[Match]) -> Result<Option<LeadId>, FieldError> {
    let first = |by: By| matches.iter().find(|found| found.by == by);
    match (first(By::ExternalId), first(By::Email)) {
        (Some(known), Some(other)) if known.id != other.id => Err(taken("email")),
        (None, Some(known)) if row.external_id.is_some() && known.has_external_id => Err(taken("email")),
        (Some(known), _) | (None, Some(known)) => Ok(Some(known.id)),
        (None, None) if row.external_id.is_none() && row.email.is_none() => {
            Ok(first(By::Number).map(|found| found.id))
        }
        (None, None) => Ok(None),
    }
}

fn taken(field: &str) -> FieldError {
    FieldError { field: field.to_owned(), message: "belongs to another lead".to_owned() }
}

/// Would storing this lead give it an identity that another lead has?
pub(super) async fn taken_by_another(tx: &mut Tx, lead: &Lead) -> Result<Option<FieldError>, StoreError> {
    let row = Row { at: 0, lead: lead.clone() };
    let found = matches(tx, std::slice::from_ref(&row)).await?.remove(&0).unwrap_or_default();
    let other = found.iter().find(|found| found.id != lead.id && found.by != By::Number);
    Ok(other.map(|found| taken(if found.by == By::Email { "email" } else { "externalId" })))
}

/// The leads on file that these would be taken for, in their order; `None` for new ones, and for those whose identities belong
/// to different people.
pub async fn known(tx: &mut Tx, leads: &[Lead]) -> Result<Vec<Option<LeadId>>, StoreError> {
    let rows: Vec<Row> = leads.iter().cloned().enumerate().map(|(at, lead)| Row { at, lead }).collect();
    let mut found = matches(tx, &rows).await?;
    let target = |row: &Row| target(&row.lead, &found.remove(&row.at).unwrap_or_default()).ok().flatten();
    Ok(rows.iter().map(target).collect())
}

async fn matches(tx: &mut Tx, rows: &[Row]) -> Result<HashMap<usize, Vec<Match>>, StoreError> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<_> = rows
        .iter()
        .map(|Row { at, lead }| (at, lead.external_id.as_deref(), lead.email.as_deref(), number_alone(lead)))
        .collect();
    let (sql, bulk) = (MATCH.on(tx.dialect()), crate::store::bulk(&keys)?);
    let found: Vec<(i64, i32, String, bool)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    let mut matches: HashMap<usize, Vec<Match>> = HashMap::new();
    for (at, kind, id, has_external_id) in found {
        let by = match kind {
            0 => By::ExternalId,
            1 => By::Email,
            _ => By::Number,
        };
        let id = id.parse().map_err(|e| StoreError::bad_row("leads", "id", &id, e))?;
        matches.entry(at as usize).or_default().push(Match { by, id, has_external_id });
    }
    Ok(matches)
}

/// The number of a lead that has no other identity.
fn number_alone(lead: &Lead) -> Option<String> {
    let is_alone = lead.external_id.is_none() && lead.email.is_none();
    lead.callable().filter(|_| is_alone).and_then(|phone| phone.number).map(PhoneNumber::e164)
}

/// What a row shares with other rows about the same lead.
fn identities(lead: &Lead) -> Vec<(By, String)> {
    let external_id = lead.external_id.clone().map(|id| (By::ExternalId, id));
    let email = lead.email.clone().map(|address| (By::Email, address));
    let number = number_alone(lead).map(|number| (By::Number, number));
    [external_id, email, number].into_iter().flatten().collect()
}
