//! Suppressions: numbers that are not called, from one opt-out to registry files of millions (GATE-2).

use std::collections::{BTreeMap, HashMap};

use sqlx_macros::FromRow;

use super::bulk::bulk_row;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::number_lock;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::suppression::{Source, Suppression};
use crate::id::{CampaignId, SuppressionId};
use crate::journal::{NUMBERS_PER_LINE, Word};
use crate::phone::number::PhoneNumber;

bulk_row! {
    struct Row {
        id: String,
        number: String,
        source: &'static str,
        /// Empty: everywhere.
        campaign_id: String,
        reason: String,
        created_at: i64,
        expires_at: Option<i64>,
        added_by: String,
    }
}

#[derive(Debug, FromRow)]
struct SuppressionRow {
    id: String,
    number: String,
    source: String,
    campaign_id: String,
    reason: String,
    created_at: i64,
    expires_at: Option<i64>,
    added_by: String,
}

macro_rules! suppression {
    ($rest:expr) => {
        concat!(
            "SELECT s.id, s.number, s.source, s.campaign_id, s.reason, s.created_at, s.expires_at, s.added_by ",
            $rest
        )
    };
}

// The longer protection wins: an entry that expires does not shorten one that does not.
static ADD: Sql = Sql::new(
    "INSERT INTO suppressions (id, number, source, campaign_id, reason, created_at, expires_at, added_by)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT),
            CAST(e.value->>6 AS BIGINT), e.value->>7
     FROM {each} WHERE true
     ON CONFLICT (number, source, campaign_id) DO UPDATE SET
        reason = excluded.reason, added_by = excluded.added_by,
        expires_at = CASE WHEN suppressions.expires_at IS NULL OR excluded.expires_at IS NULL THEN NULL
                          ELSE {greatest}(suppressions.expires_at, excluded.expires_at) END",
);
static OF_NUMBERS: Sql = Sql::new(suppression!(
    "FROM {each} JOIN suppressions s ON s.number = e.value->>0 ORDER BY s.number, s.id"
));
const EVERYWHERE: &str = suppression!("FROM suppressions s WHERE s.campaign_id = '' ORDER BY s.number, s.id");
const FIND: &str = suppression!("FROM suppressions s WHERE s.id = $1");
const REMOVE: &str = "DELETE FROM suppressions WHERE id = $1";
macro_rules! matching {
    ($number:literal) => {
        concat!($number, " AND ($2 IS NULL OR s.source = $2) AND ($3 IS NULL OR s.campaign_id = $3)")
    };
}
macro_rules! page_text {
    ($number:literal) => {
        suppression!(concat!(
            "FROM suppressions s WHERE (s.created_at, s.id) < ($4, $5) AND ",
            matching!($number),
            " ORDER BY s.created_at DESC, s.id DESC LIMIT $6"
        ))
    };
}
macro_rules! count_text {
    ($number:literal) => {
        concat!("SELECT count(*) FROM suppressions s WHERE ", matching!($number))
    };
}

// Of millions of entries the few of one number are found by it.
const PAGE: &str = page_text!("($1 IS NULL OR s.number = $1)");
const PAGE_OF_NUMBER: &str = page_text!("s.number = $1");
const COUNT: &str = count_text!("($1 IS NULL OR s.number = $1)");
const COUNT_OF_NUMBER: &str = count_text!("s.number = $1");

/// Which entries. Everything given must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SuppressionFilter {
    pub number: Option<PhoneNumber>,
    pub source: Option<Source>,
    /// Entries of this campaign only, without those that hold everywhere.
    pub campaign_id: Option<CampaignId>,
}

/// Adds entries and locks their numbers, so that a claim either sees them or committed before. An entry known by number,
/// source and campaign gets the new reason and the later expiry.
pub async fn add_many(tx: &mut Tx, entries: &[Suppression]) -> Result<(), StoreError> {
    let numbers: Vec<String> = entries.iter().map(|entry| entry.number.e164()).collect();
    number_lock::lock_numbers(tx, &numbers).await?;
    write(tx, entries).await
}

/// As [`add_many`] for one chunk of a large file: holds back all claims for the moment instead of locking each number.
/// The transaction must not have locked numbers before.
pub async fn import_many(tx: &mut Tx, entries: &[Suppression]) -> Result<(), StoreError> {
    number_lock::lock_all(tx).await?;
    write(tx, entries).await
}

async fn write(tx: &mut Tx, entries: &[Suppression]) -> Result<(), StoreError> {
    if tx.noted().wanted() {
        for word in words(entries) {
            tx.noted().note(word);
        }
    }
    add_unnoted(tx, entries).await
}

