//! A campaign as JSON: how it is shown, and what may be said about it.

use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::{Campaign, CampaignStatus, ConsentBasis, Pacing, VoiceClass};
use callwright_engine::domain::cap::{Cap, WrittenCap};
use callwright_engine::domain::consent::Form;
use callwright_engine::domain::priority::Priority;
use callwright_engine::id::CampaignId;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::time::hours::Hours;
use callwright_engine::time::zone::Zone;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::error::FieldProblem;

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignBody {
    pub campaign_id: String,
    /// Your own name for it; accepted wherever a campaign id is.
    pub key: String,
    pub name: String,
    /// `draft`, `active`, `paused` or `ended`.
    pub status: &'static str,
    /// Zone of the schedule, the dates and "per day".
    pub timezone: String,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    /// `{"spans": [{"days": "mon-fri", "from": "09:00", "until": "18:00"}], "holidays": "skip"}`; `null`: any legal hour.
    #[schema(value_type = Option<Object>)]
    pub schedule: Option<Hours>,
    #[schema(value_type = Object)]
    pub limits: Pacing,
    /// `live` or `artificial`: whose voice is heard.
    pub voice: &'static str,
    #[schema(value_type = Option<Object>)]
    pub consent_basis: Option<ConsentBasis>,
    /// `high`, `medium` or `low`.
    pub priority: &'static str,
    pub caller_ids: Vec<String>,
    #[schema(value_type = Object)]
    pub caller_limits: Pacing,
    /// Caps per lead, number, account or campaign, beside those of the cadence.
    #[schema(value_type = Vec<Object>)]
    pub caps: Vec<Cap>,
    pub agent_name: String,
    pub company: String,
    /// Where a transfer to `agent` connects.
    pub agent_number: Option<String>,
    pub continue_unrecorded: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl From<Campaign> for CampaignBody {
    fn from(campaign: Campaign) -> Self {
        Self {
            campaign_id: campaign.id.to_string(),
            key: campaign.key,
            name: campaign.name,
            status: campaign.status.as_str(),
            timezone: campaign.zone.to_string(),
            starts_on: campaign.starts_on,
            ends_on: campaign.ends_on,
            schedule: campaign.schedule,
            limits: campaign.pacing,
            voice: campaign.voice.as_str(),
            consent_basis: campaign.consent_basis,
            priority: campaign.priority.as_str(),
            caller_ids: campaign.caller_ids,
            caller_limits: campaign.caller_pacing,
            caps: campaign.caps,
            agent_name: campaign.agent_name,
            company: campaign.company,
            agent_number: campaign.agent_number,
            continue_unrecorded: campaign.continue_unrecorded,
            created_at: campaign.created_at,
            updated_at: campaign.updated_at,
        }
    }
}

/// What is said about a campaign: for a new one, or a change, in which absent fields stay and `null` empties one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CampaignInput {
    /// Required for a new campaign; fixed afterwards.
    pub key: Option<String>,
    pub name: Option<String>,
    /// `draft` or `active` for a new campaign (active, when left out).
    pub status: Option<String>,
    /// IANA name; UTC when left out.
    pub timezone: Option<String>,
    #[serde(deserialize_with = "given")]
    pub starts_on: Option<Option<NaiveDate>>,
    #[serde(deserialize_with = "given")]
    pub ends_on: Option<Option<NaiveDate>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    pub schedule: Option<Option<Hours>>,
    /// `callsPerSecond`, `maxConcurrent`, `maxPerDay`, `minIntervalS`, and `agents`: how many there are to hand people over to.
    #[schema(value_type = Option<Object>)]
    pub limits: Option<Pacing>,
    pub voice: Option<String>,
    #[serde(deserialize_with = "given")]
    pub consent_basis: Option<Option<ConsentBasisInput>>,
    pub priority: Option<String>,
    pub caller_ids: Option<Vec<String>>,
    /// Like `limits`, for each of `callerIds` by itself; calls that other campaigns make with the number count too.
    #[schema(value_type = Option<Object>)]
    pub caller_limits: Option<Pacing>,
    /// `{"calls": 3, "within": "24 hours", "per": "account"}` or `{"calls": 1, "each": "day", "per": "lead"}`; `per` is `lead`,
    /// `number`, `account` or `campaign`. They hold whatever cadence calls; the law's caps hold anyway.
    #[schema(value_type = Option<Vec<Object>>)]
    pub caps: Option<Vec<WrittenCap>>,
    pub agent_name: Option<String>,
    pub company: Option<String>,
    #[serde(deserialize_with = "given")]
    pub agent_number: Option<Option<String>>,
    pub continue_unrecorded: Option<bool>,
}

