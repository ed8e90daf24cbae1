//! Delivers a text message or e-mail of a cadence to the operator's message provider, by a signed webhook.

use std::sync::Arc;

use callwright_engine::engine::{Composed, EngineError, MessageOrder};
use serde::{Deserialize, Serialize};

use super::Outgoing;
use crate::queue::{Handled, Job, JobError, Run};

/// The order, as the engine wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliverMessage(MessageOrder);

impl Job for DeliverMessage {
    const KIND: &'static str = "deliver_message";
}

/// At least once: the receiver knows repeats by the idempotency key. A lead who opted out meanwhile gets nothing.
pub(super) async fn run(job: DeliverMessage, outgoing: Arc<Outgoing>, run: Run) -> Result<Handled, JobError> {
    let Some(url) = &outgoing.messages else {
        return Err(JobError::retry("no message provider is configured in this process"));
    };
    match outgoing.engine.compose(&job.0).await {
        Ok(Composed::Ready(message)) => {
            outgoing.post(url, &run.id.to_string(), &message).await.map(|()| Handled::Done)
        }
        Ok(Composed::NotBefore(until)) => Ok(Handled::SnoozeUntil(until)),
        Ok(Composed::NotAnyMore) => Ok(Handled::Done),
        Err(error @ EngineError::Store(_)) => Err(JobError::retry(error)),
        Err(error) => Err(JobError::give_up(error)),
    }
}
