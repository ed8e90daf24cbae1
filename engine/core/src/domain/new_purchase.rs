//! What shops and files say about a purchase: raw values in, a checked [`Purchase`] or every mistake at once out. Whose and of what
//! it is, is looked up by the store.

use chrono::TimeDelta;

use super::new_lead::{Errors, Field, FieldError, read};
use super::new_product::price_of;
use super::product::Product;
use super::purchase::Purchase;
use crate::clock::Instant;
use crate::id::{LeadId, PurchaseId};
use crate::money::{Currency, Money, Number};

/// Clocks of shops may be ahead of ours by this much.
const AHEAD: TimeDelta = TimeDelta::hours(26);
/// Pieces of one line.
const MOST_PIECES: i64 = 1_000_000;

/// A purchase as somebody describes it, unchecked. What is not mentioned stays as it is, or gets its default in a new one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewPurchase {
    pub external_id: Option<String>,
    pub order_id: Field<String>,
    /// Our id of the lead or the shop's; a new purchase needs it.
    pub lead_id: Option<String>,
    /// Our id of the product or the shop's; a new purchase needs it.
    pub product_id: Option<String>,
    /// 1, when left out.
    pub quantity: Option<i64>,
    /// The product's, when left out.
    pub currency: Option<String>,
    /// The product's price of today, when left out.
    pub unit_price: Option<Number>,
    /// Given back for the whole line.
    pub refunded: Option<Number>,
    /// Yes, when left out: whoever records purchases stands by them.
    pub verified: Option<bool>,
    /// Now, when left out.
    pub purchased_at: Option<Instant>,
    pub delivered_at: Field<Instant>,
}

/// A new purchase from what was said, or every mistake in it.
pub fn prepare(
    new: &NewPurchase,
    lead_id: LeadId,
    product: &Product,
    id: PurchaseId,
    now: Instant,
) -> Result<Purchase, Vec<FieldError>> {
    let blank = Purchase {
        id,
        external_id: new.external_id.clone(),
        order_id: None,
        lead_id,
        product_id: product.id,
        quantity: 1,
        unit_price: product.price,
        refunded: Money::zero(product.price.currency()),
        is_verified: true,
        purchased_at: now,
        delivered_at: None,
        created_at: now,
        updated_at: now,
    };
    new.apply(&blank, now)
}

impl NewPurchase {
    /// The purchase after this change, or every mistake in it. Whose it is and of what stays.
    pub fn apply(&self, before: &Purchase, now: Instant) -> Result<Purchase, Vec<FieldError>> {
        let mut purchase = before.clone();
        let mut errors = Errors::default();
        if let Some(id) = &self.external_id {
            errors.value("externalId", read::line(id.trim()), &mut purchase.external_id);
        }
        errors.field("orderId", &self.order_id, &mut purchase.order_id, read::line);
        match self.quantity {
            Some(quantity) if !(1..=MOST_PIECES).contains(&quantity) => {
                errors.add(
                    "quantity",
                    format!("is 1 to {MOST_PIECES}; what came back is written as `refunded`"),
                );
            }
            Some(quantity) => purchase.quantity = quantity,
            None => {}
        }
        self.amounts(&mut purchase, &mut errors);
        purchase.is_verified = self.verified.unwrap_or(purchase.is_verified);
        self.instants(&mut purchase, &mut errors, now);
        purchase.updated_at = now;
        if errors.0.is_empty() { Ok(purchase) } else { Err(errors.0) }
    }

    fn amounts(&self, purchase: &mut Purchase, errors: &mut Errors) {
        let currency = match self.currency.as_deref().map(Currency::find).transpose() {
            Ok(currency) => currency.unwrap_or(purchase.unit_price.currency()),
            Err(error) => return errors.add("currency", error.to_string()),
        };
        if let Some(price) = self.unit_price {
            errors.value("unitPrice", price_of(price, currency), &mut purchase.unit_price);
        } else if currency != purchase.unit_price.currency() {
            return errors.add("unitPrice", format!("the price in {currency} is needed with this currency"));
        }
        if purchase.refunded.currency() != currency {
            purchase.refunded = Money::zero(currency);
        }
        if let Some(refunded) = self.refunded {
            errors.value("refunded", price_of(refunded, currency), &mut purchase.refunded);
        }
        match purchase.total().and_then(|total| total.checked_sub(purchase.refunded)) {
            Ok(kept) if kept.is_negative() => {
                errors.add("refunded", "is more than was paid".to_owned());
            }
            Ok(_) => {}
            Err(error) => errors.add("unitPrice", error.to_string()),
        }
    }

    fn instants(&self, purchase: &mut Purchase, errors: &mut Errors, now: Instant) {
        if let Some(at) = self.purchased_at {
            if at > now + AHEAD {
                errors.add("purchasedAt", "lies in the future".to_owned());
            }
            purchase.purchased_at = at;
        }
        match self.delivered_at {
            Field::Keep => {}
            Field::Clear => purchase.delivered_at = None,
            Field::Set(at) => purchase.delivered_at = Some(at),
        }
        if purchase.delivered_at.is_some_and(|at| at < purchase.purchased_at) {
            errors.add("deliveredAt", "lies before the purchase".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant_from_micros;
    use crate::domain::new_product::{self, NewProduct};

    fn now() -> Instant {
        instant_from_micros(1_790_000_000_000_000)
    }

    fn product() -> Product {
        let new: NewProduct =
            serde_json::from_str(r#"{"name": "Lamp", "price": 10.50, "currency": "GBP"}"#).unwrap();
        new_product::prepare(&new, uuid::Uuid::from_u128(1).into(), now()).unwrap()
    }

    fn made(new: &NewPurchase) -> Result<Purchase, Vec<FieldError>> {
        prepare(new, uuid::Uuid::from_u128(2).into(), &product(), uuid::Uuid::from_u128(3).into(), now())
    }

    fn number(text: &str) -> Option<Number> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn what_is_left_out_comes_from_the_product_and_the_present() {
        let purchase = made(&NewPurchase::default()).unwrap();
        assert_eq!(
            (purchase.quantity, purchase.unit_price, purchase.purchased_at),
            (1, product().price, now())
        );
        assert!(purchase.counts());
    }

    #[test]
    fn nothing_more_than_was_paid_can_be_given_back() {
        let new = NewPurchase { quantity: Some(2), refunded: number("21.01"), ..NewPurchase::default() };
        assert_eq!(made(&new).unwrap_err()[0].to_string(), "refunded: is more than was paid");
        let all = made(&NewPurchase { refunded: number("10.5"), ..NewPurchase::default() }).unwrap();
        assert!(all.is_refunded() && !all.counts());
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let new = NewPurchase {
            quantity: Some(-6),
            unit_price: number("1.001"),
            purchased_at: Some(now() + TimeDelta::days(3)),
            ..NewPurchase::default()
        };
        let fields: Vec<String> = made(&new).unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["quantity", "unitPrice", "purchasedAt"]);
    }

    #[test]
    fn another_currency_than_the_products_needs_its_own_price() {
        let rupees = |unit_price| NewPurchase {
            currency: Some("INR".to_owned()),
            unit_price,
            ..NewPurchase::default()
        };
        assert_eq!(made(&rupees(None)).unwrap_err()[0].field, "unitPrice");
        assert_eq!(made(&rupees(number("900"))).unwrap().unit_price.to_string(), "900.00 INR");
    }
}
