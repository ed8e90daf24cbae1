//! The stand-alone simulated carrier as a provider: one POST per batch, never repeated, every doubt reported as unknown.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use callwright_engine::provider::{
    Answer, Capabilities, Deadline, LookUp, LookUpResult, Package, PlaceRequest, Placement, Provider,
    ProviderError,
};
use chrono::TimeDelta;
use http_body::{Frame, SizeHint};
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::http;
use super::simulated::in_process::SimulatedCarrier;
use super::wire::{CallAnswer, CallAnswers, CallBatch, CallRequest, FoundCalls};

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
    /// Until then the carrier wants to be left alone (429 with `Retry-After`).
    closed_until: Mutex<Option<tokio::time::Instant>>,
}

/// Calls per POST: a lost answer makes this many attempts unknown.
const BATCH: usize = 100;
/// Of an answer; a full batch takes a few kilobytes.
const BODY_BYTES: usize = 1_024 * 1_024;
/// However long a carrier asks to be left alone.
const LONGEST_REST: Duration = Duration::from_hours(1);
/// The life of a permit, in real time.
const FRESH: Duration = Duration::from_secs(1);

impl HttpCarrier {
    /// The provider's name, stored with each call.
    pub const NAME: &'static str = "carrier";

    pub fn new(options: HttpCarrierOptions) -> Result<Self, ProviderError> {
        let client = http::ask_once(options.timeout).map_err(|error| ProviderError(describe(&error)))?;
        Ok(Self { options, client, closed_until: Mutex::default() })
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
            } else if let Some(rest) = self.closed_for() {
                let busy = Placement::Busy { reason: "the carrier asked to wait".to_owned(), after: rest };
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
        let Ok(mut request) = self.placing(calls).and_then(built) else {
            return all(Placement::Refused {
                reason: "the carrier's URL cannot be used".to_owned(),
                retry: false,
            });
        };
        let kept_back = give_out_before(&mut request, deadline);
        let answer = match self.client.execute(request).await {
            Ok(answer) => answer,
            Err(_) if kept_back.load(Ordering::Acquire) => {
                return all(Placement::NotSent { reason: "too-late".to_owned() });
            }
            Err(error) => return all(of_error(&error)),
        };
        if let Some(after) = retry_after(&answer) {
            self.close_for(after);
            let reason = format!("the carrier answered {}", answer.status());
            return all(Placement::Busy { reason, after: TimeDelta::from_std(after).unwrap_or_default() });
        }
        if !answer.status().is_success() {
            return all(of_status(answer.status()));
        }
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

    /// How long the carrier still wants to be left alone.
    fn closed_for(&self) -> Option<TimeDelta> {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = until?.checked_duration_since(tokio::time::Instant::now())?;
        TimeDelta::from_std(rest).ok().filter(|rest| !rest.is_zero())
    }

    fn close_for(&self, length: Duration) {
        let until = tokio::time::Instant::now() + length;
        *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
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

/// Reads a body of at most [`BODY_BYTES`]: a carrier gone mad must not fill our memory. The client's time-out holds for the whole
/// body, however slowly it comes.
async fn read_json<T: DeserializeOwned>(mut answer: reqwest::Response) -> Result<T, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| ProviderError(describe(&error)))? {
        if body.len() + chunk.len() > BODY_BYTES {
            return Err(ProviderError("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| ProviderError("the answer could not be read".to_owned()))
}

/// How long a 429 asks us to wait: seconds or a date. `None`: it is no 429, or does not say.
fn retry_after(answer: &reqwest::Response) -> Option<Duration> {
    if answer.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = text.parse().map(Duration::from_secs).ok().or_else(|| {
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        Some((at.to_utc() - chrono::Utc::now()).to_std().unwrap_or_default())
    })?;
    Some(wait.min(LONGEST_REST))
}

fn built(request: reqwest::RequestBuilder) -> Result<reqwest::Request, ProviderError> {
    request.build().map_err(|error| ProviderError(describe(&error)))
}

/// Puts a body in that is not given out after `deadline`. Answers whether that happened.
fn give_out_before(request: &mut reqwest::Request, deadline: Deadline) -> Arc<AtomicBool> {
    let kept_back = Arc::new(AtomicBool::new(false));
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let body =
        BodyOnTime { bytes: Some(Bytes::copy_from_slice(body)), deadline, kept_back: Arc::clone(&kept_back) };
    *request.body_mut() = Some(reqwest::Body::wrap(body));
    kept_back
}

/// A body that is asked for at the last moment, when a connection is there to write it to: connecting may have taken long, or
/// this process stood still. Without its body nobody can act on a request.
#[derive(Debug)]
struct BodyOnTime {
    bytes: Option<Bytes>,
    deadline: Deadline,
    kept_back: Arc<AtomicBool>,
}

impl http_body::Body for BodyOnTime {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        if self.deadline.has_passed() {
            self.kept_back.store(true, Ordering::Release);
            return Poll::Ready(Some(Err(std::io::Error::other("the permit has ended"))));
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// Only a connection that was never made proves that no call can follow.
fn of_error(error: &reqwest::Error) -> Placement {
    if error.is_connect() || error.is_builder() {
        return Placement::Refused { reason: describe(error), retry: true };
    }
    Placement::Unknown { reason: describe(error) }
}

/// A client error is a definite no. 408 is not: it also means that the request was lost on the way.
fn of_status(status: StatusCode) -> Placement {
    let reason = format!("the carrier answered {status}");
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        return Placement::Refused { reason, retry: status == StatusCode::TOO_MANY_REQUESTS };
    }
    Placement::Unknown { reason }
}

fn of_answer(answer: CallAnswer) -> Placement {
    match answer {
        CallAnswer::Accepted { call_id } => Placement::Accepted { provider_call_id: call_id },
        CallAnswer::Refused { reason, retry } => Placement::Refused { reason, retry },
    }
}

/// In words, without the URL: it may carry a secret.
fn describe(error: &reqwest::Error) -> String {
    let what = match error {
        error if error.is_connect() => "could not connect",
        error if error.is_timeout() => "no answer in time",
        error if error.is_decode() => "the answer could not be read",
        error if error.is_status() => "the carrier refused",
        _ => "the connection broke",
    };
    error.status().map_or_else(|| what.to_owned(), |status| format!("{what} ({status})"))
}

impl Provider for HttpCarrier {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn capabilities(&self) -> Capabilities {
        let conclusive_after = SimulatedCarrier::CONCLUSIVE_AFTER;
        Capabilities { look_up: true, conclusive_after, follows_flow: false, simulated: true }
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

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        Box::pin(self.end(provider_call_id))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(400, false)]
    #[case(404, false)]
    #[case(429, true)]
    fn client_errors_are_definite(#[case] status: u16, #[case] retry: bool) {
        let placement = of_status(StatusCode::from_u16(status).unwrap());
        assert!(matches!(placement, Placement::Refused { retry: again, .. } if again == retry));
    }

    #[rstest]
    #[case(302)]
    #[case(408)]
    #[case(500)]
    #[case(503)]
    fn everything_else_is_unknown(#[case] status: u16) {
        assert!(matches!(of_status(StatusCode::from_u16(status).unwrap()), Placement::Unknown { .. }));
    }
}
