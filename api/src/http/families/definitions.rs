//! Versions of definitions: what is published, what publishing would do, doing it and taking it back (DEF-4, DEF-5).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::publication::{MapTo, Mode};
use callwright_engine::domain::user::Role;
use callwright_engine::engine::publish::{
    CadenceHistory, DEFAULT_RATE, PublicationPlan, PublicationView, PublishRequest, Withdrawal,
};
use callwright_engine::id::PublicationId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::Body;
use crate::http::state::App;

/// What the server has of the definition files.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionsBody {
    pub cadences: Vec<DefinitionBody>,
    /// Problems of the files as they were last read, as `callwright check --format json` writes them. A definition with an
    /// error keeps its last good version.
    #[schema(value_type = Object)]
    pub problems: Value,
}

/// One cadence.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionBody {
    pub cadence_id: String,
    /// Content of the last good files.
    pub files: String,
    /// What new enrollments get; none: every version is withdrawn.
    pub published: Option<String>,
}

/// What is loaded, what is published, and what is wrong with the files.
#[utoipa::path(get, path = "/definitions", tag = "definitions", responses(
    (status = 200, description = "All cadences, and the problems of their files", body = DefinitionsBody),
))]
pub async fn status(State(app): State<App>) -> Answer<Json<DefinitionsBody>> {
    let library = app.engine.library.current();
    let mut cadences = Vec::new();
    for bundle in library.bundles() {
        let published = app.engine.head_version(&bundle.cadence.key).await?;
        let (cadence_id, files) = (bundle.cadence.key.clone(), bundle.hash.clone());
        cadences.push(DefinitionBody { cadence_id, files, published });
    }
    Ok(Json(DefinitionsBody { cadences, problems: app.problems.current() }))
}

/// What to publish.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanInput {
    /// The cadence's name in its file.
    pub cadence_id: String,
    /// An earlier version by (the beginning of) its hash; the files of the server, when left out.
    pub version: Option<String>,
    /// `pin`, `follow` or `migrate`.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// For `migrate`: old step to new step, or to `end`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub map: BTreeMap<String, MapTo>,
    /// People a minute who may become due at once, because their wait is over by its new length; 60, when left out.
    pub rate: Option<u32>,
}

/// What publishing would do to the people under way; changes nothing.
#[utoipa::path(post, path = "/definitions/plan", tag = "definitions", request_body = PlanInput, responses(
    (status = 200, description = "Who stays, moves or ends, whose time changes, what would be missing; and the token for `apply`, unless there are problems", body = Object),
    (status = 404, description = "No such cadence or version", body = ErrorBody),
    (status = 422, description = "The request makes no sense", body = ErrorBody),
))]
pub async fn plan(State(app): State<App>, Body(input): Body<PlanInput>) -> Answer<Json<PublicationPlan>> {
    let request = PublishRequest {
        cadence: input.cadence_id,
        to: input.version,
        mode: input.mode,
        steps: input.map,
        rate: input.rate.unwrap_or(DEFAULT_RATE),
    };
    Ok(Json(app.engine.plan_publication(&request).await?))
}

/// Which plan to apply.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyInput {
    /// Of the plan.
    pub token: String,
}

/// Publishes what was planned: new enrollments get it at once, people under way are moved in batches.
#[utoipa::path(post, path = "/definitions/apply", tag = "definitions", request_body = ApplyInput, responses(
    (status = 202, description = "Published; the publication says how far the moving has come", body = Object),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 409, description = "Things have changed since the plan: plan again", body = ErrorBody),
))]
pub async fn apply(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<ApplyInput>,
) -> Answer<(StatusCode, Json<PublicationView>)> {
    caller.must_be(Role::Manager)?;
    let publication = app.engine.apply_publication(&input.token).await?;
    tracing::info!(publication = %publication.publication_id, by = caller.name, "definitions published");
    app.ring();
    Ok((StatusCode::ACCEPTED, Json(publication)))
}

/// How to withdraw.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawInput {
    /// What becomes of its people: `pin`, `follow`, `migrate` or `end`.
    #[schema(value_type = String)]
    pub running: Mode,
    /// For `migrate`: old step to new step, or to `end`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub map: BTreeMap<String, MapTo>,
    /// People a minute who may become due at once by the move; 60, when left out.
    pub rate: Option<u32>,
}

/// Withdraws a version: new enrollments get the newest one that is left, or are refused when there is none.
#[utoipa::path(post, path = "/definitions/{version}/withdraw", tag = "definitions", params(("version" = String, Path, description = "(The beginning of) its hash")), request_body = WithdrawInput, responses(
    (status = 202, description = "Withdrawn; the publication says how far the moving has come", body = Object),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such version", body = ErrorBody),
    (status = 409, description = "There is no other version to go on in", body = ErrorBody),
))]
pub async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Path(version): Path<String>,
    Body(input): Body<WithdrawInput>,
) -> Answer<(StatusCode, Json<PublicationView>)> {
    caller.must_be(Role::Manager)?;
    let rate = input.rate.unwrap_or(DEFAULT_RATE);
    let withdrawal = Withdrawal { version, running: input.running, steps: input.map, rate };
    let publication = app.engine.withdraw(&withdrawal).await?;
    tracing::info!(publication = %publication.publication_id, by = caller.name, "version withdrawn");
    app.ring();
    Ok((StatusCode::ACCEPTED, Json(publication)))
}

/// The versions of a cadence, who is on them, and what was published when.
#[utoipa::path(get, path = "/definitions/{cadenceId}/versions", tag = "definitions", params(("cadenceId" = String, Path)), responses(
    (status = 200, description = "Versions and publications, the newest first", body = Object),
    (status = 404, description = "No such cadence was ever published", body = ErrorBody),
))]
pub async fn versions(State(app): State<App>, Path(cadence): Path<String>) -> Answer<Json<CadenceHistory>> {
    Ok(Json(app.engine.history(&cadence).await?))
}

/// How far a publication has come.
#[utoipa::path(get, path = "/publications/{publicationId}", tag = "definitions", params(("publicationId" = String, Path)), responses(
    (status = 200, description = "The publication", body = Object),
    (status = 404, description = "No such publication", body = ErrorBody),
))]
pub async fn publication(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<PublicationView>> {
    let parsed: PublicationId = id.parse().map_err(|_| ApiError::not_found("publication", &id))?;
    Ok(Json(app.engine.publication(parsed).await?))
}
