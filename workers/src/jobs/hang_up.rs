//! Ends a call whose person has said stop elsewhere meanwhile. Providers take the order twice.

use std::sync::Arc;

use callwright_engine::engine::HangUpOrder;
use serde::{Deserialize, Serialize};

use super::Outgoing;
use crate::queue::{Handled, Job, JobError, Run};

/// The order, as the engine wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HangUp(HangUpOrder);

impl Job for HangUp {
    const KIND: &'static str = HangUpOrder::KIND;
}

pub(super) async fn run(job: HangUp, outgoing: Arc<Outgoing>, _: Run) -> Result<Handled, JobError> {
    let Some(provider) = &outgoing.provider else {
        return Err(JobError::retry("no provider is configured in this process"));
    };
    match provider.hang_up(&job.0.provider_call_id).await {
        Ok(()) => Ok(Handled::Done),
        Err(error) => Err(JobError::retry(error)),
    }
}
