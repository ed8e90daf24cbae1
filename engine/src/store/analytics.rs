//! What triggers came to: people by how far they got, and money by what was redeemed. Every number can be listed as its calls.

use std::collections::BTreeMap;

use sqlx_macros::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use super::page::{Cursor, Page, before};
use super::trigger;
use crate::clock::{Instant, instant_from_micros};
use crate::domain::trigger::Trigger;
use crate::id::{AttemptId, CampaignId, LeadId, TriggerId};
use crate::money::{Currency, Money};

/// How far a person got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// A call was placed.
    Called,
    /// A person picked up.
    Answered,
    /// They took the offer.
    Accepted,
    /// And redeemed its coupon.
    Redeemed,
}

/// One trigger's numbers. People are counted, not calls, but for `calls`.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub trigger: Trigger,
    pub calls: u64,
    pub called: u64,
    pub answered: u64,
    pub accepted: u64,
    pub redeemed: u64,
    /// By currency.
    pub money: Vec<MoneyLine>,
}

/// The same of several triggers together; somebody whom two of them concern counts twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    pub eligible: u64,
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    pub calls: u64,
    pub called: u64,
    pub answered: u64,
    pub accepted: u64,
    pub redeemed: u64,
    /// By currency.
    pub money: Vec<MoneyLine>,
}

/// What came of the coupons of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyLine {
    /// Orders that coupons were redeemed with.
    pub value: Money,
    /// What the redemptions cost.
    pub cost: Money,
}

/// A call behind a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLine {
    pub call_id: AttemptId,
    pub trigger_id: TriggerId,
    pub lead_id: LeadId,
    pub placed_at: Instant,
    pub status: String,
    pub outcome: Option<String>,
    pub disposition: Option<String>,
    pub talk_s: i64,
}

// The outcomes in which a person picked up; as `Outcome::is_human`.
macro_rules! human {
    () => {
        "('answered', 'converted', 'opted_out', 'wrong_number', 'callback_requested')"
    };
}

