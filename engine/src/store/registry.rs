//! Registries: lists of millions of numbers in a narrow table by number (GATE-2). What one person asked for is
//! [`super::suppression`]'s.
//!
//! A row is in force when its generation is that of the list's last complete full list, or newer. A full list writes its rows
//! under a new generation; when it is complete, one update of one row takes out of force whatever it left out. Until then
//! both the old and the new list hold, so that there is no moment in which a number is unprotected. Rows out of force are
//! swept afterwards, a range of numbers at a time.

use std::collections::BTreeMap;

use serde::Deserialize;
use sqlx_macros::FromRow;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::number_lock;
use super::packed;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::registry::{Described, Registry, RegistryList};
use crate::id::ImportId;
use crate::journal::{NUMBERS_PER_LINE, Word};
use crate::phone::number::PhoneNumber;

/// Ids of lists are the seconds since the beginning of 2026, when they were declared: small, and new ones.
const IDS_SINCE: i64 = 1_767_225_600;

#[derive(Debug, FromRow, Deserialize)]
struct ListRow {
    id: i64,
    registry: String,
    part: String,
    source: String,
    country: String,
    max_age_days: Option<i64>,
    in_force: i64,
    generation: i64,
    loading: Option<String>,
    data_at: Option<i64>,
    numbers: i64,
}

macro_rules! list {
    ($rest:literal) => {
        concat!(
            "SELECT g.id, g.registry, g.part, g.source, g.country, g.max_age_days, g.in_force, g.generation, g.loading, g.data_at,
                    g.numbers
             FROM registry_lists g ",
            $rest
        )
    };
}

const ALL: &str = list!("ORDER BY g.registry, g.part");
const FIND: &str = list!("WHERE g.registry = $1 AND g.part = $2");
const OF_NUMBER: &str = list!(
    "JOIN registry_numbers r ON r.list = g.id AND r.generation >= g.in_force WHERE r.number = $1 ORDER BY g.registry, g.part"
);
// An id is not used again soon: rows of a list that was withdrawn may wait to be swept.
static DECLARE: Sql = Sql::new(
    "INSERT INTO registry_lists (id, registry, part, source, country, max_age_days, in_force, generation, numbers, created_at)
     SELECT {greatest}(coalesce(max(id), 0) + 1, $7), $1, $2, $3, $4, $5, 0, 0, 0, $6 FROM registry_lists WHERE true
     ON CONFLICT (registry, part) DO UPDATE SET
        source = excluded.source, country = excluded.country, max_age_days = excluded.max_age_days",
);
const BEGIN: &str = "UPDATE registry_lists SET generation = generation + 1, loading = $2 WHERE id = $1";
// The newest full list that has a number counts: a late one, out of a journal or of an import that was overtaken, changes nothing.
static ADD: Sql = Sql::new(
    "INSERT INTO registry_numbers (number, list, generation)
     SELECT CAST(e.value->>0 AS BIGINT), CAST(e.value->>1 AS BIGINT), CAST(e.value->>2 AS BIGINT) FROM {each} WHERE true
     ON CONFLICT (number, list) DO UPDATE SET generation = excluded.generation
     WHERE registry_numbers.generation < excluded.generation",
);
static REMOVE: Sql = Sql::new(
    "DELETE FROM registry_numbers
     WHERE (number, list) IN (SELECT CAST(e.value->>0 AS BIGINT), CAST(e.value->>1 AS BIGINT) FROM {each})",
);
static COMPLETE: Sql = Sql::new(
    "UPDATE registry_lists SET in_force = {greatest}(in_force, $2), generation = {greatest}(generation, $2), loading = NULL,
            data_at = CASE WHEN data_at > $3 THEN data_at ELSE $3 END
     WHERE id = $1",
);
const REFRESH: &str =
    "UPDATE registry_lists SET data_at = $2 WHERE id = $1 AND (data_at IS NULL OR data_at < $2)";
const COUNTED: &str = "UPDATE registry_lists SET numbers = $2 WHERE id = $1";
const COUNT: &str = "SELECT count(*) FROM registry_numbers WHERE list = $1 AND generation >= $2";
const WITHDRAW: &str = "DELETE FROM registry_lists WHERE registry = $1";
const RANGE_ENDS: &str = "SELECT max(t.number) FROM (SELECT number FROM registry_numbers WHERE number > $1 ORDER BY number LIMIT $2) AS t";
const SWEEP: &str = "DELETE FROM registry_numbers WHERE number > $1 AND number <= $2
       AND generation < coalesce((SELECT g.in_force FROM registry_lists g WHERE g.id = registry_numbers.list), generation + 1)";
const PAGE: &str = "SELECT r.number, r.list FROM registry_numbers r JOIN registry_lists g ON g.id = r.list AND r.generation >= g.in_force
     WHERE (r.number, r.list) > ($1, $2) ORDER BY r.number, r.list LIMIT $3";

// Packed reads, for the one statement that tells gates everything.
macro_rules! every_list {
    () => {
        packed!(
            "g.id, g.registry, g.part, g.source, g.country, g.max_age_days, g.in_force, g.generation, g.loading, g.data_at, g.numbers",
            "FROM registry_lists g"
        )
    };
}
pub(super) use every_list;

