//! What campaigns may give away. Whoever changes a budget locks its row first, so that promises never add up to more than there is.

use std::collections::BTreeMap;

use sqlx_macros::FromRow;

use super::db::{Dialect, Sql, Tx, on_db};
use super::error::StoreError;
use super::money::read_money;
use crate::clock::{Instant, micros};
use crate::domain::offer::Budget;
use crate::id::CampaignId;
use crate::money::Money;
use crate::store::bulk::bulk_row;

const FIND: &str = "SELECT campaign_id, currency, total_minor, reserved_minor, spent_minor FROM offer_budgets WHERE campaign_id = $1";
static LOCK: Sql = Sql::new(
    "SELECT b.campaign_id, b.currency, b.total_minor, b.reserved_minor, b.spent_minor FROM offer_budgets b
     WHERE b.campaign_id IN (SELECT e.value->>0 FROM {each}) ORDER BY b.campaign_id {lock}",
);
static SAVE: Sql = Sql::new(
    "UPDATE offer_budgets SET reserved_minor = CAST(e.value->>1 AS BIGINT), spent_minor = CAST(e.value->>2 AS BIGINT),
            updated_at = $2
     FROM {each} WHERE offer_budgets.campaign_id = e.value->>0",
);
// What open coupons promise already counts, as it will be given back or spent. Another currency only as long as nothing was
// promised in the old one.
const SET: &str = "INSERT INTO offer_budgets (campaign_id, currency, total_minor, reserved_minor, spent_minor, updated_at)
     SELECT $1, $2, $3, CAST(coalesce(sum(c.reserved_minor), 0) AS BIGINT), 0, $4
     FROM coupons c WHERE c.campaign_id = $1 AND c.currency = $2 AND c.state = 'issued'
     ON CONFLICT (campaign_id) DO UPDATE SET currency = excluded.currency, total_minor = excluded.total_minor,
        reserved_minor = CASE WHEN offer_budgets.currency = excluded.currency THEN offer_budgets.reserved_minor
                              ELSE excluded.reserved_minor END,
        updated_at = excluded.updated_at
     WHERE offer_budgets.currency = excluded.currency OR (offer_budgets.reserved_minor = 0 AND offer_budgets.spent_minor = 0)";
const REMOVE: &str = "DELETE FROM offer_budgets WHERE campaign_id = $1 AND reserved_minor = 0";

// Held by whoever issues or ends coupons, also where there is no budget yet; a budget is set when none of them is under way.
static SHARE: Sql = Sql::new(
    "SELECT pg_advisory_xact_lock_shared(k.key)
     FROM (SELECT DISTINCT hashtextextended('budget:' || (e.value->>0), 0) AS key FROM {each} ORDER BY key) AS k",
);
const KEEP_OUT: &str = "SELECT pg_advisory_xact_lock(hashtextextended('budget:' || $1, 0))";

#[derive(Debug, FromRow)]
struct BudgetRow {
    campaign_id: String,
    currency: String,
    total_minor: i64,
    reserved_minor: i64,
    spent_minor: i64,
}

bulk_row! {
    struct BudgetWrite { campaign_id: String, reserved_minor: i64, spent_minor: i64 }
}

/// A campaign's budget; `None`: it may give away what its offers say, without a bound.
pub async fn find(tx: &mut Tx, campaign: CampaignId) -> Result<Option<Budget>, StoreError> {
    let row: Option<BudgetRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(campaign.to_string()).fetch_optional(conn).await)?;
    row.map(Budget::try_from).transpose()
}

/// Sets what a campaign may give away in all. `false`: something was promised in another currency, and nothing was changed.
pub async fn set(tx: &mut Tx, campaign: CampaignId, total: Money, now: Instant) -> Result<bool, StoreError> {
    if tx.dialect() == Dialect::Postgres {
        on_db!(tx, |conn| sqlx::query(KEEP_OUT).bind(campaign.to_string()).execute(conn).await.map(|_| ()))?;
    }
    let done = on_db!(tx, |conn| sqlx::query(SET)
        .bind(campaign.to_string())
        .bind(total.currency().code())
        .bind(total.minor())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Takes the bound away, unless something is promised under it; answers whether it did.
pub async fn remove(tx: &mut Tx, campaign: CampaignId) -> Result<bool, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REMOVE)
        .bind(campaign.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// The budgets of these campaigns that have one; nobody else changes them until the transaction ends.
pub(super) async fn lock(
    tx: &mut Tx,
    campaigns: &[CampaignId],
) -> Result<BTreeMap<CampaignId, Budget>, StoreError> {
    if campaigns.is_empty() {
        return Ok(BTreeMap::new());
    }
    if tx.dialect() == Dialect::Postgres {
        let (sql, keys) = (SHARE.on(tx.dialect()), super::keys(campaigns));
        on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|_| ()))?;
    }
    let (sql, keys) = (LOCK.on(tx.dialect()), super::keys(campaigns));
    let rows: Vec<BudgetRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter().map(|row| Budget::try_from(row).map(|budget| (budget.campaign_id, budget))).collect()
}

/// Writes what is promised and spent now; the rows are locked.
pub(super) async fn save<'a>(
    tx: &mut Tx,
    budgets: impl Iterator<Item = &'a Budget>,
    now: Instant,
) -> Result<(), StoreError> {
    let rows: Vec<BudgetWrite> = budgets
        .map(|budget| BudgetWrite {
            campaign_id: budget.campaign_id.to_string(),
            reserved_minor: budget.reserved.minor(),
            spent_minor: budget.spent.minor(),
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (SAVE.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

impl TryFrom<BudgetRow> for Budget {
    type Error = StoreError;

    fn try_from(row: BudgetRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("offer_budgets", column, &row.campaign_id, problem)
        };
        let money = |minor| read_money(minor, &row.currency);
        Ok(Self {
            campaign_id: row.campaign_id.parse().map_err(|e| bad("campaign_id", &e))?,
            total: money(row.total_minor).map_err(|e| bad("total_minor", &e))?,
            reserved: money(row.reserved_minor).map_err(|e| bad("reserved_minor", &e))?,
            spent: money(row.spent_minor).map_err(|e| bad("spent_minor", &e))?,
        })
    }
}
