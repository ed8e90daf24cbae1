//! The consent ledger as people and systems use it: putting consents on file, and taking them back (GATE-3).

use serde_json::json;

use super::again::unless_deadlocked;
use super::opt_out::{OptOut, Said};
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::consent::Purpose;
use crate::domain::event::Event;
use crate::domain::revocation::Revocation;
use crate::id::{EventId, LeadId, RevocationId};
use crate::phone::number::PhoneNumber;
use crate::store::{Tx, consent, event, lead};

/// What a person takes back, as somebody passes it on.
#[derive(Debug, Clone)]
pub struct TakenBack {
    pub lead_id: LeadId,
    /// `None`: everything, which opts the lead out.
    pub purpose: Option<Purpose>,
    /// The number they spoke of, if they did.
    pub number: Option<PhoneNumber>,
    pub said: Said,
    /// `None`: now.
    pub received_at: Option<Instant>,
    pub source: String,
}

impl Engine {
    /// Takes back at once what was agreed to; the deadline that the law allows is kept beside it. Everything: as
    /// [`Engine::opt_out`]. A moment to come is an error.
    pub async fn take_back(&self, asked: TakenBack) -> Result<Revocation, EngineError> {
        unless_deadlocked("take_back", || self.take_back_once(asked.clone())).await
    }

    async fn take_back_once(&self, asked: TakenBack) -> Result<Revocation, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let received_at = asked.received_at.unwrap_or(now);
        if received_at > now {
            let message = "a revocation cannot be received in the future".to_owned();
            return Err(EngineError::Invalid { field: "receivedAt".to_owned(), message });
        }
        if lead::find(&mut tx, asked.lead_id).await?.is_none() {
            return Err(EngineError::missing("lead", asked.lead_id));
        }
        let revocation = match asked.purpose {
            None => {
                let opt_out = opt_out_of(&asked, received_at);
                let revocation = self.revocation_of(&opt_out, now);
                self.opt_out_in(&mut tx, vec![opt_out], now).await?;
                revocation
            }
            Some(purpose) => self.take_back_purpose(&mut tx, asked, purpose, received_at, now).await?,
        };
        tx.commit().await?;
        Ok(revocation)
    }

    async fn take_back_purpose(
        &self,
        tx: &mut Tx,
        asked: TakenBack,
        purpose: Purpose,
        received_at: Instant,
        now: Instant,
    ) -> Result<Revocation, EngineError> {
        let revocation = Revocation {
            id: self.ids.next::<RevocationId>(now),
            lead_id: asked.lead_id,
            number: asked.number.map(PhoneNumber::e164),
            purpose: Some(purpose),
            channel: asked.said.channel,
            words: asked.said.words,
            language: asked.said.language,
            received_at,
            due_on: self.due_on(received_at),
            honored_at: now,
            source: asked.source,
            recorded_by: asked.said.recorded_by,
            attempt_id: None,
        };
        consent::take_back(tx, std::slice::from_ref(&revocation)).await?;
        event::append(tx, &[self.revoked_event(&revocation, now)], now).await?;
        Ok(revocation)
    }

    /// `consent.revoked`, for timelines and subscribers.
    pub(super) fn revoked_event(&self, revocation: &Revocation, now: Instant) -> Event {
        Event {
            id: self.ids.next::<EventId>(now),
            kind: "consent.revoked".to_owned(),
            lead_id: Some(revocation.lead_id),
            enrollment_id: None,
            attempt_id: revocation.attempt_id,
            campaign_id: None,
            at: revocation.received_at,
            version: None,
            data: json!({
                "purpose": revocation.purpose, "channel": revocation.channel, "words": revocation.words,
                "source": revocation.source, "dueOn": revocation.due_on,
            }),
            dedupe: None,
        }
    }
}

fn opt_out_of(asked: &TakenBack, received_at: Instant) -> OptOut {
    let reason = asked.said.words.clone().unwrap_or_else(|| "consent revoked".to_owned());
    OptOut {
        lead_id: asked.lead_id,
        reason,
        source: asked.source.clone(),
        attempt_id: None,
        at: received_at,
        event: None,
        said: asked.said.clone(),
    }
}
