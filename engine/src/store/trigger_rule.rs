//! Rules by which changes of the catalogue raise triggers.

use sqlx_macros::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{instant_from_micros, micros};
use crate::domain::trigger::{TriggerKind, TriggerRule};
use crate::id::{CampaignId, ProductId, TriggerRuleId};

#[derive(Debug, FromRow)]
struct Row {
    id: String,
    kind: String,
    campaign_id: String,
    product_id: String,
    min_drop_bp: i64,
    discount_bp: Option<i64>,
    is_active: i64,
    created_at: i64,
}

macro_rules! rule {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.kind, r.campaign_id, r.product_id, r.min_drop_bp, r.discount_bp, r.is_active, r.created_at
             FROM trigger_rules r ",
            $rest
        )
    };
}

const SET: &str = "INSERT INTO trigger_rules (id, kind, campaign_id, product_id, min_drop_bp, discount_bp, is_active, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (kind, campaign_id, product_id) DO UPDATE
     SET min_drop_bp = excluded.min_drop_bp, discount_bp = excluded.discount_bp, is_active = excluded.is_active
     RETURNING id";
const LIST: &str =
    rule!("WHERE CAST($1 AS TEXT) IS NULL OR r.campaign_id = $1 ORDER BY r.created_at, r.id LIMIT 1000");
const FIND: &str = rule!("WHERE r.id = $1");
const REMOVE: &str = "DELETE FROM trigger_rules WHERE id = $1";
const FOR_PRODUCT: &str = rule!(
    "JOIN campaigns c ON c.id = r.campaign_id AND c.status = 'active'
     WHERE r.kind = $1 AND r.is_active = 1
       AND (r.product_id = $2 OR (r.product_id = '' AND EXISTS (
            SELECT 1 FROM campaign_products m WHERE m.campaign_id = r.campaign_id AND m.product_id = $2)))
     ORDER BY r.created_at, r.id"
);

/// Writes a rule; one of the same kind, campaign and product is changed, and keeps its id.
pub async fn set(tx: &mut Tx, rule: &TriggerRule) -> Result<TriggerRuleId, StoreError> {
    let id: String = on_db!(tx, |conn| sqlx::query_scalar(SET)
        .bind(rule.id.to_string())
        .bind(rule.kind.as_str())
        .bind(rule.campaign_id.to_string())
        .bind(rule.product_id.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(rule.min_drop_bp))
        .bind(rule.discount_bp.map(i64::from))
        .bind(i64::from(rule.is_active))
        .bind(micros(rule.created_at))
        .fetch_one(conn)
        .await)?;
    id.parse().map_err(|e| StoreError::bad_row("trigger_rules", "id", &id, e))
}

pub async fn list(tx: &mut Tx, campaign: Option<CampaignId>) -> Result<Vec<TriggerRule>, StoreError> {
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(LIST)
        .bind(campaign.map(|id| id.to_string()))
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(TriggerRule::try_from).collect()
}

pub async fn find(tx: &mut Tx, id: TriggerRuleId) -> Result<Option<TriggerRule>, StoreError> {
    let row: Option<Row> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(TriggerRule::try_from).transpose()
}

/// `false`: there is no such rule.
pub async fn remove(tx: &mut Tx, id: TriggerRuleId) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REMOVE)
        .bind(id.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Rules that a change of this product concerns; only of active campaigns, the oldest first.
pub async fn for_product(
    tx: &mut Tx,
    kind: TriggerKind,
    product: ProductId,
) -> Result<Vec<TriggerRule>, StoreError> {
    let rows: Vec<Row> = on_db!(tx, |conn| sqlx::query_as(FOR_PRODUCT)
        .bind(kind.as_str())
        .bind(product.to_string())
        .fetch_all(conn)
        .await)?;
    rows.into_iter().map(TriggerRule::try_from).collect()
}

impl TryFrom<Row> for TriggerRule {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("trigger_rules", column, id, problem)
        };
        let product = (!row.product_id.is_empty()).then(|| row.product_id.parse()).transpose();
        let points = |points: i64| u16::try_from(points).map_err(|e| bad("discount_bp", &e));
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            kind: row.kind.parse().map_err(|e| bad("kind", &e))?,
            campaign_id: row.campaign_id.parse().map_err(|e| bad("campaign_id", &e))?,
            product_id: product.map_err(|e| bad("product_id", &e))?,
            min_drop_bp: points(row.min_drop_bp)?,
            discount_bp: row.discount_bp.map(points).transpose()?,
            is_active: row.is_active != 0,
            created_at: instant_from_micros(row.created_at),
        })
    }
}