const PEOPLE: &str = concat!(
    "SELECT CAST(coalesce(sum(p.calls), 0) AS BIGINT), CAST(coalesce(sum(p.called), 0) AS BIGINT),
            CAST(coalesce(sum(p.answered), 0) AS BIGINT), CAST(coalesce(sum(p.accepted), 0) AS BIGINT)
     FROM (SELECT d.lead_id, count(c.id) AS calls, max(CASE WHEN c.id IS NULL THEN 0 ELSE 1 END) AS called,
                  max(CASE WHEN c.outcome IN ",
    human!(),
    " THEN 1 ELSE 0 END) AS answered, max(CASE WHEN c.outcome = 'converted' THEN 1 ELSE 0 END) AS accepted
           FROM trigger_leads d JOIN attempts a ON a.enrollment_id = d.enrollment_id JOIN calls c ON c.attempt_id = a.id
           WHERE d.trigger_id = $1 GROUP BY d.lead_id) AS p"
);
// The same of all triggers of a campaign; somebody whom two of them concern counts twice.
const ALL_PEOPLE: &str = concat!(
    "SELECT CAST(coalesce(sum(p.calls), 0) AS BIGINT), CAST(coalesce(sum(p.called), 0) AS BIGINT),
            CAST(coalesce(sum(p.answered), 0) AS BIGINT), CAST(coalesce(sum(p.accepted), 0) AS BIGINT)
     FROM (SELECT d.lead_id, count(c.id) AS calls, max(CASE WHEN c.id IS NULL THEN 0 ELSE 1 END) AS called,
                  max(CASE WHEN c.outcome IN ",
    human!(),
    " THEN 1 ELSE 0 END) AS answered, max(CASE WHEN c.outcome = 'converted' THEN 1 ELSE 0 END) AS accepted
           FROM triggers t JOIN trigger_leads d ON d.trigger_id = t.id
                JOIN attempts a ON a.enrollment_id = d.enrollment_id JOIN calls c ON c.attempt_id = a.id
           WHERE t.campaign_id = $1 AND t.raised_at >= $2 GROUP BY d.trigger_id, d.lead_id) AS p"
);
// Coupons first, each with its trigger: SQLite keeps the order of a CROSS JOIN.
const ALL_MONEY: &str = "SELECT c.currency, count(*), CAST(coalesce(sum(c.order_minor), 0) AS BIGINT),
            CAST(coalesce(sum(c.value_minor), 0) AS BIGINT)
     FROM coupons c CROSS JOIN triggers t
     WHERE t.id = c.trigger_id AND c.campaign_id = $1 AND t.campaign_id = $1 AND t.raised_at >= $2 AND c.state = 'redeemed'
     GROUP BY c.currency ORDER BY c.currency";
const ALL_ELIGIBLE: &str = "SELECT CAST(coalesce(sum(eligible), 0) AS BIGINT) FROM triggers WHERE campaign_id = $1 AND raised_at >= $2";
const ALL_SKIPPED: &str =
    "SELECT id, skipped FROM triggers WHERE campaign_id = $1 AND raised_at >= $2 AND skipped <> '{}'";
// Through the campaign's coupons, which have an index.
const MONEY: &str = "SELECT c.currency, count(*), CAST(coalesce(sum(c.order_minor), 0) AS BIGINT),
            CAST(coalesce(sum(c.value_minor), 0) AS BIGINT)
     FROM coupons c WHERE c.campaign_id = $2 AND c.trigger_id = $1 AND c.state = 'redeemed' GROUP BY c.currency ORDER BY c.currency";
const OF_CAMPAIGN: &str = "SELECT id FROM triggers WHERE campaign_id = $1 AND raised_at >= $2 ORDER BY raised_at DESC, id DESC LIMIT 1000";
const CALLS: &str = concat!(
    "SELECT c.attempt_id, d.trigger_id, d.lead_id, c.placed_at, c.status, c.outcome, c.disposition, c.talk_s
     FROM trigger_leads d JOIN attempts a ON a.enrollment_id = d.enrollment_id JOIN calls c ON c.attempt_id = a.id
     WHERE d.trigger_id = $1
       AND ($2 = 'called' OR ($2 = 'answered' AND c.outcome IN ",
    human!(),
    ") OR ($2 = 'accepted' AND c.outcome = 'converted')
            OR ($2 = 'redeemed' AND EXISTS (SELECT 1 FROM coupons k
                WHERE k.lead_id = d.lead_id AND k.trigger_id = d.trigger_id AND k.state = 'redeemed')))
       AND (c.placed_at < $3 OR (c.placed_at = $3 AND c.attempt_id < $4))
     ORDER BY c.placed_at DESC, c.attempt_id DESC LIMIT $5"
);

impl Reached {
    pub const ALL: [Self; 4] = [Self::Called, Self::Answered, Self::Accepted, Self::Redeemed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Called => "called",
            Self::Answered => "answered",
            Self::Accepted => "accepted",
            Self::Redeemed => "redeemed",
        }
    }

    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == text)
    }
}

/// The numbers of one trigger.
pub async fn of_trigger(tx: &mut Tx, id: TriggerId) -> Result<Option<Line>, StoreError> {
    let Some(found) = trigger::find(tx, id).await? else { return Ok(None) };
    let (calls, called, answered, accepted): (i64, i64, i64, i64) =
        on_db!(tx, |conn| sqlx::query_as(PEOPLE).bind(id.to_string()).fetch_one(conn).await)?;
    let rows: Vec<(String, i64, i64, i64)> = on_db!(tx, |conn| sqlx::query_as(MONEY)
        .bind(id.to_string())
        .bind(found.campaign_id.to_string())
        .fetch_all(conn)
        .await)?;
    let (redeemed, money) = money_of(rows, &id)?;
    Ok(Some(Line {
        trigger: found,
        calls: calls as u64,
        called: called as u64,
        answered: answered as u64,
        accepted: accepted as u64,
        redeemed,
        money,
    }))
}

