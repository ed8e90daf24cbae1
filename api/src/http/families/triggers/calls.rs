//! The packages of calls, by the call's id.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use callwright_engine::id::AttemptId;

use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::state::App;

/// When the package was handed out; absent as long as the call has not been made.
const FROZEN_AT: &str = "callwright-frozen-at";

/// The package of a call, byte by byte as it was handed to the voice platform; before the call, as it stands now. Its SHA-256 is
/// the `ETag`.
#[utoipa::path(get, path = "/calls/{callId}/package", tag = "triggers", params(("callId" = String, Path)), responses(
    (status = 200, description = "The package, by the schema at `/api/v1/schemas/package.schema.json`", body = Object),
    (status = 404, description = "No such call, or no trigger raised it", body = ErrorBody),
))]
pub async fn package(State(app): State<App>, Path(text): Path<String>) -> Answer<Response> {
    let id: AttemptId = text.parse().map_err(|_| ApiError::not_found("call", &text))?;
    let view = app.engine.call_package(id).await?;
    let tag = format!("\"{}\"", view.package.hash);
    let headers =
        [(CONTENT_TYPE, "application/json".to_owned()), (ETAG, tag), (CACHE_CONTROL, "no-store".to_owned())];
    let frozen = view.frozen_at.map(|at| [(FROZEN_AT, at.to_rfc3339())]);
    Ok(match frozen {
        Some(frozen) => (headers, frozen, view.package.body).into_response(),
        None => (headers, view.package.body).into_response(),
    })
}