/// Numbers among `$each`, E.164 in `$number`, that are on a list: `(E.164, list's id)`.
macro_rules! listed {
    ($each:literal, $number:literal) => {
        packed!(
            concat!($number, ", r.list"),
            "FROM ",
            $each,
            " JOIN registry_numbers r ON r.number = CAST(substr(",
            $number,
            ", 2) AS BIGINT)
              JOIN registry_lists g ON g.id = r.list AND g.in_force <= r.generation"
        )
    };
}
pub(super) use listed;

/// Lists as [`every_list!`] packs them.
pub(super) fn unpacked(text: &str) -> Result<Vec<RegistryList>, StoreError> {
    packed::rows::<ListRow>("registry_lists", text)?.into_iter().map(RegistryList::try_from).collect()
}

/// Every list, by registry and part.
pub async fn lists(tx: &mut Tx) -> Result<Vec<RegistryList>, StoreError> {
    let rows: Vec<ListRow> = on_db!(tx, |conn| sqlx::query_as(ALL).fetch_all(conn).await)?;
    rows.into_iter().map(RegistryList::try_from).collect()
}

pub async fn find(
    tx: &mut Tx,
    registry: &str,
    part: Option<u16>,
) -> Result<Option<RegistryList>, StoreError> {
    let row: Option<ListRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(registry).bind(stored(part)).fetch_optional(conn).await)?;
    row.map(RegistryList::try_from).transpose()
}

/// The lists that this number is on.
pub async fn of_number(tx: &mut Tx, number: PhoneNumber) -> Result<Vec<RegistryList>, StoreError> {
    let rows: Vec<ListRow> =
        on_db!(tx, |conn| sqlx::query_as(OF_NUMBER).bind(digits(number)).fetch_all(conn).await)?;
    rows.into_iter().map(RegistryList::try_from).collect()
}

/// Makes a list known, or changes what is known of it. From then on calls to its country need its data. Holds all claims back.
pub async fn declare(
    tx: &mut Tx,
    registry: &Registry,
    part: Option<u16>,
    now: Instant,
) -> Result<RegistryList, StoreError> {
    number_lock::lock_all(tx).await?;
    let sql = DECLARE.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(sql)
        .bind(&registry.key)
        .bind(stored(part))
        .bind(registry.source.as_str())
        .bind(registry.country.as_deref().unwrap_or_default())
        .bind(registry.max_age_days.map(i64::from))
        .bind(micros(now))
        .bind((now.timestamp() - IDS_SINCE).max(1))
        .execute(conn)
        .await
        .map(|_| ()))?;
    tx.noted().note(Word::RegistryDeclared { list: Described::of(registry, part) });
    find(tx, &registry.key, part)
        .await?
        .ok_or_else(|| StoreError::Missing { what: "registry", id: registry.key.clone() })
}

