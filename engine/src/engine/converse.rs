//! Following a call turn by turn, for providers that ask us what to say next. The session is stored between turns.

use serde_json::json;

use super::again::unless_deadlocked;
use super::{Engine, EngineError, context};
use crate::domain::call::Fact;
use crate::domain::campaign::Campaign;
use crate::domain::consent::Channel;
use crate::flow::interpreter::{self, Input, Program, Turn};
use crate::flow::session::{Effect, Session};
use crate::id::AttemptId;
use crate::store::attempt::{self, Attempt};
use crate::store::walk::{self, Walk};
use crate::store::{Tx, call, campaign};

use super::opt_out::{OptOut, Said};
use crate::provider::ReportedFact;

impl Engine {
    /// One turn of a call in progress. `None`: it was answered just now. An opt-out takes effect in this very transaction.
    pub async fn converse(&self, attempt_id: AttemptId, input: Option<Input>) -> Result<Turn, EngineError> {
        unless_deadlocked("converse", || self.converse_once(attempt_id, input.clone())).await
    }

    async fn converse_once(&self, attempt_id: AttemptId, input: Option<Input>) -> Result<Turn, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let (attempt, walk) = under_way(&mut tx, attempt_id).await?;
        let version = self.version(&mut tx, &attempt.version).await?;
        let campaign = campaign_of(&mut tx, &attempt).await?;
        let variables = context::variables(&walk, campaign.as_ref());
        let program = Program::new(&version.bundle, &attempt.flow, &variables);
        let before = stored_session(&mut tx, attempt_id).await?;
        let told = before.as_ref().map_or(0, |session| session.conversation.effects.len());
        let turn = match (before, input) {
            // Also after a repeated "answered": the conversation is where it was.
            (None, _) => interpreter::start(&program, &walk.lead.language),
            (Some(session), Some(input)) => interpreter::resume(&program, session, input),
            (Some(session), None) => interpreter::resume(&program, session, Input::Silence),
        };
        let text = serde_json::to_string(&turn.session)
            .map_err(|e| EngineError::Invalid { field: "session".to_owned(), message: e.to_string() })?;
        call::save_session(&mut tx, attempt_id, &text).await?;
        let opt_outs =
            turn.session.conversation.effects.iter().skip(told).filter_map(|effect| match effect {
                Effect::OptOut { reason } => Some(OptOut {
                    lead_id: walk.lead.id,
                    reason: reason.clone(),
                    source: "call".to_owned(),
                    attempt_id: Some(attempt_id),
                    at: now,
                    event: None,
                    said: Said { language: Some(walk.lead.language.clone()), ..Said::through(Channel::Call) },
                }),
                _ => None,
            });
        self.opt_out_in(&mut tx, opt_outs.collect(), now).await?;
        tx.commit().await?;
        Ok(turn)
    }

    /// The conversation so far as a fact, to record together with the end of a turn-by-turn call. `None`: not a turn was taken.
    pub async fn conversation_fact(
        &self,
        attempt_id: AttemptId,
    ) -> Result<Option<ReportedFact>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let session = stored_session(&mut tx, attempt_id).await?;
        tx.rollback().await?;
        Ok(session.map(|mut session| {
            // Opt-outs took effect when they were said.
            session.conversation.effects.retain(|effect| !matches!(effect, Effect::OptOut { .. }));
            ReportedFact {
                attempt_id,
                provider_call_id: None,
                key: "conversation".to_owned(),
                at: now,
                fact: Fact::Conversation { conversation: Box::new(session.conversation) },
            }
        }))
    }
}

async fn under_way(tx: &mut Tx, id: AttemptId) -> Result<(Attempt, Walk), EngineError> {
    let attempt =
        attempt::by_ids(tx, &[id]).await?.pop().ok_or_else(|| EngineError::missing("attempt", id))?;
    let Some(enrollment) = attempt.enrollment_id.filter(|_| attempt.state.is_live()) else {
        let message = json!({"state": attempt.state}).to_string();
        return Err(EngineError::Conflict { code: "call-not-in-progress", message });
    };
    let walk = walk::by_ids(tx, &[enrollment]).await?.pop();
    Ok((attempt, walk.ok_or_else(|| EngineError::missing("enrollment", enrollment))?))
}

async fn campaign_of(tx: &mut Tx, attempt: &Attempt) -> Result<Option<Campaign>, EngineError> {
    Ok(campaign::by_ids(tx, &[attempt.campaign_id]).await?.pop())
}

async fn stored_session(tx: &mut Tx, id: AttemptId) -> Result<Option<Session>, EngineError> {
    let Some(text) = call::session(tx, id).await? else { return Ok(None) };
    let session = serde_json::from_str(&text)
        .map_err(|e| crate::store::StoreError::bad_row("calls", "session", id, e))?;
    Ok(Some(session))
}
