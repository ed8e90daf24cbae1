//! Redeeming coupons (TRG-5): one of many tries wins, guesses are counted, and cadences hear of it in the same transaction.

use chrono::TimeDelta;
use serde_json::json;

use super::again::unless_deadlocked;
use super::{Engine, EngineError, NewEvent};
use crate::clock::Instant;
use crate::domain::coupon::allowance::{self, CLIENT_FAILURES, KEY_FAILURES};
use crate::domain::coupon::{Coupon, Given, Redemption, Refused, Taken, redeem};
use crate::domain::event::kinds;
use crate::id::LeadId;
use crate::money::{Currency, Number};
use crate::store::{Tx, coupon, redemption_limit};

/// A coupon that somebody wants to use.
#[derive(Debug, Clone)]
pub struct RedeemRequest {
    /// Read already: a mistyped code never comes this far.
    pub given: Given,
    pub order_id: Option<String>,
    /// What is paid for before the discount, in `currency`, or else the coupon's.
    pub amount: Option<Number>,
    pub currency: Option<Currency>,
    pub lead_id: Option<LeadId>,
    /// Who asks: the API key's principal.
    pub key: String,
    /// For whom, as the shop names its customers: an address, a session.
    pub client: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// The coupon as it is now; `repeated`: it was redeemed before for this very order.
    Done { coupon: Box<Coupon>, repeated: bool },
    /// There is such a coupon, and it cannot be used.
    Refused(Refused),
    /// There is no such coupon. Counted.
    Unknown,
    /// Too many that did not exist; nothing was looked up.
    Wait(TimeDelta),
}

impl Engine {
    /// Redeems a coupon at most once, whoever else tries at the same time.
    pub async fn redeem(&self, request: RedeemRequest) -> Result<Redeemed, EngineError> {
        unless_deadlocked("redeem", || self.redeem_once(&request)).await
    }

    async fn redeem_once(&self, request: &RedeemRequest) -> Result<Redeemed, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let allowance = Allowance::of(&mut tx, request, now).await?;
        if let Some(wait) = allowance.wait(now) {
            tx.rollback().await?;
            return Ok(Redeemed::Wait(wait));
        }
        let found = coupon::lock_by_code(&mut tx, request.given.code).await?;
        let Some(coupon) = found.filter(|coupon| request.given.fits(&coupon.label)) else {
            allowance.fail(&mut tx, now).await?;
            tx.commit().await?;
            return Ok(Redeemed::Unknown);
        };
        let redemption = redemption(request, &coupon)?;
        let value = match redeem(&coupon, &redemption, now) {
            Ok(Taken::Now(value)) => value,
            Ok(Taken::Before) => return Ok(Redeemed::Done { coupon: Box::new(coupon), repeated: true }),
            Err(refused) => return Ok(Redeemed::Refused(refused)),
        };
        let Some(coupon) = coupon::redeem(&mut tx, &coupon, &redemption, value, now).await? else {
            return Ok(Redeemed::Refused(Refused::Redeemed));
        };
        let (_, tally) = self.log_events_in(&mut tx, vec![redeemed(&coupon, now)], now).await?;
        tx.commit().await?;
        self.metrics.committed(&tally, "");
        Ok(Redeemed::Done { coupon: Box::new(coupon), repeated: false })
    }

    /// Ends up to `limit` coupons whose time is over, and gives back what was reserved for them; answers how many.
    pub async fn expire_coupons(&self, limit: u32) -> Result<u64, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let ended = coupon::expire(&mut tx, now, limit).await?;
        redemption_limit::sweep(&mut tx, now, limit).await?;
        tx.commit().await?;
        Ok(ended)
    }
}

fn redemption(request: &RedeemRequest, coupon: &Coupon) -> Result<Redemption, EngineError> {
    let currency = request.currency.unwrap_or(coupon.currency);
    let amount = request.amount.map(|amount| amount.of(currency)).transpose();
    let amount = amount
        .map_err(|error| EngineError::Invalid { field: "amount".to_owned(), message: error.to_string() })?;
    Ok(Redemption { order_id: request.order_id.clone(), amount, lead_id: request.lead_id })
}

/// Amounts are texts here: event data is carried as plain JSON, whose numbers are floats.
fn redeemed(coupon: &Coupon, now: Instant) -> NewEvent {
    NewEvent {
        kind: kinds::COUPON_REDEEMED.to_owned(),
        lead_id: coupon.lead_id,
        campaign_id: coupon.campaign_id,
        at: Some(now),
        data: json!({
            "couponId": coupon.id,
            "code": coupon.text(),
            "offerId": coupon.offer_id,
            "productId": coupon.product_id,
            "triggerId": coupon.trigger_id,
            "orderId": coupon.order_id,
            "amount": coupon.order_amount.map(|amount| amount.amount().to_string()),
            "value": coupon.value.map(|value| value.amount().to_string()),
            "currency": coupon.currency,
        }),
        dedupe: Some(format!("coupon:{}", coupon.id)),
    }
}

/// What the key, and the client behind it, have used of their allowances; held until the transaction ends.
struct Allowance(Vec<(String, u32, Instant)>);

impl Allowance {
    async fn of(tx: &mut Tx, request: &RedeemRequest, now: Instant) -> Result<Self, EngineError> {
        let mut circles = vec![(redemption_limit::digest(&request.key), KEY_FAILURES)];
        if let Some(client) = &request.client {
            circles.push((redemption_limit::digest(&format!("{}/{client}", request.key)), CLIENT_FAILURES));
        }
        let names: Vec<String> = circles.iter().map(|(name, _)| name.clone()).collect();
        let used = redemption_limit::lock(tx, &names, now).await?;
        Ok(Self(circles.into_iter().zip(used).map(|((name, most), used)| (name, most, used)).collect()))
    }

    fn wait(&self, now: Instant) -> Option<TimeDelta> {
        self.0.iter().filter_map(|(_, most, used)| allowance::wait(*used, *most, now)).max()
    }

    async fn fail(&self, tx: &mut Tx, now: Instant) -> Result<(), EngineError> {
        let after = |(name, most, used): &(String, u32, Instant)| {
            (name.clone(), allowance::after_failure(*used, *most, now))
        };
        let used: Vec<(String, Instant)> = self.0.iter().map(after).collect();
        Ok(redemption_limit::save(tx, &used).await?)
    }
}
