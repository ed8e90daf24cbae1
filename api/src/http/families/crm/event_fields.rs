//! Events as JSON: the fields each type of the CRM's vocabulary knows, how they are checked, and how events are shown.

use std::collections::BTreeSet;

use callwright_engine::definitions::diagnostic::suggestion;
use callwright_engine::definitions::library::Library;
use callwright_engine::definitions::model::cadence::{StepAction, Wait};
use callwright_engine::domain::vocabulary::{EVERY, FieldKind as Is, VOCABULARY};
use callwright_engine::store::event_read::Recorded;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::error::FieldProblem;

/// May events of this type be posted? The vocabulary, what some cadence waits for or exits on, and what was configured.
pub fn check_kind(kind: &str, library: &Library, configured: &BTreeSet<String>) -> Result<(), FieldProblem> {
    let mut known: BTreeSet<&str> = VOCABULARY.iter().map(|(name, _)| *name).collect();
    if known.contains(kind) || configured.contains(kind) {
        return Ok(());
    }
    for cadence in library.cadences() {
        known.extend(cadence.exits.iter().filter_map(|exit| exit.event.as_deref()));
        known.extend(cadence.steps.iter().filter_map(|step| match &step.action {
            StepAction::Wait(Wait::Event { event, .. }) => Some(event.as_str()),
            _ => None,
        }));
    }
    if known.contains(kind) {
        return Ok(());
    }
    known.extend(configured.iter().map(String::as_str));
    let mut problem = FieldProblem::new("/eventType", format!("`{kind}` is not an event type known here"));
    problem.help = suggestion(kind, known)
        .or(Some("declare it with `serve --event-type`, or wait for it in a cadence".to_owned()));
    Err(problem)
}

/// Every mistake in an event's own fields. A field that is nearly one of the type's is taken for a misspelling.
pub fn check_fields(kind: &str, data: &Map<String, Value>) -> Vec<FieldProblem> {
    let Some((_, own)) = VOCABULARY.iter().find(|(name, _)| *name == kind) else { return Vec::new() };
    let fields = || own.iter().chain(EVERY);
    let mut problems = Vec::new();
    for (name, value) in data {
        let pointer = format!("/{name}");
        if let Some((_, is)) = fields().find(|(known, _)| known == name) {
            problems.extend(wrong(*is, value).map(|message| FieldProblem::new(pointer, message)));
            continue;
        }
        let near = suggestion(name, fields().map(|(known, _)| *known));
        if let Some(help) = near.filter(|help| help.starts_with("did you mean")) {
            let message = format!("`{name}` is not a field of {kind}");
            problems.push(FieldProblem { pointer, message, help: Some(help) });
        }
    }
    problems
}

fn wrong(is: Is, value: &Value) -> Option<String> {
    let amount = || {
        value
            .as_f64()
            .or_else(|| value.as_str().and_then(|text| text.trim().trim_end_matches('%').parse().ok()))
    };
    let (fits, expected) = match is {
        Is::Text => (value.is_string(), "a text"),
        Is::Texts => {
            (value.as_array().is_some_and(|each| each.iter().all(Value::is_string)), "a list of texts")
        }
        Is::Flag => (value.is_boolean(), "true or false"),
        Is::Amount => (amount().is_some_and(|amount| amount >= 0.0), "a number that is not negative"),
        Is::Score => {
            (value.as_i64().is_some_and(|score| (0..=100).contains(&score)), "a whole number from 0 to 100")
        }
    };
    (!fits && !value.is_null()).then(|| format!("must be {expected}"))
}

/// An event as it is read back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBody {
    pub event_id: String,
    /// The CRM's vocabulary in capitals; the engine's own events are dotted, such as `enrollment.started`.
    pub event_type: String,
    pub lead_id: Option<String>,
    pub campaign_id: Option<String>,
    pub enrollment_id: Option<String>,
    pub attempt_id: Option<String>,
    pub timestamp: DateTime<Utc>,
    /// When we heard of it.
    pub recorded_at: DateTime<Utc>,
    /// Content hash of the definitions under which it happened.
    pub version: Option<String>,
    /// The event's own fields.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl From<Recorded> for EventBody {
    fn from(recorded: Recorded) -> Self {
        let event = recorded.event;
        Self {
            event_id: event.id.to_string(),
            event_type: event.kind,
            lead_id: event.lead_id.map(|id| id.to_string()),
            campaign_id: event.campaign_id.map(|id| id.to_string()),
            enrollment_id: event.enrollment_id.map(|id| id.to_string()),
            attempt_id: event.attempt_id.map(|id| id.to_string()),
            timestamp: event.at,
            recorded_at: recorded.recorded_at,
            version: event.version,
            data: event.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn problems(kind: &str, data: Value) -> Vec<FieldProblem> {
        check_fields(kind, data.as_object().unwrap())
    }

    #[rstest]
    #[case::answered("CALL_ANSWERED", json!({"callDuration": 45, "flowNodesTraversed": ["greet", "offer"]}))]
    #[case::no_answer("CALL_NO_ANSWER", json!({"attemptNumber": 2}))]
    #[case::trial("TRIAL_SIGNUP_OFFERED", json!({"agentAccepted": true}))]
    #[case::qualified("QUALIFICATION_RESULT", json!({"painPoints": ["cost"], "segment": "agencies", "leadScore": 80, "nextAction": "demo"}))]
    #[case::upgrade("UPGRADE_OFFERED", json!({"currentPlan": "pro", "proposedPlan": "team", "discount": "20%", "accepted": false}))]
    #[case::own_fields("CALL_PLACED", json!({"dialerSession": 17}))]
    fn the_documented_payloads_are_accepted(#[case] kind: &str, #[case] data: Value) {
        assert_eq!(problems(kind, data), vec![]);
    }

    #[rstest]
    #[case("QUALIFICATION_RESULT", json!({"leadScore": 130}), "/leadScore")]
    #[case("TRIAL_SIGNUP_OFFERED", json!({"agentAccepted": "yes"}), "/agentAccepted")]
    #[case("CALL_ANSWERED", json!({"callDuration": -1}), "/callDuration")]
    #[case("TRIAL_SIGNUP_OFFERED", json!({"agentAcepted": true}), "/agentAcepted")]
    fn wrong_values_and_misspelt_names_are_pointed_at(
        #[case] kind: &str,
        #[case] data: Value,
        #[case] pointer: &str,
    ) {
        let found = problems(kind, data);
        assert_eq!(found.iter().map(|p| p.pointer.as_str()).collect::<Vec<_>>(), [pointer]);
    }
}
