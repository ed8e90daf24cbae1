//! `Idempotency-Key` on every POST (I12): the same key and request get the same answer and have one effect; another request
//! under the same key is refused. Streamed imports are exempt: they match rows by id and may be sent again as they are.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callwright_engine::store::clock;
use callwright_engine::store::idempotency::{self, Begun};
use sha2::{Digest, Sha256};

use super::auth::Caller;
use super::error::{Answer, ApiError};
use super::extract::BODY_BYTES;
use super::state::App;

pub const HEADER: &str = "idempotency-key";
/// On answers that were given before.
const REPLAYED: &str = "idempotency-replayed";
/// Longest key.
const KEY_CHARS: usize = 255;
/// Answers longer than this are not kept; none of ours are.
const ANSWER_BYTES: usize = 4 * BODY_BYTES;

/// Middleware behind authentication.
pub async fn once(State(app): State<App>, caller: Caller, request: Request, next: Next) -> Response {
    let key = request.headers().get(HEADER).cloned();
    match key {
        Some(key) if request.method() == Method::POST => {
            run_once(&app, &caller, &key, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn run_once(
    app: &App,
    caller: &Caller,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Answer<Response> {
    let key = key.to_str().map(str::trim).unwrap_or_default().to_owned();
    if key.is_empty() || key.len() > KEY_CHARS {
        let message = format!("an Idempotency-Key has 1 to {KEY_CHARS} visible ASCII characters");
        return Err(ApiError::unreadable(message));
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES)
        .await
        .map_err(|_| ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 1 MB"))?;
    let hash = request_hash(parts.uri.path(), parts.uri.query(), &body);
    match begin(app, caller, &key, &hash).await? {
        Begun::Fresh => {}
        Begun::Replay { status, response } => return Ok(replay(status, response)),
        Begun::Mismatch => return Err(ApiError::idempotency_mismatch()),
        Begun::InProgress => {
            let message = "a request with this Idempotency-Key is being worked on; repeat it in a moment";
            return Err(ApiError::conflict("in-progress", message));
        }
    }
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(app, caller, &key, answer).await
}

async fn begin(app: &App, caller: &Caller, key: &str, hash: &str) -> Answer<Begun> {
    let mut tx = app.engine.db.begin().await?;
    // By the real clock: callers repeat by it, whatever time the calls are made in.
    let now = clock::database_now(&mut tx).await?;
    let begun = idempotency::begin(&mut tx, &caller.principal, key, hash, now).await?;
    tx.commit().await?;
    Ok(begun)
}

/// Keeps an answer for repeats. One of ours (5xx) is not, nor "later" (429): the caller may try again with the same key.
async fn keep(app: &App, caller: &Caller, key: &str, answer: Response) -> Answer<Response> {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, ANSWER_BYTES).await.map_err(ApiError::internal)?;
    let mut tx = app.engine.db.begin().await?;
    if parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS {
        idempotency::abandon(&mut tx, &caller.principal, key).await?;
    } else {
        let text = String::from_utf8_lossy(&body);
        idempotency::finish(&mut tx, &caller.principal, key, parts.status.as_u16(), &text).await?;
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(status: u16, response: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = [(CONTENT_TYPE.as_str(), "application/json"), (REPLAYED, "true")];
    (status, headers, response).into_response()
}

fn request_hash(path: &str, query: Option<&str>, body: &Bytes) -> String {
    // One handler has three addresses; they are one request.
    let path = path.trim_start_matches("/api").trim_start_matches("/v1");
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    hash.update([0]);
    hash.update(query.unwrap_or_default().as_bytes());
    hash.update([0]);
    hash.update(body);
    hex::encode(hash.finalize())
}
