//! What carriers and voice platforms tell us. Signed, or at an address that nobody else knows, so no bearer token; the engine does
//! the rest.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use callwright_workers::provider::callback;
use serde_json::{Value, json};

use super::error::{Answer, ApiError};
use super::state::App;

/// One callback of the carrier or voice platform, signed in `X-Callwright-Signature`. Repeats and any order change nothing.
#[utoipa::path(post, path = "/callbacks/carrier", tag = "callbacks", security(()), request_body = Object, responses(
    (status = 200, description = "Taken; for `answered` and `input` with what to say next", body = Object),
    (status = 401, description = "Not signed as it should be", body = super::error::ErrorBody),
))]
pub async fn carrier(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Answer<Json<Value>> {
    let Some(secret) = &app.carrier_secret else {
        return Err(ApiError::unauthorized("this server expects no carrier callbacks"));
    };
    let answer = callback::receive(&app.engine, app.carrier_name, secret, &headers, &body).await?;
    app.ring();
    Ok(Json(answer))
}

/// A call of OmniDimension is over. What became of it is read from OmniDimension itself; repeats change nothing.
#[utoipa::path(post, path = "/callbacks/omnidim/{token}", tag = "callbacks", security(()), request_body = Object,
    params(("token" = String, Path, description = "As configured; nobody else knows it")), responses(
    (status = 200, description = "Taken", body = Object),
    (status = 401, description = "Not the address that was configured", body = super::error::ErrorBody),
    (status = 404, description = "Not a call of ours", body = super::error::ErrorBody),
    (status = 503, description = "OmniDimension did not say what became of the call; send it again", body = super::error::ErrorBody),
))]
pub async fn omnidim(State(app): State<App>, Path(token): Path<String>, body: Bytes) -> Answer<Json<Value>> {
    let Some(omnidim) = app.omnidim.as_ref().filter(|omnidim| omnidim.admits(&token)) else {
        return Err(ApiError::unauthorized("this server expects no such callbacks"));
    };
    omnidim.receive(&app.engine, &body).await?;
    app.ring();
    Ok(Json(json!({ "received": true })))
}
