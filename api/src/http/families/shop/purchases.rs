//! Purchases: record, fetch, change, list, remove. They are the ground on which price-drop calls are allowed (GATE-11).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::purchase::Purchase;
use callwright_engine::domain::user::Role;
use callwright_engine::id::PurchaseId;
use callwright_engine::store::Tx;
use callwright_engine::store::purchase::{self as store, Edited, PurchaseFilter, Upserted};
use serde::Deserialize;
use utoipa::IntoParams;

use super::product_id;
use super::purchase_body::{PurchaseBody, PurchaseInput, PurchaseInputSchema, SHOWN_ONLY};
use crate::http::amount::RawObject;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::families::crm::lead_body::mistakes;
use crate::http::families::crm::{Listed, cursor, lead_id, limit};
use crate::http::state::App;

/// Records a purchase, or updates the one with this externalId.
#[utoipa::path(post, path = "/purchases", tag = "shop", request_body = PurchaseInputSchema, responses(
    (status = 201, description = "Recorded", body = PurchaseBody),
    (status = 200, description = "Updated: the purchase was known", body = PurchaseBody),
    (status = 422, description = "Fields are wrong, or lead or product do not exist; `details.fields` names them", body = ErrorBody),
))]
pub async fn create(
    State(app): State<App>,
    Body(raw): Body<RawObject>,
) -> Answer<(StatusCode, Json<PurchaseBody>)> {
    let new = raw.read::<PurchaseInput>(&SHOWN_ONLY)?.into();
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let written = store::upsert_many(&mut tx, &app.engine.ids, &[new], now).await?;
    let (id, status) = match written.into_iter().next() {
        Some(Upserted::Created(id)) => (id, StatusCode::CREATED),
        Some(Upserted::Updated(id)) => (id, StatusCode::OK),
        Some(Upserted::Refused(errors)) => return Err(mistakes(errors)),
        None => return Err(ApiError::internal("no answer to an upsert")),
    };
    let purchase = found(&mut tx, id).await?;
    tx.commit().await?;
    Ok((status, Json(purchase.into())))
}

/// Which purchases to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PurchaseParams {
    /// Our id of the lead or yours.
    pub lead_id: Option<String>,
    /// Our id of the product or yours.
    pub product_id: Option<String>,
    pub order_id: Option<String>,
    pub verified: Option<bool>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Purchases, the latest first.
#[utoipa::path(get, path = "/purchases", tag = "shop", params(PurchaseParams), responses(
    (status = 200, description = "One page", body = Listed<PurchaseBody>),
    (status = 404, description = "No such lead or product", body = ErrorBody),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<PurchaseParams>,
) -> Answer<Json<Listed<PurchaseBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let mut filter = PurchaseFilter {
        order_id: params.order_id,
        is_verified: params.verified,
        ..PurchaseFilter::default()
    };
    if let Some(id) = &params.lead_id {
        filter.lead_id = Some(lead_id(&mut tx, id).await?);
    }
    if let Some(id) = &params.product_id {
        filter.product_id = Some(product_id(&mut tx, id).await?);
    }
    let page = store::page(&mut tx, &filter, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, PurchaseBody::from)))
}

/// One purchase.
#[utoipa::path(get, path = "/purchases/{purchaseId}", tag = "shop", params(("purchaseId" = String, Path, description = "Our id or yours")), responses(
    (status = 200, description = "The purchase", body = PurchaseBody),
    (status = 404, description = "No such purchase", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<PurchaseBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = purchase_id(&mut tx, &id).await?;
    let purchase = found(&mut tx, id).await?;
    tx.rollback().await?;
    Ok(Json(purchase.into()))
}

/// Changes a purchase, for example by what was given back: absent fields stay. Whose it is and of what stays anyway.
#[utoipa::path(put, path = "/purchases/{purchaseId}", tag = "shop", params(("purchaseId" = String, Path, description = "Our id or yours")), request_body = PurchaseInputSchema, responses(
    (status = 200, description = "The purchase as it is now", body = PurchaseBody),
    (status = 404, description = "No such purchase", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(raw): Body<RawObject>,
) -> Answer<Json<PurchaseBody>> {
    let change = raw.read::<PurchaseInput>(&SHOWN_ONLY)?.into();
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let id = purchase_id(&mut tx, &id).await?;
    match store::update(&mut tx, id, &change, now).await? {
        Edited::Saved(purchase) => {
            tx.commit().await?;
            Ok(Json((*purchase).into()))
        }
        Edited::Refused(errors) => Err(mistakes(errors)),
        Edited::Missing => Err(ApiError::not_found("purchase", &id.to_string())),
    }
}

/// Removes a purchase that never was one. What was given back is written as `refunded`.
#[utoipa::path(delete, path = "/purchases/{purchaseId}", tag = "shop", params(("purchaseId" = String, Path, description = "Our id or yours")), responses(
    (status = 204, description = "Removed"),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such purchase", body = ErrorBody),
))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin().await?;
    let id = purchase_id(&mut tx, &id).await?;
    store::remove(&mut tx, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn purchase_id(tx: &mut Tx, id: &str) -> Answer<PurchaseId> {
    store::resolve(tx, id).await?.ok_or_else(|| ApiError::not_found("purchase", id))
}

async fn found(tx: &mut Tx, id: PurchaseId) -> Answer<Purchase> {
    store::find(tx, id).await?.ok_or_else(|| ApiError::not_found("purchase", &id.to_string()))
}
