//! What complete packages are made of, loaded for a batch of calls with a fixed number of statements: earlier purchases, products,
//! consents, and packages that were promised already. Calls that a trigger raised have one, and all calls of a provider that is handed
//! packages.

use std::collections::HashMap;

use super::batch::{Batch, distinct};
use super::triggers::{call_id_of, is_triggered};
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::definitions::library::Bundle;
use crate::definitions::model::cadence::StepAction;
use crate::domain::campaign::Campaign;
use crate::domain::product::Product;
use crate::domain::purchase::Purchase;
use crate::id::{AttemptId, LeadId, ProductId};
use crate::package::build::{Customer, Facts, complete};
use crate::package::{Availability, Frozen, PastPurchase};
use crate::provider::Capabilities;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, attempt, package, product, purchase};
use crate::time::zone::Zone;

/// Earlier purchases that go into a package.
const HISTORY: u32 = 20;

/// What is known about the calls of a batch.
#[derive(Debug, Default)]
pub(super) struct Dossiers {
    whose: Whose,
    history: HashMap<LeadId, Vec<Purchase>>,
    products: HashMap<ProductId, Product>,
    kept: HashMap<AttemptId, Frozen>,
}

/// Which calls have a package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Whose {
    #[default]
    Triggered,
    Everybodys,
}

impl Whose {
    pub fn of(provider: Capabilities) -> Self {
        if provider.packages { Self::Everybodys } else { Self::Triggered }
    }

    fn has(self, walk: &Walk) -> bool {
        self == Self::Everybodys || is_triggered(&walk.enrollment.variables)
    }
}

/// Under which circumstances a package is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub engine: &'a Engine,
    pub batch: &'a Batch,
    pub now: Instant,
}

/// Which call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub id: AttemptId,
    pub attempt: u32,
    pub flow: &'a str,
    /// E.164.
    pub to: &'a str,
}

impl Dossiers {
    /// Of those among `walks` that have a package; `calls` are those that are about to be made.
    pub async fn load(
        tx: &mut Tx,
        walks: &[&Walk],
        calls: &[AttemptId],
        whose: Whose,
    ) -> Result<Self, EngineError> {
        let told: Vec<&Walk> = walks.iter().copied().filter(|walk| whose.has(walk)).collect();
        if told.is_empty() {
            return Ok(Self::default());
        }
        let leads = distinct(told.iter().map(|walk| walk.lead.id));
        let bought = purchase::history(tx, &leads, HISTORY).await?;
        let offered = told.iter().filter_map(|walk| product_id_of(walk));
        let ids = distinct(bought.iter().map(|purchase| purchase.product_id).chain(offered));
        let products = product::find_many(tx, &ids).await?;
        let mut history: HashMap<LeadId, Vec<Purchase>> = HashMap::with_capacity(leads.len());
        for purchase in bought {
            history.entry(purchase.lead_id).or_default().push(purchase);
        }
        Ok(Self {
            whose,
            history,
            products: products.into_iter().map(|product| (product.id, product)).collect(),
            kept: package::of_calls(tx, calls).await?.into_iter().map(|(id, kept, _)| (id, kept)).collect(),
        })
    }

    /// The package of a call, as it was promised or as it is now; `true`: it is new, and to be kept. `None`: it has none.
    pub fn of(
        &self,
        setting: Setting<'_>,
        call: Call<'_>,
        walk: &Walk,
        bundle: &Bundle,
    ) -> Result<Option<(Frozen, bool)>, EngineError> {
        if !self.whose.has(walk) {
            return Ok(None);
        }
        // What was promised holds, unless the call goes to another number now.
        let promised = self.kept.get(&call.id).filter(|kept| number_in(kept).as_deref() == Some(call.to));
        if let Some(kept) = promised {
            return Ok(Some((kept.clone(), false)));
        }
        self.build(setting, call, walk, bundle).map(|made| Some((made, true)))
    }

    /// The package of the first call of an enrollment, before anything is planned.
    pub fn preview(
        &self,
        setting: Setting<'_>,
        walk: &Walk,
        bundle: &Bundle,
        id: AttemptId,
    ) -> Result<Frozen, EngineError> {
        let flow = bundle.cadence.steps.iter().find_map(|step| match &step.action {
            StepAction::Call(call) => Some(call.flow.as_str()),
            _ => None,
        });
        let flow = flow.ok_or_else(|| EngineError::missing("call step", &bundle.cadence.key))?;
        let to = walk.lead.phone.as_deref().unwrap_or_default();
        self.build(setting, Call { id, attempt: 1, flow, to }, walk, bundle)
    }

    fn build(
        &self,
        setting: Setting<'_>,
        call: Call<'_>,
        walk: &Walk,
        bundle: &Bundle,
    ) -> Result<Frozen, EngineError> {
        let campaign = setting.batch.campaign(walk.enrollment.campaign_id);
        let campaign =
            campaign.ok_or_else(|| EngineError::missing("campaign", walk.enrollment.campaign_id))?;
        let invalid = |message: String| EngineError::Invalid { field: "package".to_owned(), message };
        let facts = self.facts(setting, call, walk, campaign, bundle)?;
        let made = complete(facts).map_err(|problem| invalid(problem.to_string()))?;
        made.freeze().map_err(|problem| invalid(problem.to_string()))
    }

