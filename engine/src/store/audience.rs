//! Whom a trigger may concern: buyers of products and people who wait for them, a batch at a time in the order of leads, with
//! what is promised to them and from which lifetime value on a customer belongs to a class.

use sqlx_macros::FromRow;

use super::db::{Dialect, Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::trigger::{Terms, Trigger, TriggerKind};
use crate::id::{LeadId, ProductId};
use crate::money::{Currency, Money};

// One index range per product: what a batch costs does not grow with how many bought it.
static BUYERS: Sql = Sql::new(
    "SELECT CAST((SELECT {array}(x.lead_id) FROM (
                SELECT DISTINCT p.lead_id FROM purchases p
                WHERE p.product_id = e.value->>0 AND p.lead_id > $2 ORDER BY p.lead_id LIMIT $3) AS x) AS TEXT)
     FROM {each}",
);
static WAITING: Sql = Sql::new(
    "SELECT CAST((SELECT {array}(x.lead_id) FROM (
                SELECT DISTINCT i.lead_id FROM interests i
                WHERE i.product_id = e.value->>0 AND i.ended_at IS NULL AND i.lead_id > $2
                ORDER BY i.lead_id LIMIT $3) AS x) AS TEXT)
     FROM {each}",
);
static COUNT: Sql = Sql::new(
    "SELECT count(*) FROM (
         SELECT p.lead_id FROM {each} JOIN purchases p ON p.product_id = e.value->>0
         UNION
         SELECT i.lead_id FROM {each2} JOIN interests i ON i.product_id = e2.value->>0 AND i.ended_at IS NULL) AS x",
);
// Through the enrollments of the lead, of which there are few, each with its trigger: no planner can begin with all triggers so.
// What was promised for something else has no terms here. Of a cancelled trigger a promise stands that was told, or may have been:
// whoever was not told has lost their coupon when it is cancelled altogether.
static PROMISED: Sql = Sql::new(
    "SELECT n.lead_id, (SELECT t.terms FROM triggers t
                        WHERE t.id = n.entry_key AND t.kind = $2
                          AND (t.product_id = $3
                               OR (t.kind = 'promo' AND t.campaign_id = $4 AND (t.product_id IS NULL OR CAST($3 AS TEXT) IS NULL)))
                          AND (t.state NOT IN ('withdrawing', 'cancelled') OR n.placed > 0
                               OR (t.state = 'cancelled' AND EXISTS (SELECT 1 FROM coupons c
                                   WHERE c.issue_key = n.entry_key || ':' || n.lead_id AND c.state || '' = 'issued'))
                               OR EXISTS (SELECT 1 FROM attempts a WHERE a.enrollment_id = n.id
                                          AND a.state || '' IN ('dialing', 'placed', 'unknown', 'unknown_final'))
                               OR EXISTS (SELECT 1 FROM events v WHERE v.lead_id = n.lead_id AND v.enrollment_id = n.id
                                          AND v.kind = 'message.queued')))
     FROM enrollments n WHERE n.lead_id {any} AND n.entry_key <> ''",
);
const TAKE_TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
const VALUES: &str = "SELECT currency, customers, mid_minor, high_minor, vip_minor, computed_at FROM customer_values ORDER BY currency";
const FORGET_VALUES: &str = "DELETE FROM customer_values";
const KEEP_VALUES: &str =
    "INSERT INTO customer_values (currency, customers, mid_minor, high_minor, vip_minor, computed_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
// Every customer once: ranked by what they paid and did not get back.
const COMPUTE: &str =
    "SELECT r.currency, count(*) AS customers, min(CASE WHEN r.nth * 100 > r.of_all * 40 THEN r.total END) AS mid_minor,
            min(CASE WHEN r.nth * 100 > r.of_all * 75 THEN r.total END) AS high_minor,
            min(CASE WHEN r.nth * 100 > r.of_all * 95 THEN r.total END) AS vip_minor, CAST($1 AS BIGINT) AS computed_at
     FROM (SELECT s.currency, s.total, row_number() OVER (PARTITION BY s.currency ORDER BY s.total, s.lead_id) AS nth,
                  count(*) OVER (PARTITION BY s.currency) AS of_all
           FROM (SELECT p.currency, p.lead_id, CAST(sum(p.quantity * p.unit_minor - p.refunded_minor) AS BIGINT) AS total
                 FROM purchases p GROUP BY p.currency, p.lead_id) AS s) AS r
     GROUP BY r.currency";

/// Up to `limit` people after a lead, in the order of leads; with `waiting` also those who did not buy but wait.
pub async fn chunk(
    tx: &mut Tx,
    products: &[ProductId],
    waiting: bool,
    after: Option<LeadId>,
    limit: u32,
) -> Result<Vec<LeadId>, StoreError> {
    let (keys, after) = (super::keys(products), after.map(|lead| lead.to_string()).unwrap_or_default());
    let mut found = Vec::new();
    for sql in [Some(&BUYERS), waiting.then_some(&WAITING)].into_iter().flatten() {
        let sql = sql.on(tx.dialect());
        let lists: Vec<Option<String>> = on_db!(tx, |conn| sqlx::query_scalar(sql)
            .bind(keys.as_str())
            .bind(after.as_str())
            .bind(i64::from(limit))
            .fetch_all(conn)
            .await)?;
        for list in lists.into_iter().flatten() {
            let leads: Vec<LeadId> = serde_json::from_str(&list)
                .map_err(|problem| StoreError::bad_row("purchases", "lead_id", "", problem))?;
            found.extend(leads);
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(limit as usize);
    Ok(found)
}

/// How many people that is in all.
pub async fn count(tx: &mut Tx, products: &[ProductId], waiting: bool) -> Result<u64, StoreError> {
    let (sql, keys) = (COUNT.on(tx.dialect()), super::keys(products));
    let waited = if waiting { keys.clone() } else { "[]".to_owned() };
    let count: i64 =
        on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).bind(waited).fetch_one(conn).await)?;
    Ok(count as u64)
}

