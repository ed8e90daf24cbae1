//! Numbers that must not be called: add, list, export, remove; and the registries in use (GATE-2).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use callwright_engine::clock::Instant;
use callwright_engine::domain::event::Event;
use callwright_engine::domain::registry::RegistryList;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::domain::user::Role;
use callwright_engine::id::{EventId, SuppressionId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::suppression::{self as store, SuppressionFilter};
use callwright_engine::store::{event, registry};
use chrono::{DateTime, Utc};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{Listed, campaign_id, cursor, limit};
use crate::export::{Export, Format};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody, FieldProblem};
use crate::http::extract::{Body, Params};
use crate::http::moment::Moment;
use crate::http::state::App;

/// Numbers to suppress.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuppressionInput {
    /// One number, or …
    pub phone: Option<String>,
    /// … several, at most 10,000.
    #[serde(default)]
    pub phones: Vec<String>,
    /// Country of numbers without a country code, two letters.
    pub country: Option<String>,
    pub reason: String,
    /// `opt_out`, `internal`, `national_registry`, `campaign` or `litigator`; `internal`, when left out.
    #[schema(value_type = Option<String>)]
    pub source: Option<Source>,
    /// Only for this campaign.
    pub campaign_id: Option<String>,
    /// Until then; for good, when left out.
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Moment>,
}

/// What became of the numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressedBody {
    /// Entries in force; a repeated number counts once.
    pub suppressed: usize,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuppressionBody {
    /// `null` for a number on a registry's list: the list as a whole is replaced, or withdrawn.
    pub suppression_id: Option<String>,
    /// E.164.
    pub phone: String,
    pub source: &'static str,
    /// The registry whose list has the number.
    pub registry: Option<String>,
    pub campaign_id: Option<String>,
    pub reason: String,
    /// Key, user or part of the product that added it; `null`: not known.
    pub added_by: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<Suppression> for SuppressionBody {
    fn from(entry: Suppression) -> Self {
        Self {
            suppression_id: Some(entry.id.to_string()),
            phone: entry.number.e164(),
            source: entry.source.as_str(),
            registry: None,
            campaign_id: entry.campaign_id.map(|id| id.to_string()),
            reason: entry.reason,
            added_by: Some(entry.added_by).filter(|by| !by.is_empty()),
            created_at: entry.created_at,
            expires_at: entry.expires_at,
        }
    }
}

const MOST: usize = 10_000;

/// Suppresses numbers: in force for every call that is not under way yet.
#[utoipa::path(post, path = "/suppressions", tag = "suppressions", request_body = SuppressionInput, responses(
    (status = 201, description = "In force", body = SuppressedBody),
    (status = 422, description = "Some are no numbers; none was added", body = ErrorBody),
))]
pub async fn add(
    State(app): State<App>,
    caller: Caller,
    Body(input): Body<SuppressionInput>,
) -> Answer<(StatusCode, Json<SuppressedBody>)> {
    let numbers = numbers(&input)?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let campaign_id = match &input.campaign_id {
        Some(id) => Some(campaign_id(&mut tx, id).await?),
        None => None,
    };
    let entry = |number: &PhoneNumber| Suppression {
        id: app.engine.ids.next::<SuppressionId>(now),
        number: *number,
        source: input.source.unwrap_or(Source::Internal),
        campaign_id,
        reason: input.reason.clone(),
        added_by: caller.name.clone(),
        created_at: now,
        expires_at: input.expires_at.map(|at| at.0),
    };
    let entries: Vec<Suppression> = numbers.iter().map(entry).collect();
    store::add_many(&mut tx, &entries).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(SuppressedBody { suppressed: entries.len() })))
}

