//! Numbers that must not be called: add, list, remove (GATE-2).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::domain::user::Role;
use callwright_engine::id::SuppressionId;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::suppression::{self as store, SuppressionFilter};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Listed, campaign_id, cursor, limit};
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
    pub suppression_id: String,
    /// E.164.
    pub phone: String,
    pub source: &'static str,
    pub campaign_id: Option<String>,
    pub reason: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl From<Suppression> for SuppressionBody {
    fn from(entry: Suppression) -> Self {
        Self {
            suppression_id: entry.id.to_string(),
            phone: entry.number.e164(),
            source: entry.source.as_str(),
            campaign_id: entry.campaign_id.map(|id| id.to_string()),
            reason: entry.reason,
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
    /// One number.
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
    let number = params
        .phone
        .as_deref()
        .map(|text| PhoneNumber::parse(text, None).or_else(|_| PhoneNumber::e164_only(text)));
    let number = number.transpose().map_err(|error| ApiError::field("phone", error.to_string()))?;
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
    tx.rollback().await?;
    Ok(Json(Listed::of(page, SuppressionBody::from)))
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
    if !store::remove(&mut tx, parsed).await? {
        return Err(ApiError::not_found("suppression", &id));
    }
    tx.commit().await?;
    tracing::info!(suppression = id, by = caller.name, "suppression lifted");
    Ok(StatusCode::NO_CONTENT)
}
