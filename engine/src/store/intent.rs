//! Intents as caps and pacing count them: by number and lead, and by campaign (GATE-8, ENG-6).

use std::borrow::Cow;
use std::collections::HashMap;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::packed;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::attempt::AttemptState;
use crate::id::{CampaignId, LeadId};

// Refused calls and those never asked for do not count. One that is under way is told however old it is.
macro_rules! counts {
    () => {
        "a.intent_at IS NOT NULL AND (a.intent_at > $2 OR a.state IN ('dialing', 'placed', 'unknown'))
         AND a.state NOT IN ('planned', 'not_sent', 'not_placed', 'cancelled')
         AND NOT (a.provider_call_id IS NULL AND coalesce(a.disposition, '') = 'refused')"
    };
}
pub(super) use counts;
macro_rules! intents {
    ($from:literal) => {
        packed!("a.lead_id, a.number, a.campaign_id, a.intent_at, a.state", $from, " WHERE ", counts!())
    };
}
pub(super) use intents;

// What was surely not sent takes no turn.
static LATEST: Sql = Sql::new(
    "SELECT e.value->>0,
            CAST((SELECT {array}(l.at) FROM (
                SELECT a.intent_at AS at FROM attempts a
                WHERE a.campaign_id = e.value->>0 AND a.intent_at IS NOT NULL AND a.state <> 'not_sent'
                ORDER BY a.intent_at DESC LIMIT $2) AS l) AS TEXT),
            (SELECT coalesce(a.send_by, a.intent_at) FROM attempts a
             WHERE a.campaign_id = e.value->>0 AND a.intent_at IS NOT NULL AND a.state <> 'not_sent'
             ORDER BY a.intent_at DESC LIMIT 1)
     FROM {each}",
);
static LIVE: Sql = Sql::new(
    "SELECT e.value->>0, (SELECT count(*) FROM attempts a
            WHERE a.campaign_id = e.value->>0 AND a.state IN ('dialing', 'placed', 'unknown'))
     FROM {each}",
);
// What was surely not sent counts in no rate.
static RECENT: Sql = Sql::new(
    "SELECT a.campaign_id, a.intent_at, coalesce(a.send_by, a.intent_at) FROM {each} JOIN attempts a ON a.campaign_id = e.value->>0 AND a.intent_at > $2
     WHERE a.state <> 'not_sent'",
);

// Per campaign, which is how both indexes begin.
const RECENT_OF_ALL: &str = "SELECT a.provider, a.caller, a.intent_at, coalesce(a.send_by, a.intent_at)
     FROM campaigns c JOIN attempts a ON a.campaign_id = c.id AND a.intent_at > $1 WHERE a.state <> 'not_sent'";
const LIVE_OF_ALL: &str = "SELECT a.provider, a.caller, count(*)
     FROM campaigns c JOIN attempts a ON a.campaign_id = c.id AND a.state IN ('dialing', 'placed', 'unknown')
     GROUP BY a.provider, a.caller";

/// An intent, by what campaigns share.
#[derive(Debug, Clone)]
pub struct SharedIntent {
    pub provider: Option<String>,
    /// Number shown.
    pub caller: Option<String>,
    pub at: Instant,
    /// Until when its request may leave.
    pub send_by: Instant,
}

/// Calls dialing, talking or unknown, by what campaigns share.
#[derive(Debug, Clone)]
pub struct SharedLines {
    pub provider: Option<String>,
    /// Number shown.
    pub caller: Option<String>,
    pub live: u32,
}

/// What a campaign has under way.
#[derive(Debug, Clone, Default)]
pub struct CampaignLoad {
    /// Newest first.
    pub latest: Vec<Instant>,
    /// Until when the request of the newest may leave.
    pub latest_send_by: Option<Instant>,
    /// Calls dialing, talking or unknown, if asked for.
    pub live: u32,
    /// Intents newer than the asked instant, unordered, if asked for, each with the instant by which its request has left.
    pub recent: Vec<(Instant, Instant)>,
}

