//! What a campaign sells and what it may give away: its products and its budget. A manager's business.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::offer::Budget;
use callwright_engine::domain::user::Role;
use callwright_engine::money::{Currency, Money, Number};
use callwright_engine::store::{budget, campaign_product, product};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::amount::{Amount, RawObject};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody, FieldProblem};
use crate::http::extract::Body;
use crate::http::families::crm::campaign_id;
use crate::http::state::App;

/// The products of a campaign.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CampaignProducts {
    /// Our ids or yours; at most 1,000.
    pub product_ids: Vec<String>,
}

const MOST_PRODUCTS: usize = 1_000;

/// The products a campaign is about: whose buyers a promotion calls.
#[utoipa::path(get, path = "/campaigns/{campaignId}/products", tag = "shop", params(("campaignId" = String, Path)), responses(
    (status = 200, description = "Our ids of the products", body = CampaignProducts),
    (status = 404, description = "No such campaign", body = ErrorBody),
))]
pub async fn products(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<CampaignProducts>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = campaign_id(&mut tx, &id).await?;
    let products = campaign_product::of(&mut tx, id).await?;
    tx.rollback().await?;
    Ok(Json(CampaignProducts { product_ids: products.iter().map(ToString::to_string).collect() }))
}

/// Sets the products a campaign is about, instead of those it was.
#[utoipa::path(put, path = "/campaigns/{campaignId}/products", tag = "shop", params(("campaignId" = String, Path)), request_body = CampaignProducts, responses(
    (status = 200, description = "Our ids of the products", body = CampaignProducts),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such campaign", body = ErrorBody),
    (status = 422, description = "Some products do not exist; nothing was changed", body = ErrorBody),
))]
pub async fn set_products(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<CampaignProducts>,
) -> Answer<Json<CampaignProducts>> {
    caller.must_be(Role::Manager)?;
    if input.product_ids.len() > MOST_PRODUCTS {
        return Err(ApiError::field(
            "/productIds",
            format!("a campaign has at most {MOST_PRODUCTS} products"),
        ));
    }
    let mut tx = app.engine.db.begin().await?;
    let id = campaign_id(&mut tx, &id).await?;
    let texts: Vec<&str> = input.product_ids.iter().map(String::as_str).collect();
    let known = product::resolve_many(&mut tx, &texts).await?;
    let unknown = texts.iter().enumerate().filter(|(_, text)| !known.contains_key(**text));
    let wrong: Vec<FieldProblem> = unknown
        .map(|(at, text)| {
            FieldProblem::new(format!("/productIds/{at}"), format!("product `{text}` does not exist"))
        })
        .collect();
    if !wrong.is_empty() {
        return Err(ApiError::invalid(wrong));
    }
    let products: Vec<_> = known.into_values().collect();
    campaign_product::replace(&mut tx, id, &products).await?;
    let products = campaign_product::of(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(CampaignProducts { product_ids: products.iter().map(ToString::to_string).collect() }))
}

/// What a campaign may give away in all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetInput {
    #[schema(value_type = Amount)]
    pub total: Number,
    /// ISO 4217. Another one than before only as long as nothing was promised.
    pub currency: String,
}

/// A budget: `reserved` for open coupons, `spent` by redeemed ones.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetBody {
    pub currency: &'static str,
    #[schema(value_type = Amount)]
    pub total: Number,
    #[schema(value_type = Amount)]
    pub reserved: Number,
    #[schema(value_type = Amount)]
    pub spent: Number,
    /// What may still be promised; negative when the total was lowered below the promises.
    #[schema(value_type = Amount)]
    pub left: Number,
}

impl From<Budget> for BudgetBody {
    fn from(budget: Budget) -> Self {
        let nothing = Money::zero(budget.total.currency());
        Self {
            currency: budget.total.currency().code(),
            total: budget.total.number(),
            reserved: budget.reserved.number(),
            spent: budget.spent.number(),
            left: budget.left().unwrap_or(nothing).number(),
        }
    }
}

/// What a campaign may give away, and how far it is.
#[utoipa::path(get, path = "/campaigns/{campaignId}/budget", tag = "shop", params(("campaignId" = String, Path)), responses(
    (status = 200, description = "The budget", body = BudgetBody),
    (status = 404, description = "No such campaign, or it has no budget and therefore no bound", body = ErrorBody),
))]
pub async fn show_budget(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<BudgetBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let campaign = campaign_id(&mut tx, &id).await?;
    let found =
        budget::find(&mut tx, campaign).await?.ok_or_else(|| ApiError::not_found("budget of", &id))?;
    tx.rollback().await?;
    Ok(Json(found.into()))
}

/// Sets what a campaign may give away. What is promised already stays promised.
#[utoipa::path(put, path = "/campaigns/{campaignId}/budget", tag = "shop", params(("campaignId" = String, Path)), request_body = BudgetInput, responses(
    (status = 200, description = "The budget as it is now", body = BudgetBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "Something was promised in another currency", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn set_budget(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(raw): Body<RawObject>,
) -> Answer<Json<BudgetBody>> {
    caller.must_be(Role::Manager)?;
    let input: BudgetInput = raw.read(&["reserved", "spent", "left"])?;
    let currency =
        Currency::find(&input.currency).map_err(|error| ApiError::field("/currency", error.to_string()))?;
    let total = input.total.of(currency).map_err(|error| ApiError::field("/total", error.to_string()))?;
    if total.is_negative() {
        return Err(ApiError::field("/total", "cannot be negative"));
    }
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let campaign = campaign_id(&mut tx, &id).await?;
    if !budget::set(&mut tx, campaign, total, now).await? {
        let message =
            "coupons were issued under this budget in another currency; keep it, or use another campaign";
        return Err(ApiError::conflict("other-currency", message));
    }
    let set = budget::find(&mut tx, campaign).await?.ok_or_else(|| ApiError::not_found("budget of", &id))?;
    tx.commit().await?;
    Ok(Json(set.into()))
}

/// Takes the bound away.
#[utoipa::path(delete, path = "/campaigns/{campaignId}/budget", tag = "shop", params(("campaignId" = String, Path)), responses(
    (status = 204, description = "The campaign has no budget any more"),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "Coupons are open under it", body = ErrorBody),
))]
pub async fn remove_budget(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin().await?;
    let campaign = campaign_id(&mut tx, &id).await?;
    if !budget::remove(&mut tx, campaign).await? && budget::find(&mut tx, campaign).await?.is_some() {
        return Err(ApiError::conflict("budget-in-use", "coupons are open under this budget"));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
