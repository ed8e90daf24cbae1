//! What the calls of a trigger may say: the variables `product`, `offer` and `trigger` of one enrollment.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::raise::share_of;
use crate::clock::Instant;
use crate::decide::eligibility::Grounds;
use crate::decide::score::{self, Score, ValueClass, Weights, Worth};
use crate::domain::coupon::Coupon;
use crate::domain::offer::Offer;
use crate::domain::product::Product;
use crate::domain::trigger::{Trigger, TriggerKind};
use crate::id::AttemptId;
use crate::money::{Money, Percent};
use crate::time::zone::Zone;

/// What is known about one person when the enrollment is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub trigger: &'a Trigger,
    pub product: Option<&'a Product>,
    pub offer: Option<&'a Offer>,
    pub coupon: Option<&'a Coupon>,
    pub grounds: &'a Grounds<'a>,
    pub worth: ValueClass,
    pub zone: Option<&'a Zone>,
    /// The first call has this id: it was promised to whoever asked for the call.
    pub call_id: Option<AttemptId>,
    pub cap: u32,
    pub weights: &'a Weights,
    pub now: Instant,
}

/// The variables of the enrollment. Amounts are texts, so that nothing makes floats of them.
pub(super) fn variables(told: Told<'_>) -> Value {
    let mut all = Map::with_capacity(3);
    if let Some(product) = told.product {
        all.insert("product".to_owned(), self::product(told, product));
    }
    if let Some(offer) = told.offer {
        all.insert("offer".to_owned(), self::offer(told, offer));
    }
    all.insert("trigger".to_owned(), trigger(told));
    Value::Object(all)
}

/// How urgent the call is when it comes up for the first time.
pub(super) fn score_of(told: Told<'_>) -> Score {
    let facts = score::Facts {
        trigger: score_kind(told.trigger.kind),
        worth: Worth::Class(told.worth),
        age: (told.now - told.trigger.raised_at).max(TimeDelta::zero()),
        attempts: 0,
        cap: told.cap,
        waited: TimeDelta::zero(),
    };
    score::score(&facts, told.weights)
}

const fn score_kind(kind: TriggerKind) -> score::Trigger {
    match kind {
        TriggerKind::PriceDrop => score::Trigger::PriceDrop,
        TriggerKind::Restock => score::Trigger::Restock,
        TriggerKind::Promo => score::Trigger::Promo,
    }
}

fn product(told: Told<'_>, product: &Product) -> Value {
    let terms = &told.trigger.terms;
    let bought = told.grounds.purchase.filter(|purchase| purchase.product_id == product.id);
    // The price they know is the one they paid, where that was lower.
    let original = match (terms.original, bought) {
        (Some(original), Some(bought)) => original.min(bought.unit_price).ok().or(Some(original)),
        (original, _) => original,
    };
    let price = terms.new.or_else(|| told.offer.is_none().then_some(product.price));
    let purchased_on = bought.map(|bought| match told.zone {
        Some(zone) => zone.local(bought.purchased_at).date,
        None => bought.purchased_at.date_naive(),
    });
    json!({
        "id": product.id, "name": product.name, "oldPrice": original.map(amount), "newPrice": price.map(amount),
        "currency": product.price.currency(), "sku": product.external_id, "category": product.category,
        "url": product.attributes.get("url"), "purchasedAt": purchased_on,
    })
}

fn offer(told: Told<'_>, offer: &Offer) -> Value {
    let currency = told.product.map(|product| product.price.currency());
    json!({
        "id": offer.id, "type": told.trigger.kind, "title": offer.name, "percent": percent(told).map(number),
        "savings": savings(told).map(amount), "coupon": told.coupon.map(Coupon::text),
        "expiresAt": told.coupon.map_or(told.trigger.terms.valid_until, |coupon| coupon.expires_at),
        "currency": currency,
    })
}

/// For one piece: what the price fell by since they bought it.
fn savings(told: Told<'_>) -> Option<Money> {
    if let Some(refund) = told.grounds.refund {
        return refund.per_piece.min(refund.amount).ok();
    }
    let terms = &told.trigger.terms;
    match (terms.original, terms.new) {
        (Some(original), Some(new)) => original.checked_sub(new).ok(),
        _ => Some(told.product?.price.share(terms.discount()?)),
    }
}

/// The announced percentage; of what they paid, if that was less than the announced price.
fn percent(told: Told<'_>) -> Option<Percent> {
    let announced = told.trigger.terms.discount();
    let (Some(saving), Some(original), Some(bought)) =
        (savings(told), told.trigger.terms.original, told.grounds.purchase)
    else {
        return announced;
    };
    let paid_less = bought.unit_price.checked_sub(original).is_ok_and(Money::is_negative);
    if paid_less { share_of(saving, bought.unit_price) } else { announced }
}

fn trigger(told: Told<'_>) -> Value {
    let score = score_of(told);
    let mut fields = Map::with_capacity(11);
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("id", json!(told.trigger.id));
    put("type", json!(told.trigger.kind));
    put("at", json!(told.trigger.raised_at));
    put("validUntil", json!(told.trigger.terms.valid_until));
    put("worth", json!(told.worth));
    put("priority", json!(score.class));
    put("points", json!(score.points));
    put("refund", json!(told.grounds.refund.is_some()));
    if let Some(refund) = told.grounds.refund {
        put("refundAmount", Value::String(amount(refund.amount)));
    }
    // Looked at again before each call (GATE-11). Who also waits for the product needs no purchase; a promotion rests on none.
    let needs_purchase = told.trigger.kind != TriggerKind::Promo && told.grounds.interest.is_none();
    if let Some(bought) = told.grounds.purchase.filter(|_| needs_purchase) {
        put("purchaseId", json!(bought.id));
    }
    if let Some(call) = told.call_id {
        put("callId", json!(call));
    }
    Value::Object(fields)
}

fn amount(money: Money) -> String {
    money.amount().to_string()
}

/// A JSON number; percentages have two digits at most, which floats carry exactly enough.
fn number(percent: Percent) -> Value {
    let points = percent.basis_points();
    if points.is_multiple_of(100) { json!(points / 100) } else { json!(f64::from(points) / 100.0) }
}
