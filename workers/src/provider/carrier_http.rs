//! The stand-alone simulated carrier as a provider: one POST per batch, never repeated, every doubt reported as unknown.

use std::time::Duration;

use callwright_engine::provider::{
    Answer, CallsSince, Capabilities, Deadline, Listing, LookUp, LookUpResult, Package, PlaceRequest,
    Placement, Provider, ProviderError,
};
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::asking::{Rest, built, describe, read_json, send};
use super::http;
use super::simulated::in_process::SimulatedCarrier;
use super::wire::{CallAnswer, CallAnswers, CallBatch, CallList, CallRequest, FoundCalls};

/// Where the carrier is and where it finds us.
#[derive(Debug, Clone)]
pub struct HttpCarrierOptions {
    /// Base URL of the carrier, such as `http://127.0.0.1:4010`.
    pub url: Url,
    /// Where callbacks are to go.
    pub callback_url: String,
    /// Bearer token, if the carrier asks for one.
    pub token: Option<String>,
    /// After this long the answer counts as lost.
    pub timeout: Duration,
}

impl HttpCarrierOptions {
    pub const TIMEOUT: Duration = Duration::from_secs(5);
}

/// A request as it would go out. Secrets are hidden.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prepared {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

/// A carrier reached over HTTP.
#[derive(Debug)]
pub struct HttpCarrier {
    options: HttpCarrierOptions,
    client: reqwest::Client,
    rest: Rest,
}

/// Calls per POST: a lost answer makes this many attempts unknown.
const BATCH: usize = 100;
/// The life of a permit, in real time.
const FRESH: Duration = Duration::from_secs(1);

impl HttpCarrier {
    /// The provider's name, stored with each call.
    pub const NAME: &'static str = "carrier";

    pub fn new(options: HttpCarrierOptions) -> Result<Self, ProviderError> {
        let client = http::ask_once(options.timeout).map_err(|error| ProviderError(describe(&error)))?;
        Ok(Self { options, client, rest: Rest::default() })
    }

    /// Asks for calls by their JSON form; answers in order, one each. Nothing leaves after `deadline`.
    ///
    /// Batches that a slow one has held up past the life of a permit are not sent any more (I2).
    pub async fn ask(&self, calls: Vec<CallRequest>, deadline: Deadline) -> Vec<Placement> {
        let began = tokio::time::Instant::now();
        let mut placements = Vec::with_capacity(calls.len());
        for batch in calls.chunks(BATCH) {
            if began.elapsed() > FRESH {
                let late = Placement::NotSent { reason: "an earlier batch took too long".to_owned() };
                placements.extend(vec![late; batch.len()]);
            } else if let Some(busy) = self.rest.busy() {
                placements.extend(vec![busy; batch.len()]);
            } else {
                placements.extend(self.ask_batch(batch.to_vec(), deadline).await);
            }
        }
        placements
    }

    async fn ask_batch(&self, calls: Vec<CallRequest>, deadline: Deadline) -> Vec<Placement> {
        let count = calls.len();
        let all = |placement: Placement| vec![placement; count];
        let Ok(request) = self.placing(calls) else {
            return all(Placement::Refused {
                reason: "the carrier's URL cannot be used".to_owned(),
                retry: false,
            });
        };
        let answer = match send(&self.client, request, deadline, &self.rest).await {
            Ok(answer) => answer,
            Err(placement) => return all(placement),
        };
        match read_json::<CallAnswers>(answer).await {
            Ok(CallAnswers { answers }) if answers.len() == count => {
                answers.into_iter().map(of_answer).collect()
            }
            Ok(_) => all(Placement::Unknown {
                reason: "the carrier answered for another number of calls".to_owned(),
            }),
            Err(ProviderError(reason)) => all(Placement::Unknown { reason }),
        }
    }

