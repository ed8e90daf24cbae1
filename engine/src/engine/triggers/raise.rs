//! An event becomes a trigger, once: the same event while its promise holds is the same trigger, whoever posts it and how often.

use super::desk::Desk;
use super::{FAN_OUT, FanOutOrder, USUAL_VALIDITY};
use crate::clock::Instant;
use crate::domain::campaign::{Campaign, CampaignStatus};
use crate::domain::offer::{Discount, Offer, RefundPolicy};
use crate::domain::product::{ChangeSource, Product};
use crate::domain::trigger::{Terms, Trigger, TriggerKind, TriggerSource, TriggerState};
use crate::engine::again::unless_deadlocked;
use crate::engine::{Engine, EngineError};
use crate::id::{CampaignId, LeadId, OfferId, ProductId, TriggerId};
use crate::money::{Money, Percent};
use crate::store::jobs::{self, NewJob};
use crate::store::{Tx, campaign, campaign_product, offer, product, trigger};

/// What happened, and what is to be promised.
#[derive(Debug, Clone)]
pub struct NewTrigger {
    pub kind: TriggerKind,
    pub source: TriggerSource,
    pub campaign_id: CampaignId,
    /// Of a promotion: none, and the campaign's products count.
    pub product_id: Option<ProductId>,
    /// Only this lead.
    pub lead_id: Option<LeadId>,
    pub original: Option<Money>,
    pub new: Option<Money>,
    pub discount: Option<Percent>,
    /// Two weeks, when left out.
    pub valid_until: Option<Instant>,
    /// The cadence of the kind, when left out.
    pub cadence: Option<String>,
    /// Who is owed what after a price drop.
    pub policy: RefundPolicy,
    pub min_saving: Option<Money>,
    /// Leads with one of these tags are not called.
    pub exclude_tags: Vec<String>,
}

impl NewTrigger {
    /// With everything that may be left out left out: every verified buyer, however long ago.
    pub fn new(kind: TriggerKind, source: TriggerSource, campaign_id: CampaignId) -> Self {
        Self {
            kind,
            source,
            campaign_id,
            product_id: None,
            lead_id: None,
            original: None,
            new: None,
            discount: None,
            valid_until: None,
            cadence: None,
            policy: RefundPolicy { window_days: None, ..RefundPolicy::default() },
            min_saving: None,
            exclude_tags: Vec::new(),
        }
    }

