//! Interests: who waits for which product, on a wish list or until it is back in stock.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::purchase::{Interest, InterestKind};
use callwright_engine::id::InterestId;
use callwright_engine::store::interest::{self as store, InterestFilter};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{one_of, product_id};
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::families::crm::{Listed, cursor, lead_id, limit};
use crate::http::state::App;

/// A lead that waits for a product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InterestInput {
    /// Our id of the lead or yours. Also as `customerId`.
    #[serde(alias = "customerId")]
    pub lead_id: String,
    /// Our id of the product or yours.
    pub product_id: String,
    /// `wish_list` or `back_in_stock`; `back_in_stock`, when left out.
    #[schema(value_type = Option<String>)]
    pub kind: Option<InterestKind>,
    /// Where it was said; `api`, when left out.
    pub source: Option<String>,
}

/// An interest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InterestBody {
    pub interest_id: String,
    pub lead_id: String,
    pub product_id: String,
    /// `wish_list` or `back_in_stock`.
    pub kind: &'static str,
    pub source: String,
    /// Still waiting.
    pub waiting: bool,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl From<Interest> for InterestBody {
    fn from(interest: Interest) -> Self {
        Self {
            interest_id: interest.id.to_string(),
            lead_id: interest.lead_id.to_string(),
            product_id: interest.product_id.to_string(),
            kind: interest.kind.as_str(),
            waiting: interest.ended_at.is_none(),
            created_at: interest.created_at,
            ended_at: interest.ended_at,
            source: interest.source,
        }
    }
}

const LONGEST_SOURCE: usize = 64;

/// Lets a lead wait for a product; saying it again changes nothing.
#[utoipa::path(post, path = "/interests", tag = "shop", request_body = InterestInput, responses(
    (status = 201, description = "The lead waits from now on", body = InterestBody),
    (status = 200, description = "The lead waited already", body = InterestBody),
    (status = 404, description = "No such lead or product", body = ErrorBody),
))]
pub async fn add(
    State(app): State<App>,
    Body(input): Body<InterestInput>,
) -> Answer<(StatusCode, Json<InterestBody>)> {
    let source = input.source.unwrap_or_else(|| "api".to_owned());
    if source.is_empty() || source.len() > LONGEST_SOURCE || source.chars().any(char::is_control) {
        return Err(ApiError::field("/source", format!("is one line of 1 to {LONGEST_SOURCE} characters")));
    }
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let interest = Interest {
        id: app.engine.ids.next(now),
        lead_id: lead_id(&mut tx, &input.lead_id).await?,
        product_id: product_id(&mut tx, &input.product_id).await?,
        kind: input.kind.unwrap_or(InterestKind::BackInStock),
        source,
        created_at: now,
        ended_at: None,
    };
    let kept = store::add_many(&mut tx, &[interest]).await?;
    tx.commit().await?;
    let (interest, is_new) = kept.into_iter().next().ok_or_else(|| ApiError::internal("nothing was kept"))?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(interest.into())))
}

/// Which interests to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InterestParams {
    /// Our id of the lead or yours.
    pub lead_id: Option<String>,
    /// Our id of the product or yours.
    pub product_id: Option<String>,
    pub kind: Option<String>,
    pub waiting: Option<bool>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Interests, the latest first.
#[utoipa::path(get, path = "/interests", tag = "shop", params(InterestParams), responses(
    (status = 200, description = "One page", body = Listed<InterestBody>),
    (status = 404, description = "No such lead or product", body = ErrorBody),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<InterestParams>,
) -> Answer<Json<Listed<InterestBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let kind = one_of("kind", params.kind.as_ref())?;
    let mut tx = app.engine.db.begin_read().await?;
    let mut filter = InterestFilter { kind, is_waiting: params.waiting, ..InterestFilter::default() };
    if let Some(id) = &params.lead_id {
        filter.lead_id = Some(lead_id(&mut tx, id).await?);
    }
    if let Some(id) = &params.product_id {
        filter.product_id = Some(product_id(&mut tx, id).await?);
    }
    let page = store::page(&mut tx, &filter, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, InterestBody::from)))
}

/// One interest.
#[utoipa::path(get, path = "/interests/{interestId}", tag = "shop", params(("interestId" = String, Path)), responses(
    (status = 200, description = "The interest", body = InterestBody),
    (status = 404, description = "No such interest", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<InterestBody>> {
    let parsed = interest_id(&id)?;
    let mut tx = app.engine.db.begin_read().await?;
    let interest = store::find(&mut tx, parsed).await?.ok_or_else(|| ApiError::not_found("interest", &id))?;
    tx.rollback().await?;
    Ok(Json(interest.into()))
}

/// Ends an interest: the lead waits no longer. It stays on file.
#[utoipa::path(delete, path = "/interests/{interestId}", tag = "shop", params(("interestId" = String, Path)), responses(
    (status = 200, description = "The interest as it is now", body = InterestBody),
    (status = 404, description = "No such interest", body = ErrorBody),
))]
pub async fn end(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<InterestBody>> {
    let parsed = interest_id(&id)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    store::end(&mut tx, parsed, now).await?;
    let interest = store::find(&mut tx, parsed).await?.ok_or_else(|| ApiError::not_found("interest", &id))?;
    tx.commit().await?;
    Ok(Json(interest.into()))
}

fn interest_id(id: &str) -> Answer<InterestId> {
    id.parse().map_err(|_| ApiError::not_found("interest", id))
}
