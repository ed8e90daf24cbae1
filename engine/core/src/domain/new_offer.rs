//! What people say about an offer: raw values in, a checked [`Offer`] or every mistake at once out.

use serde::Deserialize;

use super::new_lead::{Errors, Field, FieldError, read};
use super::new_product::price_of;
use super::offer::{Discount, Offer, RefundPolicy};
use crate::clock::Instant;
use crate::id::{CampaignId, OfferId};
use crate::money::{Currency, Money, Number, Percent};

/// Hours in a year.
const LONGEST_HOURS: u32 = 366 * 24;
const LONGEST_LABEL: usize = 32;

/// An offer as somebody describes it, unchecked. The campaign is looked up by whoever asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewOffer {
    /// A new offer needs one; it stays.
    pub key: Option<String>,
    /// The key, when left out.
    pub name: Option<String>,
    /// `OFFER`, when left out.
    pub label: Option<String>,
    /// Either this …
    pub percent: Option<Number>,
    /// … or this, with its currency.
    pub amount: Option<Number>,
    pub currency: Option<String>,
    pub campaign_id: Field<CampaignId>,
    pub valid_from: Field<Instant>,
    pub valid_until: Field<Instant>,
    pub coupon_hours: Field<u32>,
    pub policy: Option<NewPolicy>,
    pub active: Option<bool>,
}

/// Who is owed a refund, as somebody says it; replaces what was said before. See [`RefundPolicy`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewPolicy {
    pub window_days: Option<u32>,
    pub window_from: super::offer::WindowFrom,
    pub same_item: bool,
    /// Most that is given back for one order line, in `capCurrency`.
    pub cap: Option<Number>,
    pub cap_currency: Option<String>,
    pub once_per_order: bool,
    pub exclude_tags: Vec<String>,
    pub exclude_categories: Vec<String>,
    pub min_stock: Option<i64>,
}

impl Default for NewPolicy {
    fn default() -> Self {
        let plain = RefundPolicy::default();
        Self {
            window_days: plain.window_days,
            window_from: plain.window_from,
            same_item: plain.same_item,
            cap: None,
            cap_currency: None,
            once_per_order: plain.once_per_order,
            exclude_tags: plain.exclude_tags,
            exclude_categories: plain.exclude_categories,
            min_stock: plain.min_stock,
        }
    }
}

/// A new offer from what was said, or every mistake in it.
pub fn prepare(new: &NewOffer, id: OfferId, now: Instant) -> Result<Offer, Vec<FieldError>> {
    let mut errors = Errors::default();
    let mut key = String::new();
    errors.value("key", key_of(new.key.as_deref().unwrap_or_default()), &mut key);
    if new.percent.is_none() && new.amount.is_none() {
        errors.add("percent", "an offer needs `percent`, or `amount` with `currency`".to_owned());
    }
    let blank = Offer {
        id,
        name: key.clone(),
        key,
        campaign_id: None,
        label: "OFFER".to_owned(),
        discount: Discount::Percent(Percent::NONE),
        valid_from: None,
        valid_until: None,
        coupon_hours: None,
        policy: RefundPolicy::default(),
        is_active: true,
        created_at: now,
        updated_at: now,
    };
    match new.apply(&blank, now) {
        Ok(offer) if errors.0.is_empty() => Ok(offer),
        Ok(_) => Err(errors.0),
        Err(more) => Err(errors.0.into_iter().chain(more).collect()),
    }
}

impl NewOffer {
    /// The offer after this change, or every mistake in it. The key stays.
    pub fn apply(&self, before: &Offer, now: Instant) -> Result<Offer, Vec<FieldError>> {
        let mut offer = before.clone();
        let mut errors = Errors::default();
        if let Some(name) = &self.name {
            let name = read::line(name.trim()).map(Option::unwrap_or_default);
            errors.value("name", name, &mut offer.name);
        }
        if let Some(label) = &self.label {
            errors.value("label", label_of(label), &mut offer.label);
        }
        self.discount(&mut offer, &mut errors);
        set(&self.campaign_id, &mut offer.campaign_id);
        set(&self.valid_from, &mut offer.valid_from);
        set(&self.valid_until, &mut offer.valid_until);
        if let (Some(from), Some(until)) = (offer.valid_from, offer.valid_until)
            && until <= from
        {
            errors.add("validUntil", "the offer ends before it begins".to_owned());
        }
        set(&self.coupon_hours, &mut offer.coupon_hours);
        if offer.coupon_hours.is_some_and(|hours| !(1..=LONGEST_HOURS).contains(&hours)) {
            errors.add("couponHours", format!("is 1 to {LONGEST_HOURS} hours"));
        }
        if let Some(policy) = &self.policy {
            errors.value("policy", policy.read(), &mut offer.policy);
        }
        offer.is_active = self.active.unwrap_or(offer.is_active);
        offer.updated_at = now;
        if errors.0.is_empty() { Ok(offer) } else { Err(errors.0) }
    }

