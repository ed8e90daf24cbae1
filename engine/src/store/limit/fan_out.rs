//! The limit of a fan-out: `INSERT … SELECT` straight from the purchases of a product, with what a trigger writes for each buyer
//! (enrollment, event, coupon, result), in batches of the same size.

use crate::clock::{Instant, micros};
use crate::id::{CampaignId, LeadId, OfferId, ProductId, TriggerId};
use crate::store::db::{Db, Tx, on_db};
use crate::store::error::StoreError;

const ENROLL: &str =
    "INSERT INTO enrollments (id, lead_id, campaign_id, cadence, entry_key, version, state, step, visit, attempt, due_since,
                              promised, due_at, priority, variables, placed, started_at)
     SELECT '01900000-0000-7000-8002-' || substr(p.lead_id, 25), p.lead_id, $1, 'price-drop', $2, $3, 'waiting', 'call', 1, 1, $4,
            0, $4, 1, $5, 0, $4
     FROM purchases p WHERE p.product_id = $6 AND p.lead_id > $7 ORDER BY p.lead_id LIMIT $8";
const EVENTS: &str =
    "INSERT INTO events (id, kind, lead_id, enrollment_id, campaign_id, at, recorded_at, version, data)
     SELECT '01900000-0000-7000-8003-' || substr(p.lead_id, 25), 'enrollment.started', p.lead_id,
            '01900000-0000-7000-8002-' || substr(p.lead_id, 25), $1, $3, $3, $2,
            '{\"cadenceId\":\"price-drop\",\"dueAt\":\"2026-03-02T17:00:00Z\",\"entryKey\":\"01900000-0000-7000-8000-000000000000\"}'
     FROM purchases p WHERE p.product_id = $4 AND p.lead_id > $5 ORDER BY p.lead_id LIMIT $6";
const COUPONS: &str =
    "INSERT INTO coupons (id, code, label, issue_key, lead_id, offer_id, product_id, campaign_id, trigger_id, percent_bp, currency,
                          reserved_minor, state, issued_at, expires_at)
     SELECT '01900000-0000-7000-8004-' || substr(p.lead_id, 25), substr(p.lead_id, 26), 'PRICE_DROP-15', $1 || ':' || p.lead_id,
            p.lead_id, $2, p.product_id, $3, $1, 1500, 'USD', 15000, 'issued', $4, $4
     FROM purchases p WHERE p.product_id = $5 AND p.lead_id > $6 ORDER BY p.lead_id LIMIT $7";
const RESULTS: &str = "INSERT INTO trigger_leads (trigger_id, lead_id, result, enrollment_id)
     SELECT $1, p.lead_id, 'enrolled', '01900000-0000-7000-8002-' || substr(p.lead_id, 25)
     FROM purchases p WHERE p.product_id = $2 AND p.lead_id > $3 ORDER BY p.lead_id LIMIT $4";
const LAST: &str = "SELECT max(lead_id) FROM (
     SELECT lead_id FROM purchases WHERE product_id = $1 AND lead_id > $2 ORDER BY lead_id LIMIT $3) AS batch";

/// What everybody is enrolled for.
#[derive(Debug, Clone)]
pub struct FanningOut<'a> {
    pub trigger: TriggerId,
    pub offer: OfferId,
    pub product: ProductId,
    pub campaign: CampaignId,
    pub version: &'a str,
    /// As long as a trigger's are.
    pub variables: &'a str,
    pub at: Instant,
}

/// Enrolls every buyer, `batch` per transaction.
pub async fn all(db: &Db, out: &FanningOut<'_>, batch: u32) -> Result<(), StoreError> {
    let mut after = LeadId::default().to_string();
    loop {
        let mut tx = db.begin().await?;
        let last: Option<String> = on_db!(&mut tx, |conn| sqlx::query_scalar(LAST)
            .bind(out.product.to_string())
            .bind(&after)
            .bind(i64::from(batch))
            .fetch_one(conn)
            .await)?;
        let Some(last) = last else { return tx.rollback().await };
        write(&mut tx, out, &after, batch).await?;
        tx.commit().await?;
        after = last;
    }
}

async fn write(tx: &mut Tx, out: &FanningOut<'_>, after: &str, batch: u32) -> Result<(), StoreError> {
    let (product, at, batch) = (out.product.to_string(), micros(out.at), i64::from(batch));
    on_db!(tx, |conn| sqlx::query(ENROLL)
        .bind(out.campaign.to_string())
        .bind(out.trigger.to_string())
        .bind(out.version)
        .bind(at)
        .bind(out.variables)
        .bind(&product)
        .bind(after)
        .bind(batch)
        .execute(conn)
        .await
        .map(|_| ()))?;
    on_db!(tx, |conn| sqlx::query(EVENTS)
        .bind(out.campaign.to_string())
        .bind(out.version)
        .bind(at)
        .bind(&product)
        .bind(after)
        .bind(batch)
        .execute(conn)
        .await
        .map(|_| ()))?;
    on_db!(tx, |conn| sqlx::query(COUPONS)
        .bind(out.trigger.to_string())
        .bind(out.offer.to_string())
        .bind(out.campaign.to_string())
        .bind(at)
        .bind(&product)
        .bind(after)
        .bind(batch)
        .execute(conn)
        .await
        .map(|_| ()))?;
    on_db!(tx, |conn| sqlx::query(RESULTS)
        .bind(out.trigger.to_string())
        .bind(&product)
        .bind(after)
        .bind(batch)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
