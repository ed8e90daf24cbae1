//! Emptying a benchmark's database between runs. Refuses to touch one that holds a real lead.

use super::db::{Db, Dialect, on_db};
use super::error::StoreError;

const REAL_LEADS: &str = "SELECT count(*) FROM leads WHERE synthetic = 0";

/// Children before parents.
const TABLES: &[&str] = &[
    "DELETE FROM packages",
    "DELETE FROM trigger_leads",
    "DELETE FROM coupons",
    "DELETE FROM triggers",
    "DELETE FROM offers",
    "DELETE FROM purchases",
    "DELETE FROM interests",
    "DELETE FROM products",
    "DELETE FROM customer_values",
    "DELETE FROM callbacks",
    "DELETE FROM calls",
    "DELETE FROM attempts",
    "DELETE FROM enrollments",
    "DELETE FROM decisions",
    "DELETE FROM events",
    "DELETE FROM tasks",
    "DELETE FROM jobs",
    "DELETE FROM phones",
    "DELETE FROM consents",
    "DELETE FROM leads",
    "DELETE FROM campaign_days",
    "DELETE FROM pacing_counters",
    "DELETE FROM campaigns",
    "DELETE FROM suppressions",
    "DELETE FROM erased_numbers",
    "DELETE FROM erasure_key",
    "DELETE FROM registry_numbers",
    "DELETE FROM registry_lists",
    "DELETE FROM emergency_stops",
    "DELETE FROM imports",
    "DELETE FROM carrier_ledger",
    "DELETE FROM idempotency_keys",
    "DELETE FROM virtual_clock",
    "DELETE FROM api_keys WHERE name = 'bench'",
];
// Deleted rows would stay in PostgreSQL's tables and indexes, and slow the next run down.
const TRUNCATE: &[&str] = &[
    "TRUNCATE packages, trigger_leads, coupons, triggers, offers, purchases, interests, products, customer_values, callbacks, calls, attempts, enrollments, decisions, events, tasks, jobs, phones, consents, leads, campaign_days,
              pacing_counters, campaigns, suppressions, erased_numbers, erasure_key, registry_numbers, registry_lists, emergency_stops, imports,
              carrier_ledger, idempotency_keys, virtual_clock CASCADE",
    "DELETE FROM api_keys WHERE name = 'bench'",
];

const WALKS: &[&str] =
    &["DELETE FROM trigger_leads", "DELETE FROM coupons", "DELETE FROM enrollments", "DELETE FROM events"];
const TRUNCATE_WALKS: &[&str] = &["TRUNCATE trigger_leads, coupons, enrollments, events CASCADE"];

/// Empties the tables of a trial; answers false, having done nothing, when there is a lead that is not synthetic.
pub async fn synthetic(db: &Db) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    let real: i64 = on_db!(&mut tx, |conn| sqlx::query_scalar(REAL_LEADS).fetch_one(conn).await)?;
    if real > 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    let statements = match tx.dialect() {
        Dialect::Sqlite => TABLES,
        Dialect::Postgres => TRUNCATE,
    };
    for sql in statements.iter().copied() {
        on_db!(&mut tx, |conn| sqlx::query(sql).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Takes away enrollments that nobody was called for with what triggers promised them, and every event.
pub async fn walks(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let statements = match tx.dialect() {
        Dialect::Sqlite => WALKS,
        Dialect::Postgres => TRUNCATE_WALKS,
    };
    for sql in statements.iter().copied() {
        on_db!(&mut tx, |conn| sqlx::query(sql).execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}
