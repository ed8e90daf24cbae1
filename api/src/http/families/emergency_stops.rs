//! Emergency stops: all new calls of a scope, at once, until a manager lets them go on.
#![expect(unused_qualifications, reason = "utoipa's macro spells out the paths of parameter types")]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::emergency::{EmergencyStop, Scope, ScopeKind};
use callwright_engine::domain::user::Role;
use callwright_engine::id::EmergencyStopId;
use callwright_engine::store::{campaign, emergency_stop as store};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::state::App;

/// What to stop.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmergencyStopInput {
    /// `everywhere`, `jurisdiction`, `campaign` or `caller`.
    #[schema(value_type = String)]
    pub scope: ScopeKind,
    /// A place such as `US-FL` or `IN`; a campaign's id or key; a caller number (E.164). None for everywhere.
    #[serde(default)]
    pub target: Option<String>,
    /// Why; kept.
    pub reason: String,
}

/// A stop.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyStopBody {
    pub stop_id: String,
    pub scope: &'static str,
    pub target: Option<String>,
    pub reason: String,
    pub stopped_by: String,
    pub stopped_at: DateTime<Utc>,
    /// `null` while it is in force; so are the next two.
    pub lifted_at: Option<DateTime<Utc>>,
    pub lifted_by: Option<String>,
    pub lifted_reason: Option<String>,
}

impl From<EmergencyStop> for EmergencyStopBody {
    fn from(stop: EmergencyStop) -> Self {
        let target = Some(stop.scope.target()).filter(|target| !target.is_empty());
        let lifted = stop.lifted;
        Self {
            stop_id: stop.id.to_string(),
            scope: stop.scope.kind().as_str(),
            target,
            reason: stop.reason,
            stopped_by: stop.stopped_by,
            stopped_at: stop.stopped_at,
            lifted_at: lifted.as_ref().map(|lifted| lifted.at),
            lifted_by: lifted.as_ref().map(|lifted| lifted.by.clone()),
            lifted_reason: lifted.map(|lifted| lifted.reason),
        }
    }
}

/// Stops.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmergencyStopsBody {
    pub items: Vec<EmergencyStopBody>,
}

/// Stops new calls at once, in every process. A scope that is stopped already stays as it is.
#[utoipa::path(post, path = "/emergency-stops", tag = "emergency stops", request_body = EmergencyStopInput, responses(
    (status = 201, description = "In force", body = EmergencyStopBody),
    (status = 404, description = "No such campaign", body = ErrorBody),
    (status = 422, description = "No such scope, or no reason", body = ErrorBody),
))]
pub async fn stop(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<EmergencyStopInput>,
) -> Answer<(StatusCode, Json<EmergencyStopBody>)> {
    let target = input.target.as_deref().map(str::trim).unwrap_or_default();
    let scope = if input.scope == ScopeKind::Campaign {
        let mut tx = app.engine.db.begin_read().await?;
        let id = campaign::resolve(&mut tx, target).await?;
        tx.rollback().await?;
        Scope::Campaign(id.ok_or_else(|| ApiError::not_found("campaign", target))?)
    } else {
        Scope::parse(input.scope, target).map_err(|message| ApiError::field("/target", message))?
    };
    let stop = app.engine.stop_calls(scope, &input.reason, &caller.name).await?;
    Ok((StatusCode::CREATED, Json(stop.into())))
}

/// Which stops to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EmergencyStopParams {
    /// Also those that were lifted: the last 100, the newest first.
    pub all: Option<bool>,
}

/// Stops in force, the oldest first.
#[utoipa::path(get, path = "/emergency-stops", tag = "emergency stops", params(EmergencyStopParams), responses(
    (status = 200, description = "All of them", body = EmergencyStopsBody),
))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<EmergencyStopParams>,
) -> Answer<Json<EmergencyStopsBody>> {
    /// Stops are rare; these are years of them.
    const MOST: u32 = 100;
    let mut tx = app.engine.db.begin_read().await?;
    let stops = match params.all {
        Some(true) => store::recent(&mut tx, MOST).await?,
        _ => store::in_force(&mut tx).await?,
    };
    tx.rollback().await?;
    Ok(Json(EmergencyStopsBody { items: stops.into_iter().map(EmergencyStopBody::from).collect() }))
}

/// Why calls may go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResumeParams {
    /// Kept with the stop.
    pub reason: Option<String>,
}

/// Lifts a stop: calls go on at once where nothing else stands against them.
#[utoipa::path(delete, path = "/emergency-stops/{stopId}", tag = "emergency stops", params(("stopId" = String, Path), ResumeParams), responses(
    (status = 200, description = "Lifted", body = EmergencyStopBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such stop", body = ErrorBody),
    (status = 409, description = "Lifted already", body = ErrorBody),
    (status = 422, description = "No reason", body = ErrorBody),
))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<ResumeParams>,
) -> Answer<Json<EmergencyStopBody>> {
    caller.must_be(Role::Manager)?;
    let parsed: EmergencyStopId = id.parse().map_err(|_| ApiError::not_found("emergency stop", &id))?;
    let reason = params.reason.unwrap_or_default();
    let stop = app.engine.resume_calls(parsed, &reason, &caller.name).await?;
    app.ring();
    Ok(Json(stop.into()))
}
