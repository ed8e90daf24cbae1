//! The shop family, below `/crm`: products, purchases, interests, offers, budgets and coupons (TRG-1, TRG-5). Amounts are JSON
//! numbers; ids are ours or the shop's own, wherever one is asked for.
#![expect(unused_qualifications, reason = "utoipa's macro spells out the paths of parameter types")]

pub mod campaign_shop;
pub mod coupon_body;
pub mod coupons;
pub mod interests;
pub mod offer_body;
pub mod offers;
pub mod product_body;
pub mod products;
pub mod purchase_body;
pub mod purchases;

use callwright_engine::id::ProductId;
use callwright_engine::store::{Tx, product};

use super::super::error::{Answer, ApiError};

/// A product by our id or the shop's.
async fn product_id(tx: &mut Tx, id: &str) -> Answer<ProductId> {
    product::resolve(tx, id).await?.ok_or_else(|| ApiError::not_found("product", id))
}

/// A value of a query string that is one of a few.
fn one_of<T: std::str::FromStr<Err: ToString>>(name: &str, text: Option<&String>) -> Answer<Option<T>> {
    text.map(|text| text.parse().map_err(|error: T::Err| ApiError::field(name, error.to_string())))
        .transpose()
}
