//! Whom a trigger may call (GATE-11): verified buyers and people who wait, inside the window, once per promise.
//!
//! The rule is the customer's: a price-drop or restock call goes only to somebody with a purchase or an interest of the product.
//! What cannot be shown from the purchase is not promised: the refund is what [`crate::domain::offer::refund`] returned.

use crate::clock::Instant;
use crate::domain::lead::LeadStatus;
use crate::domain::offer::{NotEligible, PriceDrop, Refund, RefundPolicy, refund};
use crate::domain::product::Product;
use crate::domain::purchase::{Interest, InterestKind, Purchase};
use crate::domain::trigger::{Terms, TriggerKind};
use crate::money::Money;

/// What is known about one person a trigger may concern.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'s, 'a> {
    pub status: LeadStatus,
    pub do_not_call: bool,
    /// There is a number that can be called.
    pub has_number: bool,
    pub tags: &'s [String],
    /// Of the products in question, newest first.
    pub purchases: &'s [&'a Purchase],
    pub interests: &'s [&'a Interest],
    /// The lowest price of a promise for the product that still stands; nothing is promised twice.
    pub promised: Option<Promised>,
}

/// A promise that a lead already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promised {
    /// New price it was made at; `None` where no price changed.
    pub price: Option<Money>,
}

/// What is in question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub kind: TriggerKind,
    pub terms: &'a Terms,
    pub policy: &'a RefundPolicy,
    /// Of a promotion the products that count, of the others the one.
    pub products: &'a [Product],
    pub now: Instant,
}

/// Why a person may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grounds<'a> {
    /// What they bought.
    pub purchase: Option<&'a Purchase>,
    /// What they wait for.
    pub interest: Option<&'a Interest>,
    /// What they get back, after a price drop.
    pub refund: Option<Refund>,
}

/// Why a person is not called; kebab-case in counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    #[error("the lead has opted out")]
    OptedOut,
    #[error("the lead is not to be called")]
    DoNotCall,
    #[error("the lead has no number that can be called")]
    NoNumber,
    #[error("leads with the tag `{0}` are left out")]
    TagExcluded(String),
    #[error("the lead has neither bought the product nor waits for it")]
    NoPurchase,
    #[error("the lead has a promise for the product that is at least as good")]
    AlreadyOffered,
    #[error("the saving is smaller than the least one")]
    SavingTooSmall,
    #[error("the campaign's budget for offers is used up")]
    BudgetSpent,
    #[error("the offer is over")]
    OfferOver,
    #[error(transparent)]
    Refund(#[from] NotEligible),
}

impl Skip {
    /// Kebab-case, for counts by reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OptedOut => "opted-out",
            Self::DoNotCall => "do-not-call",
            Self::NoNumber => "no-number",
            Self::TagExcluded(_) => "tag-excluded",
            Self::NoPurchase => "no-purchase",
            Self::AlreadyOffered => "already-offered",
            Self::SavingTooSmall => "saving-too-small",
            Self::BudgetSpent => "budget-spent",
            Self::OfferOver => "offer-over",
            Self::Refund(why) => why.code(),
        }
    }
}

/// May this person be called for it? The reasons that cannot pass come first.
pub fn judge<'a>(question: Question<'_>, candidate: Candidate<'_, 'a>) -> Result<Grounds<'a>, Skip> {
    if candidate.status == LeadStatus::OptedOut {
        return Err(Skip::OptedOut);
    }
    if candidate.do_not_call {
        return Err(Skip::DoNotCall);
    }
    if !candidate.has_number {
        return Err(Skip::NoNumber);
    }
    let excluded = question.terms.exclude_tags.iter().find(|tag| candidate.tags.contains(tag));
    if let Some(tag) = excluded {
        return Err(Skip::TagExcluded(tag.clone()));
    }
    if question.terms.valid_until <= question.now {
        return Err(Skip::OfferOver);
    }
    if candidate.promised.is_some_and(|promised| is_as_good(promised, question.terms)) {
        return Err(Skip::AlreadyOffered);
    }
    match question.kind {
        TriggerKind::PriceDrop => price_drop(question, candidate),
        TriggerKind::Restock => restock(candidate),
        TriggerKind::Promo => bought(candidate).ok_or_else(|| missing(candidate)),
    }
}

/// A deeper drop is a new promise; anything else for the same product is not.
fn is_as_good(promised: Promised, terms: &Terms) -> bool {
    match (promised.price, terms.new) {
        (Some(before), Some(now)) => now.checked_sub(before).is_ok_and(|more| !more.is_negative()),
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// The purchase that is owed most; of equal ones the newest.
fn price_drop<'a>(question: Question<'_>, candidate: Candidate<'_, 'a>) -> Result<Grounds<'a>, Skip> {
    let (Some(product), Some(new_price)) = (question.products.first(), question.terms.new) else {
        return Err(Skip::NoPurchase);
    };
    let (mut best, mut why): (Option<(&Purchase, Refund)>, _) = (None, None);
    for purchase in candidate.purchases.iter().copied() {
        match refund(question.policy, PriceDrop { product, new_price }, purchase, question.now) {
            Ok(owed) if best.is_none_or(|(_, most)| owed.amount.minor() > most.amount.minor()) => {
                best = Some((purchase, owed));
            }
            Ok(_) => {}
            // The newest purchase says why.
            Err(problem) => why = why.or(Some(problem)),
        }
    }
    let Some((purchase, owed)) = best else { return Err(why.map_or(Skip::NoPurchase, Skip::Refund)) };
    let least = question.terms.min_saving;
    let is_small = least.is_some_and(|least| owed.amount.checked_sub(least).is_ok_and(Money::is_negative));
    if is_small {
        return Err(Skip::SavingTooSmall);
    }
    Ok(Grounds { purchase: Some(purchase), interest: None, refund: Some(owed) })
}

/// Whoever waits, and whoever bought it before.
fn restock<'a>(candidate: Candidate<'_, 'a>) -> Result<Grounds<'a>, Skip> {
    let waits = |interest: &&'a Interest| {
        interest.ended_at.is_none()
            && matches!(interest.kind, InterestKind::BackInStock | InterestKind::WishList)
    };
    let interest = candidate.interests.iter().copied().find(waits);
    match (bought(candidate), interest) {
        (None, None) => Err(missing(candidate)),
        (grounds, interest) => {
            let purchase = grounds.and_then(|grounds| grounds.purchase);
            Ok(Grounds { purchase, interest, refund: None })
        }
    }
}

fn bought<'a>(candidate: Candidate<'_, 'a>) -> Option<Grounds<'a>> {
    let purchase = candidate.purchases.iter().copied().find(|purchase| purchase.counts())?;
    Some(Grounds { purchase: Some(purchase), interest: None, refund: None })
}

/// Something was bought, but not so that it counts; or nothing at all.
fn missing(candidate: Candidate<'_, '_>) -> Skip {
    match candidate.purchases.first() {
        None => Skip::NoPurchase,
        Some(purchase) if !purchase.is_verified => Skip::Refund(NotEligible::Unverified),
        Some(_) => Skip::Refund(NotEligible::Refunded),
    }
}

#[cfg(test)]
mod tests;
