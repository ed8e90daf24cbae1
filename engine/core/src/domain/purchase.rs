//! What leads bought and what they wait for: the grounds on which a price-drop or restock call is allowed (GATE-11).

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{InterestId, LeadId, ProductId, PurchaseId};
use crate::money::{Money, MoneyError};

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    pub id: PurchaseId,
    /// The shop's own id of this line; unique. The same one again is the same line.
    pub external_id: Option<String>,
    pub order_id: Option<String>,
    pub lead_id: LeadId,
    pub product_id: ProductId,
    /// At least 1.
    pub quantity: i64,
    /// What one piece cost, after everything taken off.
    pub unit_price: Money,
    /// Given back so far for the whole line; at most [`Purchase::total`].
    pub refunded: Money,
    /// The shop stands by it. Unverified purchases are no ground to call.
    pub is_verified: bool,
    pub purchased_at: Instant,
    pub delivered_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Purchase {
    /// Unit price times quantity.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit_price.times(self.quantity)
    }

    /// Wholly given back: no purchase any more.
    pub fn is_refunded(&self) -> bool {
        self.total().is_ok_and(|total| !total.is_zero() && self.refunded.minor() >= total.minor())
    }

    /// May it be a ground to call?
    pub fn counts(&self) -> bool {
        self.is_verified && !self.is_refunded()
    }
}

text_enum! {
    /// How a lead waits for a product.
    pub enum InterestKind {
        /// On a wish list: told of lower prices and of stock.
        WishList = "wish_list",
        /// Asked to be told when it is to be had again.
        BackInStock = "back_in_stock",
    }
}

/// A lead waits for a product; at most one of each kind per lead and product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    pub id: InterestId,
    pub lead_id: LeadId,
    pub product_id: ProductId,
    pub kind: InterestKind,
    /// Where it was said: `api`, `import`, or a word of the shop's.
    pub source: String,
    pub created_at: Instant,
    /// Taken back, bought or told; `None` while the lead waits.
    pub ended_at: Option<Instant>,
}
