//! Leads: create or update, fetch, change, list, and what happened to one and why.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::clock::{Instant, micros};
use callwright_engine::domain::lead::{Lead, LeadStatus};
use callwright_engine::domain::new_lead::Field;
use callwright_engine::domain::user::Role;
use callwright_engine::engine::Why;
use callwright_engine::id::LeadId;
use callwright_engine::store::lead::{self as store, Edited, LeadFilter, Upserted};
use callwright_engine::store::{Tx, consent, event_read, lead_change};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::event_fields::EventBody;
use super::lead_body::{LeadBody, LeadInput, LeadInputSchema, mistakes, read};
use super::{Listed, PageParams, cursor, lead_id, limit};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::{Body, Params};
use crate::http::moment::Moment;
use crate::http::state::App;

/// Creates a lead, or updates the one with this externalId or e-mail.
#[utoipa::path(post, path = "/leads", tag = "leads", request_body = LeadInputSchema, responses(
    (status = 201, description = "Created", body = LeadBody),
    (status = 200, description = "Updated: the lead was known", body = LeadBody),
    (status = 422, description = "Fields are wrong; `details.fields` names them", body = ErrorBody),
))]
pub async fn create(State(app): State<App>, Body(body): Body<Value>) -> Answer<(StatusCode, Json<LeadBody>)> {
    let mut input = read(body)?;
    if !matches!(input.lead.email, Field::Set(_)) {
        return Err(ApiError::field("/email", "a lead needs an e-mail address; imports may leave it out"));
    }
    let opts_out = input.take_opt_out();
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let rows = std::slice::from_ref(&input.lead);
    let written = store::upsert_many(&mut tx, &app.engine.ids, rows, now).await?;
    let (id, status) = match written.into_iter().next() {
        Some(Upserted::Created(id)) => (id, StatusCode::CREATED),
        Some(Upserted::Updated(id)) => (id, StatusCode::OK),
        Some(Upserted::Refused(errors)) => return Err(mistakes(errors)),
        None => return Err(ApiError::internal("no answer to an upsert")),
    };
    contacted(&mut tx, id, &input, now).await?;
    tx.commit().await?;
    if opts_out {
        app.engine.opt_out(id, "asked by the CRM", "api").await?;
    }
    app.ring();
    Ok((status, Json(body_of(&app, id).await?)))
}

/// Which leads to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeadParams {
    pub status: Option<String>,
    pub segment: Option<String>,
    pub tag: Option<String>,
    /// Part of a name, company or e-mail address, or the last digits of a number.
    pub search: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

impl LeadParams {
    pub fn filter(&self) -> Answer<LeadFilter> {
        fn one<T: std::str::FromStr<Err: ToString>>(name: &str, text: Option<&String>) -> Answer<Option<T>> {
            text.map(|text| text.parse().map_err(|error: T::Err| ApiError::field(name, error.to_string())))
                .transpose()
        }
        Ok(LeadFilter {
            status: one("status", self.status.as_ref())?,
            segment: one("segment", self.segment.as_ref())?,
            tag: self.tag.clone(),
            search: self.search.clone(),
            ..LeadFilter::default()
        })
    }
}

/// Leads, the most recently changed first.
#[utoipa::path(get, path = "/leads", tag = "leads", params(LeadParams), responses(
    (status = 200, description = "One page", body = Listed<LeadBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<LeadParams>,
) -> Answer<Json<Listed<LeadBody>>> {
    let (filter, limit, cursor) = (params.filter()?, limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let page = store::page(&mut tx, &filter, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, LeadBody::from)))
}

/// One lead with its consents.
#[utoipa::path(get, path = "/leads/{leadId}", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), responses(
    (status = 200, description = "The lead", body = LeadBody),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<LeadBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    Ok(Json(body_of(&app, id).await?))
}

