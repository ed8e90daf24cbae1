//! Who waits for which product. A lead waits once per product and kind; saying it again changes nothing.

use sqlx_macros::FromRow;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::purchase::{Interest, InterestKind};
use crate::id::{EnrollmentId, InterestId, LeadId, ProductId, TriggerId};
use crate::store::bulk::bulk_row;

macro_rules! interest_row {
    ($rest:literal) => {
        concat!("SELECT i.id, i.lead_id, i.product_id, i.kind, i.source, i.created_at, i.ended_at ", $rest)
    };
}

const FIND: &str = interest_row!("FROM interests i WHERE i.id = $1");
const WAITING: &str = "SELECT DISTINCT i.lead_id FROM interests i
     WHERE i.product_id = $1 AND i.lead_id > $2 AND i.ended_at IS NULL ORDER BY i.lead_id LIMIT $3";
static COUNT: Sql = Sql::new(
    "SELECT count(DISTINCT i.lead_id) FROM {each} JOIN interests i ON i.product_id = e.value->>0 AND i.ended_at IS NULL",
);
static AMONG: Sql = Sql::new(interest_row!(
    "FROM {each} JOIN interests i ON i.lead_id = e.value->>0
     WHERE i.ended_at IS NULL AND i.product_id IN (SELECT e2.value->>0 FROM {each2}) ORDER BY i.lead_id, i.id"
));
static KNOWN: Sql = Sql::new(interest_row!(
    "FROM {each} JOIN interests i ON i.lead_id = e.value->>1 AND i.product_id = e.value->>2 AND i.kind = e.value->>3"
));
// Who waits already keeps their place; who had stopped waiting begins anew.
static ADD: Sql = Sql::new(
    "INSERT INTO interests (id, lead_id, product_id, kind, source, created_at, ended_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT), NULL
     FROM {each} WHERE true
     ON CONFLICT (lead_id, product_id, kind) DO UPDATE SET
        created_at = CASE WHEN interests.ended_at IS NULL THEN interests.created_at ELSE excluded.created_at END,
        source = CASE WHEN interests.ended_at IS NULL THEN interests.source ELSE excluded.source END, ended_at = NULL",
);
// `+ 0` keeps the planner from going through everybody who waits: while the table is new it takes them for few.
const END_ONE: &str = "UPDATE interests SET ended_at = $2 WHERE id = $1";
static END: Sql = Sql::new(
    "UPDATE interests SET ended_at = $2 WHERE ended_at + 0 IS NULL AND id IN (SELECT e.value->>0 FROM {each})",
);
// Ended when the trigger enrolled them, and by nothing since.
static WAIT_AGAIN: Sql = Sql::new(
    "UPDATE interests SET ended_at = NULL
     FROM {each} JOIN enrollments n ON n.lead_id = e.value->>0 AND n.entry_key = $2
     WHERE interests.lead_id = n.lead_id AND interests.product_id = $3 AND interests.ended_at = n.started_at",
);
// The same, by the enrollments.
static WAIT_AGAIN_UNTOLD: Sql = Sql::new(
    "UPDATE interests SET ended_at = NULL
     FROM {each} JOIN enrollments n ON n.id = e.value->>0 JOIN triggers t ON t.id = n.entry_key AND t.kind = 'restock'
     WHERE interests.lead_id = n.lead_id AND interests.product_id = t.product_id AND interests.ended_at = n.started_at",
);
// Named outright, a column leads to its index; "any or this one" leads to none.
macro_rules! page_text {
    ($lead:literal, $product:literal) => {
        concat!(
            interest_row!("FROM interests i WHERE (i.created_at, i.id) < ($5, $6) AND "),
            $lead,
            " AND ",
            $product,
            " AND ($3 IS NULL OR i.kind = $3) AND ($4 IS NULL OR CASE WHEN i.ended_at IS NULL THEN 1 ELSE 0 END = $4)
             ORDER BY i.created_at DESC, i.id DESC LIMIT $7"
        )
    };
}

const OF_LEAD: &str = page_text!("i.lead_id = $1", "($2 IS NULL OR i.product_id = $2)");
const OF_PRODUCT: &str = page_text!("($1 IS NULL OR i.lead_id = $1)", "i.product_id = $2");
const ALL: &str = page_text!("($1 IS NULL OR i.lead_id = $1)", "($2 IS NULL OR i.product_id = $2)");

#[derive(Debug, FromRow)]
struct InterestRow {
    id: String,
    lead_id: String,
    product_id: String,
    kind: String,
    source: String,
    created_at: i64,
    ended_at: Option<i64>,
}

bulk_row! {
    struct InterestWrite {
        id: String,
        lead_id: String,
        product_id: String,
        kind: &'static str,
        source: String,
        created_at: i64,
    }
}

/// Which interests. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterestFilter {
    pub lead_id: Option<LeadId>,
    pub product_id: Option<ProductId>,
    pub kind: Option<InterestKind>,
    pub is_waiting: Option<bool>,
}

pub async fn find(tx: &mut Tx, id: InterestId) -> Result<Option<Interest>, StoreError> {
    let row: Option<InterestRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Interest::try_from).transpose()
}

