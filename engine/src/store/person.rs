//! Everything that is kept about one person, table by table, for whoever asks what that is. Columns keep their names, in camel
//! case; instants are in UTC. A column that is left out here tells nothing of the person: fences, leases, cursors.

use serde_json::{Map, Value};

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use crate::clock::instant_from_micros;
use crate::id::LeadId;

/// One kind of rows, with the columns shown.
struct Section {
    name: &'static str,
    columns: &'static str,
    rows: Sql,
}

macro_rules! section {
    ($name:literal, $columns:literal, $rest:literal) => {
        Section { name: $name, columns: $columns, rows: Sql::new(packed!($columns, $rest)) }
    };
}

static SECTIONS: [Section; 24] = [
    section!(
        "lead",
        "l.id, l.external_id, l.email, l.first_name, l.last_name, l.company, l.segment, l.status, l.language, l.zone, l.country, \
         l.region, l.preferred_text, l.preferred, l.do_not_call, l.do_not_email, l.score, l.tags, l.custom, l.synthetic, l.phone, \
         l.phone_invalid, l.phone_zones, l.phone_jurisdictions, l.account_id, l.created_at, l.updated_at, l.last_contacted_at",
        "FROM leads l WHERE l.id = $1"
    ),
    section!(
        "phones",
        "p.given, p.number, p.invalid, p.is_primary",
        "FROM phones p WHERE p.lead_id = $1 ORDER BY p.position"
    ),
    section!(
        "consents",
        "c.id, c.purpose, c.form, c.number, c.channel, c.seller, c.language, c.wording, c.evidence, c.evidence_url, \
         c.evidence_sha256, c.granted_at, c.revoked_at, c.source, c.recorded_at, c.recorded_by",
        "FROM consents c WHERE c.lead_id = $1 ORDER BY c.granted_at, c.id"
    ),
    section!(
        "revocations",
        "r.id, r.number, r.purpose, r.channel, r.words, r.language, r.received_at, r.due_on, r.honored_at, r.source, \
         r.recorded_by, r.attempt_id",
        "FROM revocations r WHERE r.lead_id = $1 ORDER BY r.received_at, r.id"
    ),
    section!(
        "suppressions",
        "s.id, s.number, s.source, s.campaign_id, s.reason, s.added_by, s.created_at, s.expires_at",
        "FROM suppressions s WHERE s.number IN (SELECT p.number FROM phones p WHERE p.lead_id = $1) ORDER BY s.created_at, s.id"
    ),
    section!(
        "registries",
        "g.registry, g.part, g.source, g.data_at",
        "FROM registry_numbers r JOIN registry_lists g ON g.id = r.list AND g.in_force <= r.generation
         WHERE r.number IN (SELECT CAST(substr(p.number, 2) AS BIGINT) FROM phones p WHERE p.lead_id = $1 AND p.number IS NOT NULL)
         ORDER BY g.registry, g.part"
    ),
    section!(
        "enrollments",
        "n.id, n.campaign_id, n.cadence, n.entry_key, n.version, n.state, n.hold, n.step, n.visit, n.attempt, n.due_at, \
         n.wait_event, n.variables, n.placed, n.verdict, n.reason, n.result, n.started_at, n.ended_at",
        "FROM enrollments n WHERE n.lead_id = $1 ORDER BY n.started_at, n.id"
    ),
    section!(
        "attempts",
        "a.id, a.enrollment_id, a.campaign_id, a.number, a.caller, a.flow, a.version, a.step, a.visit, a.attempt, a.state, \
         a.due_at, a.intent_at, a.provider, a.provider_call_id, a.outcome, a.disposition, a.detail, a.terms, a.created_at, \
         a.finished_at",
        "FROM attempts a WHERE a.lead_id = $1 ORDER BY a.created_at, a.id"
    ),
    section!(
        "calls",
        "c.id, c.attempt_id, c.campaign_id, c.direction, c.provider, c.provider_call_id, c.status, c.placed_at, c.answered_at, \
         c.ended_at, c.talk_s, c.answered_by, c.flow, c.version, c.outcome, c.disposition, c.recorded, c.session, c.conversation",
        "FROM calls c WHERE c.lead_id = $1 ORDER BY c.placed_at, c.id"
    ),
    section!(
        "callbacks",
        "b.attempt_id, b.key, b.at, b.received_at, b.fact",
        "FROM attempts a JOIN callbacks b ON b.attempt_id = a.id WHERE a.lead_id = $1 ORDER BY b.received_at, b.key"
    ),
    section!(
        "events",
        "v.id, v.kind, v.enrollment_id, v.attempt_id, v.campaign_id, v.at, v.recorded_at, v.data",
        "FROM events v WHERE v.lead_id = $1 ORDER BY v.at, v.id"
    ),
    section!(
        "decisions",
        "d.id, d.enrollment_id, d.attempt_id, d.step, d.at, d.verdict, d.gate, d.reason, d.until, d.reports, d.tzdb",
        "FROM decisions d WHERE d.lead_id = $1 ORDER BY d.at, d.id"
    ),
    section!(
        "tasks",
        "t.id, t.enrollment_id, t.title, t.status, t.due_at, t.created_at",
        "FROM tasks t WHERE t.lead_id = $1 ORDER BY t.created_at, t.id"
    ),
    section!(
        "purchases",
        "p.id, p.external_id, p.order_id, p.product_id, p.quantity, p.currency, p.unit_minor, p.refunded_minor, p.is_verified, \
         p.purchased_at, p.delivered_at, p.created_at, p.updated_at",
        "FROM purchases p WHERE p.lead_id = $1 ORDER BY p.purchased_at, p.id"
    ),
    section!(
        "interests",
        "i.id, i.product_id, i.kind, i.source, i.created_at, i.ended_at",
        "FROM interests i WHERE i.lead_id = $1 ORDER BY i.created_at, i.id"
    ),
    section!(
        "coupons",
        "c.id, c.code, c.label, c.offer_id, c.product_id, c.campaign_id, c.trigger_id, c.percent_bp, c.amount_minor, c.currency, \
         c.state, c.issued_at, c.expires_at, c.ended_at, c.order_id, c.order_minor, c.value_minor",
        "FROM coupons c WHERE c.lead_id = $1 ORDER BY c.issued_at, c.id"
    ),
    section!(
        "triggers",
        "t.id, t.kind, t.event_key, t.source, t.campaign_id, t.product_id, t.offer_id, t.terms, t.state, t.raised_at, \
         t.finished_at",
        "FROM triggers t WHERE t.lead_id = $1 ORDER BY t.raised_at, t.id"
    ),
    section!(
        "triggerOffers",
        "o.trigger_id, o.result, o.enrollment_id",
        "FROM triggers t CROSS JOIN trigger_leads o WHERE o.trigger_id = t.id AND o.lead_id = $1 ORDER BY o.trigger_id"
    ),
    section!(
        "packages",
        "k.call_id, k.enrollment_id, k.hash, k.body, k.frozen_at",
        "FROM packages k WHERE k.lead_id = $1 ORDER BY k.frozen_at, k.call_id"
    ),
    section!(
        "carrier",
        "y.call_id, y.attempt_id, y.number, y.step, y.asked_at, y.accepted, y.status, y.ended_at, y.talk_s",
        "FROM attempts a JOIN carrier_ledger y ON y.attempt_id = a.id WHERE a.lead_id = $1 ORDER BY y.asked_at, y.call_id"
    ),
    section!(
        "imports",
        "m.id, m.kind, m.started_at, m.errors",
        "FROM leads l JOIN imports m ON l.id = $1
           AND ((l.email IS NOT NULL AND m.errors LIKE '%' || l.email || '%') OR m.errors LIKE '%' || l.phone || '%')
         ORDER BY m.started_at, m.id"
    ),
    section!(
        "answers",
        "i.principal, i.key, i.status, i.response, i.created_at",
        "FROM idempotency_keys i WHERE i.response LIKE '%' || $1 || '%' ORDER BY i.created_at, i.key"
    ),
    section!(
        "jobs",
        "j.id, j.kind, j.state, j.payload, j.run_at, j.last_error",
        "FROM enrollments n JOIN jobs j ON j.payload LIKE '%' || n.id || '%' WHERE n.lead_id = $1 ORDER BY j.id"
    ),
    section!(
        "erasure",
        "x.erased_at, x.erased_by, x.reason, x.kept_until",
        "FROM erasures x WHERE x.lead_id = $1"
    ),
];

