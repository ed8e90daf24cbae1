//! Removing a person: every row that tells something of them loses it or goes. What stays are ids, times and figures, so that
//! statistics, caps and the books still add up. What may be kept, and for how long, is `domain::erasure`'s to say.
//!
//! Every statement may be repeated: what comes in afterwards (the last words of a call that was under way, a late callback) is
//! removed by the same statements.

use serde::Serialize;
use serde_json::{Map, Value};

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::call::Fact;
use crate::domain::erasure::Erasure;
use crate::flow::session::{Conversation, Effect};
use crate::id::LeadId;
use crate::journal::Word;
use crate::phone::fingerprint::NumberKey;

/// What stands in place of a number.
const NO_NUMBER: &str = "erased";
/// Of an event's data, what the books are made of.
const KEPT_OF_EVENTS: [&str; 2] = ["callDuration", "cadenceId"];

const FIND: &str =
    "SELECT lead_id, erased_at, erased_by, reason, kept_until, next_at FROM erasures WHERE lead_id = $1";
const INSERT: &str = "INSERT INTO erasures (lead_id, erased_at, erased_by, reason, kept_until, next_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (lead_id) DO NOTHING";
const RESCHEDULE: &str = "UPDATE erasures SET kept_until = $2, next_at = $3 WHERE lead_id = $1";
const DUE: &str = "SELECT lead_id FROM erasures WHERE next_at <= $1 ORDER BY next_at, lead_id LIMIT $2";

type ErasureRow = (String, i64, String, String, Option<i64>, Option<i64>);

pub async fn find(tx: &mut Tx, lead: LeadId) -> Result<Option<Erasure>, StoreError> {
    let row: Option<ErasureRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(lead.to_string()).fetch_optional(conn).await)?;
    Ok(row.map(|(_, erased_at, by, reason, kept_until, next_at)| Erasure {
        lead_id: lead,
        erased_at: instant_from_micros(erased_at),
        by,
        reason,
        kept_until: kept_until.map(instant_from_micros),
        next_at: next_at.map(instant_from_micros),
    }))
}

/// Notes that a person is erased; one that is known stays as it is.
pub async fn insert(tx: &mut Tx, erasure: &Erasure) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(INSERT)
        .bind(erasure.lead_id.to_string())
        .bind(micros(erasure.erased_at))
        .bind(&erasure.by)
        .bind(&erasure.reason)
        .bind(erasure.kept_until.map(micros))
        .bind(erasure.next_at.map(micros))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub async fn reschedule(
    tx: &mut Tx,
    lead: LeadId,
    kept_until: Option<Instant>,
    next_at: Option<Instant>,
) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(RESCHEDULE)
        .bind(lead.to_string())
        .bind(kept_until.map(micros))
        .bind(next_at.map(micros))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Up to `limit` people of whom something may have come in since.
pub async fn due(tx: &mut Tx, now: Instant, limit: u32) -> Result<Vec<LeadId>, StoreError> {
    let rows: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(DUE)
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await)?;
    rows.iter().map(|id| id.parse().map_err(|e| StoreError::bad_row("erasures", "lead_id", id, e))).collect()
}

/// A call that was asked for: `(attempt, E.164, when)`.
pub type Asked = (String, String, Instant);

const ASKED: &str = "SELECT id, number, intent_at FROM attempts
     WHERE lead_id = $1 AND intent_at IS NOT NULL AND state NOT IN ('planned', 'not_sent', 'cancelled') AND number <> 'erased'
     ORDER BY intent_at, id";
// The erasure's own is no request of which the law wants a record beside the erasure.
const NEWEST_WORD: &str = "SELECT max(at) FROM (
         SELECT granted_at AS at FROM consents WHERE lead_id = $1 UNION ALL SELECT revoked_at FROM consents WHERE lead_id = $1
         UNION ALL SELECT received_at FROM revocations WHERE lead_id = $1 AND source <> 'erasure') AS words";

/// Calls to the person that were asked for, in order, at numbers that are still known.
pub async fn asked(tx: &mut Tx, lead: LeadId) -> Result<Vec<Asked>, StoreError> {
    let rows: Vec<(String, String, i64)> =
        on_db!(tx, |conn| sqlx::query_as(ASKED).bind(lead.to_string()).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|(id, number, at)| (id, number, instant_from_micros(at))).collect())
}

