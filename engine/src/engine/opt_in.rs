//! Taking an opt-out back (CRM-5): a manager's act, with evidence that the person wants calls again. What else stands against
//! a call stays: registries, entries that others made, revoked consents. For the number of an erased person it is the only way
//! back.

use serde::Serialize;
use serde_json::json;

use super::again::unless_deadlocked;
use super::batch::distinct;
use super::emergency::said;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::event::Event;
use crate::domain::suppression::{Source, Suppression};
use crate::id::{EventId, LeadId, SuppressionId};
use crate::phone::number::PhoneNumber;
use crate::store::erased_number::{self, ErasedEntry};
use crate::store::{Tx, erase, event, lead, lead_change, number_lock, stopping, suppression, walk};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OptedIn {
    pub lead_id: LeadId,
    /// Opt-outs of the person's numbers that were lifted.
    pub lifted: usize,
    /// Opt-outs that stay, because somebody else with the number has said stop too.
    pub kept: usize,
    /// Entries of other sources that stay: lists, litigators, internal ones.
    pub others: usize,
    /// Numbers that were those of an erased person, and may be called again.
    pub erased: usize,
}

impl Engine {
    /// Lets a person be called again who had opted out. `by` is the manager who holds the `evidence`: the caller has made sure
    /// of the role. Ended enrollments stay ended.
    pub async fn opt_in(&self, lead: LeadId, by: &str, evidence: &str) -> Result<OptedIn, EngineError> {
        said("evidence", evidence)?;
        unless_deadlocked("opt_in", || self.opt_in_once(lead, by, evidence.trim())).await
    }

    async fn opt_in_once(&self, lead_id: LeadId, by: &str, evidence: &str) -> Result<OptedIn, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let numbers = lead_change::numbers(&mut tx, &[lead_id]).await?;
        let numbers: Vec<&str> = distinct(numbers.iter().map(|(_, number)| number.as_str()));
        number_lock::lock_numbers(&mut tx, &numbers).await?;
        if walk::leads(&mut tx, &[lead_id]).await?.is_empty() {
            return Err(EngineError::missing("lead", lead_id));
        }
        if erase::find(&mut tx, lead_id).await?.is_some() {
            let message = "this person was erased: record whoever wants calls now as a new lead".to_owned();
            return Err(EngineError::Conflict { code: "erased", message });
        }
        let erased = erased_number::of_numbers(&mut tx, &numbers).await?;
        if !lead::reinstate(&mut tx, lead_id, now).await? && erased.is_empty() {
            let message = "this lead has not opted out".to_owned();
            return Err(EngineError::Conflict { code: "not-opted-out", message });
        }
        let also_out = stopping::also_out(&mut tx, &numbers, lead_id).await?;
        let mut done = OptedIn { lead_id, lifted: 0, kept: 0, others: 0, erased: 0 };
        done.erased = self.lift_erasures(&mut tx, erased, now).await?;
        for entry in suppression::of_numbers(&mut tx, &numbers).await? {
            if entry.source != Source::OptOut || entry.campaign_id.is_some() {
                done.others += 1;
            } else if also_out.contains(&entry.number.e164()) {
                done.kept += 1;
            } else {
                suppression::remove(&mut tx, entry.id).await?;
                done.lifted += 1;
            }
        }
        let event = Event {
            id: self.ids.next::<EventId>(now),
            kind: "lead.opted_in".to_owned(),
            lead_id: Some(lead_id),
            enrollment_id: None,
            attempt_id: None,
            campaign_id: None,
            at: now,
            version: None,
            data: json!({"by": by, "evidence": evidence, "lifted": done.lifted, "kept": done.kept, "erased": done.erased}),
            dedupe: None,
        };
        event::append(&mut tx, &[event], now).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Lets numbers of erased people be called again, and puts back in plain what others had against that. Answers how many
    /// numbers there were.
    async fn lift_erasures(
        &self,
        tx: &mut Tx,
        found: Vec<(String, ErasedEntry)>,
        now: Instant,
    ) -> Result<usize, EngineError> {
        let hashes = distinct(found.iter().map(|(_, entry)| entry.hash.clone()));
        let put_back = found
            .into_iter()
            .filter(|(_, entry)| entry.source != Source::OptOut || entry.campaign_id.is_some());
        let entry = |(number, entry): (String, ErasedEntry)| {
            Some(Suppression {
                id: self.ids.next::<SuppressionId>(now),
                number: PhoneNumber::e164_only(&number).ok()?,
                source: entry.source,
                campaign_id: entry.campaign_id,
                reason: "stood when the person was erased".to_owned(),
                added_by: "opt-in".to_owned(),
                created_at: entry.erased_at,
                expires_at: entry.expires_at,
            })
        };
        let entries: Vec<Suppression> = put_back.filter_map(entry).collect();
        erased_number::remove(tx, &hashes).await?;
        suppression::add_many(tx, &entries).await?;
        Ok(hashes.len())
    }
}
