//! What conditions and texts may see: `lead`, `campaign`, `agent`, `cadence`, `event`, and what the trigger handed in.

use serde_json::{Map, Value, json};

use crate::domain::campaign::Campaign;
use crate::domain::enrollment::Enrollment;
use crate::store::walk::{LeadOnFile, Walk};

/// Variables of one enrollment, as JSON. The trigger's own variables cannot replace the product's names.
pub(super) fn variables(walk: &Walk, campaign: Option<&Campaign>) -> Value {
    let mut all = match &walk.enrollment.variables {
        Value::Object(given) => given.clone(),
        _ => Map::new(),
    };
    all.insert("lead".to_owned(), lead(&walk.lead));
    all.insert("cadence".to_owned(), cadence(&walk.enrollment));
    if let Some(campaign) = campaign {
        all.insert(
            "campaign".to_owned(),
            json!({
                "id": campaign.id, "key": campaign.key, "name": campaign.name, "company": campaign.company,
                "continueUnrecorded": campaign.continue_unrecorded,
            }),
        );
        all.insert("agent".to_owned(), json!({"name": campaign.agent_name, "number": campaign.agent_number}));
    }
    let mut variables = Value::Object(all);
    // Owners that this enrollment does not have are there, empty: a text may ask for them with a default.
    crate::definitions::context::complete(&mut variables);
    variables
}

/// The same with the event that just happened.
pub(super) fn with_event(mut variables: Value, kind: &str, data: &Value) -> Value {
    if let Value::Object(all) = &mut variables {
        let mut event = match data {
            Value::Object(fields) => fields.clone(),
            _ => Map::new(),
        };
        event.insert("type".to_owned(), json!(kind));
        all.insert("event".to_owned(), Value::Object(event));
    }
    variables
}

fn lead(lead: &LeadOnFile) -> Value {
    let full_name = [lead.first_name.as_deref(), lead.last_name.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    json!({
        "id": lead.id, "externalId": lead.external_id, "firstName": lead.first_name, "lastName": lead.last_name,
        "fullName": full_name, "email": lead.email, "company": lead.company, "segment": lead.segment,
        "status": lead.status, "language": lead.language, "score": lead.score, "country": lead.country,
        "region": lead.region, "zone": lead.zone, "timezone": lead.zone, "doNotCall": lead.do_not_call,
        "synthetic": lead.synthetic,
        "tags": serde_json::from_str::<Value>(&lead.tags).unwrap_or(Value::Array(Vec::new())),
        "custom": serde_json::from_str::<Value>(&lead.custom).unwrap_or(Value::Object(Map::new())),
    })
}

fn cadence(enrollment: &Enrollment) -> Value {
    json!({
        "key": enrollment.cadence, "step": enrollment.position.step, "attempt": enrollment.position.attempt,
        "placed": enrollment.placed,
    })
}
