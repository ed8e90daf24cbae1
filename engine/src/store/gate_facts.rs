//! What the gates ask about the leads of a batch and their numbers, in one statement: each further one would cost a way to the
//! database and back, twice per call.

use std::borrow::Cow;

use serde::Deserialize;

use super::db::{Sql, Tx, on_db};
use super::emergency_stop::{self, stops_in_force};
use super::erased_number;
use super::error::StoreError;
use super::intent::{CountedIntent, counts, intents};
use super::packed::{self, packed};
use super::registry::{self, every_list, listed};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::consent::{Form, Purpose};
use crate::domain::emergency::EmergencyStop;
use crate::domain::registry::RegistryList;
use crate::domain::suppression::Source;
use crate::id::{CampaignId, ConsentId, LeadId};
use crate::phone::fingerprint::NumberKey;

/// Everything on file about the leads and numbers of a batch.
#[derive(Debug, Default)]
pub struct GateFacts {
    /// Expired ones included: the gate knows the instant.
    pub suppressions: Vec<Suppressed>,
    /// Revoked ones included.
    pub consents: Vec<Consented>,
    /// Those that count in caps, and everything under way; by number and by lead, each once.
    pub intents: Vec<CountedIntent>,
    /// `(account, intent)` of everybody in these accounts.
    pub of_accounts: Vec<(String, Instant, CampaignId)>,
    /// Every list of a registry, whoever is on it: their age matters to all.
    pub lists: Vec<RegistryList>,
    /// `(E.164, list's id)` of numbers that are on a list.
    pub listed: Vec<(String, i64)>,
    /// Emergency stops in force.
    pub emergency_stops: Vec<EmergencyStop>,
    /// `(E.164, since when)` of numbers whose owner was erased.
    pub erased: Vec<(String, Instant)>,
}

/// An entry that may forbid calling a number.
#[derive(Debug, Clone)]
pub struct Suppressed {
    /// E.164.
    pub number: String,
    pub source: Source,
    pub campaign_id: Option<CampaignId>,
    pub reason: String,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
}

/// A permission that a lead gave. What was taken back without anything on file stands as one given and revoked at once.
#[derive(Debug, Clone)]
pub struct Consented {
    /// `None` for such a revocation.
    pub id: Option<ConsentId>,
    pub lead_id: LeadId,
    /// E.164: for this number only.
    pub number: Option<String>,
    pub purpose: Purpose,
    pub form: Form,
    pub granted_at: Instant,
    pub revoked_at: Option<Instant>,
}

#[derive(Deserialize)]
struct SuppressionRow<'a> {
    id: &'a str,
    number: String,
    source: &'a str,
    campaign_id: Cow<'a, str>,
    reason: String,
    created_at: i64,
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
struct ConsentRow<'a> {
    id: &'a str,
    lead_id: LeadId,
    number: Option<String>,
    purpose: &'a str,
    form: &'a str,
    granted_at: i64,
    revoked_at: Option<i64>,
}

// `$1`: leads with their numbers; `$2`: intents after this; `$3`: the numbers with their fingerprints under the key that was seen
// last, `$4` the accounts, each once.
static FACTS: Sql = Sql::new(concat!(
    "SELECT (",
    packed!(
        "s.id, s.number, s.source, s.campaign_id, s.reason, s.created_at, s.expires_at",
        "FROM {each3} JOIN suppressions s ON s.number = e3.value->>0 ORDER BY s.number, s.id"
    ),
    "), (",
    packed!(
        "c.id, c.lead_id, c.number, c.purpose, c.form, c.granted_at, c.revoked_at",
        "FROM (SELECT n.id, n.lead_id, n.number, n.purpose, n.form, n.granted_at, n.revoked_at
               FROM consents n WHERE n.lead_id {any}
               UNION ALL
               SELECT '', r.lead_id, NULL, r.purpose, 'oral', r.received_at, r.received_at
               FROM revocations r WHERE r.lead_id {any} AND r.purpose IS NOT NULL) AS c
         ORDER BY c.lead_id, c.granted_at, c.id"
    ),
    "), (",
    intents!("FROM {each3} JOIN attempts a ON a.number = e3.value->>0"),
    // Of the leads at numbers they had before.
    "), (",
    intents!("FROM {each} JOIN attempts a ON a.lead_id = e.value->>0 AND a.number <> e.value->>1"),
    "), (",
    listed!("{each3}", "e3.value->>0"),
    "), (",
    every_list!(),
    "), (",
    stops_in_force!(),
    // Of whole accounts, where there are any.
    "), (",
    packed!(
        "m.account_id, a.intent_at, a.campaign_id",
        "FROM {each4} JOIN leads m ON m.account_id = e4.value->>0 JOIN attempts a ON a.lead_id = m.id
         WHERE ",
        counts!()
    ),
    "), (",
    packed!("e3.value->>0, z.erased_at", "FROM {each3} JOIN erased_numbers z ON z.hash = e3.value->>1"),
    "), (SELECT k.digits FROM erasure_key k WHERE k.id = 1)"
));