/// When the person last gave a consent or took one back.
pub async fn newest_word(tx: &mut Tx, lead: LeadId) -> Result<Option<Instant>, StoreError> {
    let at: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(NEWEST_WORD).bind(lead.to_string()).fetch_one(conn).await)?;
    Ok(at.map(instant_from_micros))
}

const LEDGER_NUMBERS: &str = "SELECT number FROM consents WHERE lead_id = $1 AND number IS NOT NULL
     UNION SELECT number FROM revocations WHERE lead_id = $1 AND number IS NOT NULL ORDER BY number";

/// Numbers, in E.164, that the ledger has of the person.
pub async fn ledger_numbers(tx: &mut Tx, lead: LeadId) -> Result<Vec<String>, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query_scalar(LEDGER_NUMBERS).bind(lead.to_string()).fetch_all(conn).await)?)
}

/// For the journal: who was erased, by whom and why, and the fingerprints of their numbers.
pub fn note(tx: &mut Tx, lead: LeadId, (by, reason): (&str, &str), key: NumberKey, hashes: &[String]) {
    tx.noted().note(Word::Erased {
        lead,
        by: by.to_owned(),
        reason: reason.to_owned(),
        key: key.digits(),
        hashes: hashes.to_vec(),
    });
}

/// How much may go.
#[derive(Debug, Clone, Copy)]
pub struct Extent<'a> {
    pub lead: LeadId,
    /// A call is under way: what it needs to end goes with the next round.
    pub in_call: bool,
    /// Consents and revocations are kept, with this number, the only word left of whose they were. `None`: they go.
    pub ledger_of: Option<&'a str>,
    /// Calls whose record keeps the number.
    pub kept_calls: &'a [String],
}

/// Rows that changed or went, by table.
pub type Removed = std::collections::BTreeMap<&'static str, u64>;

const LEAD: &str = "UPDATE leads SET external_id = NULL, email = NULL, first_name = NULL, last_name = NULL, company = NULL,
        segment = NULL, status = 'opted_out', language = 'en', zone = NULL, country = NULL, region = NULL, preferred_text = NULL,
        preferred = NULL, do_not_call = 1, do_not_email = 1, score = 0, tags = '[]', custom = '{}', phone = NULL,
        phone_invalid = NULL, phone_zones = '[]', phone_jurisdictions = '[]', last_contacted_at = NULL, account_id = NULL,
        updated_at = $2
     WHERE id = $1";

