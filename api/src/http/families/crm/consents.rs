//! The consent ledger of a lead: grant, list, revoke. Entries are never deleted.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::domain::consent::{Consent, Form, Purpose};
use callwright_engine::id::ConsentId;
use callwright_engine::store::consent as store;
use serde::Deserialize;
use utoipa::ToSchema;

use super::lead_body::ConsentBody;
use super::{Listed, lead_id};
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody};
use crate::http::extract::Body;
use crate::http::moment::Moment;
use crate::http::state::App;

/// A consent somebody gave.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsentInput {
    /// `voice_contact`, `ai_voice`, `recording`, `sms` or `email`.
    #[schema(value_type = String)]
    pub purpose: Purpose,
    /// `oral`, `express` or `express_written`.
    #[schema(value_type = String)]
    pub form: Form,
    /// Now, when left out.
    #[schema(value_type = Option<String>)]
    pub granted_at: Option<Moment>,
    /// The words shown or spoken.
    pub wording: Option<String>,
    /// Where the proof is.
    pub evidence: Option<String>,
    /// Who recorded it; the caller's name, when left out.
    pub source: Option<String>,
}

/// Adds a consent to the ledger.
#[utoipa::path(post, path = "/leads/{leadId}/consents", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), request_body = ConsentInput, responses(
    (status = 201, description = "Recorded", body = ConsentBody),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn grant(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<ConsentInput>,
) -> Answer<(StatusCode, Json<ConsentBody>)> {
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let granted_at = input.granted_at.map_or(now, |at| at.0);
    if granted_at > now {
        return Err(ApiError::field("/grantedAt", "a consent cannot be granted in the future"));
    }
    let consent = Consent {
        id: app.engine.ids.next::<ConsentId>(now),
        lead_id: lead_id(&mut tx, &id).await?,
        purpose: input.purpose,
        form: input.form,
        granted_at,
        revoked_at: None,
        wording: input.wording,
        evidence: input.evidence,
        source: input.source.unwrap_or(caller.name),
    };
    store::add_many(&mut tx, std::slice::from_ref(&consent)).await?;
    tx.commit().await?;
    app.ring();
    Ok((StatusCode::CREATED, Json(consent.into())))
}

/// The ledger of a lead, revoked entries included.
#[utoipa::path(get, path = "/leads/{leadId}/consents", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), responses(
    (status = 200, description = "All entries", body = Listed<ConsentBody>),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn list(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<Listed<ConsentBody>>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = lead_id(&mut tx, &id).await?;
    let items = store::of_leads(&mut tx, &[id]).await?.into_iter().map(Into::into).collect();
    tx.rollback().await?;
    Ok(Json(Listed { items, next: None }))
}

/// Revokes a consent: from now on it permits nothing, and it stays on file.
#[utoipa::path(delete, path = "/leads/{leadId}/consents/{consentId}", tag = "leads", params(("leadId" = String, Path), ("consentId" = String, Path)), responses(
    (status = 204, description = "Revoked"),
    (status = 404, description = "No such consent of this lead", body = ErrorBody),
))]
pub async fn revoke(
    State(app): State<App>,
    Path((lead, consent)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let lead = lead_id(&mut tx, &lead).await?;
    let of_lead = store::of_leads(&mut tx, &[lead]).await?;
    let entry = of_lead.iter().find(|entry| entry.id.to_string() == consent);
    let Some(entry) = entry else { return Err(ApiError::not_found("consent", &consent)) };
    store::revoke(&mut tx, entry.id, now).await?;
    tx.commit().await?;
    app.ring();
    Ok(StatusCode::NO_CONTENT)
}