/// Changes a lead: absent fields stay, `null` empties one. `doNotCall: true` or status `opted_out` opts the lead out.
#[utoipa::path(put, path = "/leads/{leadId}", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), request_body = LeadInputSchema, responses(
    (status = 200, description = "The lead as it is now", body = LeadBody),
    (status = 404, description = "No such lead", body = ErrorBody),
    (status = 409, description = "The lead has opted out", body = ErrorBody),
    (status = 422, description = "Fields are wrong", body = ErrorBody),
))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Value>,
) -> Answer<Json<LeadBody>> {
    let mut input = read(body)?;
    let mut tx = app.engine.db.begin_read().await?;
    let id = lead_id(&mut tx, &id).await?;
    let before = found(&mut tx, id).await?;
    tx.rollback().await?;
    may_change(&caller, &before, &input)?;
    // First, and a transaction of its own: whatever else is wrong with this request, the person's word counts.
    if input.take_opt_out() && before.status != LeadStatus::OptedOut {
        app.engine.opt_out(id, "asked by the CRM", "api").await?;
    }
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    match store::update(&mut tx, id, &input.lead, now).await? {
        Edited::Saved(_) => {}
        Edited::Refused(errors) => return Err(mistakes(errors)),
        Edited::Missing => return Err(ApiError::not_found("lead", &id.to_string())),
    }
    contacted(&mut tx, id, &input, now).await?;
    tx.commit().await?;
    app.ring();
    Ok(Json(body_of(&app, id).await?))
}

/// Nobody is talked back into being called by a field that a CRM happens to send.
fn may_change(caller: &Caller, before: &Lead, input: &LeadInput) -> Answer<()> {
    let other_status = input.lead.status.as_deref().is_some_and(|status| status != "opted_out");
    let callable_again = input.lead.do_not_call == Some(false) && before.do_not_call;
    if before.status == LeadStatus::OptedOut && (other_status || callable_again) {
        let message = "the lead has opted out; that is not undone by changing the lead";
        return Err(ApiError::conflict("opted-out", message));
    }
    if callable_again { caller.must_be(Role::Manager) } else { Ok(()) }
}

/// What happened to a lead, the latest first.
#[utoipa::path(get, path = "/leads/{leadId}/timeline", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours"), PageParams), responses(
    (status = 200, description = "One page of events", body = Listed<EventBody>),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn timeline(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<PageParams>,
) -> Answer<Json<Listed<EventBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let mut tx = app.engine.db.begin_read().await?;
    let id = lead_id(&mut tx, &id).await?;
    let page = event_read::timeline(&mut tx, id, cursor, limit).await?;
    tx.rollback().await?;
    Ok(Json(Listed::of(page, EventBody::from)))
}

/// At which instant to explain.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyParams {
    /// Now, when left out.
    #[param(value_type = Option<String>)]
    pub at: Option<Moment>,
}

/// Why was, or wasn't, this lead called, and when is the next attempt?
#[utoipa::path(get, path = "/leads/{leadId}/why", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours"), WhyParams), responses(
    (status = 200, description = "Every gate's answer for each enrollment, attempts and kept decisions", body = Object),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn why(
    State(app): State<App>,
    Path(id): Path<String>,
    Params(params): Params<WhyParams>,
) -> Answer<Json<Why>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    Ok(Json(app.engine.why(id, params.at.map(|at| at.0)).await?))
}

async fn found(tx: &mut Tx, id: LeadId) -> Answer<Lead> {
    store::find(tx, id).await?.ok_or_else(|| ApiError::not_found("lead", &id.to_string()))
}

async fn body_of(app: &App, id: LeadId) -> Answer<LeadBody> {
    let mut tx = app.engine.db.begin_read().await?;
    let mut body = LeadBody::from(found(&mut tx, id).await?);
    body.consents = Some(consent::of_leads(&mut tx, &[id]).await?.into_iter().map(Into::into).collect());
    tx.rollback().await?;
    Ok(body)
}

/// Another system spoke to the lead: that is no attempt of ours, but it is the last contact.
async fn contacted(tx: &mut Tx, id: LeadId, input: &LeadInput, now: Instant) -> Answer<()> {
    if let Some(at) = input.last_contacted_at {
        let mut row = lead_change::Change::of(id);
        row.last_contacted_at = Some(micros(at));
        lead_change::apply(tx, &[row], now).await?;
    }
    Ok(())
}
