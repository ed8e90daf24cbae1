//! The rows of `purchases`, both ways.

use sqlx_macros::FromRow;

use crate::clock::{instant_from_micros, micros};
use crate::domain::purchase::Purchase;
use crate::store::bulk::bulk_row;
use crate::store::error::StoreError;
use crate::store::money::read_money;

macro_rules! purchase_row {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.external_id, p.order_id, p.lead_id, p.product_id, p.quantity, p.currency, p.unit_minor,
                    p.refunded_minor, p.is_verified, p.purchased_at, p.delivered_at, p.created_at, p.updated_at ",
            $rest
        )
    };
}
pub(super) use purchase_row;

#[derive(Debug, FromRow)]
pub(super) struct PurchaseRow {
    pub id: String,
    external_id: Option<String>,
    order_id: Option<String>,
    lead_id: String,
    product_id: String,
    quantity: i64,
    currency: String,
    unit_minor: i64,
    refunded_minor: i64,
    is_verified: i64,
    pub purchased_at: i64,
    delivered_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

bulk_row! {
    pub struct PurchaseWrite {
        id: String,
        external_id: Option<String>,
        order_id: Option<String>,
        lead_id: String,
        product_id: String,
        quantity: i64,
        currency: &'static str,
        unit_minor: i64,
        refunded_minor: i64,
        is_verified: i64,
        purchased_at: i64,
        delivered_at: Option<i64>,
        created_at: i64,
        updated_at: i64,
    }
}

impl From<&Purchase> for PurchaseWrite {
    fn from(purchase: &Purchase) -> Self {
        Self {
            id: purchase.id.to_string(),
            external_id: purchase.external_id.clone(),
            order_id: purchase.order_id.clone(),
            lead_id: purchase.lead_id.to_string(),
            product_id: purchase.product_id.to_string(),
            quantity: purchase.quantity,
            currency: purchase.unit_price.currency().code(),
            unit_minor: purchase.unit_price.minor(),
            refunded_minor: purchase.refunded.minor(),
            is_verified: i64::from(purchase.is_verified),
            purchased_at: micros(purchase.purchased_at),
            delivered_at: purchase.delivered_at.map(micros),
            created_at: micros(purchase.created_at),
            updated_at: micros(purchase.updated_at),
        }
    }
}

impl TryFrom<PurchaseRow> for Purchase {
    type Error = StoreError;

    fn try_from(row: PurchaseRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("purchases", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            product_id: row.product_id.parse().map_err(|e| bad("product_id", &e))?,
            unit_price: read_money(row.unit_minor, &row.currency).map_err(|e| bad("unit_minor", &e))?,
            refunded: read_money(row.refunded_minor, &row.currency).map_err(|e| bad("refunded_minor", &e))?,
            quantity: row.quantity,
            is_verified: row.is_verified != 0,
            purchased_at: instant_from_micros(row.purchased_at),
            delivered_at: row.delivered_at.map(instant_from_micros),
            created_at: instant_from_micros(row.created_at),
            updated_at: instant_from_micros(row.updated_at),
            external_id: row.external_id,
            order_id: row.order_id,
        })
    }
}
