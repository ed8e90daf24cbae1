//! Issuing coupons in sets: each once per key, within the budgets of their campaigns.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::by_issue_keys;
use super::rows::CouponWrite;
use crate::clock::Instant;
use crate::domain::coupon::{Code, Coupon, CouponState, RANDOM_BYTES, label};
use crate::domain::offer::{Budget, Offer};
use crate::id::{CampaignId, IdSource, LeadId, ProductId};
use crate::money::Money;
use crate::store::budget;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

// A code or a key that is taken keeps its row from being made; the answer tells which were.
static INSERT: Sql = Sql::new(
    "INSERT INTO coupons (id, code, label, issue_key, lead_id, offer_id, product_id, campaign_id, trigger_id, percent_bp,
                          amount_minor, currency, reserved_minor, state, issued_at, expires_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, e.value->>6, e.value->>7, e.value->>8,
            CAST(e.value->>9 AS BIGINT), CAST(e.value->>10 AS BIGINT), e.value->>11, CAST(e.value->>12 AS BIGINT), 'issued',
            CAST(e.value->>13 AS BIGINT), CAST(e.value->>14 AS BIGINT)
     FROM {each} WHERE true ON CONFLICT DO NOTHING RETURNING id",
);

/// Codes are drawn anew this often; a second time is needed once in ten thousand times a million coupons.
const DRAWS: u32 = 4;

/// One coupon to issue.
#[derive(Debug, Clone)]
pub struct Issue<'a> {
    /// What it is for, such as `trigger/lead/product`: asking again for the same gives the same coupon.
    pub issue_key: String,
    pub lead_id: LeadId,
    pub offer: &'a Offer,
    pub product_id: Option<ProductId>,
    pub campaign_id: Option<CampaignId>,
    pub trigger_id: Option<String>,
    /// The most it can cost. Nothing: not known, and then a campaign with a budget does not issue it.
    pub most: Money,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issued {
    New(Coupon),
    /// It was issued before, whatever became of it since.
    Known(Coupon),
    /// The campaign's budget does not reach, or is in another currency.
    BudgetSpent,
}

