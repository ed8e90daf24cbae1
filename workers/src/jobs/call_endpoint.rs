//! Tells one of the operator's endpoints that an enrollment has reached a step.

use std::sync::Arc;

use callwright_engine::engine::{EndpointOrder, EngineError};
use serde::{Deserialize, Serialize};

use super::Outgoing;
use crate::queue::{Handled, Job, JobError, Run};

/// The order, as the engine wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallEndpoint(EndpointOrder);

impl Job for CallEndpoint {
    const KIND: &'static str = "call_endpoint";
}

pub(super) async fn run(job: CallEndpoint, outgoing: Arc<Outgoing>, run: Run) -> Result<Handled, JobError> {
    let Some(url) = outgoing.endpoints.get(&job.0.endpoint) else {
        let message = format!("the endpoint `{}` is not configured in this process", job.0.endpoint);
        return Err(JobError::retry(message));
    };
    match outgoing.engine.endpoint_body(&job.0).await {
        Ok(body) => outgoing.post(url, &run.id.to_string(), &body).await.map(|()| Handled::Done),
        Err(error @ EngineError::Store(_)) => Err(JobError::retry(error)),
        Err(error) => Err(JobError::give_up(error)),
    }
}
