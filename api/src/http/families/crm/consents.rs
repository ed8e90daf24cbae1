//! The consent ledger of a lead: grant, list, revoke. Entries are never changed or deleted; a revocation is one of its own.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use callwright_engine::clock::Instant;
use callwright_engine::domain::consent::{Channel, Consent, Details, Form, Purpose};
use callwright_engine::domain::revocation::{self, Revocation};
use callwright_engine::engine::{Engine, Said, TakenBack};
use callwright_engine::id::{ConsentId, LeadId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{StoreError, consent as store};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lead_body::ConsentBody;
use super::lead_id;
use crate::http::auth::Caller;
use crate::http::error::{Answer, ApiError, ErrorBody, FieldProblem};
use crate::http::extract::Body;
use crate::http::moment::Moment;
use crate::http::state::App;

/// A consent somebody gave.
#[derive(Debug, Clone, Deserialize, ToSchema)]
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
    /// The words shown or spoken, in full.
    pub wording: Option<String>,
    /// What proves it, in words: a form submission, an IP and time, a recording.
    pub evidence: Option<String>,
    /// Where it comes from; the caller's name, when left out.
    pub source: Option<String>,
    /// How it was given: `web`, `paper`, `call`, `keypress`, `sms`, `email`, `chat`, `in_person`, `post` or `system`.
    #[schema(value_type = Option<String>)]
    pub channel: Option<Channel>,
    /// For this number only, E.164; for the person, when left out.
    pub number: Option<String>,
    /// The seller named to the person.
    pub seller: Option<String>,
    /// Language of the wording.
    pub language: Option<String>,
    /// Where a copy of the request as shown is kept: `https://…`.
    pub evidence_url: Option<String>,
    /// SHA-256 of that copy: 64 hexadecimal digits.
    pub evidence_sha256: Option<String>,
}

/// What a person takes back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeInput {
    /// `voice_contact`, `ai_voice`, `recording`, `sms` or `email`; everything, when left out, which opts the lead out.
    #[schema(value_type = Option<String>)]
    pub purpose: Option<Purpose>,
    /// How it was said: as for a consent. `system`, when left out.
    #[schema(value_type = Option<String>)]
    pub channel: Option<Channel>,
    /// As said or written.
    pub words: Option<String>,
    pub language: Option<String>,
    /// When it was received; now, when left out.
    #[schema(value_type = Option<String>)]
    pub received_at: Option<Moment>,
    /// The number spoken of, E.164, if one was.
    pub number: Option<String>,
    /// Where it comes from; `api`, when left out.
    pub source: Option<String>,
}

/// What was taken back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevocationBody {
    pub revocation_id: String,
    /// `null`: every call and message.
    pub purpose: Option<&'static str>,
    pub channel: &'static str,
    pub words: Option<String>,
    pub language: Option<String>,
    pub received_at: DateTime<Utc>,
    /// Last day on which the law lets it be honored: the tenth business day.
    pub due_on: NaiveDate,
    /// Where that stands.
    pub citation: &'static str,
    /// When it was honored: at once.
    pub honored_at: DateTime<Utc>,
    pub number: Option<String>,
    pub source: String,
    pub recorded_by: Option<String>,
    /// The call in which it was said.
    pub attempt_id: Option<String>,
}

/// The ledger of a lead, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ledger {
    /// Consents, revoked ones included.
    pub items: Vec<ConsentBody>,
    /// What was taken back, whether or not anything was on file.
    pub revocations: Vec<RevocationBody>,
}

impl From<Revocation> for RevocationBody {
    fn from(taken: Revocation) -> Self {
        Self {
            revocation_id: taken.id.to_string(),
            purpose: taken.purpose.map(Purpose::as_str),
            channel: taken.channel.as_str(),
            words: taken.words,
            language: taken.language,
            received_at: taken.received_at,
            due_on: taken.due_on,
            citation: revocation::CITATION,
            honored_at: taken.honored_at,
            number: taken.number,
            source: taken.source,
            recorded_by: taken.recorded_by,
            attempt_id: taken.attempt_id.map(|id| id.to_string()),
        }
    }
}

