//! Ends of coupons: redeemed, expired, revoked; each gives back in its campaign's budget what it does not cost.

use std::collections::BTreeMap;

use super::rows::{CouponRow, coupon_row};
use crate::clock::{Instant, micros};
use crate::domain::coupon::{Code, Coupon, CouponState, Redemption};
use crate::id::{CampaignId, CouponId};
use crate::money::{Money, MoneyError};
use crate::store::budget;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

static LOCK: Sql = Sql::new(coupon_row!("FROM coupons c WHERE c.code = $1 {lock}"));
// The state is asked again: a coupon leaves `issued` once, whatever its reader believed.
const REDEEM: &str =
    "UPDATE coupons SET state = 'redeemed', ended_at = $2, order_id = $3, order_minor = $4, value_minor = $5
     WHERE id = $1 AND state = 'issued'";
static EXPIRE: Sql = Sql::new(
    "UPDATE coupons SET state = 'expired', ended_at = $1 WHERE id IN (
         SELECT c.id FROM coupons c WHERE c.state = 'issued' AND c.expires_at <= $1 ORDER BY c.expires_at LIMIT $2 {skip})
     RETURNING campaign_id, currency, reserved_minor",
);
const REVOKE: &str = "UPDATE coupons SET state = 'revoked', ended_at = $2 WHERE id = $1 AND state = 'issued'
     RETURNING campaign_id, currency, reserved_minor";

static WITHDRAW: Sql = Sql::new(
    "UPDATE coupons SET state = 'revoked', ended_at = $2
     WHERE issue_key {any} AND coalesce(state = 'issued', false)
     RETURNING campaign_id, currency, reserved_minor",
);

/// The coupon with this code; nobody else ends it until the transaction does.
pub async fn lock_by_code(tx: &mut Tx, code: Code) -> Result<Option<Coupon>, StoreError> {
    let sql = LOCK.on(tx.dialect());
    let row: Option<CouponRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(code.plain()).fetch_optional(conn).await)?;
    row.map(Coupon::try_from).transpose()
}

/// Redeems an issued coupon for `value` and books it in the campaign's budget. `None`: it was not open any more.
pub async fn redeem(
    tx: &mut Tx,
    coupon: &Coupon,
    redemption: &Redemption,
    value: Money,
    now: Instant,
) -> Result<Option<Coupon>, StoreError> {
    let done = on_db!(tx, |conn| sqlx::query(REDEEM)
        .bind(coupon.id.to_string())
        .bind(micros(now))
        .bind(redemption.order_id.as_deref())
        .bind(redemption.amount.map(Money::minor))
        .bind(value.minor())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if done == 0 {
        return Ok(None);
    }
    let campaigns: Vec<CampaignId> = coupon.campaign_id.into_iter().collect();
    let mut budgets = budget::lock(tx, &campaigns).await?;
    for budget in budgets.values_mut() {
        // Nothing is held for it where its reservation was in another currency.
        let held = held(budget.reserved, coupon.reserved).map_err(|e| bad(budget.campaign_id, &e))?;
        if budget.total.currency() == value.currency() {
            budget.commit(held, value).map_err(|e| bad(budget.campaign_id, &e))?;
        }
    }
    budget::save(tx, budgets.values(), now).await?;
    Ok(Some(Coupon {
        state: CouponState::Redeemed,
        ended_at: Some(now),
        order_id: redemption.order_id.clone(),
        order_amount: redemption.amount,
        value: Some(value),
        ..coupon.clone()
    }))
}

/// Ends up to `limit` coupons whose time is over; answers how many.
pub async fn expire(tx: &mut Tx, now: Instant, limit: u32) -> Result<u64, StoreError> {
    let sql = EXPIRE.on(tx.dialect());
    let ended: Vec<Ended> = on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    release(tx, &ended, now).await?;
    Ok(ended.len() as u64)
}

/// Takes back a coupon that was not used; answers whether it was open.
pub async fn revoke(tx: &mut Tx, id: CouponId, now: Instant) -> Result<bool, StoreError> {
    let ended: Vec<Ended> = on_db!(tx, |conn| sqlx::query_as(REVOKE)
        .bind(id.to_string())
        .bind(micros(now))
        .fetch_all(conn)
        .await)?;
    release(tx, &ended, now).await?;
    Ok(!ended.is_empty())
}

/// Takes back those of the coupons issued for these that were not used; answers how many.
pub async fn withdraw(tx: &mut Tx, issue_keys: &[String], now: Instant) -> Result<u64, StoreError> {
    if issue_keys.is_empty() {
        return Ok(0);
    }
    let bulk = crate::store::bulk(&issue_keys.iter().map(|key| [key]).collect::<Vec<_>>())?;
    let sql = WITHDRAW.on(tx.dialect());
    let ended: Vec<Ended> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).bind(micros(now)).fetch_all(conn).await)?;
    release(tx, &ended, now).await?;
    Ok(ended.len() as u64)
}

/// Campaign, currency and reservation of a coupon that ended without costing anything.
type Ended = (Option<String>, String, i64);

async fn release(tx: &mut Tx, ended: &[Ended], now: Instant) -> Result<(), StoreError> {
    let mut open: BTreeMap<CampaignId, Vec<(&str, i64)>> = BTreeMap::new();
    for (campaign, currency, reserved) in ended {
        let Some(campaign) = campaign else { continue };
        let id = campaign.parse().map_err(|e| StoreError::bad_row("coupons", "campaign_id", campaign, e))?;
        open.entry(id).or_default().push((currency, *reserved));
    }
    let campaigns: Vec<CampaignId> = open.keys().copied().collect();
    let mut budgets = budget::lock(tx, &campaigns).await?;
    for budget in budgets.values_mut() {
        let currency = budget.total.currency();
        let ours = open.get(&budget.campaign_id).into_iter().flatten();
        let minor = ours.filter(|(code, _)| *code == currency.code()).map(|(_, minor)| minor).sum();
        let freed = Money::of_minor(minor, currency).and_then(|sum| held(budget.reserved, sum));
        freed.and_then(|freed| budget.release(freed)).map_err(|e| bad(budget.campaign_id, &e))?;
    }
    budget::save(tx, budgets.values(), now).await
}

/// What of `wanted` is reserved; nothing of another currency is.
fn held(reserved: Money, wanted: Money) -> Result<Money, MoneyError> {
    if reserved.currency() == wanted.currency() {
        reserved.min(wanted)
    } else {
        Ok(Money::zero(reserved.currency()))
    }
}

fn bad(campaign: CampaignId, problem: &MoneyError) -> StoreError {
    StoreError::bad_row("offer_budgets", "reserved_minor", campaign, problem)
}
