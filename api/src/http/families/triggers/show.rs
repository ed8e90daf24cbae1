//! Looking at triggers, and cancelling them.

use axum::Json;
use axum::extract::{Path, State};
use callwright_engine::domain::trigger::TriggerState;
use callwright_engine::domain::user::Role;
use callwright_engine::store::trigger;
use serde::Deserialize;
use utoipa::IntoParams;

use super::bodies::TriggerBody;
use super::{campaign_id, trigger_id};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::Params;
use crate::http::families::crm::{Listed, cursor, limit};
use crate::http::state::App;

/// Which triggers.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TriggerParams {
    /// Our id or its key.
    pub campaign_id: Option<String>,
    /// `running`, `done`, `withdrawing` or `cancelled`.
    pub status: Option<String>,
    /// Rows per page, 1 to 100.
    pub limit: Option<u32>,
    /// `next` of the previous page.
    pub cursor: Option<String>,
}

/// Triggers, the newest first.
#[utoipa::path(get, path = "/triggers", tag = "triggers", params(TriggerParams), responses(
    (status = 200, description = "One page", body = Listed<TriggerBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<TriggerParams>,
) -> Answer<Json<Listed<TriggerBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let state = params.status.as_deref().map(str::parse::<TriggerState>).transpose();
    let state = state.map_err(|error| ApiError::field("status", error.to_string()))?;
    let mut tx = app.engine.db.begin_read().await?;
    let campaign = match &params.campaign_id {
        Some(named) => Some(campaign_id(&mut tx, named).await?),
        None => None,
    };
    let page = trigger::page(&mut tx, campaign, state, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, |found| TriggerBody::of(found, false))))
}

/// One trigger, and how far it has come.
#[utoipa::path(get, path = "/triggers/{triggerId}", tag = "triggers", params(("triggerId" = String, Path)), responses(
    (status = 200, description = "The trigger", body = TriggerBody),
    (status = 404, description = "No such trigger", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(text): Path<String>) -> Answer<Json<TriggerBody>> {
    Ok(Json(TriggerBody::of(app.engine.trigger(trigger_id(&text)?).await?, false)))
}

/// Cancels a trigger: nobody more is enrolled, and who was not called yet is taken out. Calls under way finish.
#[utoipa::path(delete, path = "/triggers/{triggerId}", tag = "triggers", params(("triggerId" = String, Path)), responses(
    (status = 202, description = "Being taken back", body = TriggerBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such trigger", body = ErrorBody),
))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Answer<(axum::http::StatusCode, Json<TriggerBody>)> {
    caller.must_be(Role::Manager)?;
    let cancelled = app.engine.cancel_trigger(trigger_id(&text)?).await?;
    tracing::info!(trigger = %cancelled.id, by = caller.principal, "trigger cancelled");
    Ok((axum::http::StatusCode::ACCEPTED, Json(TriggerBody::of(cancelled, false))))
}