    fn facts<'a>(
        &'a self,
        Setting { engine, batch, now }: Setting<'a>,
        call: Call<'a>,
        walk: &'a Walk,
        campaign: &'a Campaign,
        bundle: &'a Bundle,
    ) -> Result<Facts<'a>, EngineError> {
        let (lead, zone) = (&walk.lead, engine.zone_of_lead(&walk.lead).ok());
        let full_name = [lead.first_name.as_deref(), lead.last_name.as_deref()];
        Ok(Facts {
            call_id: call.id,
            attempt: call.attempt,
            enrollment_id: walk.enrollment.id,
            flow: call.flow,
            to: call.to,
            customer: Customer {
                id: lead.id,
                name: full_name.into_iter().flatten().collect::<Vec<_>>().join(" "),
                email: lead.email.as_deref(),
                language: &lead.language,
                preferred: engine.preferred_of(lead)?,
                score: lead.score,
                zone: zone.clone(),
            },
            campaign,
            bundle,
            variables: super::context::variables(walk, Some(campaign)),
            history: self.history_of(lead.id, zone.as_ref()),
            availability: self.availability(walk),
            consents: batch.consents(lead.id, lead.phone.as_deref()),
            placed: walk.enrollment.placed,
            public_url: engine.public_url(),
            weights: engine.weights(),
            now,
        })
    }

    fn history_of(&self, lead: LeadId, zone: Option<&Zone>) -> Vec<PastPurchase> {
        let past = |purchase: &Purchase| {
            let product = self.products.get(&purchase.product_id)?;
            Some(PastPurchase {
                product_name: product.name.clone(),
                purchase_date: match zone {
                    Some(zone) => zone.local(purchase.purchased_at).date,
                    None => purchase.purchased_at.date_naive(),
                },
                amount_paid: purchase.total().ok()?.number(),
                currency: purchase.unit_price.currency().code().to_owned(),
            })
        };
        self.history.get(&lead).into_iter().flatten().filter_map(past).collect()
    }

    fn availability(&self, walk: &Walk) -> Availability {
        match product_id_of(walk).and_then(|id| self.products.get(&id)) {
            Some(product) if product.is_available() => Availability::InStock,
            Some(_) => Availability::OutOfStock,
            None => Availability::Unknown,
        }
    }
}

fn product_id_of(walk: &Walk) -> Option<ProductId> {
    walk.enrollment.variables.pointer("/product/id")?.as_str()?.parse().ok()
}

fn number_in(kept: &Frozen) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Number {
        phone_number: String,
    }
    serde_json::from_str::<Number>(&kept.body).ok().map(|kept| kept.phone_number)
}

/// A package that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPackageView {
    pub package: Frozen,
    /// When it was handed out, or promised; `None`: the call has not been made, and this is how it stands now.
    pub frozen_at: Option<Instant>,
}

impl Engine {
    /// The package of a call by the call's id: the bytes that were sent, or what would be sent now.
    pub async fn call_package(&self, id: AttemptId) -> Result<CallPackageView, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let found = self.call_package_in(&mut tx, id).await;
        tx.rollback().await?;
        found
    }

    async fn call_package_in(&self, tx: &mut Tx, id: AttemptId) -> Result<CallPackageView, EngineError> {
        if let Some((_, package, at)) = package::of_calls(tx, &[id]).await?.pop() {
            return Ok(CallPackageView { package, frozen_at: Some(at) });
        }
        let missing = || EngineError::missing("package of call", id);
        let now = self.time.now(tx).await?;
        let call = attempt::by_ids_unlocked(tx, &[id]).await?.pop().ok_or_else(missing)?;
        let enrollment = call.enrollment_id.ok_or_else(missing)?;
        let walks = walk::all_of_lead(tx, call.lead_id).await?;
        let walk = walks.iter().find(|walk| walk.enrollment.id == enrollment).ok_or_else(missing)?;
        let version = self.version(tx, &walk.enrollment.version).await?;
        let dossiers = Dossiers::load(tx, &[walk], &[], Whose::Triggered).await?;
        let batch = Batch::load(self, tx, std::slice::from_ref(walk), now).await?;
        let setting = Setting { engine: self, batch: &batch, now };
        let asked = Call { id, attempt: call.attempt, flow: &call.flow, to: &call.number };
        let made = dossiers.of(setting, asked, walk, &version.bundle)?;
        let (package, _) = made.ok_or_else(missing)?;
        Ok(CallPackageView { package, frozen_at: None })
    }
}

/// The id that this attempt was promised to have, if it is the first call of its enrollment.
pub(super) fn promised_id(
    walk: &Walk,
    bundle: &Bundle,
    step: &str,
    visit: u32,
    attempt: u32,
) -> Option<AttemptId> {
    let first = bundle.cadence.steps.iter().find(|step| matches!(step.action, StepAction::Call(_)))?;
    let is_first = visit == 1 && attempt == 1 && first.id == step;
    if is_first { call_id_of(&walk.enrollment.variables) } else { None }
}
