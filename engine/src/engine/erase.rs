//! Erasing a person: an opt-out of everything, then nothing about them is left but what statistics, caps and the law need, all in
//! one transaction. Their numbers stay suppressed as fingerprints, also for whoever brings them again, until a manager opts
//! them in. What a call under way still says, and what a provider reports late, is removed in later rounds.

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::json;

use super::again::unless_deadlocked;
use super::batch::distinct;
use super::emergency::said;
use super::opt_out::{OptOut, Said};
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::consent::Channel;
use crate::domain::erasure::{Erasure, is_kept, kept_until};
use crate::domain::event::Event;
use crate::domain::lead::Lead;
use crate::domain::suppression::{Source, Suppression};
use crate::id::{EventId, LeadId, SuppressionId};
use crate::phone::fingerprint::NumberKey;
use crate::phone::number::PhoneNumber;
use crate::store::erase::{self as store, Extent, Removed};
use crate::store::erased_number::{self, ErasedEntry};
use crate::store::{Tx, event, lead, lead_change, recovery, stopping, suppression};

/// Where the erasure's own opt-out comes from.
const SOURCE: &str = "erasure";
/// How soon a call under way is looked after again.
const CALL_ENDS_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// Late reports of a call are taken for a month, and looked for every day.
const ROUND: TimeDelta = TimeDelta::days(1);
const REPORTS_COME_FOR: TimeDelta = TimeDelta::days(31);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    pub lead_id: LeadId,
    pub erased_at: Instant,
    pub by: String,
    /// The person had been erased before; nothing is done twice.
    pub repeated: bool,
    /// Numbers that stay suppressed as fingerprints.
    pub numbers: usize,
    /// Rows that lost what they told of the person, or went, by table.
    pub removed: Removed,
    /// Calls to the person that were told to end; what they still say is removed within minutes of their end.
    pub calls_under_way: usize,
    /// Until then call records keep the number, and the ledger its evidence: 16 CFR 310.5. `null`: nothing is kept.
    pub kept_until: Option<Instant>,
}

impl Engine {
    /// Erases a person. `by` has been found to be allowed to; `reason` is kept, and should name nobody. Repeating it changes
    /// nothing. `dry_run` answers what would be done and does nothing.
    pub async fn erase(
        &self,
        lead: LeadId,
        by: &str,
        reason: &str,
        dry_run: bool,
    ) -> Result<Erased, EngineError> {
        said("reason", reason)?;
        unless_deadlocked("erase", || self.erase_once(lead, by, reason.trim(), dry_run)).await
    }

