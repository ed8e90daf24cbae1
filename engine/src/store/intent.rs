//! Intents as caps and pacing count them: by number and lead, and by campaign (GATE-8, ENG-6).

use std::borrow::Cow;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::attempt::AttemptState;
use crate::id::{CampaignId, LeadId};

// Refused calls and those never asked for do not count. One that is under way is told however old it is.
macro_rules! intents {
    ($from:literal) => {
        packed!(
            "a.lead_id, a.number, a.campaign_id, a.intent_at, a.state",
            $from,
            " WHERE a.intent_at IS NOT NULL AND (a.intent_at > $2 OR a.state IN ('dialing', 'placed', 'unknown'))
                AND a.state NOT IN ('planned', 'not_sent', 'not_placed', 'cancelled')
                AND NOT (a.provider_call_id IS NULL AND coalesce(a.disposition, '') = 'refused')"
        )
    };
}
pub(super) use intents;

static LOAD: Sql = Sql::new(
    "SELECT e.value->>0 AS campaign_id,
            (SELECT count(*) FROM attempts a WHERE a.campaign_id = e.value->>0 AND a.state IN ('dialing', 'placed', 'unknown')) AS live,
            (SELECT max(a.intent_at) FROM attempts a WHERE a.campaign_id = e.value->>0 AND a.intent_at IS NOT NULL) AS last_intent
     FROM {each}",
);
static RECENT: Sql = Sql::new(
    "SELECT a.campaign_id, a.intent_at FROM {each} JOIN attempts a ON a.campaign_id = e.value->>0 AND a.intent_at > $2",
);

// Per campaign, which is how both indexes begin.
static UNDER_WAY: Sql = Sql::new(
    "SELECT a.provider, a.caller, a.intent_at, CASE WHEN a.state IN ('dialing', 'placed', 'unknown') THEN 1 ELSE 0 END AS live
     FROM campaigns c JOIN attempts a ON a.campaign_id = c.id AND a.intent_at > $1
     UNION ALL
     SELECT a.provider, a.caller, a.intent_at, 1
     FROM campaigns c JOIN attempts a ON a.campaign_id = c.id AND a.state IN ('dialing', 'placed', 'unknown')
     WHERE a.intent_at <= $1",
);

/// An intent that is recent or under way, as limits that campaigns share count it.
#[derive(Debug, Clone)]
pub struct UnderWay {
    pub provider: Option<String>,
    /// Number shown.
    pub caller: Option<String>,
    pub at: Instant,
    /// Dialing, talking or unknown.
    pub live: bool,
}

/// What a campaign has under way.
#[derive(Debug, Clone)]
pub struct CampaignLoad {
    pub campaign_id: CampaignId,
    pub live: u32,
    pub last_intent: Option<Instant>,
    /// Intents newer than the asked instant, unordered, if asked for.
    pub recent: Vec<Instant>,
}

/// An intent that counts in caps.
#[derive(Debug, Clone)]
pub struct CountedIntent {
    pub lead_id: LeadId,
    pub number: String,
    pub campaign_id: CampaignId,
    pub at: Instant,
    /// Live or unknown: the number is taken.
    pub live: bool,
}

/// Intents found by number and by lead, each once; see [`super::gate_facts`].
pub(super) fn each_once(by_number: &str, by_lead: &str) -> Result<Vec<CountedIntent>, StoreError> {
    let mut found = read(by_number)?;
    found.extend(read(by_lead)?);
    found.sort_unstable_by(|a, b| (a.lead_id, a.at, &a.number).cmp(&(b.lead_id, b.at, &b.number)));
    found.dedup_by(|a, b| (a.lead_id, a.at, &a.number) == (b.lead_id, b.at, &b.number));
    Ok(found)
}

fn read(text: &str) -> Result<Vec<CountedIntent>, StoreError> {
    let rows: Vec<(LeadId, String, CampaignId, i64, Cow<'_, str>)> = packed::rows("attempts", text)?;
    let counted =
        |(lead_id, number, campaign_id, at, state): (LeadId, String, CampaignId, i64, Cow<'_, str>)| {
            let state: AttemptState =
                state.parse().map_err(|e| StoreError::bad_row("attempts", "state", lead_id, e))?;
            Ok(CountedIntent {
                lead_id,
                number,
                campaign_id,
                at: instant_from_micros(at),
                live: state.is_live(),
            })
        };
    rows.into_iter().map(counted).collect()
}

/// What these campaigns have under way; for those in `rated` with their intents after `since`.
pub async fn campaign_load(
    tx: &mut Tx,
    campaigns: &[CampaignId],
    rated: &[CampaignId],
    since: Instant,
) -> Result<Vec<CampaignLoad>, StoreError> {
    let keys = super::keys(campaigns);
    let (load, recent) = (LOAD.on(tx.dialect()), RECENT.on(tx.dialect()));
    let rows: Vec<(String, i64, Option<i64>)> =
        on_db!(tx, |conn| sqlx::query_as(load).bind(keys).fetch_all(conn).await)?;
    let recent: Vec<(String, i64)> = if rated.is_empty() {
        Vec::new()
    } else {
        let keys = super::keys(rated);
        on_db!(tx, |conn| sqlx::query_as(recent).bind(keys).bind(micros(since)).fetch_all(conn).await)?
    };
    rows.into_iter()
        .map(|(campaign, live, last)| {
            let recent =
                recent.iter().filter(|(id, _)| *id == campaign).map(|(_, at)| instant_from_micros(*at));
            Ok(CampaignLoad {
                recent: recent.collect(),
                campaign_id: campaign
                    .parse()
                    .map_err(|e| StoreError::bad_row("attempts", "campaign_id", &campaign, e))?,
                live: live as u32,
                last_intent: last.map(instant_from_micros),
            })
        })
        .collect()
}

/// Every intent after `since`, and every older one that is still under way.
pub async fn under_way(tx: &mut Tx, since: Instant) -> Result<Vec<UnderWay>, StoreError> {
    let sql = UNDER_WAY.on(tx.dialect());
    let rows: Vec<(Option<String>, Option<String>, i64, i32)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(micros(since)).fetch_all(conn).await)?;
    let read = |(provider, caller, at, live)| UnderWay {
        provider,
        caller,
        at: instant_from_micros(at),
        live: live != 0,
    };
    Ok(rows.into_iter().map(read).collect())
}