/// Columns that hold 0 or 1.
const FLAGS: [&str; 8] = [
    "accepted",
    "do_not_call",
    "do_not_email",
    "is_primary",
    "is_verified",
    "promised",
    "recorded",
    "synthetic",
];
/// Columns that hold instants beside those that end in `_at`.
const INSTANTS: [&str; 3] = ["at", "until", "kept_until"];

/// Everything about a person, by section; `None`: nobody has this id. Reads the tables of answers, imports and jobs as a whole.
pub async fn all(tx: &mut Tx, lead: LeadId) -> Result<Option<Map<String, Value>>, StoreError> {
    let mut document = Map::new();
    for section in &SECTIONS {
        let sql = section.rows.on(tx.dialect());
        let text: String =
            on_db!(tx, |conn| sqlx::query_scalar(sql).bind(lead.to_string()).fetch_one(conn).await)?;
        let rows: Vec<Vec<Value>> = packed::rows(section.name, &text)?;
        let mut rows: Vec<Value> = rows.into_iter().map(|row| row_of(section.columns, row)).collect();
        // There is one of these at most.
        let value = match section.name {
            "lead" | "erasure" => rows.pop().unwrap_or(Value::Null),
            _ => Value::Array(rows),
        };
        if section.name == "lead" && value.is_null() {
            return Ok(None);
        }
        document.insert(section.name.to_owned(), value);
    }
    Ok(Some(document))
}

fn row_of(columns: &str, values: Vec<Value>) -> Value {
    let names = columns.split(',').map(|column| {
        let column = column.trim();
        column.split_once('.').map_or(column, |(_, name)| name)
    });
    Value::Object(names.zip(values).map(|(name, value)| (camel(name), readable(name, value))).collect())
}

/// As people and other programs read it.
fn readable(column: &str, value: Value) -> Value {
    match value {
        Value::Number(number) if FLAGS.contains(&column) => Value::Bool(number.as_i64() == Some(1)),
        Value::Number(number) if column.ends_with("_at") || INSTANTS.contains(&column) => {
            number.as_i64().map_or(Value::Null, |micros| serde_json::json!(instant_from_micros(micros)))
        }
        Value::String(text) if text.starts_with(['{', '[']) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        other => other,
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_told_by_name_with_readable_values() {
        let row =
            vec![json!(1), json!(1_784_131_200_000_000_i64), json!("[\"vip\"]"), json!("plain"), Value::Null];
        assert_eq!(
            row_of("l.do_not_call, l.created_at, l.tags, l.first_name, l.phone_invalid", row),
            json!({
                "doNotCall": true, "createdAt": "2026-07-15T16:00:00Z", "tags": ["vip"], "firstName": "plain",
                "phoneInvalid": null
            })
        );
    }
}