fn numbers(input: &SuppressionInput) -> Answer<Vec<PhoneNumber>> {
    let single = input.phone.iter().map(|text| ("/phone".to_owned(), text));
    let several = input.phones.iter().enumerate().map(|(index, text)| (format!("/phones/{index}"), text));
    let (mut numbers, mut wrong) = (Vec::new(), Vec::new());
    for (pointer, text) in single.chain(several) {
        // A registry may list numbers that could not be called; only the form matters here.
        match PhoneNumber::parse(text, input.country.as_deref())
            .or_else(|error| PhoneNumber::e164_only(text).map_err(|_| error))
        {
            Ok(number) => numbers.push(number),
            Err(error) => wrong.push(FieldProblem::new(pointer, error.to_string())),
        }
    }
    if !wrong.is_empty() {
        return Err(ApiError::invalid(wrong));
    }
    if numbers.is_empty() || numbers.len() > MOST {
        return Err(ApiError::field("/phones", format!("give 1 to {MOST} numbers, in `phone` or `phones`")));
    }
    numbers.sort();
    numbers.dedup();
    Ok(numbers)
}

/// Which entries to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuppressionParams {
    /// One number; what registries say of it stands on the first page.
    pub number: Option<String>,
    /// The same as `number`.
    pub phone: Option<String>,
    pub source: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Suppressed numbers, the newest first.
#[utoipa::path(get, path = "/suppressions", tag = "suppressions", params(SuppressionParams), responses(
    (status = 200, description = "One page", body = Listed<SuppressionBody>),
))]
pub async fn page(
    State(app): State<App>,
    Params(params): Params<SuppressionParams>,
) -> Answer<Json<Listed<SuppressionBody>>> {
    let (limit, cursor) = (limit(params.limit)?, cursor(params.cursor.as_deref())?);
    let asked = params.number.as_deref().or(params.phone.as_deref());
    let number = asked.map(|text| PhoneNumber::parse(text, None).or_else(|_| PhoneNumber::e164_only(text)));
    let number = number.transpose().map_err(|error| ApiError::field("number", error.to_string()))?;
    let source = params.source.as_deref().map(str::parse::<Source>).transpose();
    let source = source.map_err(|error| ApiError::field("source", error.to_string()))?;
    let mut tx = app.engine.db.begin_read().await?;
    let page = store::page(
        &mut tx,
        SuppressionFilter { number, source, ..SuppressionFilter::default() },
        cursor,
        limit,
    )
    .await?;
    let listed = match number.filter(|_| params.cursor.is_none()) {
        Some(number) => registry::of_number(&mut tx, number).await?,
        None => Vec::new(),
    };
    tx.rollback().await?;
    let mut listing = Listed::of(page, SuppressionBody::from);
    let on_lists = listed.iter().filter(|list| source.is_none_or(|source| list.registry.source == source));
    listing
        .items
        .extend(number.iter().flat_map(|number| on_lists.clone().map(|list| on_list(*number, list))));
    Ok(Json(listing))
}

fn on_list(number: PhoneNumber, list: &RegistryList) -> SuppressionBody {
    SuppressionBody {
        suppression_id: None,
        phone: number.e164(),
        source: list.registry.source.as_str(),
        registry: Some(list.registry.key.clone()),
        campaign_id: None,
        reason: format!("on the list {}", list.name()),
        added_by: None,
        created_at: list.data_at.unwrap_or_default(),
        expires_at: None,
    }
}

/// How to export.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// `csv` (when left out) or `json`: one object a line.
    pub format: Option<String>,
    /// Also the numbers on registries' lists, which may be millions.
    pub lists: Option<bool>,
}

/// Every suppressed number as one stream: source, reason, who added it, when, until when.
#[utoipa::path(get, path = "/suppressions/export", tag = "suppressions", params(ExportParams), responses(
    (status = 200, description = "Rows, the newest first", body = String, content_type = "text/csv"),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 422, description = "No such format", body = ErrorBody),
))]
pub async fn export(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ExportParams>,
) -> Answer<Response> {
    caller.must_be(Role::Manager)?;
    let (format, content_type) = match params.format.as_deref().unwrap_or("csv") {
        "csv" => (Format::Csv, "text/csv"),
        "json" => (Format::JsonLines, "application/x-ndjson"),
        _ => return Err(ApiError::field("format", "write csv or json".to_owned())),
    };
    tracing::info!(by = caller.name, "suppressions exported");
    let export = Export::new(Arc::clone(&app.engine), format, params.lists.unwrap_or(false));
    let pieces = stream::try_unfold(export, |mut export| async {
        let piece = export.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, export)))
    });
    Ok(([(CONTENT_TYPE, content_type)], axum::body::Body::from_stream(pieces)).into_response())
}

