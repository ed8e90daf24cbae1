//! One lead's walk through a cadence, and people's hands on it.

use axum::Json;
use axum::extract::{Path, State};
use callwright_engine::engine::EnrollmentView;
use callwright_engine::id::EnrollmentId;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::state::App;

/// An enrollment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentBody {
    pub enrollment_id: String,
    pub lead_id: String,
    pub campaign_id: String,
    pub cadence_id: String,
    pub version: String,
    /// `waiting`, `open` (a call is planned or under way), `held` or `ended`.
    pub state: &'static str,
    /// Why it is held: `paused` or `quarantined`.
    pub hold: Option<String>,
    pub step: String,
    /// Which try of the step comes next, or is under way.
    pub attempt: u32,
    pub due_at: Option<DateTime<Utc>>,
    pub wait_event: Option<String>,
    /// Calls placed so far.
    pub placed: u32,
    /// The last decision: `proceed`, `defer` or `stop`, and its reason.
    pub verdict: Option<String>,
    pub reason: Option<String>,
    /// How it ended.
    pub result: Option<String>,
    pub started_at: DateTime<Utc>,
}

impl From<EnrollmentView> for EnrollmentBody {
    fn from(view: EnrollmentView) -> Self {
        Self {
            enrollment_id: view.enrollment_id.to_string(),
            lead_id: view.lead_id.to_string(),
            campaign_id: view.campaign_id.to_string(),
            cadence_id: view.cadence_id,
            version: view.version,
            state: view.state,
            hold: view.hold,
            step: view.step,
            attempt: view.attempt,
            due_at: view.due_at,
            wait_event: view.wait_event,
            placed: view.placed,
            verdict: view.verdict,
            reason: view.reason,
            result: view.result,
            started_at: view.started_at,
        }
    }
}

fn id(text: &str) -> Answer<EnrollmentId> {
    text.parse().map_err(|_| ApiError::not_found("enrollment", text))
}

/// One enrollment.
#[utoipa::path(get, path = "/enrollments/{enrollmentId}", tag = "cadences", params(("enrollmentId" = String, Path)), responses(
    (status = 200, description = "The enrollment", body = EnrollmentBody),
    (status = 404, description = "No such enrollment", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(text): Path<String>) -> Answer<Json<EnrollmentBody>> {
    Ok(Json(app.engine.enrollment(id(&text)?).await?.into()))
}

/// Ends an enrollment for good; a call under way finishes.
#[utoipa::path(delete, path = "/enrollments/{enrollmentId}", tag = "cadences", params(("enrollmentId" = String, Path)), responses(
    (status = 200, description = "Ended", body = EnrollmentBody),
    (status = 409, description = "It had ended before", body = ErrorBody),
))]
pub async fn end(State(app): State<App>, Path(text): Path<String>) -> Answer<Json<EnrollmentBody>> {
    Ok(Json(app.engine.end_enrollment(id(&text)?, "ended_by_hand").await?.into()))
}

/// Holds an enrollment until it is resumed; a planned call is taken back.
#[utoipa::path(post, path = "/enrollments/{enrollmentId}/pause", tag = "cadences", params(("enrollmentId" = String, Path)), responses(
    (status = 200, description = "Held", body = EnrollmentBody),
    (status = 409, description = "It has ended", body = ErrorBody),
))]
pub async fn pause(State(app): State<App>, Path(text): Path<String>) -> Answer<Json<EnrollmentBody>> {
    Ok(Json(app.engine.pause(id(&text)?).await?.into()))
}

/// Lets a held enrollment go on.
#[utoipa::path(post, path = "/enrollments/{enrollmentId}/resume", tag = "cadences", params(("enrollmentId" = String, Path)), responses(
    (status = 200, description = "Goes on", body = EnrollmentBody),
    (status = 409, description = "It is not held", body = ErrorBody),
))]
pub async fn resume(State(app): State<App>, Path(text): Path<String>) -> Answer<Json<EnrollmentBody>> {
    let view = app.engine.resume(id(&text)?).await?;
    app.ring();
    Ok(Json(view.into()))
}

/// Leaves the current step behind and goes on with the next.
#[utoipa::path(post, path = "/enrollments/{enrollmentId}/skip", tag = "cadences", params(("enrollmentId" = String, Path)), responses(
    (status = 200, description = "At the next step", body = EnrollmentBody),
    (status = 409, description = "It has ended", body = ErrorBody),
))]
pub async fn skip(State(app): State<App>, Path(text): Path<String>) -> Answer<Json<EnrollmentBody>> {
    let view = app.engine.skip_step(id(&text)?).await?;
    app.ring();
    Ok(Json(view.into()))
}