/// A manager's word that the campaign's leads agreed to be called.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsentBasisInput {
    /// `oral`, `express` or `express_written`.
    #[schema(value_type = String)]
    pub form: Form,
    /// Does it cover an artificial voice?
    #[serde(default)]
    pub covers_ai_voice: bool,
    /// What is attested, in words.
    pub statement: String,
    /// Who attests it; the caller, when left out.
    pub attested_by: Option<String>,
    /// Shown, not settable: the time is ours.
    #[serde(default, rename = "attestedAt")]
    #[schema(ignore)]
    pub shown_at: Option<Value>,
}

#[expect(clippy::option_option, reason = "absent, null and given are three different things to say")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A new campaign with nothing said about it yet.
pub fn blank(id: CampaignId, key: &str, now: Instant) -> Result<Campaign, FieldProblem> {
    let fits = !key.is_empty()
        && key.len() <= 100
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits {
        let message = format!("`{key}` is not a key: use up to 100 letters, digits, `-`, `_` and `.`");
        return Err(FieldProblem::new("/key", message));
    }
    let zone = Zone::find("UTC").map_err(|error| FieldProblem::new("/timezone", error.to_string()))?;
    Ok(Campaign {
        id,
        key: key.to_owned(),
        name: key.to_owned(),
        status: CampaignStatus::Active,
        zone,
        starts_on: None,
        ends_on: None,
        schedule: None,
        pacing: Pacing::default(),
        voice: VoiceClass::Artificial,
        consent_basis: None,
        priority: Priority::Medium,
        caller_ids: Vec::new(),
        caller_pacing: Pacing::default(),
        caps: Vec::new(),
        agent_name: "Rachel".to_owned(),
        company: key.to_owned(),
        agent_number: None,
        continue_unrecorded: false,
        created_at: now,
        updated_at: now,
    })
}