/// Begins full lists, loaded by one import. An earlier one that was not finished is overtaken; what it brought stays in force
/// until these are complete.
pub async fn begin(tx: &mut Tx, lists: &[RegistryList], import: ImportId) -> Result<(), StoreError> {
    for list in lists {
        on_db!(tx, |conn| sqlx::query(BEGIN)
            .bind(list.id)
            .bind(import.to_string())
            .execute(conn)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

/// A number and the list it belongs to, as an index into the lists that go with it.
pub type Placed = (PhoneNumber, usize);

/// Puts numbers on lists, under each list's newest generation. Holds all claims back for the moment; the transaction must not
/// have locked numbers before.
pub async fn add(tx: &mut Tx, lists: &[RegistryList], numbers: &[Placed]) -> Result<(), StoreError> {
    number_lock::lock_all(tx).await?;
    if numbers.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<(i64, i64, i64)> = numbers
        .iter()
        .filter_map(|(number, list)| lists.get(*list).map(|list| (digits(*number), list.id, list.generation)))
        .collect();
    // One row is touched once by a statement; neighbours share a page.
    rows.sort_unstable();
    rows.dedup_by_key(|(number, list, _)| (*number, *list));
    if tx.noted().wanted() {
        for (list, numbers) in by_list(lists, numbers) {
            for numbers in numbers.chunks(NUMBERS_PER_LINE) {
                tx.noted().note(Word::Listed {
                    list: Described::of(&list.registry, list.part),
                    generation: list.generation,
                    numbers: numbers.to_vec(),
                });
            }
        }
    }
    let (sql, bulk) = (ADD.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Takes numbers off lists, as a list of changes says. Answers how many were on them.
pub async fn remove(tx: &mut Tx, lists: &[RegistryList], numbers: &[Placed]) -> Result<u64, StoreError> {
    number_lock::lock_all(tx).await?;
    if numbers.is_empty() {
        return Ok(0);
    }
    let rows: Vec<(i64, i64)> = numbers
        .iter()
        .filter_map(|(number, list)| lists.get(*list).map(|list| (digits(*number), list.id)))
        .collect();
    for (list, numbers) in by_list(lists, numbers) {
        for numbers in numbers.chunks(NUMBERS_PER_LINE) {
            let (registry, part) = (list.registry.key.clone(), list.part);
            tx.noted().note(Word::Unlisted { registry, part, numbers: numbers.to_vec() });
        }
    }
    let (sql, bulk) = (REMOVE.on(tx.dialect()), super::bulk(&rows)?);
    Ok(on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|done| done.rows_affected()))?)
}

fn by_list<'a>(lists: &'a [RegistryList], numbers: &[Placed]) -> Vec<(&'a RegistryList, Vec<PhoneNumber>)> {
    let mut found: BTreeMap<usize, Vec<PhoneNumber>> = BTreeMap::new();
    for (number, list) in numbers {
        found.entry(*list).or_default().push(*number);
    }
    found.into_iter().filter_map(|(list, numbers)| Some((lists.get(list)?, numbers))).collect()
}

/// A full list has been read to its end: what it left out is out of force, and the data is of `data_at`. Holds all claims back.
pub async fn complete(tx: &mut Tx, list: &RegistryList, data_at: Instant) -> Result<(), StoreError> {
    number_lock::lock_all(tx).await?;
    let sql = COMPLETE.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(sql)
        .bind(list.id)
        .bind(list.generation)
        .bind(micros(data_at))
        .execute(conn)
        .await
        .map(|_| ()))?;
    let (registry, part) = (list.registry.key.clone(), list.part);
    tx.noted().note(Word::ListCompleted { registry, part, generation: list.generation, data_at });
    Ok(())
}

/// A list of changes has been read to its end: the data is of `data_at`.
pub async fn refresh(tx: &mut Tx, list: &RegistryList, data_at: Instant) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(REFRESH)
        .bind(list.id)
        .bind(micros(data_at))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Numbers of a list's generation and newer ones: reads the whole table.
pub async fn count(tx: &mut Tx, list: &RegistryList, generation: i64) -> Result<u64, StoreError> {
    let count: i64 =
        on_db!(tx, |conn| sqlx::query_scalar(COUNT).bind(list.id).bind(generation).fetch_one(conn).await)?;
    Ok(count as u64)
}

/// Keeps how many numbers a list has, for people to see.
pub async fn keep_count(tx: &mut Tx, list: &RegistryList, numbers: u64) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(COUNTED)
        .bind(list.id)
        .bind(numbers as i64)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Takes a registry out of use; answers whether it was in use. Its numbers are out of force at once and swept later.
pub async fn withdraw(tx: &mut Tx, registry: &str) -> Result<bool, StoreError> {
    number_lock::lock_all(tx).await?;
    let done = on_db!(tx, |conn| sqlx::query(WITHDRAW)
        .bind(registry)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done > 0 {
        tx.noted().note(Word::RegistryWithdrawn { registry: registry.to_owned() });
    }
    Ok(done > 0)
}

/// Deletes rows out of force among up to `limit` rows after `after` (0 to begin with). Answers where to go on; `None`: done.
pub async fn sweep(tx: &mut Tx, after: i64, limit: u32) -> Result<Option<i64>, StoreError> {
    let end: Option<i64> = on_db!(tx, |conn| sqlx::query_scalar(RANGE_ENDS)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    let Some(end) = end else { return Ok(None) };
    on_db!(tx, |conn| sqlx::query(SWEEP).bind(after).bind(end).execute(conn).await.map(|_| ()))?;
    Ok(Some(end))
}

/// Up to `limit` rows in force behind `(number, list id)`, in that order: for exports.
pub async fn page(tx: &mut Tx, after: (i64, i64), limit: u32) -> Result<Vec<(PhoneNumber, i64)>, StoreError> {
    let rows: Vec<(i64, i64)> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(after.0)
        .bind(after.1)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.into_iter()
        .map(|(number, list)| {
            let number = PhoneNumber::e164_only(&format!("+{number}"))
                .map_err(|e| StoreError::bad_row("registry_numbers", "number", list, e))?;
            Ok((number, list))
        })
        .collect()
}

/// A number as it is stored: its digits.
pub fn digits(number: PhoneNumber) -> i64 {
    // Fifteen digits at most.
    number.digits() as i64
}

fn stored(part: Option<u16>) -> String {
    part.map(|area| area.to_string()).unwrap_or_default()
}

impl TryFrom<ListRow> for RegistryList {
    type Error = StoreError;

    fn try_from(row: ListRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("registry_lists", column, row.id, problem)
        };
        let part = Some(&row.part).filter(|part| !part.is_empty()).map(|part| part.parse()).transpose();
        Ok(Self {
            id: row.id,
            part: part.map_err(|e| bad("part", &e))?,
            registry: Registry {
                source: row.source.parse().map_err(|e| bad("source", &e))?,
                key: row.registry,
                country: Some(row.country).filter(|country| !country.is_empty()),
                max_age_days: row.max_age_days.map(|days| days as u32),
            },
            in_force: row.in_force,
            generation: row.generation,
            loading: row.loading,
            data_at: row.data_at.map(instant_from_micros),
            numbers: row.numbers as u64,
        })
    }
}