    fn discount(&self, offer: &mut Offer, errors: &mut Errors) {
        match (self.percent, self.amount) {
            (Some(_), Some(_)) => {
                errors.add("amount", "give `percent` or `amount`, not both".to_owned());
            }
            (Some(percent), None) => {
                let percent = Percent::exactly(percent.0).map_err(|error| error.to_string());
                errors.value("percent", percent.map(Discount::Percent), &mut offer.discount);
            }
            (None, Some(amount)) => {
                errors.value("amount", self.amount_off(amount).map(Discount::Amount), &mut offer.discount);
            }
            (None, None) => {}
        }
    }

    fn amount_off(&self, amount: Number) -> Result<Money, String> {
        let code = self.currency.as_deref().ok_or("`currency` is needed with it")?;
        price_of(amount, Currency::find(code).map_err(|error| error.to_string())?)
    }
}

impl NewPolicy {
    fn read(&self) -> Result<RefundPolicy, String> {
        let cap = match (self.cap, self.cap_currency.as_deref()) {
            (None, _) => None,
            (Some(_), None) => return Err("`capCurrency` is needed with `cap`".to_owned()),
            (Some(cap), Some(code)) => {
                Some(price_of(cap, Currency::find(code).map_err(|error| error.to_string())?)?)
            }
        };
        Ok(RefundPolicy {
            window_days: self.window_days,
            window_from: self.window_from,
            same_item: self.same_item,
            cap,
            once_per_order: self.once_per_order,
            exclude_tags: read::tags(&self.exclude_tags)?,
            exclude_categories: read::tags(&self.exclude_categories)?,
            min_stock: self.min_stock,
        })
    }
}

fn set<T: Copy>(field: &Field<T>, slot: &mut Option<T>) {
    match *field {
        Field::Keep => {}
        Field::Clear => *slot = None,
        Field::Set(value) => *slot = Some(value),
    }
}

fn key_of(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("an offer needs a key of small letters, digits and dashes, for example spring-15".to_owned())
    }
}

/// Capital letters, digits and underscores: what can be read out before a code.
fn label_of(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_uppercase();
    let fits = (1..=LONGEST_LABEL).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if fits {
        Ok(text)
    } else {
        Err(format!("has 1 to {LONGEST_LABEL} letters, digits and `_`, for example PRICE_DROP"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant_from_micros;

    fn number(text: &str) -> Option<Number> {
        serde_json::from_str(text).ok()
    }

    fn described() -> NewOffer {
        NewOffer { key: Some("spring-15".to_owned()), percent: number("15"), ..NewOffer::default() }
    }

    fn made(new: &NewOffer) -> Result<Offer, Vec<FieldError>> {
        prepare(new, uuid::Uuid::from_u128(1).into(), instant_from_micros(1))
    }

    fn fields(new: &NewOffer) -> Vec<String> {
        made(new).unwrap_err().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_key_and_a_discount_make_an_offer() {
        let offer = made(&described()).unwrap();
        assert_eq!((offer.name.as_str(), offer.label.as_str()), ("spring-15", "OFFER"));
        assert_eq!(offer.discount, Discount::Percent("15".parse().unwrap()));
        assert_eq!(fields(&NewOffer::default()), ["key", "percent"]);
    }

    #[test]
    fn an_amount_needs_its_currency_and_no_percentage() {
        let amount = NewOffer { percent: None, amount: number("5.00"), ..described() };
        assert_eq!(fields(&amount), ["amount"]);
        let with_currency = NewOffer { currency: Some("EUR".to_owned()), ..amount };
        assert!(matches!(made(&with_currency).unwrap().discount, Discount::Amount(_)));
        assert_eq!(fields(&NewOffer { percent: number("15"), ..with_currency }), ["amount"]);
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let new = NewOffer {
            key: Some("Spring!".to_owned()),
            label: Some("spring sale".to_owned()),
            percent: number("101"),
            coupon_hours: 0.into(),
            valid_from: instant_from_micros(5).into(),
            valid_until: instant_from_micros(5).into(),
            policy: Some(NewPolicy { cap: number("5"), ..NewPolicy::default() }),
            ..NewOffer::default()
        };
        assert_eq!(fields(&new), ["key", "label", "percent", "validUntil", "couponHours", "policy"]);
    }
}
