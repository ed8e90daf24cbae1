//! The jobs in the queue: what waits, what failed and why, and people's hands on it (ENG-5).
#![expect(unused_qualifications, reason = "utoipa's macro spells out the paths of parameter types")]

use axum::Json;
use axum::extract::{Path, State};
use callwright_engine::domain::user::Role;
use callwright_engine::engine::{FailedJobs, JobsChanged};
use callwright_engine::id::JobId;
use callwright_engine::store::jobs::JobState;
use callwright_engine::store::jobs::admin::{self, Depth, JobFilter, JobView};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::crm::{Listed, limit};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::state::App;

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobBody {
    pub job_id: String,
    pub kind: String,
    /// `pending`, `running`, `done`, `dead`, `quarantined` or `cancelled`.
    pub state: String,
    /// `high`, `medium` or `low`.
    pub priority: String,
    /// Due then, if it is pending.
    pub run_at: DateTime<Utc>,
    /// Failed attempts so far.
    pub attempts: u32,
    pub max_attempts: u32,
    /// Workers that died while holding it.
    pub deaths: u32,
    pub last_error: Option<String>,
    #[schema(value_type = Object)]
    pub payload: Value,
    pub dedup_key: Option<String>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<JobView> for JobBody {
    fn from(job: JobView) -> Self {
        Self {
            job_id: job.id.to_string(),
            state: job.state.to_string(),
            priority: job.priority.to_string(),
            run_at: job.run_at,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            deaths: job.deaths,
            last_error: job.last_error,
            payload: serde_json::from_str(&job.payload).unwrap_or(Value::String(job.payload)),
            dedup_key: job.dedup_key,
            created_at: job.created_at,
            finished_at: job.finished_at,
            kind: job.kind,
        }
    }
}

/// Which jobs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobParams {
    /// `pending`, `running`, `done`, `dead`, `quarantined` or `cancelled`.
    pub state: Option<String>,
    pub kind: Option<String>,
    /// Rows per page, 1 to 100.
    pub limit: Option<u32>,
    /// `next` of the previous page.
    pub cursor: Option<String>,
}

fn id(text: &str) -> Answer<JobId> {
    text.parse().map_err(|_| ApiError::not_found("job", text))
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobParams), responses(
    (status = 200, description = "A page of jobs", body = Listed<JobBody>),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
))]
pub async fn page(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<JobParams>,
) -> Answer<Json<Listed<JobBody>>> {
    caller.must_be(Role::Manager)?;
    let state: Option<JobState> = params
        .state
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| ApiError::field("state", format!("{error}")))?;
    let before = params
        .cursor
        .map(|text| text.parse().map_err(|_| ApiError::field("cursor", "use `next` of the previous page")))
        .transpose()?;
    let limit = limit(params.limit)?;
    let filter = JobFilter { state, kind: params.kind.as_deref() };
    let mut tx = app.engine.db.begin_read().await?;
    let mut jobs = admin::page(&mut tx, filter, before, limit + 1).await?;
    tx.rollback().await?;
    let has_more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| has_more).map(|job| job.id.to_string());
    Ok(Json(Listed { items: jobs.into_iter().map(JobBody::from).collect(), next }))
}

/// How one kind of work stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueBody {
    pub kind: String,
    /// Pending and due by now.
    pub due: u64,
    /// Pending for later: backing off or put off.
    pub waiting: u64,
    pub running: u64,
    /// Dead or quarantined.
    pub failed: u64,
    /// Of these, set aside because their workers died.
    pub quarantined: u64,
    /// Since when the longest-waiting due job is due.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

impl From<Depth> for QueueBody {
    fn from(depth: Depth) -> Self {
        Self {
            kind: depth.kind,
            due: depth.due,
            waiting: depth.waiting,
            running: depth.running,
            failed: depth.failed,
            quarantined: depth.quarantined,
            oldest_due_at: depth.oldest_due_at,
        }
    }
}

/// How every kind of work stands that has pending, running or failed jobs.
#[utoipa::path(get, path = "/jobs/queues", tag = "jobs", responses(
    (status = 200, description = "Every kind", body = Vec<QueueBody>),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
))]
pub async fn queues(State(app): State<App>, caller: Caller) -> Answer<Json<Vec<QueueBody>>> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin_read().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let depth = admin::depth(&mut tx, now).await?;
    tx.rollback().await?;
    Ok(Json(depth.into_iter().map(QueueBody::from).collect()))
}

/// One job.
#[utoipa::path(get, path = "/jobs/{jobId}", tag = "jobs", params(("jobId" = String, Path)), responses(
    (status = 200, description = "The job", body = JobBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such job; finished ones are forgotten after a while", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, caller: Caller, Path(text): Path<String>) -> Answer<Json<JobBody>> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin_read().await?;
    let job = admin::find(&mut tx, id(&text)?).await?.ok_or_else(|| ApiError::not_found("job", &text))?;
    tx.rollback().await?;
    Ok(Json(job.into()))
}