/// Triggers that might promise the same people the same thing look for promises and make them one at a time, until the
/// transaction ends. On SQLite there is one writer anyway.
pub async fn take_turn(tx: &mut Tx, trigger: &Trigger) -> Result<(), StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let kind = trigger.kind;
    let of_product = trigger.product_id.map(|product| format!("promise:{kind}:{product}"));
    let of_campaign = (kind == TriggerKind::Promo).then(|| format!("promise:{kind}:{}", trigger.campaign_id));
    // The campaign's first, whoever it is: two that need both do not wait for each other.
    for key in [of_campaign, of_product].into_iter().flatten() {
        on_db!(tx, |conn| sqlx::query(TAKE_TURN).bind(key).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

/// Promises that stand for the same product (a promotion: also of the same campaign, whatever the product): the price each was
/// made at. Read after [`take_turn`] by whoever promises something.
pub async fn promised(
    tx: &mut Tx,
    trigger: &Trigger,
    leads: &[LeadId],
    now: Instant,
) -> Result<Vec<(LeadId, Option<Money>)>, StoreError> {
    let (sql, keys) = (PROMISED.on(tx.dialect()), super::keys(leads));
    let rows: Vec<(String, Option<String>)> = on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(keys)
        .bind(trigger.kind.as_str())
        .bind(trigger.product_id.map(|id| id.to_string()))
        .bind(trigger.campaign_id.to_string())
        .fetch_all(conn)
        .await)?;
    let read = |(lead, terms): (String, String)| {
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("triggers", column, &lead, problem);
        let terms: Terms = serde_json::from_str(&terms).map_err(|e| bad("terms", &e))?;
        Ok((lead.parse().map_err(|e| bad("lead_id", &e))?, terms))
    };
    let known: Result<Vec<(LeadId, Terms)>, StoreError> =
        rows.into_iter().filter_map(|(lead, terms)| Some((lead, terms?))).map(read).collect();
    let standing = known?.into_iter().filter(|(_, terms)| terms.valid_until > now);
    Ok(standing.map(|(lead, terms)| (lead, terms.new)).collect())
}

/// From which lifetime value on a customer belongs to a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values {
    pub customers: u64,
    pub mid: Money,
    pub high: Money,
    pub vip: Money,
    pub computed_at: Instant,
}

#[derive(Debug, FromRow)]
struct ValuesRow {
    currency: String,
    customers: i64,
    mid_minor: i64,
    high_minor: i64,
    vip_minor: i64,
    computed_at: i64,
}

/// The limits as they were last worked out, one line per currency.
pub async fn values(tx: &mut Tx) -> Result<Vec<Values>, StoreError> {
    let rows: Vec<ValuesRow> = on_db!(tx, |conn| sqlx::query_as(VALUES).fetch_all(conn).await)?;
    rows.into_iter().map(Values::try_from).collect()
}

/// Works the limits out anew: one pass over all purchases, which takes seconds where there are millions. It only reads: nobody
/// should have to wait for it.
pub async fn work_out_values(tx: &mut Tx, now: Instant) -> Result<Vec<Values>, StoreError> {
    let rows: Vec<ValuesRow> =
        on_db!(tx, |conn| sqlx::query_as(COMPUTE).bind(micros(now)).fetch_all(conn).await)?;
    rows.into_iter().map(Values::try_from).collect()
}

/// Keeps limits that were worked out, instead of those before.
pub async fn keep_values(tx: &mut Tx, values: &[Values]) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(FORGET_VALUES).execute(conn).await.map(|_| ()))?;
    for line in values {
        on_db!(tx, |conn| sqlx::query(KEEP_VALUES)
            .bind(line.mid.currency().code())
            .bind(line.customers as i64)
            .bind(line.mid.minor())
            .bind(line.high.minor())
            .bind(line.vip.minor())
            .bind(micros(line.computed_at))
            .execute(conn)
            .await
            .map(|_| ()))?;
    }
    Ok(())
}

impl TryFrom<ValuesRow> for Values {
    type Error = StoreError;

    fn try_from(row: ValuesRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("customer_values", column, &row.currency, problem)
        };
        let currency: Currency = row.currency.parse().map_err(|e| bad("currency", &e))?;
        let money = |column, minor| Money::of_minor(minor, currency).map_err(|e| bad(column, &e));
        Ok(Self {
            customers: row.customers as u64,
            mid: money("mid_minor", row.mid_minor)?,
            high: money("high_minor", row.high_minor)?,
            vip: money("vip_minor", row.vip_minor)?,
            computed_at: instant_from_micros(row.computed_at),
        })
    }
}

/// Do people who only wait count?
pub const fn counts_waiting(kind: TriggerKind) -> bool {
    matches!(kind, TriggerKind::Restock)
}
