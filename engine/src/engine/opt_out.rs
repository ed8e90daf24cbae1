//! Opting out (CRM-5): the event, the lead's flags, the suppressed numbers, every enrollment and every planned call, also of
//! others who are called at the same numbers, and the end of calls under way: in one transaction.

use serde_json::json;

use super::again::unless_deadlocked;
use super::batch::distinct;
use super::changes::Changes;
use super::control::take_back_planned;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::consent::Channel;
use crate::domain::event::{Event, kinds};
use crate::domain::revocation::{self, Revocation};
use crate::domain::suppression::{Source, Suppression};
use crate::id::{AttemptId, EventId, LeadId, RevocationId, SuppressionId};
use crate::phone::number::PhoneNumber;
use crate::store::walk::{self, Walk};
use crate::store::{Tx, consent, lead_change, number_lock, stopping, suppression};

/// One person's word that they want no more calls.
#[derive(Debug, Clone)]
pub(super) struct OptOut {
    pub lead_id: LeadId,
    pub reason: String,
    /// `call`, `api`, `import`, `event`.
    pub source: String,
    /// The call in which it was said.
    pub attempt_id: Option<AttemptId>,
    pub at: Instant,
    /// Id and sender's key of the event that says so, when it came as one.
    pub event: Option<(EventId, Option<String>)>,
    pub said: Said,
}

/// How somebody took something back.
#[derive(Debug, Clone)]
pub struct Said {
    pub channel: Channel,
    /// As said or written.
    pub words: Option<String>,
    pub language: Option<String>,
    /// The user or key that passes it on.
    pub recorded_by: Option<String>,
}

impl Said {
    pub fn through(channel: Channel) -> Self {
        Self { channel, words: None, language: None, recorded_by: None }
    }
}

impl Engine {
    /// Opts a lead out at once. Repeating it changes nothing but the event log.
    pub async fn opt_out(&self, lead_id: LeadId, reason: &str, source: &str) -> Result<(), EngineError> {
        unless_deadlocked("opt_out", || self.opt_out_once(lead_id, reason, source)).await
    }