/// The numbers of all triggers of a campaign raised since an instant, however many they are.
pub async fn total_of_campaign(
    tx: &mut Tx,
    campaign: CampaignId,
    since: Instant,
) -> Result<Total, StoreError> {
    let (campaign, since) = (campaign.to_string(), crate::clock::micros(since));
    let (calls, called, answered, accepted): (i64, i64, i64, i64) =
        on_db!(tx, |conn| sqlx::query_as(ALL_PEOPLE).bind(&campaign).bind(since).fetch_one(conn).await)?;
    let rows: Vec<(String, i64, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(ALL_MONEY).bind(&campaign).bind(since).fetch_all(conn).await)?;
    let eligible: i64 = on_db!(tx, |conn| sqlx::query_scalar(ALL_ELIGIBLE)
        .bind(&campaign)
        .bind(since)
        .fetch_one(conn)
        .await)?;
    let of_each: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(ALL_SKIPPED).bind(&campaign).bind(since).fetch_all(conn).await)?;
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for (id, text) in of_each {
        let counts: BTreeMap<String, u64> =
            serde_json::from_str(&text).map_err(|e| StoreError::bad_row("triggers", "skipped", &id, e))?;
        for (reason, count) in counts {
            *skipped.entry(reason).or_default() += count;
        }
    }
    let (redeemed, money) = money_of(rows, &campaign)?;
    Ok(Total {
        eligible: eligible as u64,
        skipped,
        calls: calls as u64,
        called: called as u64,
        answered: answered as u64,
        accepted: accepted as u64,
        redeemed,
        money,
    })
}

/// How many coupons were redeemed, and what came of them.
fn money_of(
    rows: Vec<(String, i64, i64, i64)>,
    of: &dyn std::fmt::Display,
) -> Result<(u64, Vec<MoneyLine>), StoreError> {
    let (mut redeemed, mut money) = (0, Vec::with_capacity(rows.len()));
    for (currency, count, value, cost) in rows {
        let bad = |problem: &dyn std::fmt::Display| StoreError::bad_row("coupons", "currency", of, problem);
        let code: Currency = currency.parse().map_err(|e| bad(&e))?;
        let of = |minor| Money::of_minor(minor, code).map_err(|e| bad(&e));
        redeemed += count as u64;
        money.push(MoneyLine { value: of(value)?, cost: of(cost)? });
    }
    Ok((redeemed, money))
}

/// The numbers of every trigger of a campaign raised since an instant, newest first; at most a thousand.
pub async fn of_campaign(tx: &mut Tx, campaign: CampaignId, since: Instant) -> Result<Vec<Line>, StoreError> {
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(OF_CAMPAIGN)
        .bind(campaign.to_string())
        .bind(crate::clock::micros(since))
        .fetch_all(conn)
        .await)?;
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        let id = id.parse().map_err(|e| StoreError::bad_row("triggers", "id", &id, e))?;
        lines.extend(of_trigger(tx, id).await?);
    }
    Ok(lines)
}

#[derive(Debug, FromRow)]
struct CallRow {
    attempt_id: String,
    trigger_id: String,
    lead_id: String,
    placed_at: i64,
    status: String,
    outcome: Option<String>,
    disposition: Option<String>,
    talk_s: i64,
}

/// The calls behind a number, newest first.
pub async fn calls(
    tx: &mut Tx,
    trigger: TriggerId,
    reached: Reached,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<CallLine>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<CallRow> = on_db!(tx, |conn| sqlx::query_as(CALLS)
        .bind(trigger.to_string())
        .bind(reached.as_str())
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.placed_at, &row.attempt_id), CallLine::try_from))
}

impl TryFrom<CallRow> for CallLine {
    type Error = StoreError;

    fn try_from(row: CallRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("calls", column, &row.attempt_id, problem)
        };
        Ok(Self {
            call_id: row.attempt_id.parse().map_err(|e| bad("attempt_id", &e))?,
            trigger_id: row.trigger_id.parse().map_err(|e| bad("trigger_id", &e))?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            placed_at: instant_from_micros(row.placed_at),
            talk_s: row.talk_s,
            status: row.status,
            outcome: row.outcome,
            disposition: row.disposition,
        })
    }
}
