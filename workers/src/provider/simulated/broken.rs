//! Answers that never arrive whole: one that breaks off, one that trickles.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;

/// Pause between two bytes of a trickling answer.
const PAUSE: Duration = Duration::from_millis(100);

/// Half of the answer, and then the connection is gone.
pub(super) fn off(answer: &impl Serialize) -> Response {
    let whole = serde_json::to_vec(answer).unwrap_or_default();
    let half = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    let gone = io::Error::from(io::ErrorKind::ConnectionReset);
    let body = Body::from_stream(stream::iter([Ok(half), Err(gone)]));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The whole answer, byte by byte, for as long as `patience`; then it breaks off as well.
pub(super) fn slow(answer: &impl Serialize, patience: Duration) -> Response {
    let whole = Bytes::from(serde_json::to_vec(answer).unwrap_or_default());
    let began = tokio::time::Instant::now();
    let drops = stream::unfold(0, move |sent: usize| {
        let whole = whole.clone();
        async move {
            tokio::time::sleep(PAUSE).await;
            let is_over = sent + 1 >= whole.len() || began.elapsed() >= patience;
            (!is_over).then(|| (Ok::<_, Infallible>(whole.slice(sent..=sent)), sent + 1))
        }
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(drops)).into_response()
}
