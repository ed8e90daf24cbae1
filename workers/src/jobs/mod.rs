//! Jobs, one kind per file, and what those that leave the house share: an HTTP client, addresses and a signing key.

mod call_endpoint;
pub mod check_promises;
mod deliver_message;
pub mod erase_rest;
pub mod expire_coupons;
pub mod fan_out;
mod hang_up;
pub mod keep_house;
pub mod retention;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use callwright_engine::engine::{Engine, Outlets};
use callwright_engine::provider::Provider;
use reqwest::StatusCode;
use serde::Serialize;
use url::Url;

use crate::provider::{http, signature};
use crate::queue::{Handled, Job as _, JobError, Run, Workers};
use crate::trace;

pub use call_endpoint::CallEndpoint;
pub use check_promises::CheckPromises;
pub use deliver_message::DeliverMessage;
pub use erase_rest::EraseRest;
pub use expire_coupons::ExpireCoupons;
pub use fan_out::{FanOut, WatchCatalogue};
pub use hang_up::HangUp;
pub use keep_house::KeepHouse;
pub use retention::{Keep, Retention};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where jobs send things. Addresses come from the operator, never from a definition or a request.
#[derive(Debug)]
pub struct Outgoing {
    engine: Arc<Engine>,
    client: reqwest::Client,
    messages: Option<Url>,
    endpoints: BTreeMap<String, Url>,
    secret: Vec<u8>,
    /// Whom to ask to end a call.
    provider: Option<Arc<dyn Provider>>,
}

impl Outgoing {
    pub fn new(
        engine: Arc<Engine>,
        messages: Option<Url>,
        endpoints: BTreeMap<String, Url>,
        secret: Vec<u8>,
    ) -> reqwest::Result<Self> {
        let client = http::repeatable(PATIENCE)?;
        Ok(Self { engine, client, messages, endpoints, secret, provider: None })
    }

    /// Calls that must not go on are ended there.
    #[must_use]
    pub fn with_provider(self, provider: Arc<dyn Provider>) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// The same for another engine: the client with its connections is shared.
    #[must_use]
    pub fn of(&self, engine: Arc<Engine>) -> Self {
        let Self { client, messages, endpoints, secret, provider, .. } = self;
        Self {
            engine,
            client: client.clone(),
            messages: messages.clone(),
            endpoints: endpoints.clone(),
            secret: secret.clone(),
            provider: provider.clone(),
        }
    }

    /// What the engine may plan for.
    pub fn outlets(&self) -> Outlets {
        Outlets { messages: self.messages.is_some(), endpoints: self.endpoints.keys().cloned().collect() }
    }

    /// Posts JSON, signed like a carrier's callbacks, with the job's id as idempotency key: receivers may see it twice.
    async fn post(&self, url: &Url, id: &str, body: &impl Serialize) -> Result<(), JobError> {
        let body = serde_json::to_vec(body).map_err(JobError::give_up)?;
        let signed = signature::sign(&self.secret, chrono::Utc::now(), &body);
        let request = self.client.post(url.clone()).header("content-type", "application/json");
        let request = request.header("idempotency-key", id).header(signature::HEADER, signed).body(body);
        // A trace of the job's own: all its tries, here and at the receiver, belong together.
        let request = match id.parse() {
            Ok(trace) => request.header(trace::HEADER, trace::traceparent(trace, rand::random())),
            Err(_) => request,
        };
        let answer = request.send().await.map_err(|error| JobError::retry(error.without_url()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Err(JobError::retry("the receiver is busy"))
            }
            status if status.is_client_error() => {
                Err(JobError::give_up(format!("the receiver answered {status}")))
            }
            status => Err(JobError::retry(format!("the receiver answered {status}"))),
        }
    }
}

/// Runs one job here and now, for whoever drives jobs without the runtime. `None`: no such kind, or a payload of another.
pub async fn handle(
    kind: &str,
    payload: &str,
    outgoing: &Arc<Outgoing>,
    run: Run,
) -> Option<Result<Handled, JobError>> {
    let outgoing = Arc::clone(outgoing);
    match kind {
        DeliverMessage::KIND => {
            Some(deliver_message::run(serde_json::from_str(payload).ok()?, outgoing, run).await)
        }
        CallEndpoint::KIND => {
            Some(call_endpoint::run(serde_json::from_str(payload).ok()?, outgoing, run).await)
        }
        HangUp::KIND => Some(hang_up::run(serde_json::from_str(payload).ok()?, outgoing, run).await),
        FanOut::KIND => {
            let engine = Arc::clone(&outgoing.engine);
            Some(fan_out::run(serde_json::from_str(payload).ok()?, engine, run).await)
        }
        KeepHouse::KIND => {
            let engine = Arc::clone(&outgoing.engine);
            Some(keep_house::run(serde_json::from_str(payload).ok()?, engine, run).await)
        }
        _ => None,
    }
}

/// Adds the workers of every kind here.
#[must_use]
pub fn register(workers: Workers, outgoing: &Arc<Outgoing>) -> Workers {
    workers
        .register::<DeliverMessage, _, _, _>(Arc::clone(outgoing), deliver_message::run)
        .register::<CallEndpoint, _, _, _>(Arc::clone(outgoing), call_endpoint::run)
        .register::<HangUp, _, _, _>(Arc::clone(outgoing), hang_up::run)
        .register::<KeepHouse, _, _, _>(Arc::clone(&outgoing.engine), keep_house::run)
        .register::<CheckPromises, _, _, _>(Arc::clone(&outgoing.engine), check_promises::run)
        .register::<EraseRest, _, _, _>(Arc::clone(&outgoing.engine), erase_rest::run)
        .register::<ExpireCoupons, _, _, _>(Arc::clone(&outgoing.engine), expire_coupons::run)
        .register::<FanOut, _, _, _>(Arc::clone(&outgoing.engine), fan_out::run)
        .register::<WatchCatalogue, _, _, _>(Arc::clone(&outgoing.engine), fan_out::watch)
}