/// What is on file about these leads and the numbers they would be called at; intents after `since`, and all under way.
pub async fn of(
    tx: &mut Tx,
    leads: &[(LeadId, Option<&str>)],
    accounts: &[&str],
    since: Instant,
) -> Result<GateFacts, StoreError> {
    let mut numbers: Vec<&str> = leads.iter().filter_map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let pairs = super::bulk(leads)?;
    let accounts = super::bulk(&accounts.iter().map(|account| [account]).collect::<Vec<_>>())?;
    let seen = tx.seen_key().get();
    let mut texts = ask(tx, &pairs, since, &fingerprinted(&numbers, seen)?, &accounts).await?;
    let key = texts.9.as_deref().map(erased_number::read_key).transpose()?;
    // Somebody was erased for the first time, or the database was put back: once, then it is known.
    if key != seen {
        tx.seen_key().set(key);
        texts = ask(tx, &pairs, since, &fingerprinted(&numbers, key)?, &accounts).await?;
    }
    let (suppressions, consents, by_number, by_lead, listed, lists, stops, by_account, erased, _) = texts;
    let suppressions = packed::rows::<SuppressionRow<'_>>("suppressions", &suppressions)?;
    let consents = packed::rows::<ConsentRow<'_>>("consents", &consents)?;
    Ok(GateFacts {
        suppressions: suppressions.into_iter().map(Suppressed::try_from).collect::<Result<_, _>>()?,
        consents: consents.into_iter().map(Consented::try_from).collect::<Result<_, _>>()?,
        intents: super::intent::each_once(&by_number, &by_lead)?,
        listed: packed::rows("registry_numbers", &listed)?,
        lists: registry::unpacked(&lists)?,
        emergency_stops: emergency_stop::unpacked(&stops)?,
        erased: packed::rows::<(String, i64)>("erased_numbers", &erased)?
            .into_iter()
            .map(|(number, at)| (number, instant_from_micros(at)))
            .collect(),
        of_accounts: packed::rows::<(String, i64, CampaignId)>("attempts", &by_account)?
            .into_iter()
            .map(|(account, at, campaign)| (account, instant_from_micros(at), campaign))
            .collect(),
    })
}

type Texts = (String, String, String, String, String, String, String, String, String, Option<String>);

async fn ask(
    tx: &mut Tx,
    pairs: &str,
    since: Instant,
    numbers: &str,
    accounts: &str,
) -> Result<Texts, StoreError> {
    let sql = FACTS.on(tx.dialect());
    Ok(on_db!(tx, |conn| sqlx::query_as(sql)
        .bind(pairs)
        .bind(micros(since))
        .bind(numbers)
        .bind(accounts)
        .fetch_one(conn)
        .await)?)
}

/// The bulk bind of numbers, each with its fingerprint where there is a key.
fn fingerprinted(numbers: &[&str], key: Option<NumberKey>) -> Result<String, StoreError> {
    match key {
        None => super::bulk(&numbers.iter().map(|number| [number]).collect::<Vec<_>>()),
        Some(key) => {
            let pairs = numbers.iter().map(|number| ((*number).to_owned(), key.fingerprint(number)));
            super::bulk(&pairs.collect::<Vec<_>>())
        }
    }
}

impl TryFrom<SuppressionRow<'_>> for Suppressed {
    type Error = StoreError;

    fn try_from(row: SuppressionRow<'_>) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("suppressions", column, row.id, problem)
        };
        let campaign_id = match &*row.campaign_id {
            "" => None,
            id => Some(id.parse().map_err(|e| bad("campaign_id", &e))?),
        };
        Ok(Self {
            source: row.source.parse().map_err(|e| bad("source", &e))?,
            campaign_id,
            number: row.number,
            reason: row.reason,
            created_at: instant_from_micros(row.created_at),
            expires_at: row.expires_at.map(instant_from_micros),
        })
    }
}

impl TryFrom<ConsentRow<'_>> for Consented {
    type Error = StoreError;

    fn try_from(row: ConsentRow<'_>) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("consents", column, row.id, problem)
        };
        let id = Some(row.id).filter(|id| !id.is_empty()).map(str::parse).transpose();
        Ok(Self {
            id: id.map_err(|e| bad("id", &e))?,
            lead_id: row.lead_id,
            number: row.number,
            purpose: row.purpose.parse().map_err(|e| bad("purpose", &e))?,
            form: row.form.parse().map_err(|e| bad("form", &e))?,
            granted_at: instant_from_micros(row.granted_at),
            revoked_at: row.revoked_at.map(instant_from_micros),
        })
    }
}
