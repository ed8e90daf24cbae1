//! Callbacks of the simulated carrier and of voice platforms: verified, then turned into the engine's own verbs. Mounting the route is the API's.

use axum::http::HeaderMap;
use callwright_engine::clock::Instant;
use callwright_engine::domain::call::{EndStatus, Fact};
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::metrics::CallbackIn;
use callwright_engine::provider::ReportedFact;
use serde_json::{Value, json};
use tracing::Instrument as _;

use super::report::Report;
use super::signature::{self, SignatureError};
use super::wire::{Callback, CallbackEvent, TurnBody};

#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// 401: say no more than that.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// 400.
    #[error("the callback cannot be read: {0}")]
    Body(#[from] serde_json::Error),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Receives one callback: checks the signature, stores its facts, and answers what to say next. Repeats change nothing.
///
/// `provider`: whose calls they are. The answer to a call that should not be (its attempt was written off) has no `expect`: the carrier hangs up.
pub async fn receive(
    engine: &Engine,
    provider: &str,
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, CallbackError> {
    let counted =
        |event, result| engine.metrics.callbacks_in.get_or_create(&CallbackIn { event, result }).inc();
    let callback = read(secret, chrono::Utc::now(), headers, body).inspect_err(|error| {
        counted("none", if matches!(error, CallbackError::Signature(_)) { "badsig" } else { "unreadable" });
    })?;
    let event = callback.event.name();
    let span = tracing::info_span!(
        "callback",
        event,
        attempt_id = %callback.attempt_id,
        call_id = callback.call_id
    );
    let (result, answer) = match follow(engine, provider, callback).instrument(span.clone()).await {
        Ok((result, answer)) => (result, Ok(answer)),
        Err(error) => ("failed", Err(error)),
    };
    span.in_scope(|| tracing::debug!(result, "callback taken"));
    counted(event, result);
    answer
}

/// Stores the facts of a callback; answers what became of it and what to say.
async fn follow(
    engine: &Engine,
    provider: &str,
    callback: Callback,
) -> Result<(&'static str, Value), CallbackError> {
    let attempt = callback.attempt_id;
    let mut facts: Vec<ReportedFact> = fact(&callback).into_iter().collect();
    // With the end in one transaction: the outcome of the call is the conversation's.
    match &callback.event {
        CallbackEvent::Ended { report: Some(report), .. } => facts.push(told(report, &callback)),
        CallbackEvent::Ended { status: EndStatus::Completed, .. } => {
            let said = engine.conversation_fact(attempt).await?;
            facts.push(said.unwrap_or_else(|| ReportedFact::nothing_said(attempt, callback.at)));
        }
        _ => {}
    }
    let is_input = facts.is_empty();
    let report = engine.record(provider, facts).await?;
    let result = match (report.orphans.is_empty(), report.updated) {
        (false, _) => "late",
        (true, 0) if !is_input => "dup",
        _ => "ok",
    };
    let input = match callback.event {
        CallbackEvent::Answered { .. } => None,
        CallbackEvent::Input { input } => Some(input),
        CallbackEvent::Ringing | CallbackEvent::Ended { .. } => {
            return Ok((result, json!({ "received": true })));
        }
    };
    if !report.orphans.is_empty() {
        return Ok((result, json!({ "prompts": [] })));
    }
    let turn = engine.converse(attempt, input).await?;
    Ok((result, serde_json::to_value(TurnBody::from(turn))?))
}

/// Believes and reads a callback; `now` is wall time.
pub fn read(
    secret: &[u8],
    now: Instant,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Callback, CallbackError> {
    let header = headers.get(signature::HEADER).and_then(|value| value.to_str().ok());
    signature::verify(secret, now, header, body)?;
    Ok(serde_json::from_slice(body)?)
}

/// The fact a callback states, if any; its key is the event's name, so that a repeat is the same fact.
pub fn fact(callback: &Callback) -> Option<ReportedFact> {
    let fact = match &callback.event {
        CallbackEvent::Ringing => Fact::Ringing,
        CallbackEvent::Answered { answered_by } => Fact::Answered { by: *answered_by },
        CallbackEvent::Input { .. } => return None,
        CallbackEvent::Ended { status, talk_s, .. } => {
            Fact::Ended { status: *status, talk_s: i64::from(*talk_s) }
        }
    };
    Some(ReportedFact {
        attempt_id: callback.attempt_id,
        provider_call_id: Some(callback.call_id.clone()),
        key: callback.event.name().to_owned(),
        at: callback.at,
        fact,
    })
}

/// What was said, as the platform tells it.
fn told(report: &Report, callback: &Callback) -> ReportedFact {
    ReportedFact {
        attempt_id: callback.attempt_id,
        provider_call_id: Some(callback.call_id.clone()),
        key: "report".to_owned(),
        at: callback.at,
        fact: Fact::Conversation { conversation: Box::new(report.conversation()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"secret";

    fn ended() -> Callback {
        Callback {
            attempt_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            call_id: "sim-1".to_owned(),
            at: "2026-07-01T16:00:00Z".parse().unwrap(),
            event: CallbackEvent::Ended { status: EndStatus::Completed, talk_s: 31, report: None },
        }
    }

    #[test]
    fn a_signed_callback_is_read_and_an_unsigned_one_is_not() {
        let (now, body) = (ended().at, serde_json::to_vec(&ended()).unwrap());
        let mut headers = HeaderMap::new();
        assert!(matches!(
            read(SECRET, now, &headers, &body),
            Err(CallbackError::Signature(SignatureError::Missing))
        ));
        headers.insert(signature::HEADER, signature::sign(SECRET, now, &body).parse().unwrap());
        assert_eq!(read(SECRET, now, &headers, &body).unwrap(), ended());
    }

    #[test]
    fn a_repeat_is_the_same_fact() {
        let (first, again) = (fact(&ended()).unwrap(), fact(&ended()).unwrap());
        assert_eq!((first.key.as_str(), first.at), (again.key.as_str(), again.at));
        assert_eq!(first.fact, Fact::Ended { status: EndStatus::Completed, talk_s: 31 });
    }
}