impl ConsentInput {
    /// The entry, or every mistake at once.
    pub fn entry(
        self,
        id: ConsentId,
        lead_id: LeadId,
        by: &str,
        now: Instant,
    ) -> Result<Consent, Vec<FieldProblem>> {
        let mut wrong = Vec::new();
        let granted_at = self.granted_at.map_or(now, |at| at.0);
        if granted_at > now {
            wrong.push(FieldProblem::new("/grantedAt", "a consent cannot be granted in the future"));
        }
        let number = self.number.as_deref().map(|number| read_number("/number", number)).transpose();
        let number = number.unwrap_or_else(|problem| {
            wrong.push(problem);
            None
        });
        if self
            .evidence_url
            .as_deref()
            .is_some_and(|url| !url.contains("://") || url.chars().any(char::is_whitespace))
        {
            wrong.push(FieldProblem::new("/evidenceUrl", "is not an address such as `https://…`"));
        }
        let is_hash = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        if self.evidence_sha256.as_deref().is_some_and(|text| !is_hash(text)) {
            wrong.push(FieldProblem::new("/evidenceSha256", "is not a SHA-256 in 64 hexadecimal digits"));
        }
        for (pointer, text) in [("/wording", &self.wording), ("/evidence", &self.evidence)] {
            if text.as_deref().is_some_and(|text| text.chars().count() > LONGEST || text.contains('\0')) {
                wrong.push(FieldProblem::new(
                    pointer,
                    format!("is longer than {LONGEST} characters, or holds a zero"),
                ));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Consent {
            id,
            lead_id,
            purpose: self.purpose,
            form: self.form,
            granted_at,
            revoked_at: None,
            wording: self.wording,
            evidence: self.evidence,
            source: self.source.unwrap_or_else(|| by.to_owned()),
            details: Details {
                number,
                channel: self.channel,
                seller: self.seller,
                language: self.language,
                evidence_url: self.evidence_url,
                evidence_sha256: self.evidence_sha256.map(|text| text.to_ascii_lowercase()),
                recorded_at: Some(now),
                recorded_by: Some(by.to_owned()),
            },
        })
    }
}

/// Longest wording and evidence.
const LONGEST: usize = 20_000;

fn read_number(pointer: &str, number: &str) -> Result<PhoneNumber, FieldProblem> {
    PhoneNumber::e164_only(number).map_err(|error| FieldProblem::new(pointer, error.to_string()))
}

impl RevokeInput {
    /// What the engine is told.
    pub fn taken_back(self, lead_id: LeadId, by: &str) -> Result<TakenBack, FieldProblem> {
        let number = self.number.as_deref().map(|number| read_number("/number", number)).transpose()?;
        Ok(TakenBack {
            lead_id,
            purpose: self.purpose,
            number,
            said: Said {
                words: self.words,
                language: self.language,
                recorded_by: Some(by.to_owned()),
                ..Said::through(self.channel.unwrap_or(Channel::System))
            },
            received_at: self.received_at.map(|at| at.0),
            source: self.source.unwrap_or_else(|| "api".to_owned()),
        })
    }
}

/// Adds a consent to the ledger.
#[utoipa::path(post, path = "/leads/{leadId}/consents", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), request_body = ConsentInput, responses(
    (status = 201, description = "Recorded", body = ConsentBody),
    (status = 404, description = "No such lead", body = ErrorBody),
    (status = 422, description = "Fields are wrong; `details.fields` names them", body = ErrorBody),
))]
pub async fn grant(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<ConsentInput>,
) -> Answer<(StatusCode, Json<ConsentBody>)> {
    let mut tx = app.engine.db.begin().await?;
    let now = app.engine.time.now(&mut tx).await?;
    let lead = lead_id(&mut tx, &id).await?;
    let consent = input
        .entry(app.engine.ids.next::<ConsentId>(now), lead, &caller.name, now)
        .map_err(ApiError::invalid)?;
    store::add_many(&mut tx, std::slice::from_ref(&consent)).await?;
    tx.commit().await?;
    app.ring();
    Ok((StatusCode::CREATED, Json(consent.into())))
}

/// The ledger of a lead: every consent, and everything that was taken back.
#[utoipa::path(get, path = "/leads/{leadId}/consents", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), responses(
    (status = 200, description = "All entries", body = Ledger),
    (status = 404, description = "No such lead", body = ErrorBody),
))]
pub async fn list(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<Ledger>> {
    let mut tx = app.engine.db.begin_read().await?;
    let id = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    Ok(Json(ledger(&app.engine, id).await?))
}

/// The ledger of a lead that exists.
pub async fn ledger(engine: &Engine, id: LeadId) -> Result<Ledger, StoreError> {
    let mut tx = engine.db.begin_read().await?;
    let items = store::of_leads(&mut tx, &[id]).await?.into_iter().map(Into::into).collect();
    let revocations =
        store::revocations_of_leads(&mut tx, &[id]).await?.into_iter().map(Into::into).collect();
    tx.rollback().await?;
    Ok(Ledger { items, revocations })
}

/// Takes back what the person agreed to: of one purpose, or everything. It holds at once, also against a campaign's basis.
#[utoipa::path(post, path = "/leads/{leadId}/revoke", tag = "leads", params(("leadId" = String, Path, description = "Our id or yours")), request_body = RevokeInput, responses(
    (status = 200, description = "On file and honored", body = RevocationBody),
    (status = 404, description = "No such lead", body = ErrorBody),
    (status = 422, description = "Fields are wrong; `details.fields` names them", body = ErrorBody),
))]
pub async fn take_back(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(input): Body<RevokeInput>,
) -> Answer<Json<RevocationBody>> {
    let mut tx = app.engine.db.begin_read().await?;
    let lead = lead_id(&mut tx, &id).await?;
    tx.rollback().await?;
    let asked = input.taken_back(lead, &caller.name).map_err(|problem| ApiError::invalid(vec![problem]))?;
    let revocation = app.engine.take_back(asked).await?;
    app.ring();
    Ok(Json(revocation.into()))
}

/// Revokes one entry: from now on it permits nothing, and it stays on file.
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
