//! Products: create or update, fetch, change, list, remove, and their past prices and stocks.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::product::{ChangeSource, Product};
use callwright_engine::domain::user::Role;
use callwright_engine::id::ProductId;
use callwright_engine::store::Tx;
use callwright_engine::store::product::{self as store, Edited, ProductFilter, Upserted, history};
use serde::Deserialize;
use utoipa::IntoParams;

use super::product_body::{PriceBody, ProductBody, ProductInputSchema, SHOWN_ONLY, StockBody};
use super::product_id;
use crate::http::amount::RawObject;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::families::crm::lead_body::mistakes;
use crate::http::families::crm::{Listed, PageParams, cursor, limit};
use crate::http::state::App;

/// Creates a product, or updates the one with this externalId. A new price is appended to the product's history.
#[utoipa::path(post, path = "/products", tag = "shop", request_body = ProductInputSchema, responses(
    (status = 201, description = "Created", body = ProductBody),
    (status = 200, description = "Updated: the product was known", body = ProductBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 422, description = "Fields are wrong; `details.fields` names them", body = ErrorBody),
))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(raw): Body<RawObject>,
) -> Answer<(StatusCode, Json<ProductBody>)> {
    caller.must_be(Role::Manager)?;
    let new: NewProduct = raw.read(&SHOWN_ONLY)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let rows = std::slice::from_ref(&new);
    let written = store::upsert_many(&mut tx, &app.engine.ids, rows, ChangeSource::Api, now).await?;
    let (id, status) = match written.into_iter().next() {
        Some(Upserted::Created(id)) => (id, StatusCode::CREATED),
        Some(Upserted::Updated(id)) => (id, StatusCode::OK),
        Some(Upserted::Refused(errors)) => return Err(mistakes(errors)),
        None => return Err(ApiError::internal("no answer to an upsert")),
    };
    let product = found(&mut tx, id).await?;
    tx.commit().await?;
    Ok((status, Json(product.into())))
}

/// Which products to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductParams {
    pub category: Option<String>,
    pub active: Option<bool>,
    /// Active, and in stock if stock is counted.
    pub available: Option<bool>,
    pub tag: Option<String>,
    /// Part of the name, or the shop's own id.
    pub search: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Products, the most recently changed first.
#[utoipa::path(get, path = "/products", tag = "shop", params(ProductParams), responses(
    (status = 200, description = "One page", body = Listed<ProductBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<ProductParams>,
) -> Answer<Json<Listed<ProductBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let filter = ProductFilter {
        category: params.category,
        is_active: params.active,
        is_available: params.available,
        tag: params.tag,
        search: params.search,
    };
    let mut tx = app.engine.db.begin_read().await?;
    let page = store::page(&mut tx, &filter, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, ProductBody::from)))
}

/// One product.
#[utoipa::path(get, path = "/products/{productId}", tag = "shop", params(("productId" = String, Path, description = "Our id or yours")), responses(
    (status = 200, description = "The product", body = ProductBody),
    (status = 404, description = "No such product", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<ProductBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = product_id(&mut tx, &id).await?;
    let product = found(&mut tx, id).await?;
    tx.rollback().await?;
    Ok(Json(product.into()))
}

/// Changes a product: absent fields stay, `null` empties one. A new price or stock is appended to its history.
#[utoipa::path(put, path = "/products/{productId}", tag = "shop", params(("productId" = String, Path, description = "Our id or yours")), request_body = ProductInputSchema, responses(
    (status = 200, description = "The product as it is now", body = ProductBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such product", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(raw): Body<RawObject>,
) -> Answer<Json<ProductBody>> {
    caller.must_be(Role::Manager)?;
    let change: NewProduct = raw.read(&SHOWN_ONLY)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let id = product_id(&mut tx, &id).await?;
    match store::update(&mut tx, &app.engine.ids, id, &change, ChangeSource::Api, now).await? {
        Edited::Saved(product) => {
            tx.commit().await?;
            Ok(Json((*product).into()))
        }
        Edited::Refused(errors) => Err(mistakes(errors)),
        Edited::Missing => Err(ApiError::not_found("product", &id.to_string())),
    }
}

/// Removes a product that nobody bought and no coupon names. Others are switched off with `active: false`.
#[utoipa::path(delete, path = "/products/{productId}", tag = "shop", params(("productId" = String, Path, description = "Our id or yours")), responses(
    (status = 204, description = "Removed, with its history and the interests in it"),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such product", body = ErrorBody),
    (status = 409, description = "It was bought, or a coupon names it", body = ErrorBody),
))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin().await?;
    let id = product_id(&mut tx, &id).await?;
    if !store::remove(&mut tx, id).await? {
        let message = "the product was bought, or a coupon names it; switch it off with `active: false`";
        return Err(ApiError::conflict("product-in-use", message));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Prices of a product, the latest first.
#[utoipa::path(get, path = "/products/{productId}/prices", tag = "shop", params(("productId" = String, Path, description = "Our id or yours"), PageParams), responses(
    (status = 200, description = "One page", body = Listed<PriceBody>),
    (status = 404, description = "No such product", body = ErrorBody),
))]
pub async fn prices(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<PageParams>,
) -> Answer<Json<Listed<PriceBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let id = product_id(&mut tx, &id).await?;
    let page = history::prices(&mut tx, id, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, PriceBody::from)))
}

/// Stocks of a product, the latest first.
#[utoipa::path(get, path = "/products/{productId}/stock", tag = "shop", params(("productId" = String, Path, description = "Our id or yours"), PageParams), responses(
    (status = 200, description = "One page", body = Listed<StockBody>),
    (status = 404, description = "No such product", body = ErrorBody),
))]
pub async fn stocks(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<PageParams>,
) -> Answer<Json<Listed<StockBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let id = product_id(&mut tx, &id).await?;
    let page = history::stocks(&mut tx, id, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, StockBody::from)))
}

async fn found(tx: &mut Tx, id: ProductId) -> Answer<Product> {
    store::find(tx, id).await?.ok_or_else(|| ApiError::not_found("product", &id.to_string()))
}
