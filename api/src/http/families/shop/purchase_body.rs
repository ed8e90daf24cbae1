//! A purchase as JSON: how it is shown, and what may be said about it.

use callwright_engine::domain::new_lead::Field;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::purchase::Purchase;
use callwright_engine::money::Number;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::amount::Amount;
use crate::http::moment::Moment;

/// One line of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurchaseBody {
    /// Our id (UUID).
    pub purchase_id: String,
    /// The shop's own id; accepted wherever a purchase id is.
    pub external_id: Option<String>,
    pub order_id: Option<String>,
    pub lead_id: String,
    pub product_id: String,
    pub quantity: i64,
    /// ISO 4217.
    pub currency: &'static str,
    #[schema(value_type = Amount)]
    pub unit_price: Number,
    /// Unit price times quantity.
    #[schema(value_type = Option<Amount>)]
    pub total: Option<Number>,
    /// Given back so far for the whole line.
    #[schema(value_type = Amount)]
    pub refunded: Number,
    /// The shop stands by it; others are no ground to call.
    pub verified: bool,
    pub purchased_at: DateTime<Utc>,
    pub delivered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Shown, but not settable.
pub const SHOWN_ONLY: [&str; 4] = ["purchaseId", "total", "createdAt", "updatedAt"];

impl From<Purchase> for PurchaseBody {
    fn from(purchase: Purchase) -> Self {
        Self {
            purchase_id: purchase.id.to_string(),
            lead_id: purchase.lead_id.to_string(),
            product_id: purchase.product_id.to_string(),
            quantity: purchase.quantity,
            currency: purchase.unit_price.currency().code(),
            unit_price: purchase.unit_price.number(),
            total: purchase.total().ok().map(callwright_engine::money::Money::number),
            refunded: purchase.refunded.number(),
            verified: purchase.is_verified,
            purchased_at: purchase.purchased_at,
            delivered_at: purchase.delivered_at,
            created_at: purchase.created_at,
            updated_at: purchase.updated_at,
            external_id: purchase.external_id,
            order_id: purchase.order_id,
        }
    }
}

/// What is said about a purchase: for a new one, or a change, in which absent fields stay.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PurchaseInput {
    pub external_id: Option<String>,
    pub order_id: Field<String>,
    #[serde(alias = "customerId")]
    pub lead_id: Option<String>,
    pub product_id: Option<String>,
    pub quantity: Option<i64>,
    pub currency: Option<String>,
    pub unit_price: Option<Number>,
    pub refunded: Option<Number>,
    pub verified: Option<bool>,
    pub purchased_at: Option<Moment>,
    pub delivered_at: Field<Moment>,
}

/// What is said about a purchase: for a new one, or a change, in which absent fields stay.
/// Documentation of [`PurchaseInput`]; a test holds the two together.
#[derive(Debug, ToSchema)]
#[schema(as = PurchaseInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "its schema is what it is for")]
pub struct PurchaseInputSchema {
    /// The shop's own id of this line: the same one again is the same purchase.
    external_id: Option<String>,
    order_id: Option<String>,
    /// Our id of the lead or yours; required for a new purchase. Also as `customerId`.
    lead_id: Option<String>,
    /// Our id of the product or yours; required for a new purchase.
    product_id: Option<String>,
    /// 1, when left out.
    quantity: Option<i64>,
    /// ISO 4217; the product's, when left out.
    currency: Option<String>,
    /// The product's price of today, when left out.
    #[schema(value_type = Option<Amount>)]
    unit_price: Option<Number>,
    /// Given back so far for the whole line.
    #[schema(value_type = Option<Amount>)]
    refunded: Option<Number>,
    /// Yes, when left out.
    verified: Option<bool>,
    /// Now, when left out.
    purchased_at: Option<String>,
    delivered_at: Option<String>,
}

impl From<PurchaseInput> for NewPurchase {
    fn from(input: PurchaseInput) -> Self {
        Self {
            external_id: input.external_id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()),
            order_id: input.order_id,
            lead_id: input.lead_id,
            product_id: input.product_id,
            quantity: input.quantity,
            currency: input.currency,
            unit_price: input.unit_price,
            refunded: input.refunded,
            verified: input.verified,
            purchased_at: input.purchased_at.map(|at| at.0),
            delivered_at: instant(input.delivered_at),
        }
    }
}

/// A time that may be left as it is, emptied or set.
pub fn instant(field: Field<Moment>) -> Field<DateTime<Utc>> {
    match field {
        Field::Keep => Field::Keep,
        Field::Clear => Field::Clear,
        Field::Set(at) => Field::Set(at.0),
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_documented_fields_are_the_accepted_ones() {
        let schema = serde_json::to_value(PurchaseInputSchema::schema()).unwrap();
        let mut documented: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let error = serde_json::from_str::<PurchaseInput>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut accepted: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        accepted.retain(|field| field != "customerId");
        documented.sort();
        accepted.sort();
        assert_eq!(documented, accepted);
    }
}
