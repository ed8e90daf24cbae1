//! Trials: a database, an engine on a clock in hand and the simulated carrier, put together for demos, simulations,
//! benchmarks and tests. The engine is the product's own; only clock and carrier are not.

pub mod campaigns;
pub mod people;
pub mod report;

use std::sync::Arc;

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::{Library, LibraryHandle};
use callwright_engine::domain::campaign::Campaign;
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::{
    Engine, EngineError, EnrollRefusal, EnrollRequest, Enrolled, ManualClock, Safeguards, TimeSource,
};
use callwright_engine::id::{CampaignId, IdSource, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::rules::Rules;
use callwright_engine::simulate::driver::{self, Pace, Progress, Ran};
use callwright_engine::store::{Db, StoreError, campaign, lead, suppression};
use serde_json::Value;

use crate::provider::simulated::behaviour::BehaviourSource;
use crate::provider::simulated::faults::Faults;
use crate::provider::simulated::in_process::SimulatedCarrier;
use crate::provider::simulated::rows;

/// Rows per transaction while a trial is being set up.
const SETUP_BATCH: usize = 1_000;

/// A trial under way.
#[derive(Debug)]
pub struct Trial {
    pub engine: Arc<Engine>,
    pub clock: Arc<ManualClock>,
    pub carrier: SimulatedCarrier,
    pub seed: u64,
}

/// How a trial starts.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub start: Instant,
    pub seed: u64,
    pub faults: Faults,
    pub safeguards: Safeguards,
}

impl Setup {
    pub fn at(start: Instant, seed: u64) -> Self {
        Self { start, seed, faults: Faults::default(), safeguards: Safeguards::default() }
    }
}

impl Trial {
    /// Opens a trial on a migrated database.
    pub fn open(db: Db, library: Library, setup: Setup, source: impl BehaviourSource + 'static) -> Self {
        let clock = ManualClock::at(setup.start);
        let time = TimeSource::Manual(Arc::clone(&clock));
        let (library, ids) = (Arc::new(LibraryHandle::new(library)), Arc::new(IdSource::seeded(setup.seed)));
        let engine = Engine::with_safeguards(db, library, time, ids, setup.safeguards);
        Self::of(engine, clock, setup, source)
    }

    /// The same by other calling rules than the shipped ones, with all safeguards.
    pub fn open_under(
        db: Db,
        library: Library,
        rules: Arc<Rules>,
        setup: Setup,
        source: impl BehaviourSource + 'static,
    ) -> Self {
        let clock = ManualClock::at(setup.start);
        let time = TimeSource::Manual(Arc::clone(&clock));
        let (library, ids) = (Arc::new(LibraryHandle::new(library)), Arc::new(IdSource::seeded(setup.seed)));
        Self::of(Engine::with_rules(db, library, time, ids, rules), clock, setup, source)
    }

    fn of(
        engine: Arc<Engine>,
        clock: Arc<ManualClock>,
        setup: Setup,
        source: impl BehaviourSource + 'static,
    ) -> Self {
        let hands = Arc::clone(&clock);
        let carrier = SimulatedCarrier::new(Arc::new(move || hands.now()), setup.seed, source, setup.faults);
        Self { engine, clock, carrier, seed: setup.seed }
    }

    pub async fn add_campaign(&self, campaign: &Campaign) -> Result<CampaignId, StoreError> {
        let mut tx = self.engine.db.begin().await?;
        campaign::create(&mut tx, campaign).await?;
        tx.commit().await?;
        Ok(campaign.id)
    }

    pub async fn add_leads(&self, leads: &[Lead]) -> Result<(), StoreError> {
        for chunk in leads.chunks(SETUP_BATCH) {
            let mut tx = self.engine.db.begin().await?;
            lead::insert_many(&mut tx, chunk).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Suppresses numbers from now on.
    pub async fn suppress(
        &self,
        numbers: &[PhoneNumber],
        source: Source,
        reason: &str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let entries: Vec<Suppression> = numbers
            .iter()
            .map(|number| Suppression {
                id: self.engine.ids.next(now),
                number: *number,
                source,
                campaign_id: None,
                reason: reason.to_owned(),
                added_by: String::new(),
                created_at: now,
                expires_at: None,
            })
            .collect();
        let mut tx = self.engine.db.begin().await?;
        suppression::add_many(&mut tx, &entries).await?;
        tx.commit().await
    }

    /// Enrolls leads now, all with the same variables.
    pub async fn enroll(
        &self,
        campaign_id: CampaignId,
        cadence: &str,
        leads: &[LeadId],
        variables: &Value,
    ) -> Result<Vec<Result<Enrolled, EnrollRefusal>>, EngineError> {
        let mut answers = Vec::with_capacity(leads.len());
        for chunk in leads.chunks(SETUP_BATCH) {
            let requests = chunk
                .iter()
                .map(|lead_id| EnrollRequest {
                    lead_id: *lead_id,
                    campaign_id,
                    cadence: cadence.to_owned(),
                    entry_key: String::new(),
                    start_at: None,
                    variables: variables.clone(),
                })
                .collect();
            answers.extend(self.engine.enroll(requests).await?);
        }
        Ok(answers)
    }

    /// Keeps the carrier's books in the trial's database.
    pub async fn save_ledger(&self) -> Result<usize, StoreError> {
        rows::save(&self.engine.db, &self.carrier).await
    }

    /// Runs until nothing is waiting or the horizon is reached.
    pub async fn run(&self, pace: Pace, progress: impl FnMut(Progress)) -> Result<Ran, EngineError> {
        driver::run(&self.engine, &self.carrier, &self.clock, pace, progress).await
    }
}