    /// The request that asks for these calls.
    fn placing(&self, calls: Vec<CallRequest>) -> Result<reqwest::RequestBuilder, ProviderError> {
        Ok(self.request(reqwest::Method::POST, "calls")?.json(&CallBatch { calls }))
    }

    /// The very request that would ask for this call, unsent.
    pub fn preview(&self, package: &Package) -> Result<Prepared, ProviderError> {
        let calls = vec![CallRequest::of(package, &self.options.callback_url)];
        let request = built(self.placing(calls)?)?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let shown = if name == AUTHORIZATION { "(hidden)" } else { value.to_str().unwrap_or("(binary)") };
            (name.to_string(), shown.to_owned())
        };
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        Ok(Prepared {
            method: request.method().to_string(),
            url: request.url().to_string(),
            headers: request.headers().iter().map(header).collect(),
            body: serde_json::from_slice(body).map_err(|error| ProviderError(error.to_string()))?,
        })
    }

    /// Calls made for an attempt, as the carrier knows them.
    pub async fn calls_of(&self, query: &LookUp) -> Result<FoundCalls, ProviderError> {
        let request = self.request(reqwest::Method::GET, &format!("calls?attempt={}", query.attempt_id))?;
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| ProviderError(describe(&error)))?;
        read_json(answer).await
    }

    /// One page of the carrier's own list of calls.
    async fn list(&self, query: &CallsSince) -> Result<CallList, ProviderError> {
        let since = query.since.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let after = query.after.as_deref().map(|after| format!("&after={after}")).unwrap_or_default();
        let request = self.request(reqwest::Method::GET, &format!("calls?since={since}{after}"))?;
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| ProviderError(describe(&error)))?;
        answer.json().await.map_err(|error| ProviderError(describe(&error)))
    }

    async fn end(&self, provider_call_id: &str) -> Result<(), ProviderError> {
        let path = format!("calls/{provider_call_id}/hang-up");
        let answer = self.request(reqwest::Method::POST, &path)?.send().await;
        let status = answer.map_err(|error| ProviderError(describe(&error)))?.status();
        // A call the carrier does not know cannot be ringing.
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(ProviderError(format!("the carrier answered {status}")))
    }

    fn request(&self, method: reqwest::Method, path: &str) -> Result<reqwest::RequestBuilder, ProviderError> {
        let base = self.options.url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{path}")).map_err(|error| ProviderError(error.to_string()))?;
        let request = self.client.request(method, url);
        Ok(match &self.options.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }
}

fn of_answer(answer: CallAnswer) -> Placement {
    match answer {
        CallAnswer::Accepted { call_id } => Placement::Accepted { provider_call_id: call_id },
        CallAnswer::Refused { reason, retry } => Placement::Refused { reason, retry },
    }
}

impl Provider for HttpCarrier {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn capabilities(&self) -> Capabilities {
        let conclusive_after = SimulatedCarrier::CONCLUSIVE_AFTER;
        Capabilities {
            look_up: true,
            conclusive_after,
            follows_flow: false,
            packages: false,
            simulated: true,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        let calls =
            requests.iter().map(|request| CallRequest::of(request, &self.options.callback_url)).collect();
        let earliest =
            requests.iter().map(|request| request.deadline).fold(Deadline::NEVER, Deadline::earlier);
        Box::pin(self.ask(calls, earliest))
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async move {
            match self.calls_of(query).await {
                Ok(found) => found.calls.into_iter().next().map_or(LookUpResult::Absent, |call| {
                    LookUpResult::Found { end: call.end(), provider_call_id: call.call_id }
                }),
                Err(error) => LookUpResult::Failed { reason: error.to_string() },
            }
        })
    }

    fn calls_since<'a>(&'a self, query: &'a CallsSince) -> Answer<'a, Result<Listing, ProviderError>> {
        Box::pin(async move {
            let CallList { calls, next } = self.list(query).await?;
            Ok(Listing::Page { calls: calls.into_iter().map(Into::into).collect(), next })
        })
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(self.end(provider_call_id))
    }
}
