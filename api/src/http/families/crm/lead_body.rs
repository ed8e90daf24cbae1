//! A lead as JSON: how it is shown, and what may be said about it. The rules of each field live in the engine's `new_lead`.

use callwright_engine::domain::consent::{Channel, Consent};
use callwright_engine::domain::lead::{Lead, Phone, Segment};
use callwright_engine::domain::new_lead::{FieldError, NewLead};
use callwright_engine::phone::number::PhoneNumber;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::error::{Answer, ApiError, FieldProblem};
use crate::http::extract::parse_value;
use crate::http::moment::Moment;

/// A lead.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeadBody {
    /// Our id (UUID).
    pub lead_id: String,
    /// The CRM's own id; accepted wherever a lead id is.
    pub external_id: Option<String>,
    /// The household or company it belongs to: caps may count its calls together.
    pub account_id: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// The number calls go to, E.164; as given when it cannot be called.
    pub phone: Option<String>,
    pub phones: Vec<PhoneBody>,
    pub company: Option<String>,
    /// `solo_devs`, `agencies` or `enterprise`.
    pub segment: Option<&'static str>,
    /// `cold`, `contacted`, `trial`, `customer`, `unresponsive` or `opted_out`.
    pub status: &'static str,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub last_contacted_at: Option<DateTime<Utc>>,
    /// As written, such as `9am-5pm EST`.
    pub preferred_contact_time: Option<String>,
    pub do_not_call: bool,
    pub do_not_email: bool,
    /// IANA name.
    pub timezone: Option<String>,
    pub language: String,
    /// ISO 3166, two letters.
    pub country: Option<String>,
    pub region: Option<String>,
    /// 0 to 100.
    pub score: i64,
    pub tags: Vec<String>,
    /// Your own fields.
    #[schema(value_type = Object)]
    pub custom: Map<String, Value>,
    /// Made by a demo or simulation; real carriers refuse it.
    pub synthetic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consents: Option<Vec<ConsentBody>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneBody {
    /// E.164, or as given when it cannot be called.
    pub number: String,
    pub is_primary: bool,
    /// Why it cannot be called, such as `too-short`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

/// An entry of the consent ledger.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentBody {
    pub consent_id: String,
    /// `voice_contact`, `ai_voice`, `recording`, `sms` or `email`.
    pub purpose: &'static str,
    /// `oral`, `express` or `express_written`.
    pub form: &'static str,
    pub granted_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub wording: Option<String>,
    pub evidence: Option<String>,
    pub source: String,
    /// How it was given: `web`, `call`, `paper`, …
    pub channel: Option<&'static str>,
    /// For this number only, E.164.
    pub number: Option<String>,
    pub seller: Option<String>,
    pub language: Option<String>,
    pub evidence_url: Option<String>,
    pub evidence_sha256: Option<String>,
    pub recorded_at: Option<DateTime<Utc>>,
    pub recorded_by: Option<String>,
}

impl From<Lead> for LeadBody {
    fn from(lead: Lead) -> Self {
        let main = lead
            .callable()
            .or_else(|| lead.phones.iter().find(|phone| phone.is_primary))
            .or(lead.phones.first());
        Self {
            lead_id: lead.id.to_string(),
            phone: main.map(number),
            phones: lead.phones.iter().map(PhoneBody::from).collect(),
            external_id: lead.external_id,
            account_id: lead.account_id,
            email: lead.email,
            first_name: lead.first_name,
            last_name: lead.last_name,
            company: lead.company,
            segment: lead.segment.map(Segment::as_str),
            status: lead.status.as_str(),
            created_at: lead.created_at,
            updated_at: lead.updated_at,
            last_contacted_at: lead.last_contacted_at,
            preferred_contact_time: lead.preferred_text,
            do_not_call: lead.do_not_call,
            do_not_email: lead.do_not_email,
            timezone: lead.zone.map(|zone| zone.to_string()),
            language: lead.language,
            country: lead.country,
            region: lead.region,
            score: lead.score,
            tags: lead.tags,
            custom: lead.custom.into_iter().collect(),
            synthetic: lead.synthetic,
            consents: None,
        }
    }
}

fn number(phone: &Phone) -> String {
    phone.number.map_or_else(|| phone.given.clone(), callwright_engine::phone::number::PhoneNumber::e164)
}

impl From<&Phone> for PhoneBody {
    fn from(phone: &Phone) -> Self {
        Self { number: number(phone), is_primary: phone.is_primary, invalid: phone.invalid.clone() }
    }
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        Self {
            consent_id: consent.id.to_string(),
            purpose: consent.purpose.as_str(),
            form: consent.form.as_str(),
            granted_at: consent.granted_at,
            revoked_at: consent.revoked_at,
            wording: consent.wording,
            evidence: consent.evidence,
            source: consent.source,
            channel: consent.details.channel.map(Channel::as_str),
            number: consent.details.number.map(PhoneNumber::e164),
            seller: consent.details.seller,
            language: consent.details.language,
            evidence_url: consent.details.evidence_url,
            evidence_sha256: consent.details.evidence_sha256,
            recorded_at: consent.details.recorded_at,
            recorded_by: consent.details.recorded_by,
        }
    }
}

