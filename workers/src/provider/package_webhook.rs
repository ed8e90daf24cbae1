//! A voice platform behind one URL: it is sent each call's package byte by byte, signed, and answers with its id of the call. What
//! became of the call comes back by the signed callbacks of [`super::callback`]; the format is described in `api/docs/providers.md`.

use std::time::Duration;

use axum::http::HeaderValue;
use callwright_engine::provider::{
    Answer, Capabilities, LookUp, LookUpResult, PlaceRequest, Placement, Provider, ProviderError,
};
use chrono::{TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use url::Url;

use super::asking::{self, Rest, describe};
use super::{http, signature};

/// Names the attempt: whoever sees the same one twice has seen the same call twice.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Where the platform is.
#[derive(Clone)]
pub struct WebhookOptions {
    pub url: Url,
    /// Signs what is sent there and what comes back.
    pub secret: Vec<u8>,
    /// After this long the answer counts as lost.
    pub timeout: Duration,
}

impl std::fmt::Debug for WebhookOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookOptions").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl WebhookOptions {
    pub const TIMEOUT: Duration = Duration::from_secs(5);
}

/// A platform that takes packages.
#[derive(Debug)]
pub struct PackageWebhook {
    options: WebhookOptions,
    client: reqwest::Client,
    rest: Rest,
}

/// The answer to a package; everything else in it is the platform's own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    call_id: String,
}

/// Calls asked for at the same time: a batch leaves within its permits without opening all connections at once.
const AT_A_TIME: usize = 32;
/// A platform cannot be asked about a call whose answer was lost: this long its callbacks may still tell. Longer than a ring and a
/// conversation, since some report only the end.
const CALLBACKS_WITHIN: TimeDelta = TimeDelta::minutes(15);

impl PackageWebhook {
    /// The provider's name, stored with each call.
    pub const NAME: &'static str = "webhook";

    pub fn new(options: WebhookOptions) -> Result<Self, ProviderError> {
        let client = http::ask_once(options.timeout).map_err(|error| ProviderError(describe(&error)))?;
        Ok(Self { options, client, rest: Rest::default() })
    }

    async fn ask(&self, request: PlaceRequest) -> Placement {
        let body = match asking::real(&request) {
            Ok(package) => package.body.clone(),
            Err(refusal) => return refusal,
        };
        if let Some(busy) = self.rest.busy() {
            return busy;
        }
        let post = self.signed(Method::POST, self.options.url.clone(), body.into_bytes());
        let post = post.header(IDEMPOTENCY_KEY, request.attempt_id.to_string());
        let answer = match asking::send(&self.client, post, request.deadline, &self.rest).await {
            Ok(answer) => answer,
            Err(placement) => return placement,
        };
        match asking::read_json::<Taken>(answer).await {
            Ok(taken) => asking::accepted(&taken.call_id),
            Err(ProviderError(reason)) => Placement::Unknown { reason },
        }
    }

    fn signed(&self, method: Method, url: Url, body: Vec<u8>) -> RequestBuilder {
        let signature = signature::sign(&self.options.secret, Utc::now(), &body);
        self.client
            .request(method, url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(signature::HEADER, signature)
            .body(body)
    }

    async fn end(&self, provider_call_id: &str) -> Result<(), ProviderError> {
        let mut url = self.options.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().push(provider_call_id)),
            Err(()) => return Err(ProviderError("the platform's URL cannot be used".to_owned())),
        }
        let answer = self.signed(Method::DELETE, url, Vec::new()).send().await;
        let status = answer.map_err(|error| ProviderError(describe(&error)))?.status();
        // A call the platform does not know cannot be ringing.
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(ProviderError(format!("the provider answered {status}")))
    }
}

impl Provider for PackageWebhook {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            look_up: false,
            conclusive_after: CALLBACKS_WITHIN,
            follows_flow: true,
            packages: true,
            simulated: false,
        }
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        let asked = stream::iter(requests).map(|request| self.ask(request)).buffered(AT_A_TIME);
        Box::pin(asked.collect())
    }

    fn look_up<'a>(&'a self, _: &'a LookUp) -> Answer<'a, LookUpResult> {
        Box::pin(async { LookUpResult::Failed { reason: "calls cannot be looked up there".to_owned() } })
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(self.end(provider_call_id))
    }
}
