//! Is a buyer owed the difference after a price drop, and how much? The rules of one offer against one purchase.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::domain::product::Product;
use crate::domain::purchase::Purchase;
use crate::domain::text_enum::text_enum;
use crate::money::{Money, MoneyError};

text_enum! {
    /// When the days of a refund begin.
    pub enum WindowFrom {
        Purchase = "purchase",
        /// Delivery; not delivered yet counts as within the days.
        Delivery = "delivery",
    }
}

/// Who is owed a refund. What is left out does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RefundPolicy {
    /// Days after purchase or delivery; the last one counts in full. `None`: no limit.
    pub window_days: Option<u32>,
    pub window_from: WindowFrom,
    /// Only the very product that became cheaper; otherwise also others of its category.
    pub same_item: bool,
    /// Most that is given back for one order line.
    pub cap: Option<Money>,
    /// Nothing more for a line of which something was given back already.
    pub once_per_order: bool,
    /// Products with one of these tags are left out.
    pub exclude_tags: Vec<String>,
    /// Products of these categories are left out.
    pub exclude_categories: Vec<String>,
    /// The product must be at hand in at least this number; products whose stock is not counted are.
    pub min_stock: Option<i64>,
}

impl Default for RefundPolicy {
    /// Thirty days from purchase, the same item, once per order.
    fn default() -> Self {
        Self {
            window_days: Some(30),
            window_from: WindowFrom::Purchase,
            same_item: true,
            cap: None,
            once_per_order: true,
            exclude_tags: Vec::new(),
            exclude_categories: Vec::new(),
            min_stock: None,
        }
    }
}

/// A price that fell.
#[derive(Debug, Clone, Copy)]
pub struct PriceDrop<'a> {
    pub product: &'a Product,
    pub new_price: Money,
}

/// What a buyer is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    /// Of one piece, before the cap.
    pub per_piece: Money,
    /// Of the whole line, capped, and never more than was paid for it and not given back yet.
    pub amount: Money,
    /// Last instant at which it may be claimed; `None`: no limit.
    pub until: Option<Instant>,
}

/// Why a buyer is owed nothing; the words are for reports, the code for machines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEligible {
    #[error("the purchase is not verified")]
    Unverified,
    #[error("the purchase was given back in full")]
    Refunded,
    #[error("something was given back for this purchase already")]
    RefundedOnce,
    #[error("another product was bought")]
    OtherProduct,
    #[error("the product is excluded by `{0}`")]
    Excluded(String),
    #[error("too few are at hand")]
    OutOfStock,
    #[error("bought after the price fell")]
    NotPaidMore,
    #[error("bought or delivered more than {0} days ago")]
    TooLate(u32),
    #[error("{0}")]
    Money(#[from] MoneyError),
}

impl NotEligible {
    /// Kebab-case, for counts by reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unverified => "purchase-unverified",
            Self::Refunded => "purchase-refunded",
            Self::RefundedOnce => "refunded-once",
            Self::OtherProduct => "other-product",
            Self::Excluded(_) => "product-excluded",
            Self::OutOfStock => "out-of-stock",
            Self::NotPaidMore => "not-paid-more",
            Self::TooLate(_) => "refund-window-over",
            Self::Money(_) => "currency-mismatch",
        }
    }
}

/// What `purchase` is owed at `now` after the drop: `(paid − new) × quantity`, at most the cap and what is not given back yet.
pub fn refund(
    policy: &RefundPolicy,
    drop: PriceDrop<'_>,
    purchase: &Purchase,
    now: Instant,
) -> Result<Refund, NotEligible> {
    grounds(policy, drop.product, purchase)?;
    let until = claim_until(policy, purchase);
    if until.is_some_and(|until| now > until) {
        return Err(NotEligible::TooLate(policy.window_days.unwrap_or_default()));
    }
    let per_piece = purchase.unit_price.checked_sub(drop.new_price)?;
    if per_piece.is_negative() || per_piece.is_zero() {
        return Err(NotEligible::NotPaidMore);
    }
    let not_given_back = purchase.total()?.checked_sub(purchase.refunded)?;
    let owed = per_piece.times(purchase.quantity)?.min(not_given_back)?;
    let amount = policy.cap.map_or(Ok(owed), |cap| owed.min(cap))?;
    Ok(Refund { per_piece, amount, until })
}

fn grounds(policy: &RefundPolicy, product: &Product, purchase: &Purchase) -> Result<(), NotEligible> {
    if !purchase.is_verified {
        return Err(NotEligible::Unverified);
    }
    if purchase.is_refunded() {
        return Err(NotEligible::Refunded);
    }
    if policy.once_per_order && !purchase.refunded.is_zero() {
        return Err(NotEligible::RefundedOnce);
    }
    if policy.same_item && purchase.product_id != product.id {
        return Err(NotEligible::OtherProduct);
    }
    let excluded = policy.exclude_tags.iter().find(|tag| product.tags.contains(tag));
    let category = || policy.exclude_categories.iter().find(|each| product.category.as_ref() == Some(each));
    if let Some(word) = excluded.or_else(category) {
        return Err(NotEligible::Excluded(word.clone()));
    }
    match (policy.min_stock, product.stock) {
        (Some(least), Some(stock)) if stock < least => Err(NotEligible::OutOfStock),
        _ => Ok(()),
    }
}

fn claim_until(policy: &RefundPolicy, purchase: &Purchase) -> Option<Instant> {
    let start = match policy.window_from {
        WindowFrom::Purchase => Some(purchase.purchased_at),
        WindowFrom::Delivery => purchase.delivered_at,
    };
    let days = policy.window_days?;
    // A window that ends after the end of time never ends.
    start?.checked_add_signed(TimeDelta::days(i64::from(days)))
}
