//! Enrolling leads in cadences, one or many; and which cadences there are.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use callwright_engine::definitions::diagnostic::suggestion;
use callwright_engine::engine::{EnrollRefusal, EnrollRequest};
use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::store::{Tx, lead};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::leads::LeadParams;
use super::{Listed, lead_id};
use crate::enrolling;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::Body;
use crate::http::moment::Moment;
use crate::http::state::App;

/// One lead to enroll.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrollInput {
    /// Our id or yours.
    pub lead_id: String,
    /// The cadence's name in its file.
    pub cadence_id: String,
    /// When the first step becomes due; now, when left out. Without an offset: UTC.
    #[schema(value_type = Option<String>)]
    pub start_date: Option<Moment>,
    /// The campaign named like the cadence, else the only active one, when left out.
    pub campaign_id: Option<String>,
    /// What the words may use: `offer`, `product`, …
    #[serde(default)]
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
    /// Separates enrollments of one lead in one cadence, by offer or cart; one at a time, when left out.
    #[serde(default)]
    pub entry_key: String,
}

/// A started enrollment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolledBody {
    pub enrollment_id: String,
    pub lead_id: String,
    pub cadence_id: String,
    pub campaign_id: String,
    /// Content hash of the cadence with its flows and scripts: the enrollment keeps it.
    pub version: String,
    pub due_at: DateTime<Utc>,
}

/// Enrolls a lead.
#[utoipa::path(post, path = "/cadences", tag = "cadences", request_body = EnrollInput, responses(
    (status = 201, description = "Enrolled", body = EnrolledBody),
    (status = 404, description = "No such lead, cadence or campaign", body = ErrorBody),
    (status = 409, description = "Refused; `details.reason` says why: already-enrolled, opted-out, …", body = ErrorBody),
))]
pub async fn enroll(
    State(app): State<App>,
    Body(input): Body<EnrollInput>,
) -> Answer<(StatusCode, Json<EnrolledBody>)> {
    let mut tx = app.engine.db.begin_read().await?;
    let lead_id = lead_id(&mut tx, &input.lead_id).await?;
    let campaign_id = campaign(&mut tx, &app, input.campaign_id.as_deref(), &input.cadence_id).await?;
    tx.rollback().await?;
    let request = EnrollRequest {
        lead_id,
        campaign_id,
        cadence: input.cadence_id.clone(),
        entry_key: input.entry_key,
        start_at: input.start_date.map(|at| at.0),
        variables: Value::Object(input.variables),
    };
    let answer =
        app.engine.enroll(vec![request]).await?.pop().ok_or_else(|| ApiError::internal("no answer"))?;
    let enrolled = answer.map_err(|refusal| refused(&app, &input.cadence_id, refusal))?;
    app.ring();
    let body = EnrolledBody {
        enrollment_id: enrolled.enrollment_id.to_string(),
        lead_id: lead_id.to_string(),
        cadence_id: input.cadence_id,
        campaign_id: campaign_id.to_string(),
        version: enrolled.version,
        due_at: enrolled.due_at,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

async fn campaign(tx: &mut Tx, app: &App, named: Option<&str>, cadence: &str) -> Answer<CampaignId> {
    if app.engine.library.current().cadence(cadence).is_none() {
        return Err(unknown_cadence(app, cadence));
    }
    match named {
        Some(named) => super::campaign_id(tx, named).await,
        None => enrolling::campaign_for(tx, cadence)
            .await?
            .map_err(|message| ApiError::conflict("campaign-unclear", message)),
    }
}

fn unknown_cadence(app: &App, cadence: &str) -> ApiError {
    let library = app.engine.library.current();
    let help = suggestion(cadence, library.cadences().map(|known| known.key.as_str()));
    ApiError::not_found("cadence", cadence).with_details(json!({ "help": help }))
}

fn refused(app: &App, cadence: &str, refusal: EnrollRefusal) -> ApiError {
    match refusal.reason.as_str() {
        "unknown-cadence" => unknown_cadence(app, cadence),
        "variable-missing" => ApiError::field("/variables", refusal.message),
        reason => ApiError::conflict(reason, refusal.message),
    }
}

/// Many leads to enroll: by ids, or all that a filter matches.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrollManyInput {
    pub cadence_id: String,
    #[schema(value_type = Option<String>)]
    pub start_date: Option<Moment>,
    pub campaign_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
    #[serde(default)]
    pub entry_key: String,
    /// Ours or yours; at most 10,000. Either this or `filter`.
    pub lead_ids: Option<Vec<String>>,
    pub filter: Option<FilterInput>,
}

/// Which leads to enroll.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilterInput {
    pub status: Option<String>,
    pub segment: Option<String>,
    pub tag: Option<String>,
    pub search: Option<String>,
}

/// What became of many.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolledManyBody {
    pub enrolled: u64,
    /// Counts by reason.
    pub refused: BTreeMap<String, u64>,
    /// The first refusals, in order.
    pub refusals: Vec<RefusalBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusalBody {
    pub lead_id: String,
    pub reason: String,
    pub message: String,
}