/// By the lead alone.
const OF_LEAD: [(&str, &str); 10] = [
    ("attempts", "UPDATE attempts SET detail = NULL WHERE lead_id = $1 AND detail IS NOT NULL"),
    (
        "enrollments",
        "UPDATE enrollments SET variables = '{}', entry_key = '' WHERE lead_id = $1 AND state = 'ended'
         AND (variables <> '{}' OR entry_key <> '')",
    ),
    ("decisions", "UPDATE decisions SET reports = '{}' WHERE lead_id = $1 AND reports <> '{}'"),
    ("tasks", "DELETE FROM tasks WHERE lead_id = $1"),
    (
        "purchases",
        "UPDATE purchases SET external_id = NULL, order_id = NULL WHERE lead_id = $1
         AND (external_id IS NOT NULL OR order_id IS NOT NULL)",
    ),
    ("interests", "DELETE FROM interests WHERE lead_id = $1"),
    ("coupons", "UPDATE coupons SET order_id = NULL WHERE lead_id = $1 AND order_id IS NOT NULL"),
    ("packages", "DELETE FROM packages WHERE lead_id = $1"),
    (
        "triggers",
        "UPDATE triggers SET event_key = 'erased:' || id WHERE lead_id = $1 AND finished_at IS NOT NULL
         AND event_key NOT LIKE 'erased:%'",
    ),
    (
        "revocations",
        "UPDATE revocations SET number = NULL, words = NULL WHERE lead_id = $1 AND source = 'erasure'
         AND words IS NOT NULL",
    ),
];
/// Where nothing is kept.
const LEDGER: [(&str, &str); 2] = [
    ("consents", "UPDATE consents SET number = NULL, wording = NULL, evidence = NULL, evidence_url = NULL, evidence_sha256 = NULL,
            source = 'erased'
         WHERE lead_id = $1 AND source <> 'erased'"),
    ("revocations", "UPDATE revocations SET number = NULL, words = NULL, source = 'erasure' WHERE lead_id = $1
         AND source <> 'erasure'"),
];
const NUMBER_OF_LEDGER: [&str; 2] = [
    "UPDATE consents SET number = $2 WHERE lead_id = $1 AND number IS NULL",
    "UPDATE revocations SET number = $2 WHERE lead_id = $1 AND number IS NULL AND source <> 'erasure'",
];
/// What a call under way still needs.
const AFTER_CALLS: [(&str, &str); 2] = [
    ("phones", "DELETE FROM phones WHERE lead_id = $1"),
    ("calls", "UPDATE calls SET session = NULL WHERE lead_id = $1 AND session IS NOT NULL"),
];
static NUMBERS: Sql = Sql::new(
    "UPDATE attempts SET number = $3 WHERE lead_id = $2 AND number <> $3
       AND id NOT IN (SELECT e.value->>0 FROM {each}) AND state NOT IN ('dialing', 'placed', 'unknown')",
);
static NUMBERS_OF_CARRIER: Sql = Sql::new(
    "UPDATE carrier_ledger SET number = $3 WHERE number <> $3 AND attempt_id IN (
         SELECT a.id FROM attempts a WHERE a.lead_id = $2 AND a.state NOT IN ('dialing', 'placed', 'unknown'))
       AND attempt_id NOT IN (SELECT e.value->>0 FROM {each})",
);

/// Takes away what there is of a person.
pub async fn person(tx: &mut Tx, extent: Extent<'_>, now: Instant) -> Result<Removed, StoreError> {
    let mut removed = Removed::new();
    let id = extent.lead.to_string();
    let changed = on_db!(tx, |conn| sqlx::query(LEAD)
        .bind(&id)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    count(&mut removed, "leads", changed);
    let ledger: &[(&str, &str)] = if extent.ledger_of.is_some() { &[] } else { &LEDGER };
    let after_calls: &[(&str, &str)] = if extent.in_call { &[] } else { &AFTER_CALLS };
    for (table, sql) in OF_LEAD.iter().chain(ledger).chain(after_calls).copied() {
        let changed = on_db!(tx, |conn| sqlx::query(sql)
            .bind(&id)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        count(&mut removed, table, changed);
    }
    if let Some(number) = extent.ledger_of {
        for sql in NUMBER_OF_LEDGER {
            on_db!(tx, |conn| sqlx::query(sql).bind(&id).bind(number).execute(conn).await.map(|_| ()))?;
        }
    }
    for (table, statement) in [("carrier_ledger", &NUMBERS_OF_CARRIER), ("attempts", &NUMBERS)] {
        let (sql, kept) = (statement.on(tx.dialect()), super::keys(extent.kept_calls));
        let changed = on_db!(tx, |conn| sqlx::query(sql)
            .bind(kept)
            .bind(&id)
            .bind(NO_NUMBER)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        count(&mut removed, table, changed);
    }
    events(tx, &id, &mut removed).await?;
    if !extent.in_call {
        conversations(tx, &id, &mut removed).await?;
        facts(tx, &id, &mut removed).await?;
    }
    Ok(removed)
}

fn count(removed: &mut Removed, table: &'static str, rows: u64) {
    if rows > 0 {
        *removed.entry(table).or_default() += rows;
    }
}

const EVENTS: &str = "SELECT id, data FROM events WHERE lead_id = $1 AND kind NOT IN ('lead.erased', 'lead.exported') AND data <> '{}'";
static SET_EVENTS: Sql =
    Sql::new("UPDATE events SET data = e.value->>1 FROM {each} WHERE events.id = e.value->>0");
// Coupons are told apart by our own ids.
const FORGET_SENDERS: &str = "UPDATE events SET dedupe = NULL WHERE lead_id = $1 AND dedupe IS NOT NULL AND dedupe NOT LIKE 'coupon:%'";

async fn events(tx: &mut Tx, lead: &str, removed: &mut Removed) -> Result<(), StoreError> {
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(EVENTS).bind(lead).fetch_all(conn).await)?;
    let emptied = rows.into_iter().filter_map(|(id, data)| {
        let kept = figures(&data);
        (kept != data).then_some([id, kept])
    });
    let emptied: Vec<[String; 2]> = emptied.collect();
    set(tx, &SET_EVENTS, &emptied).await?;
    count(removed, "events", emptied.len() as u64);
    on_db!(tx, |conn| sqlx::query(FORGET_SENDERS).bind(lead).execute(conn).await.map(|_| ()))?;
    Ok(())
}

fn figures(data: &str) -> String {
    let mut found: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
    found.retain(|key, _| KEPT_OF_EVENTS.contains(&key.as_str()));
    Value::Object(found).to_string()
}

const CONVERSATIONS: &str =
    "SELECT id, conversation FROM calls WHERE lead_id = $1 AND conversation IS NOT NULL";
static SET_CONVERSATIONS: Sql =
    Sql::new("UPDATE calls SET conversation = e.value->>1 FROM {each} WHERE calls.id = e.value->>0");

async fn conversations(tx: &mut Tx, lead: &str, removed: &mut Removed) -> Result<(), StoreError> {
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(CONVERSATIONS).bind(lead).fetch_all(conn).await)?;
    let mut emptied = Vec::new();
    for (id, text) in rows {
        // What cannot be read cannot be told from what was said.
        let talk: Conversation = serde_json::from_str(&text).unwrap_or_default();
        let kept = serde_json::to_string(&without_words(talk))
            .map_err(|e| StoreError::bad_row("calls", "conversation", &id, e))?;
        if kept != text {
            emptied.push([id, kept]);
        }
    }
    set(tx, &SET_CONVERSATIONS, &emptied).await?;
    count(removed, "calls", emptied.len() as u64);
    Ok(())
}

/// How a conversation went and what it came to, without what was said.
fn without_words(mut talk: Conversation) -> Conversation {
    talk.transcript.clear();
    talk.effects.retain(|effect| {
        matches!(effect, Effect::Transfer { .. } | Effect::Recording { .. } | Effect::WrongNumber)
    });
    talk
}

const FACTS: &str =
    "SELECT c.attempt_id, c.key, c.fact FROM attempts a JOIN callbacks c ON c.attempt_id = a.id
     WHERE a.lead_id = $1 AND c.fact LIKE '%\"conversation\"%'";
static SET_FACTS: Sql = Sql::new(
    "UPDATE callbacks SET fact = e.value->>2 FROM {each}
     WHERE callbacks.attempt_id = e.value->>0 AND callbacks.key = e.value->>1",
);

async fn facts(tx: &mut Tx, lead: &str, removed: &mut Removed) -> Result<(), StoreError> {
    let rows: Vec<(String, String, String)> =
        on_db!(tx, |conn| sqlx::query_as(FACTS).bind(lead).fetch_all(conn).await)?;
    let mut emptied = Vec::new();
    for (attempt, key, text) in rows {
        let bad = |problem: serde_json::Error| StoreError::bad_row("callbacks", "fact", &attempt, problem);
        let mut fact: Fact = serde_json::from_str(&text).map_err(bad)?;
        if let Fact::Conversation { conversation } = &mut fact {
            **conversation = without_words(std::mem::take(conversation));
        }
        let kept = serde_json::to_string(&fact).map_err(bad)?;
        if kept != text {
            emptied.push([attempt, key, kept]);
        }
    }
    set(tx, &SET_FACTS, &emptied).await?;
    count(removed, "callbacks", emptied.len() as u64);
    Ok(())
}

async fn set<T: Serialize + Sync>(tx: &mut Tx, statement: &Sql, rows: &[T]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (statement.on(tx.dialect()), super::bulk(rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

static SUPPRESSIONS: Sql =
    Sql::new("DELETE FROM suppressions WHERE number IN (SELECT e.value->>0 FROM {each})");

/// Takes entries of these numbers off the list in plain; their hashes stand in their place already.
pub async fn suppressions(tx: &mut Tx, numbers: &[&str]) -> Result<u64, StoreError> {
    let (sql, keys) = (SUPPRESSIONS.on(tx.dialect()), super::keys(numbers));
    Ok(on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|done| done.rows_affected()))?)
}

static ANSWERS: Sql = Sql::new(
    "UPDATE idempotency_keys SET response = '{}' WHERE response IS NOT NULL
       AND EXISTS (SELECT 1 FROM {each} WHERE idempotency_keys.response LIKE '%' || (e.value->>0) || '%')",
);
static KEYS: Sql = Sql::new(
    "DELETE FROM idempotency_keys WHERE EXISTS (
         SELECT 1 FROM {each} WHERE idempotency_keys.key LIKE '%' || (e.value->>0) || '%')",
);
static JOBS: Sql = Sql::new(
    "DELETE FROM jobs WHERE state NOT IN ('pending', 'running') AND EXISTS (
         SELECT 1 FROM {each}
         WHERE jobs.payload LIKE '%' || (e.value->>0) || '%' OR jobs.last_error LIKE '%' || (e.value->>0) || '%')",
);
static IMPORTS: Sql = Sql::new(
    "SELECT id, errors FROM imports WHERE EXISTS (
         SELECT 1 FROM {each} WHERE imports.errors LIKE '%' || (e.value->>0) || '%')",
);
static SET_IMPORTS: Sql =
    Sql::new("UPDATE imports SET errors = e.value->>1 FROM {each} WHERE imports.id = e.value->>0");

