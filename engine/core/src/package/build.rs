//! Puts a package together from what is known when the call is about to be made. Reads nothing but its argument.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;

use super::hours;
use super::script;
use super::{Availability, CallPackage, CallbackUrls, ConsentOnFile, ConsentSource, PastPurchase};
use crate::clock::Instant;
use crate::decide::score::{self, Trigger, ValueClass, Weights, Worth};
use crate::decide::snapshot::ConsentFact;
use crate::definitions::bundle::Bundle;
use crate::definitions::context;
use crate::definitions::template::TemplateError;
use crate::domain::campaign::Campaign;
use crate::domain::consent::Purpose;
use crate::domain::priority::Priority;
use crate::id::{AttemptId, EnrollmentId, LeadId};
use crate::money::{Currency, Money, Number};
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;

/// What the shell has loaded about one call.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    pub call_id: AttemptId,
    /// Which try of its step.
    pub attempt: u32,
    pub enrollment_id: EnrollmentId,
    pub flow: &'a str,
    /// E.164.
    pub to: &'a str,
    pub customer: Customer<'a>,
    pub campaign: &'a Campaign,
    pub bundle: &'a Bundle,
    /// With every name of `definitions::context`; `trigger` where one raised the call.
    pub variables: Value,
    /// Newest first.
    pub history: Vec<PastPurchase>,
    pub availability: Availability,
    pub consents: Vec<ConsentFact>,
    /// Calls that this enrollment has made before.
    pub placed: u32,
    /// Address of the API; empty: paths are given without it.
    pub public_url: &'a str,
    pub weights: &'a Weights,
    pub now: Instant,
}

/// Who is called.
#[derive(Debug, Clone)]
pub struct Customer<'a> {
    pub id: LeadId,
    pub name: String,
    pub email: Option<&'a str>,
    pub language: &'a str,
    pub preferred: Option<Arc<PreferredTime>>,
    /// Theirs, or their number's.
    pub zone: Option<Zone>,
    pub score: i64,
}

/// Why there is no package: a call without one is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    #[error("the call script cannot be written: {0}")]
    Script(#[from] TemplateError),
    #[error("flow `{0}` has no words to say")]
    Wordless(String),
}

/// The complete package.
pub fn complete(facts: Facts<'_>) -> Result<CallPackage, PackageError> {
    let words = Words { variables: &facts.variables };
    let values = context::value(&facts.variables);
    let spoken = script::render(facts.bundle, facts.flow, facts.customer.language, &values)?
        .ok_or_else(|| PackageError::Wordless(facts.flow.to_owned()))?;
    let score = priority(&facts, &words);
    let currency = words.currency();
    let amount = |path: &str| -> Option<Number> {
        Money::parse(&words.plain(path)?, currency?).ok().map(Money::number)
    };
    let wish = facts.customer.preferred.as_ref();
    let clock = wish.and_then(|wish| wish.zone.clone()).or_else(|| facts.customer.zone.clone());
    Ok(CallPackage {
        call_id: facts.call_id,
        attempt: facts.attempt,
        enrollment_id: facts.enrollment_id,
        customer_id: facts.customer.id,
        phone_number: facts.to.to_owned(),
        email: facts.customer.email.map(str::to_owned),
        language: spoken.language,
        product_name: words.text("/product/name"),
        product_id: words.text("/product/id"),
        availability: facts.availability,
        discount: words.plain("/offer/percent").map(|percent| format!("{percent}%")),
        coupon_code: words.text("/offer/coupon"),
        reason: reason(&facts, &words),
        trigger_type: words.text("/trigger/type"),
        trigger_id: words.text("/trigger/id"),
        campaign_name: facts.campaign.name.clone(),
        campaign_id: facts.campaign.id,
        agent_name: facts.campaign.agent_name.clone(),
        company_name: facts.campaign.company.clone(),
        original_price: amount("/product/oldPrice"),
        new_price: amount("/product/newPrice"),
        savings_amount: amount("/offer/savings"),
        currency: currency.map(|currency| currency.code().to_owned()),
        refund_eligible: words.is_true("/trigger/refund"),
        refund_amount: amount("/trigger/refundAmount"),
        offer_valid_until: words.text("/offer/expiresAt").and_then(|text| text.parse().ok()),
        call_script: spoken.text,
        priority: score.0,
        priority_points: score.1,
        best_call_time: clock.as_ref().and_then(|zone| best_time(&facts, zone)),
        customer_timezone: clock.as_ref().map(|zone| zone.abbreviation(facts.now)),
        purchase_history: facts.history,
        flow_id: facts.flow.to_owned(),
        flow_version: facts.bundle.hash.clone(),
        consent: consent(facts.campaign, &facts.consents, facts.now),
        callback_urls: CallbackUrls {
            status: format!("{}/callbacks/carrier", facts.public_url),
            package: format!("{}/api/v1/calls/{}/package", facts.public_url, facts.call_id),
        },
        customer_name: facts.customer.name,
    })
}

