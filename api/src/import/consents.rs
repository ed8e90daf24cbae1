//! Consents that a row of a lead brings along, in columns of their own: `consentPurpose` (several with `;`), `consentForm` and
//! `consentAt`, and what else the ledger keeps.

use callwright_engine::clock::Instant;
use callwright_engine::domain::consent::Consent;
use callwright_engine::id::{ConsentId, IdSource, LeadId};
use callwright_engine::store::{StoreError, Tx, consent};
use serde_json::{Map, Value, json};

use super::RowError;
use crate::http::error::FieldProblem;
use crate::http::extract::parse_value;
use crate::http::families::crm::consents::ConsentInput;

/// Column and the field of a consent that it is.
const FIELDS: [(&str, &str); 10] = [
    ("consentForm", "form"),
    ("consentAt", "grantedAt"),
    ("consentWording", "wording"),
    ("consentEvidence", "evidence"),
    ("consentSource", "source"),
    ("consentChannel", "channel"),
    ("consentNumber", "number"),
    ("consentSeller", "seller"),
    ("consentUrl", "evidenceUrl"),
    ("consentSha256", "evidenceSha256"),
];
const PURPOSE: &str = "consentPurpose";

/// Takes the consents out of a row's fields.
pub(super) fn take(line: u64, fields: &mut Map<String, Value>) -> Result<Vec<ConsentInput>, RowError> {
    let wrong = |field: &str, message: String| RowError { line, field: Some(field.to_owned()), message };
    let purposes = match fields.shift_remove(PURPOSE) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(purposes)) => purposes,
        Some(Value::String(text)) => text.split(';').map(|part| Value::from(part.trim())).collect(),
        Some(_) => return Err(wrong(PURPOSE, "is not a text".to_owned())),
    };
    let mut said = Map::new();
    for (column, name) in FIELDS {
        if let Some(value) = fields.shift_remove(column).filter(|value| !value.is_null()) {
            said.insert(name.to_owned(), value);
        }
    }
    if purposes.is_empty() {
        return match FIELDS.iter().find(|(_, name)| said.contains_key(*name)) {
            Some((column, _)) => Err(wrong(column, format!("is given without `{PURPOSE}`"))),
            None => Ok(Vec::new()),
        };
    }
    // A consent without its day proves nothing, and the day of the import is not it.
    for (column, name) in &FIELDS[..2] {
        if !said.contains_key(*name) {
            return Err(wrong(column, format!("is missing beside `{PURPOSE}`")));
        }
    }
    said.entry("source").or_insert(json!("import"));
    let read = |purpose: Value| {
        let mut one = said.clone();
        one.insert("purpose".to_owned(), purpose);
        parse_value::<ConsentInput>(Value::Object(one)).map_err(|problem| located(line, &problem))
    };
    purposes.into_iter().map(read).collect()
}

/// The entries of a lead, or the first mistake.
pub(super) fn entries(
    line: u64,
    inputs: Vec<ConsentInput>,
    lead: LeadId,
    ids: &IdSource,
    now: Instant,
) -> Result<Vec<Consent>, RowError> {
    let entry = |input: ConsentInput| {
        let id = ids.next::<ConsentId>(now);
        input.entry(id, lead, "import", now).map_err(|problems| {
            problems.first().map_or_else(
                || RowError { line, field: None, message: "the consent cannot be read".to_owned() },
                |problem| located(line, problem),
            )
        })
    };
    inputs.into_iter().map(entry).collect()
}

fn located(line: u64, problem: &FieldProblem) -> RowError {
    let name = problem.pointer.trim_start_matches('/');
    let column = FIELDS.iter().find(|(_, own)| *own == name).map_or(PURPOSE, |(column, _)| *column);
    RowError { line, field: Some(column.to_owned()), message: problem.message.clone() }
}

/// Puts on file what is not on file yet: a file imported again adds nothing.
pub(super) async fn add(tx: &mut Tx, entries: Vec<Consent>) -> Result<(), StoreError> {
    let mut leads: Vec<LeadId> = entries.iter().map(|entry| entry.lead_id).collect();
    leads.sort_unstable();
    leads.dedup();
    let known = consent::of_leads(tx, &leads).await?;
    let same = |one: &Consent, other: &Consent| {
        one.lead_id == other.lead_id
            && (one.purpose, one.form, one.granted_at) == (other.purpose, other.form, other.granted_at)
    };
    let mut fresh: Vec<Consent> = Vec::with_capacity(entries.len());
    for entry in entries {
        if !known.iter().chain(&fresh).any(|other| same(&entry, other)) {
            fresh.push(entry);
        }
    }
    consent::add_many(tx, &fresh).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn taken(fields: Value) -> Result<Vec<ConsentInput>, RowError> {
        let Value::Object(mut fields) = fields else { panic!() };
        let found = take(7, &mut fields);
        assert!(fields.is_empty() || found.is_err(), "{fields:?}");
        found
    }

    #[test]
    fn several_purposes_are_several_consents_with_the_same_words() {
        let found = taken(json!({
            "consentPurpose": "voice_contact; ai_voice", "consentForm": "express_written",
            "consentAt": "2026-03-01T10:00:00Z", "consentWording": "Yes, call me", "consentChannel": "web",
        }));
        let found = found.unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|one| one.wording.as_deref() == Some("Yes, call me")));
    }

    #[rstest]
    #[case(json!({"consentPurpose": "voice_contact", "consentForm": "express"}), "consentAt")]
    #[case(json!({"consentPurpose": "voice_contact", "consentAt": "2026-03-01T10:00:00Z"}), "consentForm")]
    #[case(json!({"consentForm": "express"}), "consentForm")]
    #[case(json!({"consentPurpose": "calling", "consentForm": "express", "consentAt": "2026-03-01T10:00:00Z"}), "consentPurpose")]
    #[case(json!({"consentPurpose": "sms", "consentForm": "nodded", "consentAt": "2026-03-01T10:00:00Z"}), "consentForm")]
    fn half_a_consent_is_a_mistake_of_its_column(#[case] fields: Value, #[case] column: &str) {
        let error = taken(fields).unwrap_err();
        assert_eq!((error.line, error.field.as_deref()), (7, Some(column)));
    }

    #[test]
    fn a_row_without_such_columns_has_none() {
        assert!(taken(json!({})).unwrap().is_empty());
    }
}