/// Lets leads wait. Answers, in order, the interest each row is about and whether the lead did not wait before.
pub async fn add_many(tx: &mut Tx, interests: &[Interest]) -> Result<Vec<(Interest, bool)>, StoreError> {
    if interests.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: Vec<InterestWrite> = interests.iter().map(InterestWrite::from).collect();
    rows.sort_by(|a, b| (&a.lead_id, &a.product_id, a.kind).cmp(&(&b.lead_id, &b.product_id, b.kind)));
    // One statement must not touch a row twice.
    rows.dedup_by(|a, b| (&a.lead_id, &a.product_id, a.kind) == (&b.lead_id, &b.product_id, b.kind));
    let bulk = super::bulk(&rows)?;
    let waiting = |rows: Vec<Interest>| -> Vec<Interest> {
        rows.into_iter().filter(|interest| interest.ended_at.is_none()).collect()
    };
    let before = waiting(known(tx, &bulk).await?);
    let sql = ADD.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(sql).bind(&bulk).execute(conn).await.map(|_| ()))?;
    let after = known(tx, &bulk).await?;
    let same =
        |a: &Interest, b: &Interest| (a.lead_id, a.product_id, a.kind) == (b.lead_id, b.product_id, b.kind);
    interests
        .iter()
        .map(|asked| {
            let now = after.iter().find(|kept| same(kept, asked));
            let now = now.ok_or_else(|| StoreError::bad_row("interests", "id", asked.id, "was not kept"))?;
            Ok((now.clone(), !before.iter().any(|kept| same(kept, asked))))
        })
        .collect()
}

async fn known(tx: &mut Tx, bulk: &str) -> Result<Vec<Interest>, StoreError> {
    let sql = KNOWN.on(tx.dialect());
    let rows: Vec<InterestRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter().map(Interest::try_from).collect()
}

/// Up to `limit` leads after `after`, in their order, each once, who wait for one of the products.
pub async fn waiting(
    tx: &mut Tx,
    products: &[ProductId],
    after: Option<LeadId>,
    limit: u32,
) -> Result<Vec<LeadId>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    // The first of all are among the first of each.
    let mut found = std::collections::BTreeSet::new();
    for product in products {
        let rows: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(WAITING)
            .bind(product.to_string())
            .bind(&after)
            .bind(i64::from(limit))
            .fetch_all(conn)
            .await)?;
        for row in rows {
            found.insert(row.parse().map_err(|e| StoreError::bad_row("interests", "lead_id", &row, e))?);
        }
    }
    Ok(found.into_iter().take(limit as usize).collect())
}

/// How many leads [`waiting`] would walk.
pub async fn count_waiting(tx: &mut Tx, products: &[ProductId]) -> Result<u64, StoreError> {
    let (sql, keys) = (COUNT.on(tx.dialect()), super::keys(products));
    let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    Ok(count as u64)
}

/// What these leads wait for among these products, by lead.
pub async fn among(
    tx: &mut Tx,
    leads: &[LeadId],
    products: &[ProductId],
) -> Result<Vec<Interest>, StoreError> {
    if leads.is_empty() || products.is_empty() {
        return Ok(Vec::new());
    }
    let sql = AMONG.on(tx.dialect());
    let (leads, products) = (super::keys(leads), super::keys(products));
    let rows: Vec<InterestRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(leads).bind(products).fetch_all(conn).await)?;
    rows.into_iter().map(Interest::try_from).collect()
}

/// A lead that waits no longer says so, whatever ended the waiting before: it does not begin again by itself.
pub async fn end(tx: &mut Tx, id: InterestId, now: Instant) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(END_ONE)
        .bind(id.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// These leads wait no longer; answers how many did.
pub async fn end_many(tx: &mut Tx, ids: &[InterestId], now: Instant) -> Result<u64, StoreError> {
    let (sql, keys) = (END.on(tx.dialect()), super::keys(ids));
    Ok(on_db!(tx, |conn| sqlx::query(sql)
        .bind(keys)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Whoever stopped waiting for `product` because `trigger` enrolled them waits again.
pub async fn wait_again(
    tx: &mut Tx,
    trigger: TriggerId,
    product: ProductId,
    leads: &[LeadId],
) -> Result<(), StoreError> {
    let (sql, keys) = (WAIT_AGAIN.on(tx.dialect()), super::keys(leads));
    on_db!(tx, |conn| sqlx::query(sql)
        .bind(keys)
        .bind(trigger.to_string())
        .bind(product.to_string())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Whoever stopped waiting because they were enrolled so, and was not told then, waits again.
pub async fn wait_again_untold(tx: &mut Tx, enrollments: &[EnrollmentId]) -> Result<(), StoreError> {
    let (sql, keys) = (WAIT_AGAIN_UNTOLD.on(tx.dialect()), super::keys(enrollments));
    on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Up to `limit` interests after `cursor`, the latest first.
pub async fn page(
    tx: &mut Tx,
    filter: &InterestFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Interest>, StoreError> {
    let (at, id) = before(cursor);
    let sql = match (filter.lead_id, filter.product_id) {
        (Some(_), _) => OF_LEAD,
        (None, Some(_)) => OF_PRODUCT,
        (None, None) => ALL,
    };
    let rows: Vec<InterestRow> = on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(filter.lead_id.map(|id| id.to_string()))
        .bind(filter.product_id.map(|id| id.to_string()))
        .bind(filter.kind.map(InterestKind::as_str))
        .bind(filter.is_waiting.map(i64::from))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.created_at, row.id.as_str()), Interest::try_from))
}

impl From<&Interest> for InterestWrite {
    fn from(interest: &Interest) -> Self {
        Self {
            id: interest.id.to_string(),
            lead_id: interest.lead_id.to_string(),
            product_id: interest.product_id.to_string(),
            kind: interest.kind.as_str(),
            source: interest.source.clone(),
            created_at: micros(interest.created_at),
        }
    }
}

impl TryFrom<InterestRow> for Interest {
    type Error = StoreError;

    fn try_from(row: InterestRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("interests", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            product_id: row.product_id.parse().map_err(|e| bad("product_id", &e))?,
            kind: row.kind.parse().map_err(|e| bad("kind", &e))?,
            created_at: instant_from_micros(row.created_at),
            ended_at: row.ended_at.map(instant_from_micros),
            source: row.source,
        })
    }
}
