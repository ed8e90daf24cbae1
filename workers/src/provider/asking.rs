//! One request that may make a call: it leaves at most once and not after its permit, and every doubt is told as unknown. What is
//! asked, and what an answer says, is each provider's own.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use callwright_engine::package::Frozen;
use callwright_engine::provider::{Deadline, PlaceRequest, Placement, ProviderError};
use chrono::TimeDelta;
use http_body::{Frame, SizeHint};
use reqwest::header::RETRY_AFTER;
use reqwest::{Request, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

/// Of an answer; a hundred calls take a few kilobytes.
const BODY_BYTES: usize = 1_024 * 1_024;
/// However long a provider asks to be left alone.
const LONGEST_REST: Duration = Duration::from_hours(1);
/// Longest id of a call that is kept.
const ID_CHARS: usize = 200;

/// Until when a provider wants to be left alone (429 with `Retry-After`).
#[derive(Debug, Default)]
pub struct Rest(Mutex<Option<tokio::time::Instant>>);

impl Rest {
    /// What to say to a call while the provider is left alone.
    pub fn busy(&self) -> Option<Placement> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = until?.checked_duration_since(tokio::time::Instant::now())?;
        let after = TimeDelta::from_std(rest).ok().filter(|rest| !rest.is_zero())?;
        Some(Placement::Busy { reason: "the provider asked to wait".to_owned(), after })
    }

    fn begin(&self, length: Duration) {
        let until = tokio::time::Instant::now() + length;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// Sends a request once, nothing of it after `deadline`. `Err`: there is no answer to read, and this is what became of the calls.
pub async fn send(
    client: &reqwest::Client,
    request: RequestBuilder,
    deadline: Deadline,
    rest: &Rest,
) -> Result<Response, Placement> {
    let Ok(mut request) = built(request) else {
        let reason = "the provider's URL cannot be used".to_owned();
        return Err(Placement::Refused { reason, retry: false });
    };
    let kept_back = give_out_before(&mut request, deadline);
    let answer = match client.execute(request).await {
        Ok(answer) => answer,
        Err(_) if kept_back.load(Ordering::Acquire) => {
            return Err(Placement::NotSent { reason: "too-late".to_owned() });
        }
        Err(error) => return Err(of_error(&error)),
    };
    if let Some(after) = retry_after(&answer) {
        rest.begin(after);
        let reason = format!("the provider answered {}", answer.status());
        return Err(Placement::Busy { reason, after: TimeDelta::from_std(after).unwrap_or_default() });
    }
    if answer.status().is_success() { Ok(answer) } else { Err(of_status(answer.status())) }
}

/// The package of a call to a real person; `Err`: this call is not for a real provider.
///
/// Made-up people stay in simulations: their numbers may belong to somebody.
pub fn real(request: &PlaceRequest) -> Result<&Frozen, Placement> {
    let refused = |reason: &str| Placement::Refused { reason: reason.to_owned(), retry: false };
    if request.synthetic {
        return Err(refused("synthetic leads are not called by a real provider"));
    }
    request.complete.as_deref().ok_or_else(|| refused("the call has no package"))
}

/// An accepted call under the provider's id. One without a usable id is in doubt: nobody could ever recognise it.
pub fn accepted(provider_call_id: &str) -> Placement {
    let id = provider_call_id.trim();
    if id.is_empty() || id.chars().count() > ID_CHARS {
        return Placement::Unknown { reason: "the answer names no call".to_owned() };
    }
    Placement::Accepted { provider_call_id: id.to_owned() }
}

/// Reads a body of at most a megabyte: a provider gone mad must not fill our memory. The client's time-out holds for the whole
/// body, however slowly it comes.
pub async fn read_json<T: DeserializeOwned>(mut answer: Response) -> Result<T, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| ProviderError(describe(&error)))? {
        if body.len() + chunk.len() > BODY_BYTES {
            return Err(ProviderError("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| ProviderError("the answer could not be read".to_owned()))
}

pub fn built(request: RequestBuilder) -> Result<Request, ProviderError> {
    request.build().map_err(|error| ProviderError(describe(&error)))
}

/// How long a 429 asks us to wait: seconds or a date. `None`: it is no 429, or does not say.
fn retry_after(answer: &Response) -> Option<Duration> {
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

/// Puts a body in that is not given out after `deadline`. Answers whether that happened.
fn give_out_before(request: &mut Request, deadline: Deadline) -> Arc<AtomicBool> {
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
    let reason = format!("the provider answered {status}");
    if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        return Placement::Refused { reason, retry: status == StatusCode::TOO_MANY_REQUESTS };
    }
    Placement::Unknown { reason }
}

/// In words, without the URL: it may carry a secret.
pub fn describe(error: &reqwest::Error) -> String {
    let what = match error {
        error if error.is_connect() => "could not connect",
        error if error.is_timeout() => "no answer in time",
        error if error.is_decode() => "the answer could not be read",
        error if error.is_status() => "the provider refused",
        _ => "the connection broke",
    };
    error.status().map_or_else(|| what.to_owned(), |status| format!("{what} ({status})"))
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

    #[test]
    fn a_call_that_nobody_could_recognise_is_in_doubt() {
        assert_eq!(accepted(" c-1 "), Placement::Accepted { provider_call_id: "c-1".to_owned() });
        for odd in [String::new(), "  ".to_owned(), "x".repeat(ID_CHARS + 1)] {
            assert!(matches!(accepted(&odd), Placement::Unknown { .. }));
        }
    }
}