/// Which campaigns' loads to read: counting costs, so it is done where there is a limit.
#[derive(Debug, Clone, Copy)]
pub struct LoadOf<'a> {
    /// Their latest intents, as many as `latest`,
    pub campaigns: &'a [CampaignId],
    pub latest: u32,
    /// the number of their lines in use,
    pub lines: &'a [CampaignId],
    /// and their intents after `since`.
    pub rated: &'a [CampaignId],
    pub since: Instant,
}

/// An intent that counts in caps.
#[derive(Debug, Clone)]
pub struct CountedIntent {
    pub lead_id: LeadId,
    pub number: String,
    pub campaign_id: CampaignId,
    pub at: Instant,
    pub state: AttemptState,
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
            Ok(CountedIntent { lead_id, number, campaign_id, at: instant_from_micros(at), state })
        };
    rows.into_iter().map(counted).collect()
}

/// What campaigns have under way; those without anything are left out.
pub async fn campaign_load(
    tx: &mut Tx,
    of: LoadOf<'_>,
) -> Result<HashMap<CampaignId, CampaignLoad>, StoreError> {
    let mut loads: HashMap<CampaignId, CampaignLoad> = HashMap::new();
    let id = |text: String| -> Result<CampaignId, StoreError> {
        text.parse().map_err(|e| StoreError::bad_row("attempts", "campaign_id", &text, e))
    };
    if !of.campaigns.is_empty() {
        let (sql, keys) = (LATEST.on(tx.dialect()), super::keys(of.campaigns));
        let rows: Vec<(String, Option<String>, Option<i64>)> = on_db!(tx, |conn| sqlx::query_as(sql)
            .bind(keys)
            .bind(i64::from(of.latest))
            .fetch_all(conn)
            .await)?;
        for (campaign, list, send_by) in rows {
            let Some(list) = list else { continue };
            let bad = |problem| StoreError::bad_row("attempts", "intent_at", &campaign, problem);
            let mut latest: Vec<i64> = serde_json::from_str(&list).map_err(bad)?;
            // An aggregate has no order.
            latest.sort_unstable_by(|a, b| b.cmp(a));
            let latest = latest.into_iter().map(instant_from_micros).collect();
            let load = loads.entry(id(campaign)?).or_default();
            load.latest = latest;
            load.latest_send_by = send_by.map(instant_from_micros);
        }
    }
    if !of.lines.is_empty() {
        let (sql, keys) = (LIVE.on(tx.dialect()), super::keys(of.lines));
        let rows: Vec<(String, i64)> =
            on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
        for (campaign, live) in rows {
            loads.entry(id(campaign)?).or_default().live = live as u32;
        }
    }
    if !of.rated.is_empty() {
        let (sql, keys) = (RECENT.on(tx.dialect()), super::keys(of.rated));
        let rows: Vec<(String, i64, i64)> =
            on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).bind(micros(of.since)).fetch_all(conn).await)?;
        for (campaign, at, send_by) in rows {
            let intent = (instant_from_micros(at), instant_from_micros(send_by));
            loads.entry(id(campaign)?).or_default().recent.push(intent);
        }
    }
    Ok(loads)
}

/// Every intent after `since`, whichever campaign it was of.
pub async fn recent_of_all(tx: &mut Tx, since: Instant) -> Result<Vec<SharedIntent>, StoreError> {
    let rows: Vec<(Option<String>, Option<String>, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(RECENT_OF_ALL).bind(micros(since)).fetch_all(conn).await)?;
    let read = |(provider, caller, at, send_by)| SharedIntent {
        provider,
        caller,
        at: instant_from_micros(at),
        send_by: instant_from_micros(send_by),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The lines in use of every provider and caller number.
pub async fn lines_of_all(tx: &mut Tx) -> Result<Vec<SharedLines>, StoreError> {
    let rows: Vec<(Option<String>, Option<String>, i64)> =
        on_db!(tx, |conn| sqlx::query_as(LIVE_OF_ALL).fetch_all(conn).await)?;
    let read = |(provider, caller, live): (_, _, i64)| SharedLines { provider, caller, live: live as u32 };
    Ok(rows.into_iter().map(read).collect())
}