/// One list of a registry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryBody {
    pub registry: String,
    /// Area code that the list covers; `null`: every number.
    pub area_code: Option<u16>,
    pub source: &'static str,
    /// Where calls need it; `null`: whoever is on it is not called, and nobody needs it.
    pub country: Option<String>,
    pub numbers: u64,
    /// When the registry handed the data out; `null`: never loaded.
    pub data_at: Option<DateTime<Utc>>,
    pub max_age_days: Option<u32>,
    /// When calls will be put off for want of newer data.
    pub fresh_until: Option<DateTime<Utc>>,
    /// Calls are put off now.
    pub is_stale: bool,
    /// A full list has been begun and not read to its end.
    pub is_loading: bool,
}

impl RegistryBody {
    /// As it stands at `now`.
    pub fn of(list: &RegistryList, now: Instant) -> Self {
        let registry = &list.registry;
        let is_needed = registry.country.is_some() && registry.max_age_days.is_some();
        Self {
            registry: registry.key.clone(),
            area_code: list.part,
            source: registry.source.as_str(),
            country: registry.country.clone(),
            numbers: list.numbers,
            data_at: list.data_at,
            max_age_days: registry.max_age_days,
            fresh_until: list.fresh_until(),
            is_stale: is_needed && list.fresh_until().is_none_or(|end| end <= now),
            is_loading: list.loading.is_some(),
        }
    }
}

/// Registries.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegistriesBody {
    pub items: Vec<RegistryBody>,
}

/// Registries in use and the age of their data.
#[utoipa::path(get, path = "/suppressions/registries", tag = "suppressions", responses(
    (status = 200, description = "Every list", body = RegistriesBody),
))]
pub async fn registries(State(app): State<App>) -> Answer<Json<RegistriesBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let lists = registry::lists(&mut tx).await?;
    tx.rollback().await?;
    Ok(Json(RegistriesBody { items: lists.iter().map(|list| RegistryBody::of(list, now)).collect() }))
}

/// Lifts an entry. An opt-out of the person themself stands on the lead as well and is not lifted by this.
#[utoipa::path(delete, path = "/suppressions/{suppressionId}", tag = "suppressions", params(("suppressionId" = String, Path)), responses(
    (status = 204, description = "Lifted"),
    (status = 403, description = "Not a manager's key", body = ErrorBody),
    (status = 404, description = "No such entry", body = ErrorBody),
))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.must_be(Role::Manager)?;
    let parsed: SuppressionId = id.parse().map_err(|_| ApiError::not_found("suppression", &id))?;
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let entry = store::find(&mut tx, parsed).await?;
    let Some(entry) = entry else { return Err(ApiError::not_found("suppression", &id)) };
    if !store::remove(&mut tx, parsed).await? {
        return Err(ApiError::not_found("suppression", &id));
    }
    event::append(&mut tx, &[lifted(&app, &entry, &caller, now)], now).await?;
    tx.commit().await?;
    tracing::info!(suppression = id, by = caller.name, "suppression lifted");
    Ok(StatusCode::NO_CONTENT)
}

/// The entry is gone from the list: what it was, and who lifted it, stays as an event.
fn lifted(app: &App, entry: &Suppression, caller: &Caller, now: Instant) -> Event {
    Event {
        id: app.engine.ids.next::<EventId>(now),
        kind: "suppression.lifted".to_owned(),
        lead_id: None,
        enrollment_id: None,
        attempt_id: None,
        campaign_id: entry.campaign_id,
        at: now,
        version: None,
        data: json!({
            "suppressionId": entry.id, "phone": entry.number.to_string(), "source": entry.source, "reason": entry.reason,
            "addedBy": entry.added_by, "addedAt": entry.created_at, "by": caller.name,
        }),
        dedupe: None,
    }
}
