//! What carriers tell us. Signed, so no bearer token; the engine does the rest.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use callwright_workers::provider::callback;
use serde_json::Value;

use super::error::{Answer, ApiError};
use super::state::App;

/// One callback of the carrier, signed in `X-Callwright-Signature`. Repeats and any order change nothing.
#[utoipa::path(post, path = "/callbacks/carrier", tag = "callbacks", security(()), request_body = Object, responses(
    (status = 200, description = "Taken; for `answered` and `input` with what to say next", body = Object),
    (status = 401, description = "Not signed as it should be", body = super::error::ErrorBody),
))]
pub async fn carrier(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Answer<Json<Value>> {
    let Some(secret) = &app.carrier_secret else {
        return Err(ApiError::unauthorized("this server expects no carrier callbacks"));
    };
    let answer = callback::receive(&app.engine, secret, &headers, &body).await?;
    app.ring();
    Ok(Json(answer))
}