impl CampaignInput {
    /// Applies what was said, or names every mistake. Status is not a field here: it has verbs of its own.
    pub fn apply(self, campaign: &mut Campaign, by: &str, now: Instant) -> Result<(), Vec<FieldProblem>> {
        let mut wrong = Vec::new();
        set(&mut campaign.name, self.name);
        set(&mut campaign.agent_name, self.agent_name);
        set(&mut campaign.company, self.company);
        set(&mut campaign.starts_on, self.starts_on);
        set(&mut campaign.ends_on, self.ends_on);
        set(&mut campaign.schedule, self.schedule);
        set(&mut campaign.continue_unrecorded, self.continue_unrecorded);
        parsed(
            &mut campaign.zone,
            "/timezone",
            self.timezone,
            |text| Zone::find(text).map_err(|e| e.to_string()),
            &mut wrong,
        );
        parsed(
            &mut campaign.voice,
            "/voice",
            self.voice,
            |text| text.parse().map_err(text_error),
            &mut wrong,
        );
        parsed(
            &mut campaign.priority,
            "/priority",
            self.priority,
            |text| text.parse().map_err(text_error),
            &mut wrong,
        );
        if let Some(limits) = self.limits {
            wrong.extend(wrong_limits("/limits", &limits));
            campaign.pacing = limits;
        }
        if let Some(limits) = self.caller_limits {
            wrong.extend(wrong_limits("/callerLimits", &limits));
            if limits.agents.is_some() {
                wrong.push(FieldProblem::new(
                    "/callerLimits/agents",
                    "agents are the campaign's: say `limits.agents`",
                ));
            }
            campaign.caller_pacing = limits;
        }
        for (index, cap) in self.caps.iter().flatten().enumerate() {
            if let Err(error) = cap.read() {
                wrong.push(FieldProblem::new(format!("/caps/{index}/{}", error.field), error.message));
            }
        }
        if let Some(caps) = self.caps {
            campaign.caps = caps.iter().filter_map(|cap| cap.read().ok()).collect();
        }
        for (index, number) in self.caller_ids.iter().flatten().enumerate() {
            wrong.extend(not_e164(&format!("/callerIds/{index}"), number));
        }
        set(&mut campaign.caller_ids, self.caller_ids);
        if let Some(Some(number)) = &self.agent_number {
            wrong.extend(not_e164("/agentNumber", number));
        }
        set(&mut campaign.agent_number, self.agent_number);
        if let Some(basis) = self.consent_basis {
            campaign.consent_basis = basis.map(|basis| basis.attested(by, now));
        }
        if campaign.starts_on.zip(campaign.ends_on).is_some_and(|(starts, ends)| ends < starts) {
            wrong.push(FieldProblem::new("/endsOn", "the campaign ends before it starts"));
        }
        campaign.updated_at = now;
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl ConsentBasisInput {
    fn attested(self, by: &str, now: Instant) -> ConsentBasis {
        ConsentBasis {
            form: self.form,
            covers_ai_voice: self.covers_ai_voice,
            statement: self.statement,
            attested_by: self.attested_by.unwrap_or_else(|| by.to_owned()),
            attested_at: now,
        }
    }
}

fn set<T>(slot: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *slot = said;
    }
}

fn parsed<T>(
    slot: &mut T,
    pointer: &str,
    said: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, String>,
    wrong: &mut Vec<FieldProblem>,
) {
    match said.map(|text| parse(&text)) {
        Some(Ok(value)) => *slot = value,
        Some(Err(message)) => wrong.push(FieldProblem::new(pointer, message)),
        None => {}
    }
}

fn text_error(error: callwright_engine::domain::UnknownText) -> String {
    error.to_string()
}

fn not_e164(pointer: &str, number: &str) -> Option<FieldProblem> {
    PhoneNumber::e164_only(number).err().map(|error| FieldProblem::new(pointer, error.to_string()))
}

fn wrong_limits(pointer: &str, limits: &Pacing) -> Vec<FieldProblem> {
    let positive = |name: &str, value: Option<f64>| {
        let wrong = value.is_some_and(|value| !value.is_finite() || value <= 0.0);
        wrong.then(|| {
            FieldProblem::new(format!("{pointer}/{name}"), "must be above zero; leave it out for no limit")
        })
    };
    [
        positive("callsPerSecond", limits.calls_per_second),
        positive("minIntervalS", limits.min_interval_s),
        positive("maxConcurrent", limits.max_concurrent.map(f64::from)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Instant {
        "2026-07-01T12:00:00Z".parse().unwrap()
    }

    fn applied(said: Value) -> Result<Campaign, Vec<FieldProblem>> {
        let id: CampaignId = uuid::Uuid::nil().into();
        let mut campaign = blank(id, "spring", now()).unwrap();
        serde_json::from_value::<CampaignInput>(said).unwrap().apply(&mut campaign, "Dana", now())?;
        Ok(campaign)
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let wrong = applied(json!({
            "timezone": "Mars/Base", "voice": "robot", "callerIds": ["12"], "limits": {"callsPerSecond": 0},
            "callerLimits": {"maxConcurrent": 0},
            "startsOn": "2026-05-02", "endsOn": "2026-05-01",
        }))
        .unwrap_err();
        let pointers: Vec<&str> = wrong.iter().map(|problem| problem.pointer.as_str()).collect();
        let expected = [
            "/timezone",
            "/voice",
            "/limits/callsPerSecond",
            "/callerLimits/maxConcurrent",
            "/callerIds/0",
            "/endsOn",
        ];
        assert_eq!(pointers, expected);
    }

    #[test]
    fn the_attestation_names_its_author_and_our_time() {
        let said = json!({"consentBasis": {"form": "express_written", "coversAiValue": null}});
        assert!(serde_json::from_value::<CampaignInput>(said).is_err(), "a misspelt field is refused");
        let said = json!({"consentBasis": {"form": "express_written", "coversAiVoice": true, "statement": "Web form v3"}});
        let basis = applied(said).unwrap().consent_basis.unwrap();
        assert_eq!((basis.attested_by.as_str(), basis.attested_at), ("Dana", now()));
    }

    #[test]
    fn null_empties_and_absence_keeps() {
        let campaign = applied(json!({"agentNumber": "+12125550123", "startsOn": "2026-05-02"}));
        let mut campaign = campaign.unwrap();
        let said: CampaignInput = serde_json::from_value(json!({"agentNumber": null})).unwrap();
        said.apply(&mut campaign, "Dana", now()).unwrap();
        assert_eq!(campaign.agent_number, None);
        assert!(campaign.starts_on.is_some());
    }
}