    async fn erase_once(
        &self,
        lead: LeadId,
        by: &str,
        reason: &str,
        dry_run: bool,
    ) -> Result<Erased, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        // Its key may be one that only the journal has.
        if recovery::is_marked(&mut tx).await? {
            let message =
                "the database was restored and is not reconciled yet: run `callwright reconcile` first";
            return Err(EngineError::Conflict { code: "recovering", message: message.to_owned() });
        }
        self.lock_numbers_of(&mut tx, &[lead]).await?;
        if let Some(known) = store::find(&mut tx, lead).await? {
            let Erasure { erased_at, by, kept_until, .. } = known;
            let (numbers, removed, calls_under_way) = (0, Removed::new(), 0);
            let lead_id = lead;
            return Ok(Erased {
                lead_id,
                erased_at,
                by,
                repeated: true,
                numbers,
                removed,
                calls_under_way,
                kept_until,
            });
        }
        let key = erased_number::key_or_new(&mut tx, now).await?;
        let erased = self.erase_in(&mut tx, key, lead, by, reason, now).await?;
        if dry_run {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
            tracing::info!(%lead, by, "a person was erased");
        }
        Ok(erased)
    }

    /// The whole erasure; the caller holds the locks of the person's numbers.
    pub(super) async fn erase_in(
        &self,
        tx: &mut Tx,
        key: NumberKey,
        lead_id: LeadId,
        by: &str,
        reason: &str,
        now: Instant,
    ) -> Result<Erased, EngineError> {
        let on_file = lead::find(tx, lead_id).await?;
        let on_file = on_file.ok_or_else(|| EngineError::missing("lead", lead_id))?;
        let numbers = lead_change::numbers(tx, &[lead_id]).await?;
        let numbers: Vec<&str> = distinct(numbers.iter().map(|(_, number)| number.as_str()));
        self.stop_erased(tx, lead_id, &numbers, reason, now).await?;
        let hashes = self.fingerprint(tx, key, &numbers, now).await?;
        store::note(tx, lead_id, (by, reason), key, &hashes);
        let plan = Plan::of(tx, &numbers, lead_id, now).await?;
        if plan.in_call > 0 {
            // The second look before a call, and calls to others at the number, go by the number in plain.
            self.suppress_for_now(tx, &numbers, now).await?;
        }
        let mut removed = plan.carry_out(tx, &numbers, now).await?;
        store::mentions(tx, &texts_of(&on_file, &numbers), &mut removed).await?;
        let erasure = Erasure {
            lead_id,
            erased_at: now,
            by: by.to_owned(),
            reason: reason.to_owned(),
            kept_until: plan.kept_until,
            next_at: plan.next_at(now, now),
        };
        store::insert(tx, &erasure).await?;
        let data =
            json!({"by": by, "reason": reason, "numbers": numbers.len(), "keptUntil": plan.kept_until});
        self.note_person(tx, "lead.erased", lead_id, data, now).await?;
        Ok(Erased {
            lead_id,
            erased_at: now,
            by: by.to_owned(),
            repeated: false,
            numbers: numbers.len(),
            removed,
            calls_under_way: plan.in_call,
            kept_until: plan.kept_until,
        })
    }

    /// Everything ends as after an opt-out.
    async fn stop_erased(
        &self,
        tx: &mut Tx,
        lead_id: LeadId,
        numbers: &[&str],
        reason: &str,
        now: Instant,
    ) -> Result<(), EngineError> {
        let opt_out = OptOut {
            lead_id,
            reason: reason.to_owned(),
            source: SOURCE.to_owned(),
            attempt_id: None,
            at: now,
            event: None,
            said: Said::through(Channel::System),
        };
        self.end_everything(tx, &[opt_out], numbers, now).await
    }

    /// Puts a fingerprint in the place of every entry that stands against these numbers, and of one that says that the person
    /// wants no calls. Answers with the fingerprints.
    async fn fingerprint(
        &self,
        tx: &mut Tx,
        key: NumberKey,
        numbers: &[&str],
        now: Instant,
    ) -> Result<Vec<String>, EngineError> {
        let own = |number: &&str| ErasedEntry {
            hash: key.fingerprint(number),
            source: Source::OptOut,
            campaign_id: None,
            expires_at: None,
            erased_at: now,
        };
        let hashes: Vec<String> = numbers.iter().map(|number| key.fingerprint(number)).collect();
        let mut entries: Vec<ErasedEntry> = numbers.iter().map(own).collect();
        for entry in suppression::of_numbers(tx, numbers).await? {
            entries.push(ErasedEntry {
                hash: key.fingerprint(&entry.number.e164()),
                source: entry.source,
                campaign_id: entry.campaign_id,
                expires_at: entry.expires_at,
                erased_at: now,
            });
        }
        erased_number::add_many(tx, &entries).await?;
        Ok(hashes)
    }

    async fn suppress_for_now(&self, tx: &mut Tx, numbers: &[&str], now: Instant) -> Result<(), EngineError> {
        let entry = |number: &&str| {
            // A number on file that cannot be read cannot be dialed either.
            let number = PhoneNumber::e164_only(number).ok()?;
            Some(Suppression {
                id: self.ids.next::<SuppressionId>(now),
                number,
                source: Source::OptOut,
                campaign_id: None,
                reason: SOURCE.to_owned(),
                added_by: SOURCE.to_owned(),
                created_at: now,
                expires_at: None,
            })
        };
        let entries: Vec<Suppression> = numbers.iter().filter_map(entry).collect();
        Ok(suppression::add_unnoted(tx, &entries).await?)
    }

    /// Removes what came in about erased people since, of up to `limit` of them; answers of how many.
    pub async fn erase_rest(&self, limit: u32) -> Result<usize, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let due = store::due(&mut tx, now, limit).await?;
        tx.rollback().await?;
        for lead in &due {
            unless_deadlocked("erase_rest", || self.erase_rest_of(*lead)).await?;
        }
        Ok(due.len())
    }

    async fn erase_rest_of(&self, lead: LeadId) -> Result<(), EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        self.lock_numbers_of(&mut tx, &[lead]).await?;
        let Some(known) = store::find(&mut tx, lead).await? else { return Ok(()) };
        let numbers = lead_change::numbers(&mut tx, &[lead]).await?;
        let numbers: Vec<&str> = distinct(numbers.iter().map(|(_, number)| number.as_str()));
        let plan = Plan::of(&mut tx, &numbers, lead, now).await?;
        plan.carry_out(&mut tx, &numbers, now).await?;
        store::reschedule(&mut tx, lead, plan.kept_until, plan.next_at(known.erased_at, now)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps, as an event of theirs, who did something with a person's data.
    pub(super) async fn note_person(
        &self,
        tx: &mut Tx,
        kind: &str,
        lead: LeadId,
        data: serde_json::Value,
        now: Instant,
    ) -> Result<(), EngineError> {
        let event = Event {
            id: self.ids.next::<EventId>(now),
            kind: kind.to_owned(),
            lead_id: Some(lead),
            enrollment_id: None,
            attempt_id: None,
            campaign_id: None,
            at: now,
            version: None,
            data,
            dedupe: None,
        };
        Ok(event::append(tx, &[event], now).await?)
    }
}

