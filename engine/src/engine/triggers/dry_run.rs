//! What a trigger would do, without doing it: counts by reason, a few packages, how long the calls would take and what the offers
//! would cost at most.

use std::collections::BTreeMap;

use serde_json::Value;

use super::NewTrigger;
use super::fan_out::{Eligible, product_of};
use super::people::People;
use crate::clock::Instant;
use crate::decide::estimate::{self, Estimate};
use crate::domain::enrollment::{Enrollment, EnrollmentState, Position};
use crate::domain::priority::Priority;
use crate::domain::trigger::{Trigger, TriggerState};
use crate::engine::batch::Batch;
use crate::engine::dossier::{Dossiers, Setting, Whose};
use crate::engine::{Engine, EngineError};
use crate::id::{AttemptId, EnrollmentId, TriggerId};
use crate::money::Money;
use crate::package::Frozen;
use crate::store::walk::{LeadOnFile, Walk};
use crate::store::{Tx, audience};

/// People per transaction while nothing is written.
const CHUNK: u32 = 2_000;

/// What a trigger would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    pub candidates: u64,
    pub eligible: u64,
    /// Counts by reason.
    pub skipped: BTreeMap<String, u64>,
    pub samples: Vec<Sample>,
    pub estimate: Estimate,
    /// What all offers together cost if everybody accepts; `None`: nothing is given away.
    pub offers_at_most: Option<Money>,
}

/// One of the packages that would be sent. The coupon is not made yet, so its code is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub package: Frozen,
}

impl Engine {
    /// Goes through everybody whom the trigger would concern. Nothing is written.
    pub async fn dry_run(&self, new: &NewTrigger, samples: usize) -> Result<DryRun, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let done = self.dry_run_in(&mut tx, new, samples, now).await;
        tx.rollback().await?;
        done
    }

    async fn dry_run_in(
        &self,
        tx: &mut Tx,
        new: &NewTrigger,
        samples: usize,
        now: Instant,
    ) -> Result<DryRun, EngineError> {
        let checked = self.check_trigger(tx, new, now).await?;
        let campaign = checked.campaign.clone();
        let trigger = imagined(new, &checked, now);
        let desk = self.desk_of(tx, new, checked).await?;
        let (products, waiting) = (desk.product_ids(), audience::counts_waiting(new.kind));
        let mut run = DryRun {
            candidates: 0,
            eligible: 0,
            skipped: BTreeMap::new(),
            samples: Vec::new(),
            estimate: Estimate::default(),
            offers_at_most: None,
        };
        let (cap, mut after) = (self.cap_of(&trigger.cadence), None);
        loop {
            let leads = match new.lead_id {
                Some(lead) => vec![lead],
                None => audience::chunk(tx, &products, waiting, after, CHUNK).await?,
            };
            let people = People::load(tx, &trigger, &desk, &leads, now).await?;
            for judged in people.judge(&trigger, &desk, now) {
                run.candidates += 1;
                let grounds = match judged.answer {
                    Ok(grounds) => grounds,
                    Err(skip) => {
                        *run.skipped.entry(skip.code().to_owned()).or_default() += 1;
                        continue;
                    }
                };
                run.eligible += 1;
                let person = Eligible { lead: judged.lead, grounds, worth: judged.worth };
                if let (Some(offer), Some(product)) =
                    (&desk.offer, product_of(&trigger, &desk, &person.grounds))
                {
                    let cost = person.grounds.refund.map(|refund| refund.amount);
                    let cost = cost.or_else(|| offer.discount.on(product.price).ok());
                    run.offers_at_most = sum(run.offers_at_most, cost);
                }
                if run.samples.len() < samples {
                    let request = self.request(&trigger, &desk, &person, None, None, cap, now);
                    let walk = imagined_walk(judged.lead, &trigger, request.variables, now);
                    run.samples.extend(self.sample(tx, &walk, now).await?);
                }
            }
            after = leads.last().copied();
            if new.lead_id.is_some() || leads.len() < CHUNK as usize {
                break;
            }
        }
        run.estimate = estimate::of(run.eligible, &campaign.pacing);
        Ok(run)
    }

    async fn sample(&self, tx: &mut Tx, walk: &Walk, now: Instant) -> Result<Option<Sample>, EngineError> {
        let Some(bundle) = self.library.current().bundle(&walk.enrollment.cadence) else { return Ok(None) };
        let dossiers = Dossiers::load(tx, &[walk], &[], Whose::Triggered).await?;
        let batch = Batch::load(self, tx, std::slice::from_ref(walk), now).await?;
        let setting = Setting { engine: self, batch: &batch, now };
        let package = dossiers.preview(setting, walk, &bundle, AttemptId::default())?;
        Ok(Some(Sample { package }))
    }
}

fn sum(total: Option<Money>, more: Option<Money>) -> Option<Money> {
    match (total, more) {
        (Some(total), Some(more)) => total.checked_add(more).ok().or(Some(total)),
        (total, more) => total.or(more),
    }
}

fn imagined(new: &NewTrigger, checked: &super::raise::Checked, now: Instant) -> Trigger {
    Trigger {
        id: TriggerId::default(),
        kind: new.kind,
        event_key: String::new(),
        source: new.source,
        campaign_id: checked.campaign.id,
        product_id: new.product_id,
        offer_id: None,
        cadence: checked.cadence.clone(),
        lead_id: new.lead_id,
        terms: checked.terms.clone(),
        state: TriggerState::Running,
        candidates: 0,
        cursor: None,
        eligible: 0,
        skipped: BTreeMap::new(),
        raised_at: now,
        updated_at: now,
        finished_at: None,
    }
}

/// As the lead would stand at the first step.
fn imagined_walk(lead: &LeadOnFile, trigger: &Trigger, variables: Value, now: Instant) -> Walk {
    let position = Position { step: String::new(), visit: 1, attempt: 1, due_since: now, promised: false };
    let enrollment = Enrollment {
        id: EnrollmentId::default(),
        lead_id: lead.id,
        campaign_id: trigger.campaign_id,
        cadence: trigger.cadence.clone(),
        version: String::new(),
        state: EnrollmentState::Waiting,
        position,
        due_at: Some(now),
        wait_event: None,
        priority: Priority::Medium,
        variables,
        placed: 0,
        started_at: now,
    };
    Walk { enrollment, lead: lead.clone(), verdict: None, hold: None, result: None, entry_key: String::new() }
}