/// The variables, asked for by pointer.
struct Words<'a> {
    variables: &'a Value,
}

impl Words<'_> {
    fn text(&self, path: &str) -> Option<String> {
        self.variables.pointer(path)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Texts and numbers as they are written.
    fn plain(&self, path: &str) -> Option<String> {
        match self.variables.pointer(path)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn is_true(&self, path: &str) -> bool {
        self.variables.pointer(path).and_then(Value::as_bool).unwrap_or(false)
    }

    fn currency(&self) -> Option<Currency> {
        let codes = ["/product/currency", "/offer/currency", "/currency"];
        codes.iter().find_map(|path| self.text(path)?.parse().ok())
    }
}

fn reason(facts: &Facts<'_>, words: &Words<'_>) -> String {
    let product = words.text("/product/name");
    let about = || product.clone().or_else(|| words.text("/offer/title"));
    match words.text("/trigger/type").as_deref().and_then(|kind| kind.parse::<Trigger>().ok()) {
        Some(Trigger::PriceDrop) if words.is_true("/trigger/refund") => {
            format!("Price drop alert for {} - Customer eligible for refund", about().unwrap_or_default())
        }
        Some(Trigger::PriceDrop) => {
            format!("Price drop alert for {} - Lower price for a customer", about().unwrap_or_default())
        }
        Some(Trigger::Restock) => {
            format!(
                "Stock alert for {} - Available again for a waiting customer",
                about().unwrap_or_default()
            )
        }
        Some(Trigger::Promo) => {
            let what = about().unwrap_or_else(|| facts.campaign.name.clone());
            format!("Promotional offer: {what} - Customer of {}", facts.campaign.company)
        }
        _ => facts.bundle.cadence.title.clone(),
    }
}

/// The customer's wish, else the hours in which the cadence calls.
fn best_time(facts: &Facts<'_>, zone: &Zone) -> Option<String> {
    let wish = facts.customer.preferred.as_ref().map(|wish| &wish.hours);
    let cadence = facts.bundle.cadence.hours.as_ref().map(|hours| &hours.hours);
    hours::words(wish.or(cadence)?, zone, facts.now)
}

/// Class and points of this very call: the reason grows older, and tries count.
fn priority(facts: &Facts<'_>, words: &Words<'_>) -> (Priority, u8) {
    let Some(trigger) = words.text("/trigger/type").and_then(|kind| kind.parse().ok()) else {
        let class = facts.bundle.cadence.priority.min(facts.campaign.priority);
        return (class, points_of(class, facts.weights));
    };
    let class = words.text("/trigger/worth").and_then(|class| class.parse::<ValueClass>().ok());
    let raised_at = words.text("/trigger/at").and_then(|at| at.parse::<Instant>().ok());
    let asked = score::Facts {
        trigger,
        worth: class.map_or(Worth::LeadScore(facts.customer.score.clamp(0, 100) as u8), Worth::Class),
        age: raised_at.map_or(TimeDelta::zero(), |at| facts.now - at),
        attempts: facts.placed,
        cap: facts.bundle.cadence.limits.total.unwrap_or(score::USUAL_CAP),
        waited: TimeDelta::zero(),
    };
    let scored = score::score(&asked, facts.weights);
    (scored.class, scored.points)
}

/// A class without a formula, as its least number of points.
fn points_of(class: Priority, weights: &Weights) -> u8 {
    match class {
        Priority::High => weights.high_from,
        Priority::Medium => weights.medium_from,
        Priority::Low => 0,
    }
}

fn consent(campaign: &Campaign, ledger: &[ConsentFact], now: Instant) -> ConsentOnFile {
    let standing = |purpose: Purpose| {
        let valid = |fact: &&ConsentFact| {
            fact.purpose == purpose && fact.granted_at <= now && fact.revoked_at.is_none_or(|at| at > now)
        };
        ledger.iter().filter(valid).max_by_key(|fact| fact.granted_at)
    };
    let ai = standing(Purpose::AiVoice);
    if let Some(given) = standing(Purpose::VoiceContact).or(ai) {
        return ConsentOnFile {
            source: ConsentSource::Ledger,
            form: Some(given.form),
            covers_ai_voice: ai.is_some(),
            granted_at: Some(given.granted_at),
        };
    }
    match &campaign.consent_basis {
        Some(basis) => ConsentOnFile {
            source: ConsentSource::Campaign,
            form: Some(basis.form),
            covers_ai_voice: basis.covers_ai_voice,
            granted_at: Some(basis.attested_at),
        },
        None => ConsentOnFile {
            source: ConsentSource::None,
            form: None,
            covers_ai_voice: false,
            granted_at: None,
        },
    }
}
