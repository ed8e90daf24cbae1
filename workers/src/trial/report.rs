//! What a trial came to: our own tables beside the carrier's books, which do not believe them.

use std::collections::HashMap;

use callwright_engine::engine::EngineError;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::simulate::histogram::Histogram;
use callwright_engine::simulate::story::Facts;
use callwright_engine::store::summary::{self, Summary};
use callwright_engine::store::{suppression, trial, walk};
use callwright_engine::time::zone::Zone;
use chrono::Timelike as _;

use super::Trial;
use crate::provider::simulated::audit::{Audit, Evidence, SuppressedFrom};

/// Both sides of a trial.
#[derive(Debug, Clone)]
pub struct Report {
    pub summary: Summary,
    pub audit: Audit,
    /// Calls by the hour of the called party's first candidate zone.
    pub hours: Histogram,
}

impl Trial {
    /// Everything that happened, row by row: what stories are told from.
    pub async fn facts(&self) -> Result<Facts, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let facts = Facts {
            people: trial::people(&mut tx).await?,
            calls: trial::calls(&mut tx).await?,
            walks: trial::walks(&mut tx).await?,
            steps: trial::steps(&mut tx).await?,
            not_now: trial::not_now(&mut tx).await?,
        };
        tx.rollback().await?;
        Ok(facts)
    }

    /// Reads our tables and audits the carrier's books.
    pub async fn report(&self) -> Result<Report, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let summary = summary::read(&mut tx).await?;
        let suppressions = suppression::all(&mut tx).await?;
        let zones = walk::called_zones(&mut tx).await?;
        tx.rollback().await?;
        let zones: HashMap<PhoneNumber, Vec<Zone>> = zones
            .into_iter()
            .filter_map(|(number, names)| {
                let number = PhoneNumber::e164_only(&number).ok()?;
                let names: Vec<String> = serde_json::from_str(&names).ok()?;
                Some((number, names.iter().filter_map(|name| Zone::find(name).ok()).collect()))
            })
            .collect();
        let suppressed = suppressions.iter().filter(|entry| entry.campaign_id.is_none()).map(|entry| {
            SuppressedFrom { number: entry.number, at: entry.created_at, until: entry.expires_at }
        });
        let evidence = Evidence { suppressions: suppressed.collect(), zones };
        let (audit, hours) = self.carrier.with_ledger(|ledger| {
            let mut hours = Histogram::default();
            for entry in ledger.entries().iter().filter(|entry| entry.accepted) {
                let zone = evidence.zones.get(&entry.number).and_then(|zones| zones.first());
                let hour = zone.map_or(entry.asked_at.hour(), |zone| {
                    u32::from(zone.local(entry.asked_at).time.minutes() / 60)
                });
                hours.add(hour);
            }
            (ledger.audit(&evidence), hours)
        });
        Ok(Report { summary, audit, hours })
    }
}