    async fn opt_out_once(&self, lead_id: LeadId, reason: &str, source: &str) -> Result<(), EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let (reason, source) = (reason.to_owned(), source.to_owned());
        let said = Said::through(Channel::System);
        let opt_out = OptOut { lead_id, reason, source, attempt_id: None, at: now, event: None, said };
        self.opt_out_in(&mut tx, vec![opt_out], now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Locks the numbers of these leads, as a verb does first that will, or may, opt them out or take their calls back: claims
    /// lock numbers before rows, and two orders would be a deadlock.
    pub(super) async fn lock_numbers_of(&self, tx: &mut Tx, leads: &[LeadId]) -> Result<(), EngineError> {
        if leads.is_empty() {
            return Ok(());
        }
        let numbers = lead_change::numbers(tx, leads).await?;
        let numbers: Vec<&str> = distinct(numbers.iter().map(|(_, number)| number.as_str()));
        Ok(number_lock::lock_numbers(tx, &numbers).await?)
    }

    pub(super) async fn opt_out_in(
        &self,
        tx: &mut Tx,
        opt_outs: Vec<OptOut>,
        now: Instant,
    ) -> Result<(), EngineError> {
        if opt_outs.is_empty() {
            return Ok(());
        }
        let leads: Vec<LeadId> = distinct(opt_outs.iter().map(|opt_out| opt_out.lead_id));
        let numbers = lead_change::numbers(tx, &leads).await?;
        // Claims hold the same locks while they read suppressions: whoever commits first is seen by the other (I2).
        let locked: Vec<&str> = distinct(numbers.iter().map(|(_, number)| number.as_str()));
        number_lock::lock_numbers(tx, &locked).await?;
        self.suppress(tx, &opt_outs, &numbers, now).await?;
        self.end_everything(tx, &opt_outs, &locked, now).await
    }

    /// What follows once the numbers, which are `locked`, are kept from being called: flags, ledger, enrollments, calls.
    pub(super) async fn end_everything(
        &self,
        tx: &mut Tx,
        opt_outs: &[OptOut],
        locked: &[&str],
        now: Instant,
    ) -> Result<(), EngineError> {
        let leads: Vec<LeadId> = distinct(opt_outs.iter().map(|opt_out| opt_out.lead_id));
        let revocations: Vec<Revocation> =
            opt_outs.iter().map(|opt_out| self.revocation_of(opt_out, now)).collect();
        consent::note_revocations(tx, &revocations).await?;
        let mut changes = Changes::default();
        for opt_out in opt_outs {
            changes.lead(opt_out.lead_id).opted_out = 1;
            changes.events.push(self.opt_out_event(opt_out, now));
        }
        // Others are called at these numbers too: they said nothing, and are not called there any more.
        let others =
            if self.safeguards.stops_reach_all { stopping::called_at(tx, locked).await? } else { Vec::new() };
        let concerned = distinct(leads.iter().copied().chain(others));
        let said_so = |lead: &LeadId| leads.contains(lead);
        let ending = walk::live_of_leads(tx, &concerned).await?;
        for walk in &ending {
            let result = if said_so(&walk.lead.id) { "opted_out" } else { "suppressed" };
            self.end(&mut changes, walk, result, now);
        }
        // With its enrollment, at whatever number: one that began meanwhile keeps its call, which no gate lets through any more.
        let ending: Vec<&Walk> = ending.iter().collect();
        take_back_planned(tx, &mut changes, &ending, "opted-out", now).await?;
        // The call in which it was said says good-bye by itself.
        let ends_itself = |id: &AttemptId| opt_outs.iter().any(|opt_out| opt_out.attempt_id == Some(*id));
        for call in stopping::under_way(tx, locked, &leads).await? {
            if let Some(call_id) = call.provider_call_id.as_deref().filter(|_| !ends_itself(&call.id)) {
                self.hang_up(&mut changes, call.id, call.lead_id, call_id, now);
            }
        }
        changes.flush(tx, now).await
    }

    async fn suppress(
        &self,
        tx: &mut Tx,
        opt_outs: &[OptOut],
        numbers: &[(String, String)],
        now: Instant,
    ) -> Result<(), EngineError> {
        let mut entries = Vec::with_capacity(numbers.len());
        for opt_out in opt_outs {
            let lead = opt_out.lead_id.to_string();
            for (_, number) in numbers.iter().filter(|(owner, _)| *owner == lead) {
                // A number on file that cannot be read cannot be dialed either.
                let Ok(number) = PhoneNumber::e164_only(number) else { continue };
                entries.push(Suppression {
                    id: self.ids.next::<SuppressionId>(now),
                    number,
                    source: Source::OptOut,
                    campaign_id: None,
                    reason: opt_out.reason.clone(),
                    added_by: opt_out.source.clone(),
                    created_at: opt_out.at,
                    expires_at: None,
                });
            }
        }
        Ok(suppression::add_many(tx, &entries).await?)
    }

    /// An opt-out takes everything back.
    pub(super) fn revocation_of(&self, opt_out: &OptOut, now: Instant) -> Revocation {
        let said = opt_out.said.clone();
        Revocation {
            id: self.ids.next::<RevocationId>(now),
            lead_id: opt_out.lead_id,
            number: None,
            purpose: None,
            channel: said.channel,
            words: said.words.or_else(|| Some(opt_out.reason.clone())),
            language: said.language,
            received_at: opt_out.at,
            due_on: self.due_on(opt_out.at),
            honored_at: now,
            source: opt_out.source.clone(),
            recorded_by: said.recorded_by,
            attempt_id: opt_out.attempt_id,
        }
    }

    /// By when the law wants a request of that instant honored.
    pub(super) fn due_on(&self, received_at: Instant) -> chrono::NaiveDate {
        revocation::due_on(received_at, &self.rules.federal_holidays())
    }

    fn opt_out_event(&self, opt_out: &OptOut, now: Instant) -> Event {
        let (id, dedupe) = opt_out.event.clone().unwrap_or_else(|| (self.ids.next::<EventId>(now), None));
        Event {
            id,
            kind: kinds::OPTOUT_REQUESTED.to_owned(),
            lead_id: Some(opt_out.lead_id),
            enrollment_id: None,
            attempt_id: opt_out.attempt_id,
            campaign_id: None,
            at: opt_out.at,
            version: None,
            data: json!({"reason": opt_out.reason, "source": opt_out.source}),
            dedupe,
        }
    }
}