    /// What makes two of them the same, but for the time.
    fn event(&self) -> String {
        let product = self.product_id.map(|id| id.to_string()).unwrap_or_default();
        let what = match self.kind {
            TriggerKind::PriceDrop => {
                let price =
                    self.new.map(|new| format!("{}{}", new.minor(), new.currency())).unwrap_or_default();
                format!("price_drop:{product}:{price}")
            }
            TriggerKind::Restock => format!("restock:{product}"),
            TriggerKind::Promo => {
                let points = self.discount.map(Percent::basis_points).unwrap_or_default();
                let until = self.valid_until.map(|at| at.timestamp().to_string()).unwrap_or_default();
                format!("promo:{}:{product}:{points}:{until}", self.campaign_id)
            }
        };
        match self.lead_id {
            Some(lead) => format!("call:{lead}:{what}"),
            None => what,
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Raised {
    New(Trigger),
    /// It was raised before, and its promise holds.
    Known(Trigger),
}

impl Raised {
    pub const fn trigger(&self) -> &Trigger {
        let (Self::New(trigger) | Self::Known(trigger)) = self;
        trigger
    }
}

/// What a new trigger is about, looked up and found sound.
#[derive(Debug)]
pub(super) struct Checked {
    pub campaign: Campaign,
    /// Of a promotion several.
    pub products: Vec<Product>,
    pub terms: Terms,
    pub cadence: String,
}

impl Engine {
    /// Raises a trigger; its people are called from a background job.
    pub async fn raise(&self, new: &NewTrigger) -> Result<Raised, EngineError> {
        let raised = unless_deadlocked("raise", || self.raise_once(new)).await?;
        let Raised::New(new) = raised else { return Ok(raised) };
        self.prepare_fan_out(new.id).await?;
        Ok(Raised::New(self.trigger(new.id).await?))
    }

    async fn raise_once(&self, new: &NewTrigger) -> Result<Raised, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        if let (None, Ok(known)) = (new.original, standing(&mut tx, &new.event(), now).await?) {
            // The same words again: the catalogue says the new price by now, and leaves nothing to compare it with.
            tx.rollback().await?;
            return Ok(Raised::Known(known));
        }
        let checked = self.check_trigger(&mut tx, new, now).await?;
        self.lower_price(&mut tx, new, &checked, now).await?;
        match self.raise_in(&mut tx, new, &checked, now).await? {
            Some(raised @ Raised::New(_)) => {
                tx.commit().await?;
                Ok(raised)
            }
            Some(known) => {
                tx.rollback().await?;
                Ok(known)
            }
            // Somebody else raised it between our look and our word: theirs counts.
            None => {
                tx.rollback().await?;
                let mut tx = self.db.begin_read().await?;
                let found = trigger::latest(&mut tx, &new.event()).await?;
                tx.rollback().await?;
                found.map(Raised::Known).ok_or_else(|| EngineError::missing("trigger", new.event()))
            }
        }
    }

    /// Who says that a price fell has the catalogue say so too.
    async fn lower_price(
        &self,
        tx: &mut Tx,
        new: &NewTrigger,
        checked: &Checked,
        now: Instant,
    ) -> Result<(), EngineError> {
        let (Some(price), Some(before)) = (new.new, checked.products.first()) else { return Ok(()) };
        let falls = price.checked_sub(before.price).is_ok_and(Money::is_negative);
        if new.kind == TriggerKind::PriceDrop && new.lead_id.is_none() && falls {
            product::set_price(tx, &self.ids, before.id, price, ChangeSource::Trigger, now).await?;
        }
        Ok(())
    }

    /// Looks up what a trigger is about; what is wrong with it is an error that names the field.
    pub(super) async fn check_trigger(
        &self,
        tx: &mut Tx,
        new: &NewTrigger,
        now: Instant,
    ) -> Result<Checked, EngineError> {
        let invalid =
            |field: &str, message: String| EngineError::Invalid { field: field.to_owned(), message };
        let campaign = campaign::find(tx, new.campaign_id).await?;
        let campaign = campaign.ok_or_else(|| EngineError::missing("campaign", new.campaign_id))?;
        if campaign.status == CampaignStatus::Ended {
            let message = format!("campaign `{}` has ended", campaign.key);
            return Err(EngineError::Conflict { code: "campaign-over", message });
        }
        let cadence = new.cadence.clone().unwrap_or_else(|| new.kind.cadence().to_owned());
        if self.library.current().cadence(&cadence).is_none() {
            return Err(EngineError::missing("cadence", cadence));
        }
        let ids = match new.product_id {
            Some(id) => vec![id],
            None if new.kind == TriggerKind::Promo => campaign_product::of(tx, campaign.id).await?,
            None => return Err(invalid("productId", "name the product".to_owned())),
        };
        let products = product::find_many(tx, &ids).await?;
        if let Some(missing) = new.product_id.filter(|_| products.is_empty()) {
            return Err(EngineError::missing("product", missing));
        }
        if products.is_empty() {
            let message = format!("campaign `{}` has no products whose buyers could be called", campaign.key);
            return Err(invalid("campaignId", message));
        }
        let valid_until = new.valid_until.unwrap_or(now + USUAL_VALIDITY);
        if valid_until <= now {
            return Err(invalid("validUntil", "the offer would be over before the first call".to_owned()));
        }
        let (original, reduced, discount) = prices(new, &products[0])?;
        let terms = Terms {
            original,
            new: reduced,
            discount_bp: discount.map(Percent::basis_points),
            valid_until,
            min_saving: new.min_saving,
            exclude_tags: new.exclude_tags.clone(),
        };
        Ok(Checked { campaign, products, terms, cadence })
    }

    /// Writes the trigger with its offer and its job. `None`: another process is raising the same event.
    pub(super) async fn raise_in(
        &self,
        tx: &mut Tx,
        new: &NewTrigger,
        checked: &Checked,
        now: Instant,
    ) -> Result<Option<Raised>, EngineError> {
        let event = new.event();
        let generation = match standing(tx, &event, now).await? {
            Ok(known) => return Ok(Some(Raised::Known(known))),
            Err(generations) => generations + 1,
        };
        let id = self.ids.next::<TriggerId>(now);
        let offer_id = match offer_of(id, new, checked, self.ids.next(now), now) {
            Some(made) => Some(offer::ensure(tx, &made).await?.0.id),
            None => None,
        };
        let raised = Trigger {
            id,
            kind: new.kind,
            event_key: format!("{event}#{generation}"),
            source: new.source,
            campaign_id: checked.campaign.id,
            product_id: new.product_id,
            offer_id,
            cadence: checked.cadence.clone(),
            lead_id: new.lead_id,
            terms: checked.terms.clone(),
            state: TriggerState::Running,
            // Of many they are counted when nobody has to wait for it.
            candidates: u64::from(new.lead_id.is_some()),
            cursor: None,
            eligible: 0,
            skipped: std::collections::BTreeMap::new(),
            raised_at: now,
            updated_at: now,
            finished_at: None,
        };
        if !trigger::insert(tx, &raised).await? {
            return Ok(None);
        }
        if raised.lead_id.is_none() {
            let job = self.fan_out_job(id, now)?;
            jobs::enqueue(tx, &[job], now).await?;
        }
        Ok(Some(Raised::New(raised)))
    }

    pub(super) fn fan_out_job(&self, id: TriggerId, now: Instant) -> Result<NewJob, EngineError> {
        let job = NewJob::new(self.ids.next(now), FAN_OUT, &FanOutOrder { trigger_id: id }, now)
            .map_err(|e| EngineError::Invalid { field: "trigger".to_owned(), message: e.to_string() })?;
        Ok(job.once_per(id.to_string()))
    }

    /// What is needed of a checked trigger that nobody has raised, to judge people by.
    pub(super) async fn desk_of(
        &self,
        tx: &mut Tx,
        new: &NewTrigger,
        checked: Checked,
    ) -> Result<Desk, EngineError> {
        let epoch = Instant::UNIX_EPOCH;
        let offer = offer_of(TriggerId::default(), new, &checked, OfferId::default(), epoch);
        Desk::of(tx, checked.products, offer).await
    }
}

/// The trigger of an event whose promise holds; `Err`: how often the event came before.
async fn standing(tx: &mut Tx, event: &str, now: Instant) -> Result<Result<Trigger, u32>, EngineError> {
    Ok(match trigger::latest(tx, event).await? {
        Some(known) if known.terms.valid_until > now && known.state != TriggerState::Cancelled => Ok(known),
        Some(over) => Err(generation(&over.event_key)),
        None => Err(0),
    })
}

/// Before, after, and what is taken off.
type Prices = (Option<Money>, Option<Money>, Option<Percent>);

/// Prices before and after, and what is taken off, each of which may follow from the others.
fn prices(new: &NewTrigger, product: &Product) -> Result<Prices, EngineError> {
    let invalid = |field: &str, message: &str| EngineError::Invalid {
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let other_currency = || invalid("newPrice", "the prices are in different currencies");
    if new.kind != TriggerKind::PriceDrop {
        if let (Some(original), Some(now)) = (new.original, new.new) {
            let Ok(drop) = original.checked_sub(now) else { return Err(other_currency()) };
            if drop.is_negative() {
                return Err(invalid("newPrice", "the new price must not be higher than the old one"));
            }
        }
        if new.kind == TriggerKind::Promo && new.discount.is_none() {
            return Err(invalid("discountPercent", "a promotion says what it takes off"));
        }
        return Ok((new.original, new.new, new.discount));
    }
    let original = new.original.unwrap_or(product.price);
    let Some(reduced) = new.new else { return Err(invalid("newPrice", "say what it costs now")) };
    let Ok(drop) = original.checked_sub(reduced) else { return Err(other_currency()) };
    if drop.is_zero() || drop.is_negative() {
        return Err(invalid("newPrice", "the new price must be lower than the old one"));
    }
    let discount = new.discount.or_else(|| share_of(drop, original));
    if discount.is_none_or(|discount| discount.basis_points() == 0) {
        let (field, message) = match new.discount {
            Some(_) => {
                ("discountPercent", "an offer of nothing; leave it out, and it follows from the prices")
            }
            None => ("newPrice", "lower by less than a hundredth of a percent, which is no offer"),
        };
        return Err(invalid(field, message));
    }
    Ok((Some(original), Some(reduced), discount))
}

/// How much `part` is of `whole`, rounded down to whole basis points.
pub(super) fn share_of(part: Money, whole: Money) -> Option<Percent> {
    let points = i128::from(part.minor()) * i128::from(Percent::WHOLE) / i128::from(whole.minor().max(1));
    u16::try_from(points).ok().and_then(Percent::of_basis_points)
}

fn generation(event_key: &str) -> u32 {
    event_key.rsplit_once('#').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

/// The offer that a trigger makes; `None`: it gives nothing away.
fn offer_of(
    trigger: TriggerId,
    new: &NewTrigger,
    checked: &Checked,
    id: OfferId,
    now: Instant,
) -> Option<Offer> {
    let terms = &checked.terms;
    let hours = (terms.valid_until - now).num_hours().clamp(1, i64::from(u32::MAX)) + 1;
    Some(Offer {
        id,
        key: format!("trigger/{trigger}"),
        name: checked.campaign.name.clone(),
        campaign_id: Some(checked.campaign.id),
        label: new.kind.label().to_owned(),
        discount: Discount::Percent(terms.discount().filter(|percent| percent.basis_points() > 0)?),
        valid_from: None,
        valid_until: Some(terms.valid_until),
        // Until the offer ends, however long that is.
        coupon_hours: u32::try_from(hours).ok(),
        policy: new.policy.clone(),
        is_active: true,
        created_at: now,
        updated_at: now,
    })
}
