//! An offer as JSON: how it is shown, and what may be said about it.

use callwright_engine::domain::new_lead::Field;
use callwright_engine::domain::new_offer::{NewOffer, NewPolicy};
use callwright_engine::domain::offer::{Discount, Offer, RefundPolicy};
use callwright_engine::id::CampaignId;
use callwright_engine::money::{Money, Number};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::purchase_body::instant;
use crate::http::amount::Amount;
use crate::http::moment::Moment;

/// An offer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferBody {
    /// Our id (UUID).
    pub offer_id: String,
    /// Chosen by whoever made it; accepted wherever an offer id is.
    pub key: String,
    pub name: String,
    pub campaign_id: Option<String>,
    /// Begins the coupons: `PRICE_DROP` in `PRICE_DROP-15-7K3Q-9XZM-TC4`.
    pub label: String,
    /// Either this …
    #[schema(value_type = Option<Amount>)]
    pub percent: Option<Number>,
    /// … or this.
    #[schema(value_type = Option<Amount>)]
    pub amount: Option<Number>,
    /// Of the amount.
    pub currency: Option<&'static str>,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_until: Option<DateTime<Utc>>,
    /// How long a coupon lives, unless the offer ends before; two weeks when `null`.
    pub coupon_hours: Option<u32>,
    pub policy: PolicyBody,
    pub active: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Who is owed a refund after a price drop.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyBody {
    /// `null`: no limit.
    pub window_days: Option<u32>,
    /// `purchase` or `delivery`.
    pub window_from: &'static str,
    pub same_item: bool,
    #[schema(value_type = Option<Amount>)]
    pub cap: Option<Number>,
    pub cap_currency: Option<&'static str>,
    pub once_per_order: bool,
    pub exclude_tags: Vec<String>,
    pub exclude_categories: Vec<String>,
    pub min_stock: Option<i64>,
}

impl From<RefundPolicy> for PolicyBody {
    fn from(policy: RefundPolicy) -> Self {
        Self {
            window_days: policy.window_days,
            window_from: policy.window_from.as_str(),
            same_item: policy.same_item,
            cap: policy.cap.map(Money::number),
            cap_currency: policy.cap.map(|cap| cap.currency().code()),
            once_per_order: policy.once_per_order,
            exclude_tags: policy.exclude_tags,
            exclude_categories: policy.exclude_categories,
            min_stock: policy.min_stock,
        }
    }
}

/// A discount as the three fields that say it: percent, amount, currency.
pub fn discount(discount: Discount) -> (Option<Number>, Option<Number>, Option<&'static str>) {
    match discount {
        Discount::Percent(percent) => (Some(percent.number()), None, None),
        Discount::Amount(amount) => (None, Some(amount.number()), Some(amount.currency().code())),
    }
}

/// Shown, but not settable.
pub const SHOWN_ONLY: [&str; 3] = ["offerId", "createdAt", "updatedAt"];

impl From<Offer> for OfferBody {
    fn from(offer: Offer) -> Self {
        let (percent, amount, currency) = discount(offer.discount);
        Self {
            offer_id: offer.id.to_string(),
            campaign_id: offer.campaign_id.map(|id| id.to_string()),
            percent,
            amount,
            currency,
            valid_from: offer.valid_from,
            valid_until: offer.valid_until,
            coupon_hours: offer.coupon_hours,
            policy: offer.policy.into(),
            active: offer.is_active,
            created_at: offer.created_at,
            updated_at: offer.updated_at,
            key: offer.key,
            name: offer.name,
            label: offer.label,
        }
    }
}

/// What is said about an offer: for a new one, or a change, in which absent fields stay and `null` empties one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OfferInput {
    pub key: Option<String>,
    pub name: Option<String>,
    pub campaign_id: Field<String>,
    pub label: Option<String>,
    pub percent: Option<Number>,
    pub amount: Option<Number>,
    pub currency: Option<String>,
    pub valid_from: Field<Moment>,
    pub valid_until: Field<Moment>,
    pub coupon_hours: Field<u32>,
    pub policy: Option<NewPolicy>,
    pub active: Option<bool>,
}

/// What is said about an offer: for a new one, or a change, in which absent fields stay and `null` empties one.
/// Documentation of [`OfferInput`]; a test holds the two together.
#[derive(Debug, ToSchema)]
#[schema(as = OfferInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "its schema is what it is for")]
pub struct OfferInputSchema {
    /// Small letters, digits and dashes; required for a new offer, and it stays.
    key: Option<String>,
    name: Option<String>,
    campaign_id: Option<String>,
    /// Capital letters, digits and `_`; `OFFER`, when left out.
    label: Option<String>,
    /// Either this …
    #[schema(value_type = Option<Amount>)]
    percent: Option<Number>,
    /// … or this, with its currency.
    #[schema(value_type = Option<Amount>)]
    amount: Option<Number>,
    /// Of the amount; ISO 4217.
    currency: Option<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    coupon_hours: Option<u32>,
    /// Replaces the policy as a whole.
    #[schema(value_type = Option<PolicyInputSchema>)]
    policy: Option<NewPolicy>,
    active: Option<bool>,
}

/// Who is owed a refund. What is left out: thirty days from purchase, the same item, once per order.
/// Documentation of the engine's `NewPolicy`; a test holds the two together.
#[derive(Debug, ToSchema)]
#[schema(as = PolicyInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "its schema is what it is for")]
pub struct PolicyInputSchema {
    /// `null`: no limit.
    window_days: Option<u32>,
    /// `purchase` or `delivery`.
    window_from: Option<String>,
    same_item: Option<bool>,
    #[schema(value_type = Option<Amount>)]
    cap: Option<Number>,
    cap_currency: Option<String>,
    once_per_order: Option<bool>,
    exclude_tags: Option<Vec<String>>,
    exclude_categories: Option<Vec<String>>,
    min_stock: Option<i64>,
}

impl OfferInput {
    /// `campaign` is who `campaignId` means.
    pub fn into_new(self, campaign: Field<CampaignId>) -> NewOffer {
        NewOffer {
            key: self.key,
            name: self.name,
            label: self.label,
            percent: self.percent,
            amount: self.amount,
            currency: self.currency,
            campaign_id: campaign,
            valid_from: instant(self.valid_from),
            valid_until: instant(self.valid_until),
            coupon_hours: self.coupon_hours,
            policy: self.policy,
            active: self.active,
        }
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_documented_fields_of_a_policy_are_the_accepted_ones() {
        let schema = serde_json::to_value(PolicyInputSchema::schema()).unwrap();
        let mut documented: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let error = serde_json::from_str::<NewPolicy>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut accepted: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        documented.sort();
        accepted.sort();
        assert_eq!(documented, accepted);
    }

    #[test]
    fn the_documented_fields_are_the_accepted_ones() {
        let schema = serde_json::to_value(OfferInputSchema::schema()).unwrap();
        let mut documented: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let error = serde_json::from_str::<OfferInput>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut accepted: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        documented.sort();
        accepted.sort();
        assert_eq!(documented, accepted);
    }
}
