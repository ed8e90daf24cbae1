//! What is known of every request: one span with a trace, one measurement. Routes by their patterns, never by their addresses,
//! which hold ids, names and search words.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callwright_engine::metrics::Op;
use callwright_workers::trace;
use tracing::Instrument as _;
use uuid::Uuid;

use super::state::App;

/// Says under which trace a request is found in the logs.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Measures and traces a request. The trace is the caller's (`traceparent`), else a new one.
pub async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = known(request.method());
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let given = request.headers().get(trace::HEADER).and_then(|value| value.to_str().ok());
    let trace_id =
        given.and_then(trace::trace_id).map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let span = tracing::info_span!("request", method, route, trace_id);
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (took, status) = (began.elapsed(), response.status().as_u16());
    span.in_scope(|| tracing::debug!(status, ms = took.as_millis() as u64, "answered"));
    let op = Op { method, route, status };
    app.engine.metrics.http_request_seconds.get_or_create(&op).observe(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(TRACE_ID, value);
    }
    response
}

/// Callers may send any word for a method.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// Everything this process counts, as Prometheus reads it. Needs a key of any role; the address of `--metrics` needs none.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text format, version 0.0.4", body = String, content_type = "text/plain"),
    (status = 401, description = "No key", body = super::error::ErrorBody),
))]
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.engine.metrics.text())
}
