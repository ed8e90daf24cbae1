//! Taking a person's opt-out back (CRM-5).

use axum::Json;
use axum::extract::{Path, State};
use callwright_engine::domain::user::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lead_id;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ErrorBody};
use crate::http::extract::Body;
use crate::http::state::App;

/// What shows that the person wants calls again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OptInInput {
    /// In words: what was said or signed, when, and where it is kept.
    pub evidence: String,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OptInBody {
    pub lead_id: String,
    /// Opt-outs of the person's numbers that were lifted.
    pub lifted: usize,
    /// Opt-outs that stay: somebody else with the number has said stop too.
    pub kept: usize,
    /// Entries of other sources that stay.
    pub others: usize,
    /// Numbers of an erased person that may be called again.
    pub erased: usize,
}

/// Takes an opt-out back. Registries, and entries that others made, still stand against calls; ended enrollments stay ended.
#[utoipa::path(post, path = "/leads/{leadId}/opt-in", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), request_body = OptInInput, responses(
    (status = 200, description = "May be called again, as far as the opt-out goes", body = OptInBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such lead", body = ErrorBody),
    (status = 409, description = "Has not opted out", body = ErrorBody),
    (status = 422, description = "No evidence", body = ErrorBody),
))]
pub async fn opt_in(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<OptInInput>,
) -> Answer<Json<OptInBody>> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin_read().await?;
    let lead = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    let done = app.engine.opt_in(lead, &caller.name, &input.evidence).await?;
    Ok(Json(OptInBody {
        lead_id: done.lead_id.to_string(),
        lifted: done.lifted,
        kept: done.kept,
        others: done.others,
        erased: done.erased,
    }))
}
