//! The records that a seller has to keep: calls with what they rested on, consents, revocations; and what would become of a list.

use axum::Json;
use axum::extract::State;
use callwright_engine::domain::user::Role;
use callwright_engine::engine::preflight::{Preflight, PreflightQuery};
use callwright_engine::engine::records::{Record, RecordCursor, RecordKind, RecordQuery};
use callwright_engine::store::lead::{self as store, LeadFilter};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::lead_id;
use super::{Listed, limit};
use crate::enrolling;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::moment::Moment;
use crate::http::state::App;
use crate::preflight;

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordParams {
    /// Placed, granted or received at or after.
    #[param(value_type = String)]
    pub from: Moment,
    /// And before; now, when left out.
    #[param(value_type = Option<String>)]
    pub to: Option<Moment>,
    /// `call`, `consent` or `stop`; all, when left out.
    pub kind: Option<String>,
    /// Rows per page, 1 to 100.
    pub limit: Option<u32>,
    /// `next` of the previous page.
    pub cursor: Option<String>,
}

/// Records of calls, consents and revocations, for keeping five years and showing to a regulator. Needs a manager's key: called
/// numbers are shown in full.
#[utoipa::path(get, path = "/records", tag = "records", params(RecordParams), responses(
    (status = 200, description = "Calls by campaign and time, then consents, then revocations; api/docs/records.md tells every field", body = Object),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
))]
pub async fn page(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<RecordParams>,
) -> Answer<Json<Listed<Value>>> {
    caller.must_be(Role::Manager)?;
    let until = match params.to {
        Some(to) => to.0,
        None => app.engine.now().await?,
    };
    let kind = params.kind.as_deref().map(str::parse::<RecordKind>).transpose();
    let kind = kind.map_err(|error| ApiError::field("kind", error.to_string()))?;
    let query = RecordQuery { from: params.from.0, until, kinds: kind.into_iter().collect() };
    let cursor = params.cursor.as_deref().map(str::parse::<RecordCursor>).transpose();
    let cursor = cursor.map_err(|error| ApiError::field("cursor", error.to_string()))?;
    let page = app.engine.records(&query, cursor, limit(params.limit)?).await?;
    let body = |record: Record| serde_json::to_value(record).map_err(|e| ApiError::internal(e.to_string()));
    let items = page.items.into_iter().map(body).collect::<Result<Vec<Value>, _>>()?;
    Ok(Json(Listed { items, next: page.next.map(|next| next.to_string()) }))
}

/// Which leads to look at, for which cadence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreflightInput {
    /// The cadence's name in its file.
    pub cadence_id: String,
    /// The campaign named like the cadence, else the only active one, when left out.
    pub campaign_id: Option<String>,
    /// The instant of the first call; now, when left out.
    #[schema(value_type = Option<String>)]
    pub at: Option<Moment>,
    /// What a trigger would hand in.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
    /// Leads on file by our ids or yours, 10,000 at most.
    #[serde(default)]
    pub lead_ids: Vec<String>,
    /// Leads as objects, on file or not, 10,000 at most.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub leads: Vec<Value>,
    /// Without `leadIds` and `leads`: all leads on file with this status, segment and tag.
    pub status: Option<String>,
    pub segment: Option<String>,
    pub tag: Option<String>,
}

/// Leads named one by one.
const MOST_NAMED: usize = 10_000;

/// Judges leads by every gate without enrolling or calling anybody: how many could be called, when, and why the others not.
#[utoipa::path(post, path = "/preflight", tag = "records", request_body = PreflightInput, responses(
    (status = 200, description = "Counts per verdict and reason with samples, and the next 24 hours", body = Object),
    (status = 404, description = "No such cadence, campaign or lead", body = ErrorBody),
    (status = 422, description = "Fields are wrong; `details.fields` names them", body = ErrorBody),
))]
pub async fn preflight(State(app): State<App>, Body(input): Body<PreflightInput>) -> Answer<Json<Preflight>> {
    if input.lead_ids.len() > MOST_NAMED || input.leads.len() > MOST_NAMED {
        let message = format!(
            "names more than {MOST_NAMED} leads; `callwright preflight --leads FILE` takes any number"
        );
        return Err(ApiError::field("/leads", message));
    }
    let mut tx = app.engine.db.begin_read().await?;
    let campaign_id = match input.campaign_id.as_deref() {
        Some(named) => super::campaign_id(&mut tx, named).await?,
        None => enrolling::campaign_for(&mut tx, &input.cadence_id)
            .await?
            .map_err(|message| ApiError::conflict("campaign-unclear", message))?,
    };
    let mut ids = Vec::with_capacity(input.lead_ids.len());
    for named in &input.lead_ids {
        ids.push(lead_id(&mut tx, named).await?);
    }
    tx.rollback().await?;
    let is_named = !input.lead_ids.is_empty() || !input.leads.is_empty();
    let filter = filter(&input)?;
    let query = PreflightQuery {
        cadence: input.cadence_id,
        campaign_id,
        at: input.at.map(|at| at.0),
        variables: Value::Object(input.variables),
    };
    let mut look = app.engine.preflight(query).await?;
    for chunk in ids.chunks(preflight::BATCH) {
        look.on_file(chunk).await?;
    }
    for chunk in input.leads.chunks(preflight::BATCH) {
        preflight::objects(&mut look, chunk).await?;
    }
    if !is_named {
        preflight::filtered(&app.engine, &mut look, &filter, |_| {}).await?;
    }
    Ok(Json(look.finish()))
}

fn filter(input: &PreflightInput) -> Answer<LeadFilter> {
    let field =
        |name: &str, error: callwright_engine::domain::UnknownText| ApiError::field(name, error.to_string());
    Ok(store::LeadFilter {
        status: input.status.as_deref().map(str::parse).transpose().map_err(|e| field("/status", e))?,
        segment: input.segment.as_deref().map(str::parse).transpose().map_err(|e| field("/segment", e))?,
        tag: input.tag.clone(),
        ..LeadFilter::default()
    })
}