/// Answers kept for repeated requests, reports of imports, keys of senders and done jobs: wherever one of these texts stands, it
/// goes. `texts`: ids, addresses and numbers of the person. Reads whole tables.
pub async fn mentions(tx: &mut Tx, texts: &[String], removed: &mut Removed) -> Result<(), StoreError> {
    if texts.is_empty() {
        return Ok(());
    }
    let bulk = super::bulk(&texts.iter().map(|text| [text]).collect::<Vec<_>>())?;
    for (table, statement) in [("idempotency_keys", &KEYS), ("idempotency_keys", &ANSWERS), ("jobs", &JOBS)] {
        let sql = statement.on(tx.dialect());
        let changed = on_db!(tx, |conn| sqlx::query(sql)
            .bind(&bulk)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        count(removed, table, changed);
    }
    let sql = IMPORTS.on(tx.dialect());
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(&bulk).fetch_all(conn).await)?;
    let mut cleaned = Vec::new();
    for (id, errors) in rows {
        let mut errors = packed::rows::<Value>("imports", &errors)?;
        errors.retain(|error| {
            let text = error.to_string();
            !texts.iter().any(|each| text.contains(each.as_str()))
        });
        cleaned.push([id, Value::Array(errors).to_string()]);
    }
    set(tx, &SET_IMPORTS, &cleaned).await?;
    count(removed, "imports", cleaned.len() as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::session::Line;

    #[test]
    fn of_an_event_only_figures_stay() {
        assert_eq!(figures(r#"{"callDuration":42,"words":"I am Alice"}"#), r#"{"callDuration":42}"#);
        assert_eq!(figures(r#"{"name":"Alice"}"#), "{}");
        assert_eq!(figures("not JSON"), "{}");
    }

    #[test]
    fn of_a_conversation_the_words_go_and_the_transfer_stays() {
        let transfer = Effect::Transfer {
            target: "sales".to_owned(),
            result: Some("bridged".to_owned()),
            after_ms: None,
        };
        let said = Effect::CallBack { after_s: None, said: Some("call my wife Alice".to_owned()) };
        let talk = Conversation {
            transcript: vec![Line::Callee("Alice here".to_owned())],
            effects: vec![said, transfer.clone()],
            nodes: vec!["greet".to_owned()],
            ended: None,
        };
        let kept = without_words(talk);
        assert_eq!((kept.transcript.len(), kept.effects, kept.nodes.len()), (0, vec![transfer], 1));
    }
}
