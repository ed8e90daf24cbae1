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
    // With room for every field from the start: this is made for each lead of a batch, twice per call.
    object([
        ("id", json!(lead.id)),
        ("externalId", text(lead.external_id.as_deref())),
        ("firstName", text(lead.first_name.as_deref())),
        ("lastName", text(lead.last_name.as_deref())),
        ("fullName", Value::String(full_name)),
        ("email", text(lead.email.as_deref())),
        ("company", text(lead.company.as_deref())),
        ("segment", text(lead.segment.as_deref())),
        ("status", json!(lead.status)),
        ("language", text(Some(&lead.language))),
        ("score", json!(lead.score)),
        ("country", text(lead.country.as_deref())),
        ("region", text(lead.region.as_deref())),
        ("zone", text(lead.zone.as_deref())),
        ("timezone", text(lead.zone.as_deref())),
        ("doNotCall", Value::Bool(lead.do_not_call)),
        ("synthetic", Value::Bool(lead.synthetic)),
        ("tags", serde_json::from_str(&lead.tags).unwrap_or(Value::Array(Vec::new()))),
        ("custom", serde_json::from_str(&lead.custom).unwrap_or(Value::Object(Map::new()))),
    ])
}

fn text(value: Option<&str>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_owned()))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut map = Map::with_capacity(N);
    for (name, value) in fields {
        map.insert(name.to_owned(), value);
    }
    Value::Object(map)
}

fn cadence(enrollment: &Enrollment) -> Value {
    json!({
        "key": enrollment.cadence, "step": enrollment.position.step, "attempt": enrollment.position.attempt,
        "placed": enrollment.placed,
    })
}
