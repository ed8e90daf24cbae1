//! Who is called in a test, and what is known: the variables of texts and conditions, and the gates' view of the lead.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::suite::{Failure, merge};
use crate::clock::Instant;
use crate::decide::abandonment::Abandonment;
use crate::decide::snapshot::{
    CampaignFacts, ConsentFact, LeadFacts, OfferFact, PhoneFacts, PurchaseFact, Snapshot,
};
use crate::definitions::context;
use crate::definitions::model::cadence::Cadence;
use crate::domain::campaign::{Campaign, CampaignStatus, ConsentBasis, Pacing, VoiceClass};
use crate::domain::consent::{Form, Purpose};
use crate::domain::lead::LeadStatus;
use crate::domain::priority::Priority;
use crate::id::{CampaignId, LeadId};
use crate::phone::number::PhoneNumber;
use crate::phone::zones::{LeadPlace, candidates, us_area_codes};
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;

const DEFAULT_ZONE: &str = "America/New_York";
/// Area codes of well-known places; other zones are searched for.
const WELL_KNOWN: [(&str, u16); 8] = [
    ("America/New_York", 212),
    ("America/Chicago", 312),
    ("America/Denver", 303),
    ("America/Phoenix", 602),
    ("America/Los_Angeles", 213),
    ("America/Anchorage", 907),
    ("Pacific/Honolulu", 808),
    ("America/Detroit", 313),
];

/// What texts and conditions may see: what is given, with a campaign and an agent who have names.
pub(super) fn variables(given: &Map<String, Value>) -> Value {
    let sample = context::sample();
    let mut all = json!({
        "campaign": sample["campaign"], "agent": sample["agent"],
        "lead": { "language": "en", "status": "cold", "score": 0, "tags": [], "custom": {}, "doNotCall": false },
    });
    let known = given.iter().filter(|(name, _)| !matches!(name.as_str(), "start" | "arm"));
    let known: Map<String, Value> = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    merge(&mut all, &Value::Object(known));
    let part = |name: &str| all["lead"][name].as_str().map(str::to_owned);
    let full = [part("firstName"), part("lastName")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    if all["lead"]["fullName"].is_null() && !full.is_empty() {
        all["lead"]["fullName"] = json!(full);
    }
    context::complete(&mut all);
    all
}

/// The zone of the lead: its own, else New York's.
pub(super) fn zone(variables: &Value) -> Result<Zone, Failure> {
    let lead = &variables["lead"];
    let name = lead["zone"].as_str().or_else(|| lead["timezone"].as_str()).unwrap_or(DEFAULT_ZONE);
    Zone::find(name).map_err(|error| Failure::new("/given/lead/zone", error.to_string()))
}

/// The gates' view of a lead that has agreed to everything and was never called.
pub(super) fn snapshot(
    cadence: &Cadence,
    variables: &Value,
    zone: &Zone,
    id: LeadId,
    now: Instant,
) -> Result<Snapshot, Failure> {
    let wrong = |field: &str, error: &dyn std::fmt::Display| {
        Failure::new(format!("/given/lead/{field}"), error.to_string())
    };
    let lead = &variables["lead"];
    let country = lead["country"].as_str();
    let preferred = match lead["preferredContactTime"].as_str() {
        Some(text) => Some(Arc::new(
            PreferredTime::parse(text, country, Some(zone))
                .map_err(|error| wrong("preferredContactTime", &error))?,
        )),
        None => None,
    };
    Ok(Snapshot {
        lead: LeadFacts { id, status: status(variables)?, do_not_call: flag(lead, "doNotCall"), preferred },
        phone: phone(lead, zone)?,
        suppressions: Vec::new(),
        consents: Purpose::ALL
            .iter()
            .map(|purpose| ConsentFact {
                id: None,
                purpose: *purpose,
                form: Form::ExpressWritten,
                granted_at: now - TimeDelta::days(1),
                revoked_at: None,
            })
            .collect(),
        campaign: Some(Arc::new(CampaignFacts {
            campaign: campaign(variables, zone, now),
            intents_today: 0,
            abandonment: Abandonment::default(),
        })),
        intents: Vec::new(),
        placed: 0,
        number_busy: false,
        purchase: PurchaseFact::NotNeeded,
        offer: OfferFact::NotPromised,
        enrollment_id: None,
        cadence_hours: cadence.hours.clone().map(Arc::new),
        cadence_limits: cadence.limits,
        cadence_caps: Arc::clone(&cadence.caps),
        account: None,
        promised: false,
        emergency_stops: Arc::default(),
        registries: Arc::default(),
        erased_at: None,
    })
}

pub(super) fn status(variables: &Value) -> Result<LeadStatus, Failure> {
    let text = variables["lead"]["status"].as_str().unwrap_or("cold");
    text.parse()
        .map_err(|error: crate::domain::UnknownText| Failure::new("/given/lead/status", error.to_string()))
}

pub(super) fn flag(lead: &Value, name: &str) -> bool {
    lead[name].as_bool().unwrap_or(false)
}

fn phone(lead: &Value, zone: &Zone) -> Result<PhoneFacts, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::new("/given/lead/phone", error.to_string());
    let country = lead["country"].as_str();
    let number = match lead["phone"].as_str() {
        Some(text) => PhoneNumber::parse(text, country).map_err(|error| wrong(&error))?,
        None => PhoneNumber::e164_only(&synthetic(zone)).map_err(|error| wrong(&error))?,
    };
    let place = LeadPlace {
        zone: Some(zone.clone()),
        us_state: lead["region"].as_str().map(str::to_owned),
        country: country.map(str::to_owned),
        postal: None,
    };
    let found = candidates(number, &place);
    Ok(PhoneFacts::Callable { number, zones: found.zones.into(), jurisdictions: found.jurisdictions.into() })
}

