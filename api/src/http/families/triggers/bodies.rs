//! Triggers as JSON: what is posted, and how they are shown. Prices are JSON numbers, read and printed digit by digit.

use std::collections::BTreeMap;

use callwright_engine::decide::estimate::Estimate;
use callwright_engine::domain::trigger::Trigger;
use callwright_engine::engine::triggers::DryRun;
use callwright_engine::money::{Money, Number, Percent};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::http::moment::Moment;

/// A call to one customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TriggerCallInput {
    /// Our id or its key; the campaign named like the cadence, else the only active one, when left out.
    pub campaign_id: Option<String>,
    /// A lead: our id or yours.
    pub customer_id: String,
    /// Our id or the shop's.
    pub product_id: String,
    /// `price_drop`, `restock` or `promo`.
    pub trigger_type: String,
    #[schema(value_type = Option<f64>)]
    pub discount_percent: Option<Number>,
    #[schema(value_type = Option<f64>)]
    pub new_price: Option<Number>,
    #[schema(value_type = Option<f64>)]
    pub original_price: Option<Number>,
    /// When the offer ends; in two weeks, when left out.
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<Moment>,
    /// The cadence of the trigger type, when left out.
    pub cadence_id: Option<String>,
}

/// A product became cheaper: its verified buyers are called, once per drop.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceDropInput {
    /// Our id or the shop's.
    pub product_id: String,
    /// The catalogue's price, when left out.
    #[schema(value_type = Option<f64>)]
    pub old_price: Option<Number>,
    #[schema(value_type = f64)]
    pub new_price: Number,
    /// Worked out from the prices, when left out.
    #[schema(value_type = Option<f64>)]
    pub discount_percent: Option<Number>,
    pub campaign_id: Option<String>,
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<Moment>,
    pub cadence_id: Option<String>,
    /// Only who bought within so many days; everybody, when left out.
    pub window_days: Option<u32>,
    /// Who would get back less is not called.
    #[schema(value_type = Option<f64>)]
    pub min_saving: Option<Number>,
    /// Leads with one of these tags are not called.
    #[serde(default)]
    pub exclude_tags: Vec<String>,
}

/// A product can be had again: its buyers and the people who wait for it are called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestockInput {
    pub product_id: String,
    pub campaign_id: Option<String>,
    /// For returning customers; nothing is taken off, when left out.
    #[schema(value_type = Option<f64>)]
    pub discount_percent: Option<Number>,
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<Moment>,
    pub cadence_id: Option<String>,
    #[serde(default)]
    pub exclude_tags: Vec<String>,
}

/// A promotion: the buyers of the campaign's products are called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromoInput {
    pub campaign_id: Option<String>,
    #[schema(value_type = f64)]
    pub discount_percent: Number,
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<Moment>,
    /// Only this product of the campaign's.
    pub product_id: Option<String>,
    pub cadence_id: Option<String>,
    #[serde(default)]
    pub exclude_tags: Vec<String>,
}

/// Try it out first?
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRunParams {
    /// Only say what would happen; nothing is written.
    #[serde(default)]
    pub dry_run: bool,
}

/// A queued call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerCallBody {
    /// Always `true`; errors have their own body.
    pub success: bool,
    /// Of the first call. A retry is another call.
    pub call_id: String,
    pub trigger_id: String,
    pub enrollment_id: String,
    /// `queued`: the call is made as soon as nothing stands against it.
    pub status: &'static str,
    /// The same call had been queued before; nothing happened this time.
    pub repeated: bool,
    /// The complete package; its JSON Schema is at `/api/v1/schemas/package.schema.json`.
    #[schema(value_type = Object)]
    pub call_data: Box<RawValue>,
}

/// A trigger, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerBody {
    /// Always `true`; errors have their own body.
    pub success: bool,
    pub trigger_id: String,
    /// `price_drop`, `restock` or `promo`.
    pub trigger_type: &'static str,
    /// `running`, `done`, `withdrawing` (cancelled, and being taken back) or `cancelled`.
    pub status: &'static str,
    /// The same event had been raised before; nothing happened this time.
    pub repeated: bool,
    /// Who raised it: `api`, `command` or `catalogue`.
    pub source: &'static str,
    pub campaign_id: String,
    pub product_id: Option<String>,
    pub customer_id: Option<String>,
    pub offer_id: Option<String>,
    pub cadence_id: String,
    #[schema(value_type = Option<f64>)]
    pub original_price: Option<Number>,
    #[schema(value_type = Option<f64>)]
    pub new_price: Option<Number>,
    #[schema(value_type = Option<f64>)]
    pub discount_percent: Option<Number>,
    pub currency: Option<String>,
    pub valid_until: DateTime<Utc>,
    /// People it may concern, counted when it was raised.
    pub candidates: u64,
    /// Of these, looked at so far.
    pub examined: u64,
    /// Of these, to be called.
    pub eligible: u64,
    /// Of these, left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    pub raised_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Where to look how far it has come.
    pub progress_url: String,
}

impl TriggerBody {
    pub fn of(trigger: Trigger, repeated: bool) -> Self {
        let terms = &trigger.terms;
        let price = terms.new.or(terms.original);
        Self {
            success: true,
            trigger_id: trigger.id.to_string(),
            trigger_type: trigger.kind.as_str(),
            status: trigger.state.as_str(),
            repeated,
            source: trigger.source.as_str(),
            campaign_id: trigger.campaign_id.to_string(),
            product_id: trigger.product_id.map(|id| id.to_string()),
            customer_id: trigger.lead_id.map(|id| id.to_string()),
            offer_id: trigger.offer_id.map(|id| id.to_string()),
            original_price: terms.original.map(Money::number),
            new_price: terms.new.map(Money::number),
            discount_percent: terms.discount().map(Percent::number),
            currency: price.map(|price| price.currency().to_string()),
            valid_until: terms.valid_until,
            candidates: trigger.candidates,
            examined: trigger.eligible + trigger.skipped.values().sum::<u64>(),
            eligible: trigger.eligible,
            raised_at: trigger.raised_at,
            updated_at: trigger.updated_at,
            finished_at: trigger.finished_at,
            progress_url: format!("/api/v1/triggers/{}", trigger.id),
            cadence_id: trigger.cadence,
            skipped: trigger.skipped,
        }
    }
}

/// What a trigger would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRunBody {
    /// Always `true`; errors have their own body.
    pub success: bool,
    /// Always `true`: nothing was written.
    pub dry_run: bool,
    /// People it would concern.
    pub candidates: u64,
    pub eligible: u64,
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Up to five of the packages; coupons are not made yet, so their codes are missing.
    #[schema(value_type = Vec<Object>)]
    pub samples: Vec<Box<RawValue>>,
    /// Calls with retries, and how long they take at the campaign's limits: an estimate.
    #[schema(value_type = Object)]
    pub estimate: Estimate,
    /// What the offers cost if everybody accepts.
    #[schema(value_type = Option<f64>)]
    pub offers_at_most: Option<Number>,
    pub currency: Option<String>,
}

impl DryRunBody {
    pub fn of(run: DryRun) -> Result<Self, serde_json::Error> {
        let samples = run.samples.into_iter().map(|sample| RawValue::from_string(sample.package.body));
        Ok(Self {
            success: true,
            dry_run: true,
            candidates: run.candidates,
            eligible: run.eligible,
            skipped: run.skipped,
            samples: samples.collect::<Result<_, _>>()?,
            estimate: run.estimate,
            currency: run.offers_at_most.map(|money| money.currency().to_string()),
            offers_at_most: run.offers_at_most.map(Money::number),
        })
    }
}