/// As [`add_many`] for whoever holds the locks, and has the journal told in another way.
pub async fn add_unnoted(tx: &mut Tx, entries: &[Suppression]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (ADD.on(tx.dialect()), super::bulk(&merged(entries))?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// For the journal: entries that have everything but the number in common share a line.
fn words(entries: &[Suppression]) -> Vec<Word> {
    type Common<'a> = (Source, Option<CampaignId>, &'a str, Instant, Option<Instant>);
    let mut by_common: BTreeMap<Common<'_>, Vec<PhoneNumber>> = BTreeMap::new();
    for entry in entries {
        let common =
            (entry.source, entry.campaign_id, entry.reason.as_str(), entry.created_at, entry.expires_at);
        by_common.entry(common).or_default().push(entry.number);
    }
    let mut words = Vec::with_capacity(by_common.len());
    for ((source, campaign, reason, created_at, expires_at), numbers) in by_common {
        words.extend(numbers.chunks(NUMBERS_PER_LINE).map(|numbers| Word::Suppressed {
            source,
            campaign,
            reason: reason.to_owned(),
            created_at,
            expires_at,
            numbers: numbers.to_vec(),
        }));
    }
    words
}

/// One row per number, source and campaign: PostgreSQL refuses to update a row twice in one statement.
fn merged(entries: &[Suppression]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(entries.len());
    let mut places: HashMap<(PhoneNumber, Source, Option<CampaignId>), usize> =
        HashMap::with_capacity(entries.len());
    for entry in entries {
        let expires_at = entry.expires_at.map(micros);
        let place = *places.entry((entry.number, entry.source, entry.campaign_id)).or_insert(rows.len());
        if let Some(known) = rows.get_mut(place) {
            known.reason.clone_from(&entry.reason);
            known.added_by.clone_from(&entry.added_by);
            known.expires_at = known.expires_at.zip(expires_at).map(|(known, new)| known.max(new));
            continue;
        }
        rows.push(Row {
            id: entry.id.to_string(),
            number: entry.number.e164(),
            source: entry.source.as_str(),
            campaign_id: entry.campaign_id.map(|id| id.to_string()).unwrap_or_default(),
            reason: entry.reason.clone(),
            created_at: micros(entry.created_at),
            expires_at,
            added_by: entry.added_by.clone(),
        });
    }
    rows
}

/// Removes an entry; answers whether there was one. Locks its number, so that the journal has this in the order of the
/// commits.
pub async fn remove(tx: &mut Tx, id: SuppressionId) -> Result<bool, StoreError> {
    let Some(entry) = find(tx, id).await? else { return Ok(false) };
    number_lock::lock_numbers(tx, &[entry.number.e164()]).await?;
    let done = on_db!(tx, |conn| sqlx::query(REMOVE)
        .bind(id.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    let Suppression { number, source, campaign_id: campaign, .. } = entry;
    tx.noted().note(Word::Lifted { entry: id, number, source, campaign });
    Ok(done > 0)
}

pub async fn find(tx: &mut Tx, id: SuppressionId) -> Result<Option<Suppression>, StoreError> {
    let row: Option<SuppressionRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Suppression::try_from).transpose()
}

/// Every entry for these E.164 numbers, expired ones included: the gate knows the instant.
pub async fn of_numbers<T: AsRef<str> + Sync>(
    tx: &mut Tx,
    numbers: &[T],
) -> Result<Vec<Suppression>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let bulk = super::bulk(&numbers.iter().map(|number| [number.as_ref()]).collect::<Vec<_>>())?;
    let sql = OF_NUMBERS.on(tx.dialect());
    let rows: Vec<SuppressionRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter().map(Suppression::try_from).collect()
}

/// Every entry that holds everywhere: for audits of a whole trial.
pub async fn all(tx: &mut Tx) -> Result<Vec<Suppression>, StoreError> {
    let rows: Vec<SuppressionRow> = on_db!(tx, |conn| sqlx::query_as(EVERYWHERE).fetch_all(conn).await)?;
    rows.into_iter().map(Suppression::try_from).collect()
}

/// Up to `limit` entries after `cursor`, newest first.
pub async fn page(
    tx: &mut Tx,
    filter: SuppressionFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Suppression>, StoreError> {
    let (at, id) = before(cursor);
    let text = if filter.number.is_some() { PAGE_OF_NUMBER } else { PAGE };
    let rows: Vec<SuppressionRow> = on_db!(tx, |conn| sqlx::query_as(text)
        .bind(filter.number.map(PhoneNumber::e164))
        .bind(filter.source.map(Source::as_str))
        .bind(filter.campaign_id.map(|id| id.to_string()))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.created_at, row.id.as_str()), Suppression::try_from))
}

/// How many entries the filter matches.
pub async fn count(tx: &mut Tx, filter: SuppressionFilter) -> Result<u64, StoreError> {
    let text = if filter.number.is_some() { COUNT_OF_NUMBER } else { COUNT };
    let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(text)
        .bind(filter.number.map(PhoneNumber::e164))
        .bind(filter.source.map(Source::as_str))
        .bind(filter.campaign_id.map(|id| id.to_string()))
        .fetch_one(conn)
        .await)?;
    Ok(count as u64)
}

impl TryFrom<SuppressionRow> for Suppression {
    type Error = StoreError;

    fn try_from(row: SuppressionRow) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("suppressions", column, id, problem)
        };
        let campaign_id = Some(&row.campaign_id).filter(|id| !id.is_empty()).map(|id| id.parse()).transpose();
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            number: PhoneNumber::e164_only(&row.number).map_err(|e| bad("number", &e))?,
            source: row.source.parse().map_err(|e| bad("source", &e))?,
            campaign_id: campaign_id.map_err(|e| bad("campaign_id", &e))?,
            created_at: instant_from_micros(row.created_at),
            expires_at: row.expires_at.map(instant_from_micros),
            reason: row.reason,
            added_by: row.added_by,
        })
    }
}
