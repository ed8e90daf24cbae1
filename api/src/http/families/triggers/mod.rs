//! The trigger family: events of the shop become calls to the people they concern (TRG-2, TRG-3), the packages of calls (TRG-4),
//! rules by which the catalogue raises triggers itself, and what it all came to (TRG-7).
#![expect(unused_qualifications, reason = "utoipa's macro spells out the paths of parameter types")]

pub mod analytics;
pub mod bodies;
pub mod calls;
pub mod raise;
pub mod rules;
pub mod show;

use callwright_engine::id::{CampaignId, ProductId, TriggerId};
use callwright_engine::store::{Tx, campaign, product};

use crate::http::error::{Answer, ApiError};

fn trigger_id(text: &str) -> Answer<TriggerId> {
    text.parse().map_err(|_| ApiError::not_found("trigger", text))
}

/// A product by our id or the shop's.
async fn product_id(tx: &mut Tx, text: &str) -> Answer<ProductId> {
    product::resolve(tx, text).await?.ok_or_else(|| ApiError::not_found("product", text))
}

/// A campaign by our id or its key.
async fn campaign_id(tx: &mut Tx, text: &str) -> Answer<CampaignId> {
    campaign::resolve(tx, text).await?.ok_or_else(|| ApiError::not_found("campaign", text))
}