/// A number whose place agrees with the zone.
fn synthetic(zone: &Zone) -> String {
    if zone.name() == "Asia/Kolkata" {
        return "+919810000001".to_owned();
    }
    let known = WELL_KNOWN.iter().find(|(name, _)| *name == zone.name()).map(|(_, code)| *code);
    let code = known.or_else(|| us_area_codes().map(|(code, _)| code).find(|code| is_in(*code, zone)));
    format!("+1{}2300001", code.unwrap_or(212))
}

fn is_in(code: u16, zone: &Zone) -> bool {
    let number = PhoneNumber::e164_only(&format!("+1{code}2300001"));
    number.is_ok_and(|number| candidates(number, &LeadPlace::default()).zones.contains(zone))
}

fn campaign(variables: &Value, zone: &Zone, now: Instant) -> Campaign {
    let text =
        |pointer: &str| variables.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Campaign {
        id: CampaignId(Uuid::from_u128(1)),
        key: text("/campaign/key"),
        name: text("/campaign/name"),
        status: CampaignStatus::Active,
        zone: zone.clone(),
        starts_on: None,
        ends_on: None,
        schedule: None,
        pacing: Pacing::default(),
        voice: VoiceClass::Artificial,
        consent_basis: Some(ConsentBasis {
            form: Form::ExpressWritten,
            covers_ai_voice: true,
            statement: "given in a test".to_owned(),
            attested_by: "test".to_owned(),
            attested_at: now - TimeDelta::days(1),
        }),
        priority: Priority::Medium,
        caller_ids: Vec::new(),
        caller_pacing: Pacing::default(),
        caps: Vec::new(),
        agent_name: text("/agent/name"),
        company: text("/campaign/company"),
        agent_number: None,
        continue_unrecorded: flag(&variables["campaign"], "continueUnrecorded"),
        created_at: now - TimeDelta::days(1),
        updated_at: now - TimeDelta::days(1),
    }
}
