//! A product of the catalogue, and what is kept of its past: every price and every count of its stock.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{PriceChangeId, ProductId, StockChangeId};
use crate::money::Money;

/// A product as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    pub id: ProductId,
    /// The shop's own id; unique.
    pub external_id: Option<String>,
    pub name: String,
    pub category: Option<String>,
    /// Never negative.
    pub price: Money,
    /// Pieces at hand; `None`: not counted, always to be had.
    pub stock: Option<i64>,
    /// Inactive products are kept for their history; nothing is offered for them.
    pub is_active: bool,
    /// Words that offers can exclude, such as `clearance`.
    pub tags: Vec<String>,
    pub attributes: BTreeMap<String, Value>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Product {
    /// Can it be sold now?
    pub fn is_available(&self) -> bool {
        self.is_active && self.stock != Some(0)
    }
}

text_enum! {
    /// Who changed a price or a stock.
    pub enum ChangeSource {
        Api = "api",
        Import = "import",
        /// A price-drop or restock trigger that named the new value itself.
        Trigger = "trigger",
    }
}

/// One line of a product's price history; never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceChange {
    pub id: PriceChangeId,
    pub product_id: ProductId,
    /// `None`: the first price. May be of another currency.
    pub old: Option<Money>,
    pub new: Money,
    pub source: ChangeSource,
    pub at: Instant,
}

impl PriceChange {
    /// Cheaper, in the same currency.
    pub fn is_drop(&self) -> bool {
        self.old.is_some_and(|old| self.new.checked_sub(old).is_ok_and(Money::is_negative))
    }
}

/// One line of a product's stock history; never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    pub id: StockChangeId,
    pub product_id: ProductId,
    /// `None`, before or after: not counted.
    pub old: Option<i64>,
    pub new: Option<i64>,
    pub source: ChangeSource,
    pub at: Instant,
}

impl StockChange {
    /// Sold out before, to be had now.
    pub fn is_restock(&self) -> bool {
        self.old == Some(0) && self.new != Some(0)
    }
}
