//! Changes of the catalogue raise triggers by rule. A change is marked as seen in the transaction that raises its triggers: it
//! raises each once, whoever looks and however often.

use std::collections::{HashMap, HashSet};

use super::NewTrigger;
use super::raise::{Raised, share_of};
use crate::clock::Instant;
use crate::domain::product::{PriceChange, Product, StockChange};
use crate::domain::trigger::{TriggerKind, TriggerRule, TriggerSource};
use crate::engine::again::unless_deadlocked;
use crate::engine::batch::distinct;
use crate::engine::{Engine, EngineError};
use crate::id::{ProductId, TriggerId};
use crate::money::Percent;
use crate::store::product::{self, history};
use crate::store::{Tx, recovery, trigger_rule};

/// The first change of each product, of changes in their order.
fn first_of_each<T>(changes: &[T], product: impl Fn(&T) -> ProductId) -> impl Iterator<Item = &T> {
    let mut seen = HashSet::new();
    changes.iter().filter(move |change| seen.insert(product(change)))
}

impl Engine {
    /// Looks at up to `limit` price drops and restocks that no trigger has looked at; answers what they raised.
    pub async fn raise_from_catalogue(&self, limit: u32) -> Result<Vec<TriggerId>, EngineError> {
        unless_deadlocked("raise_from_catalogue", || self.raise_from_catalogue_once(limit)).await
    }

    async fn raise_from_catalogue_once(&self, limit: u32) -> Result<Vec<TriggerId>, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        if recovery::is_marked(&mut tx).await? {
            tx.rollback().await?;
            return Ok(Vec::new());
        }
        let drops = history::new_price_changes(&mut tx, limit).await?;
        let restocks = history::new_stock_changes(&mut tx, limit).await?;
        if drops.is_empty() && restocks.is_empty() {
            tx.rollback().await?;
            return Ok(Vec::new());
        }
        let changed = drops.iter().map(|change| change.product_id);
        let changed = distinct(changed.chain(restocks.iter().map(|change| change.product_id)));
        let products: HashMap<ProductId, Product> =
            product::find_many(&mut tx, &changed).await?.into_iter().map(|found| (found.id, found)).collect();
        let mut raised = Vec::new();
        for change in first_of_each(&drops, |change| change.product_id) {
            let Some(product) = products.get(&change.product_id) else { continue };
            raised.extend(self.of_price(&mut tx, change, product, now).await?);
        }
        let is_back =
            |change: &&StockChange| products.get(&change.product_id).is_some_and(Product::is_available);
        for change in restocks.iter().filter(is_back) {
            raised.extend(self.of_stock(&mut tx, change, now).await?);
        }
        let ids: Vec<_> = drops.iter().map(|change| change.id).collect();
        history::handle_price_changes(&mut tx, &ids, now).await?;
        let ids: Vec<_> = restocks.iter().map(|change| change.id).collect();
        history::handle_stock_changes(&mut tx, &ids, now).await?;
        tx.commit().await?;
        Ok(raised)
    }

    /// From what a product cost before the first change that nobody has looked at, to what it costs now: a slip that was put
    /// right is no drop, and one in steps is one. One trigger per rule of the product; the first of several campaigns has the
    /// say, as the event is the same.
    async fn of_price(
        &self,
        tx: &mut Tx,
        first: &PriceChange,
        product: &Product,
        now: Instant,
    ) -> Result<Option<TriggerId>, EngineError> {
        let Some(old) = first.old else { return Ok(None) };
        let fell = old.checked_sub(product.price).ok().filter(|drop| !drop.is_zero() && !drop.is_negative());
        let drop = fell.and_then(|drop| share_of(drop, old));
        let deep_enough =
            |rule: &&TriggerRule| drop.is_some_and(|drop| drop.basis_points() >= rule.min_drop_bp);
        let rules = trigger_rule::for_product(tx, TriggerKind::PriceDrop, product.id).await?;
        let Some(rule) = rules.iter().find(deep_enough) else { return Ok(None) };
        let new = NewTrigger {
            product_id: Some(product.id),
            original: Some(old),
            new: Some(product.price),
            discount: rule.discount_bp.and_then(Percent::of_basis_points),
            ..NewTrigger::new(TriggerKind::PriceDrop, TriggerSource::Catalogue, rule.campaign_id)
        };
        self.by_rule(tx, &new, now).await
    }

    async fn of_stock(
        &self,
        tx: &mut Tx,
        change: &StockChange,
        now: Instant,
    ) -> Result<Option<TriggerId>, EngineError> {
        let rules = if change.is_restock() {
            trigger_rule::for_product(tx, TriggerKind::Restock, change.product_id).await?
        } else {
            Vec::new()
        };
        let Some(rule) = rules.first() else { return Ok(None) };
        let new = NewTrigger {
            product_id: Some(change.product_id),
            discount: rule.discount_bp.and_then(Percent::of_basis_points),
            ..NewTrigger::new(TriggerKind::Restock, TriggerSource::Catalogue, rule.campaign_id)
        };
        self.by_rule(tx, &new, now).await
    }

    /// A rule that cannot be followed must not stop the changes of other products: it is logged.
    async fn by_rule(
        &self,
        tx: &mut Tx,
        new: &NewTrigger,
        now: Instant,
    ) -> Result<Option<TriggerId>, EngineError> {
        let checked = match self.check_trigger(tx, new, now).await {
            Ok(checked) => checked,
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(problem) => {
                tracing::error!(product = ?new.product_id, campaign = %new.campaign_id, %problem, "no trigger raised");
                return Ok(None);
            }
        };
        match self.raise_in(tx, new, &checked, now).await? {
            Some(Raised::New(raised)) => Ok(Some(raised.id)),
            Some(Raised::Known(_)) | None => Ok(None),
        }
    }
}
