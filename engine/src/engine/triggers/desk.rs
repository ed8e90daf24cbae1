//! What every batch of a trigger needs: its products, its offer, and from which lifetime value on a customer belongs to a class.

use crate::clock::Instant;
use crate::decide::eligibility::Question;
use crate::decide::score::ValueClass;
use crate::domain::offer::{Offer, RefundPolicy};
use crate::domain::product::Product;
use crate::domain::trigger::Trigger;
use crate::engine::EngineError;
use crate::id::ProductId;
use crate::money::Money;
use crate::store::audience::Values;
use crate::store::{Tx, audience, campaign_product, offer, product};

#[derive(Debug)]
pub(super) struct Desk {
    pub products: Vec<Product>,
    pub offer: Option<Offer>,
    policy: RefundPolicy,
    values: Vec<Values>,
}

impl Desk {
    /// Of a trigger that was raised.
    pub async fn load(tx: &mut Tx, trigger: &Trigger) -> Result<Self, EngineError> {
        let products = match trigger.product_id {
            Some(id) => vec![id],
            None => campaign_product::of(tx, trigger.campaign_id).await?,
        };
        let products = product::find_many(tx, &products).await?;
        let offer = match trigger.offer_id {
            Some(id) => offer::find(tx, id).await?,
            None => None,
        };
        Self::of(tx, products, offer).await
    }

    /// Of one that nobody has raised.
    pub async fn of(tx: &mut Tx, products: Vec<Product>, offer: Option<Offer>) -> Result<Self, EngineError> {
        let policy = offer.as_ref().map(|offer| offer.policy.clone()).unwrap_or_default();
        Ok(Self { products, offer, policy, values: audience::values(tx).await? })
    }

    pub fn product_ids(&self) -> Vec<ProductId> {
        self.products.iter().map(|product| product.id).collect()
    }

    pub fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    pub fn question<'a>(&'a self, trigger: &'a Trigger, now: Instant) -> Question<'a> {
        Question {
            kind: trigger.kind,
            terms: &trigger.terms,
            policy: &self.policy,
            products: &self.products,
            now,
        }
    }

    /// What a customer is worth: the best class of what they paid in each currency.
    pub fn worth(&self, paid: &[Money]) -> ValueClass {
        paid.iter()
            .map(|total| self.class_of(*total))
            .min_by_key(|class| *class as u8)
            .unwrap_or(ValueClass::Low)
    }

    fn class_of(&self, total: Money) -> ValueClass {
        let Some(line) = self.values.iter().find(|line| line.mid.currency() == total.currency()) else {
            return ValueClass::Low;
        };
        match total.minor() {
            paid if paid >= line.vip.minor() => ValueClass::Vip,
            paid if paid >= line.high.minor() => ValueClass::High,
            paid if paid >= line.mid.minor() => ValueClass::Mid,
            _ => ValueClass::Low,
        }
    }
}
