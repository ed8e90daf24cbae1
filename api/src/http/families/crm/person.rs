//! What is kept about one person, and removing it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use callwright_engine::domain::user::Role;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::lead_id;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ErrorBody};
use crate::http::extract::Body;
use crate::http::state::App;

/// Everything that is kept about a person, by kind of rows: the lead, numbers, consents, revocations, suppressions,
/// enrollments, attempts, calls with what was said, events, decisions, tasks, purchases, interests, coupons, offers. That it was
/// asked for is an event of the person's.
#[utoipa::path(get, path = "/leads/{leadId}/export", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), responses(
    (status = 200, description = "The whole document", body = Object),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn export(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Map<String, Value>>> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin_read().await?;
    let lead = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    Ok(Json(app.engine.person(lead, &caller.name).await?))
}

/// Why somebody is erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EraseInput {
    /// Kept for whoever asks later; it should name nobody.
    pub reason: String,
    /// Only answer what would be removed.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasedBody {
    pub lead_id: String,
    pub erased_at: DateTime<Utc>,
    /// Who erased.
    pub by: String,
    /// The person had been erased before; nothing is done twice.
    pub repeated: bool,
    /// Numbers that stay suppressed, as keyed hashes.
    pub numbers: usize,
    /// Rows that lost what they told of the person, or went, by table.
    pub removed: BTreeMap<&'static str, u64>,
    /// Calls that were told to end; what they still say is removed within minutes of their end.
    pub calls_under_way: usize,
    /// Until then records of calls keep the number, and the ledger its evidence (16 CFR 310.5); `null`: nothing is kept.
    pub kept_until: Option<DateTime<Utc>>,
}

/// Erases a person for good: calls and enrollments end, what tells of the person is removed, and their numbers stay suppressed
/// until a manager opts them in. Repeating it changes nothing.
#[utoipa::path(post, path = "/leads/{leadId}/erase", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), request_body = EraseInput, responses(
    (status = 200, description = "Erased, now or before", body = ErasedBody),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such lead", body = ErrorBody),
    (status = 409, description = "The database was restored and is not reconciled yet", body = ErrorBody),
    (status = 422, description = "No reason", body = ErrorBody),
))]
pub async fn erase(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<EraseInput>,
) -> Answer<Json<ErasedBody>> {
    caller.must_be(Role::Manager)?;
    let mut tx = app.engine.db.begin_read().await?;
    let lead = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    let done = app.engine.erase(lead, &caller.name, &input.reason, input.dry_run).await?;
    Ok(Json(ErasedBody {
        lead_id: done.lead_id.to_string(),
        erased_at: done.erased_at,
        by: done.by,
        repeated: done.repeated,
        numbers: done.numbers,
        removed: done.removed,
        calls_under_way: done.calls_under_way,
        kept_until: done.kept_until,
    }))
}
