//! Events from outside: checked, recorded once, and acted upon in the same transaction (CRM-3); and the log of all of them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use callwright_engine::engine::NewEvent;
use callwright_engine::store::event_read::{self, EventFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::event_fields::{EventBody, check_fields, check_kind};
use super::{Listed, campaign_id, cursor, lead_id, limit};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody, FieldProblem};
use crate::http::extract::{Body, Params};
use crate::http::idempotency;
use crate::http::moment::Moment;
use crate::http::state::App;

/// An event to log. Beside these fields it carries those of its type: `callDuration`, `agentAccepted`, `leadScore`, …
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventInput {
    /// `CALL_PLACED`, `CALL_ANSWERED`, `CALL_NO_ANSWER`, `TRIAL_SIGNUP_OFFERED`, `QUALIFICATION_RESULT`, `UPGRADE_OFFERED`,
    /// `OFFER_ACCEPTED`, `OPTOUT_REQUESTED`, `WRONG_NUMBER`, `CALLBACK_REQUESTED`, `COUPON_REDEEMED`, `REPLY_RECEIVED` (what the person wrote, in `text`:
    /// a stop in it is one, as in `MESSAGE_RECEIVED`), or a type that some cadence waits for.
    pub event_type: String,
    /// Our id or yours.
    pub lead_id: String,
    /// Our id or the campaign's key.
    pub campaign_id: Option<String>,
    /// When it happened; now, when left out. Without an offset: UTC.
    #[schema(value_type = Option<String>)]
    pub timestamp: Option<Moment>,
    /// Your id of the event: the same one twice is the same event.
    pub event_id: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub data: Map<String, Value>,
}

/// What became of a logged event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventLogged {
    /// Always `true`.
    pub success: bool,
    pub event_id: String,
    pub event_type: String,
    pub lead_id: String,
    /// It was known already: nothing happened this time.
    pub repeated: bool,
}

/// Logs an event: updates the lead and moves its cadences in one transaction.
#[utoipa::path(post, path = "/events", tag = "events", request_body = EventInput, responses(
    (status = 200, description = "Logged", body = EventLogged),
    (status = 404, description = "No such lead or campaign", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn log(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(input): Body<EventInput>,
) -> Answer<Json<EventLogged>> {
    check(&app, &input)?;
    let mut tx = app.engine.db.begin_read().await?;
    let lead_id = lead_id(&mut tx, &input.lead_id).await?;
    let campaign = match &input.campaign_id {
        Some(text) => Some(campaign_id(&mut tx, text).await?),
        None => None,
    };
    tx.rollback().await?;
    // The header alone makes a repeat harmless too, even when the first answer was lost in a crash.
    let header = headers.get(idempotency::HEADER).and_then(|value| value.to_str().ok());
    let dedupe = match (input.event_id, header) {
        (Some(id), _) => Some(format!("event:{id}")),
        (None, Some(key)) => Some(format!("request:{}:{key}", caller.principal)),
        (None, None) => None,
    };
    let event = NewEvent {
        kind: input.event_type.clone(),
        lead_id,
        campaign_id: campaign,
        at: input.timestamp.map(|at| at.0),
        data: Value::Object(input.data),
        dedupe,
    };
    let receipt =
        app.engine.log_events(vec![event]).await?.pop().ok_or_else(|| ApiError::internal("no receipt"))?;
    app.ring();
    Ok(Json(EventLogged {
        success: true,
        event_id: receipt.event_id.to_string(),
        event_type: input.event_type,
        lead_id: lead_id.to_string(),
        repeated: receipt.repeated,
    }))
}

fn check(app: &App, input: &EventInput) -> Answer<()> {
    let mut problems = Vec::new();
    if input.event_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 255) {
        problems.push(FieldProblem::new("/eventId", "an event id has 1 to 255 characters"));
    }
    problems.extend(check_kind(&input.event_type, &app.engine.library.current(), &app.event_types).err());
    problems.extend(check_fields(&input.event_type, &input.data));
    if problems.is_empty() { Ok(()) } else { Err(ApiError::invalid(problems)) }
}

/// Which events to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventParams {
    pub event_type: Option<String>,
    pub lead_id: Option<String>,
    pub campaign_id: Option<String>,
    /// Not before.
    #[param(value_type = Option<String>)]
    pub since: Option<Moment>,
    /// Before.
    #[param(value_type = Option<String>)]
    pub until: Option<Moment>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Events of all leads, the last written first; with a lead, the last that happened first.
#[utoipa::path(get, path = "/events", tag = "events", params(EventParams), responses(
    (status = 200, description = "One page", body = Listed<EventBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<EventParams>,
) -> Answer<Json<Listed<EventBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let mut filter = EventFilter {
        kind: params.event_type,
        from: params.since.map(|at| at.0),
        until: params.until.map(|at| at.0),
        ..EventFilter::default()
    };
    if let Some(lead) = &params.lead_id {
        filter.lead_id = Some(lead_id(&mut tx, lead).await?);
    }
    if let Some(campaign) = &params.campaign_id {
        filter.campaign_id = Some(campaign_id(&mut tx, campaign).await?);
    }
    let page = event_read::page(&mut tx, &filter, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, EventBody::from)))
}