/// Issues coupons, in order; the answers are in the order of `issues`. Reserves the most that each can cost in its campaign's
/// budget, if the campaign has one. `random` gives fresh bytes for every code. Five statements, however many coupons.
pub async fn issue_many(
    tx: &mut Tx,
    ids: &IdSource,
    issues: &[Issue<'_>],
    random: &mut (dyn FnMut() -> [u8; RANDOM_BYTES] + Send),
    now: Instant,
) -> Result<Vec<Issued>, StoreError> {
    let mut campaigns: Vec<CampaignId> = issues.iter().filter_map(|issue| issue.campaign_id).collect();
    campaigns.sort_unstable();
    campaigns.dedup();
    // First: whoever issues for the same campaign at the same time waits here, and then finds what we issued.
    let mut budgets = budget::lock(tx, &campaigns).await?;
    let mut known = on_file(tx, issues).await?;
    let mut made: HashSet<&str> = HashSet::new();
    let mut coupons: Vec<Coupon> = Vec::new();
    let mut refused: HashSet<&str> = HashSet::new();
    for issue in issues {
        let key = issue.issue_key.as_str();
        if known.contains_key(key) || made.contains(key) || refused.contains(key) {
            continue;
        }
        let budget = issue.campaign_id.and_then(|campaign| budgets.get_mut(&campaign));
        if budget.is_some_and(|budget| issue.most.is_zero() || !budget.reserve(issue.most)) {
            refused.insert(key);
            continue;
        }
        made.insert(key);
        coupons.push(coupon(issue, Code::from_random(random()), ids, now));
    }
    let fresh: HashSet<String> = insert(tx, coupons, &mut budgets, &mut known, random).await?;
    budget::save(tx, budgets.values(), now).await?;
    let mut told: HashSet<&str> = HashSet::new();
    Ok(issues
        .iter()
        .map(|issue| {
            let key = issue.issue_key.as_str();
            match known.get(key) {
                Some(coupon) if fresh.contains(key) && told.insert(key) => Issued::New(coupon.clone()),
                Some(coupon) => Issued::Known(coupon.clone()),
                None => Issued::BudgetSpent,
            }
        })
        .collect())
}

type ByKey = HashMap<String, Coupon>;
type Budgets = BTreeMap<CampaignId, Budget>;

async fn on_file(tx: &mut Tx, issues: &[Issue<'_>]) -> Result<ByKey, StoreError> {
    let keys: Vec<&str> = issues.iter().map(|issue| issue.issue_key.as_str()).collect();
    let found = by_issue_keys(tx, &keys).await?;
    Ok(found.into_iter().map(|coupon| (coupon.issue_key.clone(), coupon)).collect())
}

/// Stores coupons and adds them to `known`; answers the keys of those that were stored. What somebody else issued meanwhile for
/// the same key becomes known instead, and its reservation is given back.
async fn insert(
    tx: &mut Tx,
    mut coupons: Vec<Coupon>,
    budgets: &mut Budgets,
    known: &mut ByKey,
    random: &mut (dyn FnMut() -> [u8; RANDOM_BYTES] + Send),
) -> Result<HashSet<String>, StoreError> {
    let mut fresh = HashSet::new();
    for _ in 0..DRAWS {
        if coupons.is_empty() {
            return Ok(fresh);
        }
        let rows: Vec<CouponWrite> = coupons.iter().map(CouponWrite::from).collect();
        let (sql, bulk) = (INSERT.on(tx.dialect()), crate::store::bulk(&rows)?);
        let stored: Vec<String> =
            on_db!(tx, |conn| sqlx::query_scalar(sql).bind(bulk).fetch_all(conn).await)?;
        let stored: HashSet<String> = stored.into_iter().collect();
        let (done, left): (Vec<Coupon>, Vec<Coupon>) =
            coupons.into_iter().partition(|coupon| stored.contains(&coupon.id.to_string()));
        for coupon in done {
            fresh.insert(coupon.issue_key.clone());
            known.insert(coupon.issue_key.clone(), coupon);
        }
        let keys: Vec<&str> = left.iter().map(|coupon| coupon.issue_key.as_str()).collect();
        for coupon in by_issue_keys(tx, &keys).await? {
            known.insert(coupon.issue_key.clone(), coupon);
        }
        coupons = Vec::new();
        for mut coupon in left {
            if known.contains_key(&coupon.issue_key) {
                give_back(&coupon, budgets)?;
            } else {
                coupon.code = Code::from_random(random());
                coupons.push(coupon);
            }
        }
    }
    let constraint = "coupons_code_unique".to_owned();
    if coupons.is_empty() { Ok(fresh) } else { Err(StoreError::Constraint { constraint }) }
}

fn give_back(coupon: &Coupon, budgets: &mut Budgets) -> Result<(), StoreError> {
    let Some(budget) = coupon.campaign_id.and_then(|campaign| budgets.get_mut(&campaign)) else {
        return Ok(());
    };
    budget
        .release(coupon.reserved)
        .map_err(|e| StoreError::bad_row("offer_budgets", "reserved_minor", budget.campaign_id, e))
}

fn coupon(issue: &Issue<'_>, code: Code, ids: &IdSource, now: Instant) -> Coupon {
    Coupon {
        id: ids.next(now),
        code,
        label: label(&issue.offer.label, issue.offer.discount),
        issue_key: issue.issue_key.clone(),
        lead_id: issue.lead_id,
        offer_id: issue.offer.id,
        product_id: issue.product_id,
        campaign_id: issue.campaign_id,
        trigger_id: issue.trigger_id.clone(),
        discount: issue.offer.discount,
        currency: issue.most.currency(),
        reserved: issue.most,
        state: CouponState::Issued,
        issued_at: now,
        expires_at: issue.offer.coupon_expires_at(now),
        ended_at: None,
        order_id: None,
        order_amount: None,
        value: None,
    }
}