/// Makes a dead or quarantined job due now, with all its attempts.
#[utoipa::path(post, path = "/jobs/{jobId}/retry", tag = "jobs", params(("jobId" = String, Path)), responses(
    (status = 200, description = "Due now", body = JobBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "It has not failed, or a newer job with its key waits", body = ErrorBody),
))]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Answer<Json<JobBody>> {
    change(&app, &caller, &text, Hand::Retry).await
}

/// Gives a dead or quarantined job up for good.
#[utoipa::path(post, path = "/jobs/{jobId}/discard", tag = "jobs", params(("jobId" = String, Path)), responses(
    (status = 200, description = "Given up", body = JobBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "It has not failed", body = ErrorBody),
))]
pub async fn discard(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Answer<Json<JobBody>> {
    change(&app, &caller, &text, Hand::Discard).await
}

/// Cancels a pending job. One that runs is not interrupted.
#[utoipa::path(post, path = "/jobs/{jobId}/cancel", tag = "jobs", params(("jobId" = String, Path)), responses(
    (status = 200, description = "Cancelled", body = JobBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "It is not pending", body = ErrorBody),
))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Answer<Json<JobBody>> {
    change(&app, &caller, &text, Hand::Cancel).await
}

#[derive(Debug, Clone, Copy)]
enum Hand {
    Retry,
    Discard,
    Cancel,
}

async fn change(app: &App, caller: &Caller, text: &str, hand: Hand) -> Answer<Json<JobBody>> {
    caller.must_be(Role::Manager)?;
    let id = id(text)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let is_done = match hand {
        Hand::Retry => admin::retry(&mut tx, id, now).await?,
        Hand::Discard => admin::discard(&mut tx, id, now).await?,
        Hand::Cancel => admin::cancel(&mut tx, id, now).await?,
    };
    let job = admin::find(&mut tx, id).await?.ok_or_else(|| ApiError::not_found("job", text))?;
    if !is_done {
        let (code, message) = match hand {
            Hand::Retry if job.state == JobState::Dead || job.state == JobState::Quarantined => (
                "newer-job-waits",
                "a newer job with the same key is waiting and will do the work".to_owned(),
            ),
            Hand::Retry | Hand::Discard => {
                ("not-failed", format!("the job is {}, it has not failed", job.state))
            }
            Hand::Cancel => {
                ("not-pending", format!("the job is {}; only pending ones are cancelled", job.state))
            }
        };
        return Err(ApiError::conflict(code, message));
    }
    tx.commit().await?;
    tracing::info!(job = %id, by = caller.principal, ?hand, "job changed by hand");
    Ok(Json(job.into()))
}

/// Which failed jobs: those of one kind, or all of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedInput {
    pub kind: Option<String>,
    /// Every kind; instead of `kind`.
    #[serde(default)]
    pub all: bool,
}

impl FailedInput {
    fn kind(&self) -> Answer<Option<&str>> {
        match (self.kind.as_deref(), self.all) {
            (Some(kind), false) => Ok(Some(kind)),
            (None, true) => Ok(None),
            _ => Err(ApiError::field("/kind", "name a kind, or say `\"all\": true`")),
        }
    }
}

/// How many failed jobs were changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedBody {
    pub changed: u64,
    /// Left as they are: a newer job with the same key waits.
    pub left: u64,
}

impl From<JobsChanged> for ChangedBody {
    fn from(JobsChanged { changed, left }: JobsChanged) -> Self {
        Self { changed, left }
    }
}

/// Makes every failed job of a kind, or of all kinds, due now.
#[utoipa::path(post, path = "/jobs/retry", tag = "jobs", request_body = FailedInput, responses(
    (status = 200, description = "How many", body = ChangedBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
))]
pub async fn retry_failed(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<FailedInput>,
) -> Answer<Json<ChangedBody>> {
    change_failed(&app, &caller, FailedJobs::Retry, &input).await
}

/// Gives every failed job of a kind, or of all kinds, up for good.
#[utoipa::path(post, path = "/jobs/discard", tag = "jobs", request_body = FailedInput, responses(
    (status = 200, description = "How many", body = ChangedBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
))]
pub async fn discard_failed(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<FailedInput>,
) -> Answer<Json<ChangedBody>> {
    change_failed(&app, &caller, FailedJobs::Discard, &input).await
}

async fn change_failed(
    app: &App,
    caller: &Caller,
    what: FailedJobs,
    input: &FailedInput,
) -> Answer<Json<ChangedBody>> {
    caller.must_be(Role::Manager)?;
    let changed = app.engine.change_failed_jobs(what, input.kind()?).await?;
    tracing::info!(by = caller.principal, ?what, changed = changed.changed, "failed jobs changed by hand");
    Ok(Json(changed.into()))
}
