//! Campaigns: create, list, change, pause, resume, end. Changing them is a manager's business.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::campaign::{Campaign, CampaignStatus};
use callwright_engine::domain::user::Role;
use callwright_engine::id::CampaignId;
use callwright_engine::store::{Tx, campaign as store};
use serde::Deserialize;
use utoipa::IntoParams;

use super::campaign_body::{CampaignBody, CampaignInput, blank};
use super::{Listed, campaign_id, cursor, limit};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::state::App;

/// Creates a campaign.
#[utoipa::path(post, path = "/campaigns", tag = "campaigns", request_body = CampaignInput, responses(
    (status = 201, description = "Created", body = CampaignBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "The key is taken", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<CampaignInput>,
) -> Answer<(StatusCode, Json<CampaignBody>)> {
    caller.must_be(Role::Manager)?;
    let key = input.key.clone().ok_or_else(|| ApiError::field("/key", "a campaign needs a key"))?;
    let status = match input.status.as_deref() {
        None | Some("active") => CampaignStatus::Active,
        Some("draft") => CampaignStatus::Draft,
        Some(other) => {
            return Err(ApiError::field(
                "/status",
                format!("a new campaign is `active` or `draft`, not `{other}`"),
            ));
        }
    };
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    if store::resolve(&mut tx, &key).await?.is_some() {
        return Err(ApiError::conflict("key-taken", format!("a campaign `{key}` exists already")));
    }
    let id = app.engine.ids.next::<CampaignId>(now);
    let mut campaign = blank(id, &key, now).map_err(|problem| ApiError::invalid(vec![problem]))?;
    input.apply(&mut campaign, &caller.name, now).map_err(ApiError::invalid)?;
    campaign.status = status;
    store::create(&mut tx, &campaign).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(campaign.into())))
}

/// Which campaigns to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CampaignParams {
    pub status: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Campaigns, the newest first.
#[utoipa::path(get, path = "/campaigns", tag = "campaigns", params(CampaignParams), responses(
    (status = 200, description = "One page", body = Listed<CampaignBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<CampaignParams>,
) -> Answer<Json<Listed<CampaignBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let status = params.status.as_deref().map(str::parse::<CampaignStatus>).transpose();
    let status = status.map_err(|error| ApiError::field("status", error.to_string()))?;
    let mut tx = app.engine.db.begin_read().await?;
    let page = store::page(&mut tx, status, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, CampaignBody::from)))
}

/// One campaign, by our id or its key.
#[utoipa::path(get, path = "/campaigns/{campaignId}", tag = "campaigns", params(("campaignId" = String, Path)), responses(
    (status = 200, description = "The campaign", body = CampaignBody),
    (status = 404, description = "No such campaign", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<CampaignBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = campaign_id(&mut tx, &id).await?;
    let campaign = found(&mut tx, id).await?;
    tx.rollback().await?;
    Ok(Json(campaign.into()))
}

/// Changes a campaign: absent fields stay, `null` empties one.
#[utoipa::path(put, path = "/campaigns/{campaignId}", tag = "campaigns", params(("campaignId" = String, Path)), request_body = CampaignInput, responses(
    (status = 200, description = "The campaign as it is now", body = CampaignBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<CampaignInput>,
) -> Answer<Json<CampaignBody>> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let id = campaign_id(&mut tx, &id).await?;
    let before = found(&mut tx, id).await?;
    if input.key.as_ref().is_some_and(|key| *key != before.key) {
        return Err(ApiError::field("/key", "the key of a campaign stays as it is"));
    }
    if input.status.as_ref().is_some_and(|status| status != before.status.as_str()) {
        let message = "use POST …/pause and …/resume, or DELETE to end the campaign";
        return Err(ApiError::field("/status", message));
    }
    let mut applied = Ok(());
    let changed =
        store::update(&mut tx, id, now, |campaign| applied = input.apply(campaign, &caller.name, now))
            .await?;
    applied.map_err(ApiError::invalid)?;
    let campaign = changed.ok_or_else(|| ApiError::not_found("campaign", &id.to_string()))?;
    tx.commit().await?;
    app.ring();
    Ok(Json(campaign.into()))
}

/// Stops new calls within a second, on every worker; calls in progress finish.
#[utoipa::path(post, path = "/campaigns/{campaignId}/pause", tag = "campaigns", params(("campaignId" = String, Path)), responses(
    (status = 200, description = "Paused", body = CampaignBody),
    (status = 409, description = "The campaign has ended", body = ErrorBody),
))]
pub async fn pause(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<CampaignBody>> {
    // Anyone who may see a campaign may stop it: stopping is always safe.
    let _ = caller;
    set_status(&app, &id, CampaignStatus::Paused).await
}

/// Lets calls go out again, spread by the campaign's limits.
#[utoipa::path(post, path = "/campaigns/{campaignId}/resume", tag = "campaigns", params(("campaignId" = String, Path)), responses(
    (status = 200, description = "Active", body = CampaignBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "The campaign has ended", body = ErrorBody),
))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<CampaignBody>> {
    caller.must_be(Role::Manager)?;
    set_status(&app, &id, CampaignStatus::Active).await
}

/// Ends a campaign for good. It stays on file with everything that happened in it.
#[utoipa::path(delete, path = "/campaigns/{campaignId}", tag = "campaigns", params(("campaignId" = String, Path)), responses(
    (status = 200, description = "Ended", body = CampaignBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
))]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<CampaignBody>> {
    caller.must_be(Role::Manager)?;
    set_status(&app, &id, CampaignStatus::Ended).await
}

async fn set_status(app: &App, id: &str, status: CampaignStatus) -> Answer<Json<CampaignBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = campaign_id(&mut tx, id).await?;
    let before = found(&mut tx, id).await?;
    tx.rollback().await?;
    if before.status == CampaignStatus::Ended && status != CampaignStatus::Ended {
        return Err(ApiError::conflict("campaign-over", format!("campaign `{}` has ended", before.key)));
    }
    app.engine.set_campaign_status(id, status).await?;
    app.ring();
    let mut tx = app.engine.db.begin_read().await?;
    let after = found(&mut tx, id).await?;
    tx.rollback().await?;
    Ok(Json(after.into()))
}

async fn found(tx: &mut Tx, id: CampaignId) -> Answer<Campaign> {
    let found = store::find(tx, id).await?;
    found.ok_or_else(|| ApiError::not_found("campaign", &id.to_string()))
}
