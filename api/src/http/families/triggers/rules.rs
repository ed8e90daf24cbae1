//! Rules by which price drops and restocks in the catalogue raise triggers by themselves.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::trigger::{TriggerKind, TriggerRule};
use callwright_engine::domain::user::Role;
use callwright_engine::id::TriggerRuleId;
use callwright_engine::money::{Number, Percent};
use callwright_engine::store::trigger_rule;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{campaign_id, product_id};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::families::crm::Listed;
use crate::http::state::App;

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleBody {
    pub rule_id: String,
    /// `price_drop` or `restock`.
    pub trigger_type: &'static str,
    pub campaign_id: String,
    /// `null`: every product of the campaign.
    pub product_id: Option<String>,
    #[schema(value_type = f64)]
    pub min_drop_percent: Option<Number>,
    #[schema(value_type = Option<f64>)]
    pub discount_percent: Option<Number>,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
}

impl From<TriggerRule> for RuleBody {
    fn from(rule: TriggerRule) -> Self {
        let number = |points: u16| Percent::of_basis_points(points).map(Percent::number);
        Self {
            rule_id: rule.id.to_string(),
            trigger_type: rule.kind.as_str(),
            campaign_id: rule.campaign_id.to_string(),
            product_id: rule.product_id.map(|id| id.to_string()),
            min_drop_percent: number(rule.min_drop_bp),
            discount_percent: rule.discount_bp.and_then(number),
            is_active: rule.is_active,
            created_at: rule.created_at,
        }
    }
}

/// A rule to set; one of the same type, campaign and product is changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleInput {
    /// `price_drop` or `restock`.
    pub trigger_type: String,
    /// Our id or its key.
    pub campaign_id: String,
    /// Every product of the campaign, when left out.
    pub product_id: Option<String>,
    /// Smaller drops raise nothing; any drop does, when left out.
    #[schema(value_type = Option<f64>)]
    pub min_drop_percent: Option<Number>,
    /// What is offered; of a price drop what it comes to, of a restock nothing, when left out.
    #[schema(value_type = Option<f64>)]
    pub discount_percent: Option<Number>,
    /// `false` keeps the rule and does not follow it.
    pub is_active: Option<bool>,
}

fn points(pointer: &str, given: Option<Number>) -> Answer<Option<u16>> {
    let percent = given.map(|number| Percent::exactly(number.0)).transpose();
    let percent = percent.map_err(|problem| ApiError::field(pointer, problem.to_string()))?;
    Ok(percent.map(Percent::basis_points))
}

/// Sets a rule.
#[utoipa::path(post, path = "/trigger-rules", tag = "triggers", request_body = RuleInput, responses(
    (status = 201, description = "Set", body = RuleBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such campaign or product", body = ErrorBody),
))]
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<RuleInput>,
) -> Answer<(StatusCode, Json<RuleBody>)> {
    caller.must_be(Role::Manager)?;
    let Ok(kind @ (TriggerKind::PriceDrop | TriggerKind::Restock)) = input.trigger_type.parse() else {
        return Err(ApiError::field("/triggerType", "the catalogue raises price_drop and restock"));
    };
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let product = match &input.product_id {
        Some(named) => Some(product_id(&mut tx, named).await?),
        None => None,
    };
    let discount = points("/discountPercent", input.discount_percent)?;
    if discount == Some(0) {
        return Err(ApiError::field(
            "/discountPercent",
            "an offer of nothing; leave it out, and it follows from the prices",
        ));
    }
    let mut rule = TriggerRule {
        id: app.engine.ids.next(now),
        kind,
        campaign_id: campaign_id(&mut tx, &input.campaign_id).await?,
        product_id: product,
        min_drop_bp: points("/minDropPercent", input.min_drop_percent)?.unwrap_or(0),
        discount_bp: discount,
        is_active: input.is_active.unwrap_or(true),
        created_at: now,
    };
    rule.id = trigger_rule::set(&mut tx, &rule).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(rule.into())))
}

/// Whose rules.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuleParams {
    /// Our id or its key; every campaign's, when left out.
    pub campaign_id: Option<String>,
}

/// The rules, oldest first.
#[utoipa::path(get, path = "/trigger-rules", tag = "triggers", params(RuleParams), responses(
    (status = 200, description = "All of them", body = Listed<RuleBody>),
))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<RuleParams>,
) -> Answer<Json<Listed<RuleBody>>> {
    let mut tx = app.engine.db.begin_read().await?;
    let campaign = match &params.campaign_id {
        Some(named) => Some(campaign_id(&mut tx, named).await?),
        None => None,
    };
    let rules = trigger_rule::list(&mut tx, campaign).await?;
    tx.rollback().await?;
    Ok(Json(Listed { items: rules.into_iter().map(RuleBody::from).collect(), next: None }))
}

/// Removes a rule.
#[utoipa::path(delete, path = "/trigger-rules/{ruleId}", tag = "triggers", params(("ruleId" = String, Path)), responses(
    (status = 204, description = "Removed"),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such rule", body = ErrorBody),
))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(text): Path<String>) -> Answer<StatusCode> {
    caller.must_be(Role::Manager)?;
    let id: TriggerRuleId = text.parse().map_err(|_| ApiError::not_found("rule", &text))?;
    let mut tx = app.engine.db.begin().await?;
    if !trigger_rule::remove(&mut tx, id).await? {
        return Err(ApiError::not_found("rule", &text));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