/// What may go of a person at an instant, and what not yet.
struct Plan {
    lead: LeadId,
    in_call: usize,
    kept_calls: Vec<String>,
    /// The number that the ledger keeps.
    ledger_of: Option<String>,
    kept_until: Option<Instant>,
}

impl Plan {
    async fn of(tx: &mut Tx, numbers: &[&str], lead: LeadId, now: Instant) -> Result<Self, EngineError> {
        let in_call = stopping::under_way(tx, numbers, &[lead]).await?.len();
        let by_law = |number: &str| PhoneNumber::e164_only(number).is_ok_and(is_kept);
        let calls = store::asked(tx, lead).await?;
        let kept: Vec<_> =
            calls.iter().filter(|(_, number, at)| by_law(number) && kept_until(*at) > now).collect();
        let word = store::newest_word(tx, lead).await?.filter(|at| kept_until(*at) > now);
        // The ledger is of whoever has, or had, a number there.
        let known = store::ledger_numbers(tx, lead).await?;
        let known = known.iter().map(String::as_str);
        let ledger_of = numbers.iter().copied().chain(known).find(|number| by_law(number));
        let ledger_of = word.and(ledger_of).map(str::to_owned);
        let last = kept.last().map(|(_, _, at)| *at).max(word.filter(|_| ledger_of.is_some()));
        let kept_calls = kept.iter().map(|(id, ..)| id.clone()).collect();
        Ok(Self { lead, in_call, kept_calls, ledger_of, kept_until: last.map(kept_until) })
    }

    async fn carry_out(&self, tx: &mut Tx, numbers: &[&str], now: Instant) -> Result<Removed, EngineError> {
        let extent = Extent {
            lead: self.lead,
            in_call: self.in_call > 0,
            ledger_of: self.ledger_of.as_deref(),
            kept_calls: &self.kept_calls,
        };
        let mut removed = store::person(tx, extent, now).await?;
        if self.in_call == 0 && !numbers.is_empty() {
            let entries = store::suppressions(tx, numbers).await?;
            if entries > 0 {
                removed.insert("suppressions", entries);
            }
        }
        Ok(removed)
    }

    fn next_at(&self, erased_at: Instant, now: Instant) -> Option<Instant> {
        if self.in_call > 0 {
            return Some(now + CALL_ENDS_WITHIN);
        }
        if now < erased_at + REPORTS_COME_FOR {
            return Some(now + ROUND);
        }
        self.kept_until
    }
}

/// What a person is known by elsewhere. Names are no good for a search: they are others' too.
fn texts_of(lead: &Lead, numbers: &[&str]) -> Vec<String> {
    let ids = [Some(lead.id.to_string()), lead.email.clone()].into_iter().flatten();
    // Ids of other systems may be short: only as a whole value.
    let outside = lead.external_id.iter().flat_map(|id| [format!("\"{id}\""), format!("`{id}`")]);
    let given = lead.phones.iter().map(|phone| phone.given.clone());
    let texts = ids.chain(outside).chain(given).chain(numbers.iter().map(|number| (*number).to_owned()));
    // Shorter ones would stand in many a text that is somebody else's.
    distinct(texts.filter(|text| text.len() > 3))
}