/// What is said about a lead: for a new one, or a change, in which absent fields stay and `null` empties one.
/// Documentation of [`LeadInput`]; a test holds the two together.
#[derive(Debug, ToSchema)]
#[schema(as = LeadInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "its schema is what it is for")]
pub struct LeadInputSchema {
    external_id: Option<String>,
    /// The household or company it belongs to: caps may count its calls together.
    account_id: Option<String>,
    /// Required for a new lead.
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// The primary number alone; others stay.
    phone: Option<String>,
    /// All numbers; replaces those on file.
    phones: Option<Vec<PhoneInputSchema>>,
    company: Option<String>,
    /// `solo_devs`, `agencies` or `enterprise`.
    segment: Option<String>,
    /// `cold`, `contacted`, `trial`, `customer`, `unresponsive` or `opted_out`.
    status: Option<String>,
    /// `9am-5pm EST`, `weekday mornings`, `09:00-17:00 Asia/Kolkata`, …
    preferred_contact_time: Option<String>,
    /// `true` opts the lead out: at once, with everything that follows.
    do_not_call: Option<bool>,
    do_not_email: Option<bool>,
    timezone: Option<String>,
    language: Option<String>,
    country: Option<String>,
    region: Option<String>,
    /// 0 to 100.
    score: Option<i64>,
    tags: Option<Vec<String>>,
    /// Merged by key; `null` removes a key.
    custom: Option<Object>,
    synthetic: Option<bool>,
    last_contacted_at: Option<String>,
}

#[derive(Debug, ToSchema)]
#[schema(as = PhoneInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "its schema is what it is for")]
pub struct PhoneInputSchema {
    number: String,
    is_primary: Option<bool>,
}

type Object = std::collections::BTreeMap<String, Value>;

/// What was said about a lead, read but not yet judged.
#[derive(Debug, Default)]
pub struct LeadInput {
    pub lead: NewLead,
    pub last_contacted_at: Option<DateTime<Utc>>,
}

/// Shown but not settable; accepted, so that a fetched lead can be sent back changed.
const SHOWN_ONLY: [&str; 4] = ["leadId", "createdAt", "updatedAt", "consents"];

impl LeadInput {
    /// Reads a JSON object.
    pub fn read(mut fields: Map<String, Value>) -> Result<Self, FieldProblem> {
        for name in SHOWN_ONLY {
            fields.shift_remove(name);
        }
        if fields.contains_key("phones") && fields.get("phones").is_some_and(Value::is_array) {
            // `phone` is shown beside `phones`; sent back together, the list says everything.
            fields.shift_remove("phone");
            strip_reasons(&mut fields);
        }
        let last_contacted_at = match fields.shift_remove("lastContactedAt") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(
                Moment::parse(&text).map_err(|message| FieldProblem::new("/lastContactedAt", message))?.0,
            ),
            Some(_) => return Err(FieldProblem::new("/lastContactedAt", "is not a time")),
        };
        let lead = parse_value(Value::Object(fields))?;
        Ok(Self { lead, last_contacted_at })
    }

    /// Does it ask that the lead be left alone? Takes those fields out: opting out is a verb of the engine's, not a column.
    pub fn take_opt_out(&mut self) -> bool {
        let asked = self.lead.do_not_call == Some(true) || self.lead.status.as_deref() == Some("opted_out");
        if asked {
            self.lead.do_not_call = None;
            self.lead.status = None;
        }
        asked
    }
}

/// The reason shown beside an unusable number is not input.
fn strip_reasons(fields: &mut Map<String, Value>) {
    let phones = fields.get_mut("phones").and_then(Value::as_array_mut);
    for phone in phones.into_iter().flatten().filter_map(Value::as_object_mut) {
        phone.shift_remove("invalid");
    }
}

/// The engine's field mistakes as an answer.
pub fn mistakes(errors: Vec<FieldError>) -> ApiError {
    ApiError::invalid(
        errors.into_iter().map(|e| FieldProblem::new(format!("/{}", e.field), e.message)).collect(),
    )
}

/// Reads a body that must be a JSON object.
pub fn read(body: Value) -> Answer<LeadInput> {
    let Value::Object(fields) = body else {
        return Err(ApiError::unreadable("the body must be a JSON object"));
    };
    LeadInput::read(fields).map_err(|problem| ApiError::invalid(vec![problem]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_documented_fields_are_the_accepted_ones() {
        let schema = serde_json::to_value(LeadInputSchema::schema()).unwrap();
        let mut documented: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let error = serde_json::from_value::<NewLead>(json!({ "nonsense": 1 })).unwrap_err().to_string();
        let mut accepted: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        accepted.push("lastContactedAt".to_owned());
        documented.sort();
        accepted.sort();
        assert_eq!(documented, accepted);
    }

    #[test]
    fn a_shown_lead_can_be_sent_back() {
        let body = json!({
            "leadId": "x", "createdAt": "2026-01-01T00:00:00Z", "phone": "+12125550100", "lastContactedAt": null,
            "phones": [{"number": "+12125550100", "isPrimary": true, "invalid": "test-number"}], "custom": {"plan": "pro"},
        });
        assert!(read(body).is_ok());
    }
}