const MOST_IDS: usize = 10_000;
const CHUNK: usize = 500;
const REFUSALS_SHOWN: usize = 100;

/// Enrolls many leads, in transactions of 500. Each lead is answered on its own.
#[utoipa::path(post, path = "/cadences/bulk", tag = "cadences", request_body = EnrollManyInput, responses(
    (status = 200, description = "Counts, and the first refusals", body = EnrolledManyBody),
    (status = 404, description = "No such cadence or campaign", body = ErrorBody),
))]
pub async fn enroll_many(
    State(app): State<App>,
    Body(input): Body<EnrollManyInput>,
) -> Answer<Json<EnrolledManyBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let campaign_id = campaign(&mut tx, &app, input.campaign_id.as_deref(), &input.cadence_id).await?;
    tx.rollback().await?;
    let mut report = EnrolledManyBody::default();
    let leads = match (&input.lead_ids, &input.filter) {
        (Some(ids), None) if ids.len() <= MOST_IDS => named(&app, ids, &mut report).await?,
        (Some(_), None) => {
            return Err(ApiError::field("/leadIds", format!("at most {MOST_IDS} leads at once")));
        }
        (None, Some(filter)) => matching(&app, filter).await?,
        _ => return Err(ApiError::field("", "give either `leadIds` or `filter`")),
    };
    for chunk in leads.chunks(CHUNK) {
        let request = |lead_id: &LeadId| EnrollRequest {
            lead_id: *lead_id,
            campaign_id,
            cadence: input.cadence_id.clone(),
            entry_key: input.entry_key.clone(),
            start_at: input.start_date.map(|at| at.0),
            variables: Value::Object(input.variables.clone()),
        };
        let answers = app.engine.enroll(chunk.iter().map(request).collect()).await?;
        for (lead, answer) in chunk.iter().zip(answers) {
            match answer {
                Ok(_) => report.enrolled += 1,
                Err(refusal) => report.refuse(lead.to_string(), refusal.reason, refusal.message),
            }
        }
        app.ring();
    }
    Ok(Json(report))
}

impl EnrolledManyBody {
    fn refuse(&mut self, lead_id: String, reason: String, message: String) {
        *self.refused.entry(reason.clone()).or_default() += 1;
        if self.refusals.len() < REFUSALS_SHOWN {
            self.refusals.push(RefusalBody { lead_id, reason, message });
        }
    }
}

async fn named(app: &App, ids: &[String], report: &mut EnrolledManyBody) -> Answer<Vec<LeadId>> {
    let mut found = Vec::with_capacity(ids.len());
    let mut tx = app.engine.db.begin_read().await?;
    for id in ids {
        match lead::resolve(&mut tx, id).await? {
            Some(lead) => found.push(lead),
            None => {
                report.refuse(id.clone(), "unknown-lead".to_owned(), format!("lead `{id}` does not exist"));
            }
        }
    }
    tx.rollback().await?;
    Ok(found)
}

/// All ids first: enrolling changes no lead's place in the list, but the page order must not move under us either.
async fn matching(app: &App, filter: &FilterInput) -> Answer<Vec<LeadId>> {
    let filter = LeadParams {
        status: filter.status.clone(),
        segment: filter.segment.clone(),
        tag: filter.tag.clone(),
        search: filter.search.clone(),
        ..LeadParams::default()
    }
    .filter()?;
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let mut tx = app.engine.db.begin_read().await?;
        let page = lead::page(&mut tx, &filter, cursor, CHUNK as u32).await?;
        tx.rollback().await?;
        found.extend(page.items.iter().map(|lead| lead.id));
        if page.next.is_none() {
            return Ok(found);
        }
        cursor = page.next;
    }
}

/// A cadence as it can be enrolled in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CadenceBody {
    pub cadence_id: String,
    pub title: String,
    /// Content hash of the newest version.
    pub version: Option<String>,
    pub priority: &'static str,
    /// Variables an enrollment may bring, and whether it must.
    pub variables: BTreeMap<String, bool>,
    pub steps: Vec<String>,
    pub flows: Vec<String>,
}

/// The cadences that leads can be enrolled in.
#[utoipa::path(get, path = "/cadences", tag = "cadences", responses(
    (status = 200, description = "All of them", body = Listed<CadenceBody>),
))]
pub async fn list(State(app): State<App>) -> Json<Listed<CadenceBody>> {
    let library = app.engine.library.current();
    let items = library.cadences().map(|cadence| CadenceBody {
        cadence_id: cadence.key.clone(),
        title: cadence.title.clone(),
        version: library.bundle(&cadence.key).map(|bundle| bundle.hash.clone()),
        priority: cadence.priority.as_str(),
        variables: cadence.variables.clone(),
        steps: cadence.steps.iter().map(|step| step.id.clone()).collect(),
        flows: cadence.flows().map(str::to_owned).collect(),
    });
    Json(Listed { items: items.collect(), next: None })
}
