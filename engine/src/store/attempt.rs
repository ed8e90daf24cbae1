//! Attempts: planned, claimed with a fence, and moved by compare-and-set only. The row is the truth about a dial.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Deserialize;

use super::bulk::bulk_row;
use super::db::{Dialect, Sql, Tx, on_db};
use super::error::StoreError;
use super::packed::{self, packed};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::attempt::AttemptState;
use crate::domain::priority::Priority;
use crate::id::{AttemptId, CampaignId, EnrollmentId, LeadId};

bulk_row! {
    /// A planned attempt as a row.
    pub struct NewRow {
        id: String,
        enrollment_id: String,
        lead_id: String,
        campaign_id: String,
        number: String,
        flow: String,
        version: String,
        step: String,
        visit: i64,
        attempt: i64,
        priority: i64,
        due_at: i64,
        valid_until: Option<i64>,
        created_at: i64,
    }
}

/// An attempt read back.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub id: AttemptId,
    /// `None`: reported by an outside dialer.
    pub enrollment_id: Option<EnrollmentId>,
    pub lead_id: LeadId,
    pub campaign_id: CampaignId,
    pub number: String,
    pub flow: String,
    pub version: String,
    pub step: String,
    pub visit: u32,
    pub attempt: u32,
    pub state: AttemptState,
    pub due_at: Instant,
    pub valid_until: Option<Instant>,
    pub fence: i64,
    pub intent_at: Option<Instant>,
    pub provider_call_id: Option<String>,
    pub outcome: Option<String>,
    pub detail: Option<String>,
    /// Look-ups in a row that the provider did not answer.
    pub failed_look_ups: u32,
}

/// In the order of [`attempt!`].
#[derive(Deserialize)]
struct AttemptRow<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    enrollment_id: Option<Cow<'a, str>>,
    lead_id: Cow<'a, str>,
    campaign_id: Cow<'a, str>,
    number: String,
    flow: String,
    version: String,
    step: String,
    visit: i64,
    attempt: i64,
    state: Cow<'a, str>,
    due_at: i64,
    valid_until: Option<i64>,
    fence: i64,
    intent_at: Option<i64>,
    provider_call_id: Option<String>,
    outcome: Option<String>,
    detail: Option<String>,
    failed_look_ups: i64,
}

macro_rules! attempt {
    ($rest:literal) => {
        packed!(
            "a.id, a.enrollment_id, a.lead_id, a.campaign_id, a.number, a.flow, a.version, a.step, a.visit, a.attempt, a.state,
             a.due_at, a.valid_until, a.fence, a.intent_at, a.provider_call_id, a.outcome, a.detail,
             a.failed_look_ups",
            $rest
        )
    };
}

static INSERT: Sql = Sql::new(
    "INSERT INTO attempts (id, enrollment_id, lead_id, campaign_id, number, flow, version, step, visit, attempt, state, priority,
                           due_at, valid_until, fence, created_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, e.value->>6, e.value->>7,
            CAST(e.value->>8 AS BIGINT), CAST(e.value->>9 AS BIGINT), 'planned', CAST(e.value->>10 AS BIGINT),
            CAST(e.value->>11 AS BIGINT), CAST(e.value->>12 AS BIGINT), 0, CAST(e.value->>13 AS BIGINT)
     FROM {each} WHERE true",
);

static OUTSIDE: Sql = Sql::new(
    "INSERT INTO attempts (id, lead_id, campaign_id, number, flow, version, step, visit, attempt, state, priority, due_at, fence,
                           intent_at, provider, created_at, finished_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, l.phone, '', '', '', 0, 0, 'finished', 1, CAST(e.value->>3 AS BIGINT), 0,
            CAST(e.value->>3 AS BIGINT), 'outside', CAST(e.value->>3 AS BIGINT), CAST(e.value->>3 AS BIGINT)
     FROM {each} JOIN leads l ON l.id = e.value->>1 WHERE l.phone IS NOT NULL",
);

// One index range each, so that the cost does not grow with what waits for later or behind. Rows that another worker looks at
// are passed over: two workers never judge the same calls.
static CANDIDATES: Sql = Sql::new(
    "SELECT CAST(e.value->>0 AS BIGINT) AS nth,
            CAST((SELECT {array}(p.pair) FROM (
                SELECT a.id || ' ' || a.due_at || ' ' || a.number AS pair FROM attempts a
                WHERE a.state = 'planned' AND a.campaign_id = e.value->>1 AND a.priority = CAST(e.value->>2 AS BIGINT)
                  AND a.due_at > CAST(e.value->>3 AS BIGINT) AND a.due_at <= CAST(e.value->>4 AS BIGINT)
                ORDER BY a.due_at LIMIT {most} {skip}) AS p) AS TEXT) AS pairs
     FROM {each}",
);

// `coalesce`: found by id. Through the index of planned ones PostgreSQL would look at all of them, which it takes for few before it
// has counted; and of `state || ''` it would expect one in two hundred, and look at every attempt there is to find them.
static LOCK_PLANNED: Sql = Sql::new(attempt!(
    "FROM {each} JOIN attempts a ON a.id = e.value->>0 WHERE coalesce(a.state = 'planned', false) {skip_a}"
));
static BY_IDS: Sql =
    Sql::new(attempt!("FROM {each} JOIN attempts a ON a.id = e.value->>0 ORDER BY a.id {lock_a}"));
static LOOK_UP: Sql = Sql::new(attempt!("FROM {each} JOIN attempts a ON a.id = e.value->>0 ORDER BY a.id"));
static OF_LEAD: Sql =
    Sql::new(attempt!("FROM attempts a WHERE a.lead_id = $1 ORDER BY a.created_at DESC, a.id DESC LIMIT $2"));
static OPEN_OF: Sql = Sql::new(attempt!(
    "FROM {each} JOIN attempts a ON a.enrollment_id = e.value->>0
     WHERE coalesce(a.state IN ('planned', 'dialing', 'placed', 'unknown'), false)"
));
static PLANNED_OF_LEADS: Sql = Sql::new(attempt!(
    "FROM {each} JOIN attempts a ON a.lead_id = e.value->>0 WHERE coalesce(a.state = 'planned', false) ORDER BY a.id {lock_a}"
));
// The list of states stands as in the partial index, word for word: SQLite uses the index only then.
static OVERDUE: Sql = Sql::new(attempt!(
    "FROM attempts a
     WHERE a.state IN ('dialing', 'placed', 'unknown') AND a.provider = $1
       AND ((a.state <> 'placed' AND a.send_by < $2 AND coalesce(a.checked_at, 0) < $3)
         OR (a.state = 'placed' AND a.intent_at < $4 AND coalesce(a.checked_at, 0) < $5))
     ORDER BY a.send_by LIMIT $6 {skip_a}"
));

static NEXT_LOOK_UP: Sql = Sql::new(
    "SELECT min(CASE WHEN a.state = 'placed' THEN {greatest}(a.intent_at + $4, coalesce(a.checked_at, 0) + $5)
                     ELSE {greatest}(a.send_by + $2, coalesce(a.checked_at, 0) + $3) END)
     FROM attempts a WHERE a.state IN ('dialing', 'placed', 'unknown') AND a.provider = $1",
);

const PULL_FORWARD: &str =
    "UPDATE attempts SET due_at = $1 WHERE campaign_id = $2 AND state = 'planned' AND due_at > $1";

static CLAIM: Sql = Sql::new(
    "UPDATE attempts SET state = 'dialing', fence = fence + 1, owner = $2, intent_at = $3,
            send_by = coalesce(CAST(e.value->>3 AS BIGINT), $4), provider = $5,
            caller = e.value->>2, terms = e.value->>4
     FROM {each}
     WHERE attempts.id = e.value->>0 AND coalesce(attempts.state = 'planned', false) AND attempts.fence = CAST(e.value->>1 AS BIGINT)
     RETURNING attempts.id",
);

static DEFER: Sql = Sql::new(
    "UPDATE attempts SET due_at = CAST(e.value->>1 AS BIGINT), checked_at = $2
     FROM {each} WHERE attempts.id = e.value->>0 AND coalesce(attempts.state = 'planned', false)",
);

static MOVE: Sql = Sql::new(
    "UPDATE attempts SET state = e.value->>3, provider_call_id = coalesce(e.value->>4, provider_call_id),
            outcome = coalesce(e.value->>5, outcome), disposition = coalesce(e.value->>6, disposition),
            detail = coalesce(e.value->>7, detail), finished_at = CAST(e.value->>8 AS BIGINT), checked_at = $2
     FROM {each}
     WHERE attempts.id = e.value->>0 AND attempts.state = e.value->>1 AND attempts.fence = CAST(e.value->>2 AS BIGINT)",
);

static LEADS_OF: Sql = Sql::new(
    "SELECT DISTINCT a.lead_id FROM {each} JOIN attempts a ON a.id = e.value->>0 ORDER BY a.lead_id",
);

static CHECKED: Sql = Sql::new(
    "UPDATE attempts SET checked_at = $2, failed_look_ups = CAST(e.value->>1 AS BIGINT) FROM {each} WHERE attempts.id = e.value->>0",
);

// One step into the index per campaign and priority, however much waits.
const NEXT_PLANNED: &str = "SELECT min(d.at) FROM (
         SELECT (SELECT min(a.due_at) FROM attempts a
                 WHERE a.state = 'planned' AND a.campaign_id = c.id AND a.priority = p.rank AND a.due_at >= $1) AS at
         FROM campaigns c CROSS JOIN (SELECT 0 AS rank UNION ALL SELECT 1 UNION ALL SELECT 2) AS p
         WHERE c.status = 'active') AS d";

/// A planned attempt that may be claimed, as pacing needs it.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub id: AttemptId,
    pub campaign_id: CampaignId,
    pub due_at: Instant,
    pub number: String,
}

bulk_row! {
    /// A move of one attempt by compare-and-set on its state and fence.
    pub struct Step {
        id: String,
        /// State it must be in.
        from: &'static str,
        /// Fence it must have.
        fence: i64,
        to: &'static str,
        provider_call_id: Option<String>,
        outcome: Option<&'static str>,
        disposition: Option<String>,
        detail: Option<String>,
        finished_at: Option<i64>,
    }
}

impl Step {
    /// A move of `attempt` to `next`; the transition table is checked in debug builds and by tests.
    pub fn of(attempt: &Attempt, next: AttemptState, now: Instant) -> Self {
        debug_assert!(attempt.state.may_become(next), "{} may not become {next}", attempt.state);
        Self {
            id: attempt.id.to_string(),
            from: attempt.state.as_str(),
            fence: attempt.fence,
            to: next.as_str(),
            provider_call_id: None,
            outcome: None,
            disposition: None,
            detail: None,
            finished_at: next.is_final().then(|| micros(now)),
        }
    }
}

pub async fn insert_many(tx: &mut Tx, rows: &[NewRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = INSERT.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Counts calls of an outside dialer, `(id, lead, campaign, placed_at micros)`, in the caps of lead and number.
pub async fn insert_outside(tx: &mut Tx, rows: &[(String, String, String, i64)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = OUTSIDE.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Planned attempts of one campaign and priority by when they are due.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub campaign: CampaignId,
    pub priority: Priority,
    /// Later than this, if bounded,
    pub after: Option<Instant>,
    /// and not later than this.
    pub until: Instant,
    /// As many at most.
    pub most: u32,
}

/// Its place in the list, campaign, rank, due after, due until, most.
type RangeRow = (usize, String, i64, i64, i64, u32);

/// Planned attempts of these ranges, oldest first within each, locked; those another worker holds are passed over.
pub async fn candidates(tx: &mut Tx, wanted: &[Range]) -> Result<Vec<Candidate>, StoreError> {
    // SQLite takes one limit for all ranges of a statement: those of like size go together.
    let size = |range: &Range| if tx.dialect() == Dialect::Sqlite { range.most.max(1).ilog2() } else { 0 };
    let mut groups: BTreeMap<u32, Vec<RangeRow>> = BTreeMap::new();
    for (nth, range) in wanted.iter().enumerate() {
        let (campaign, rank) = (range.campaign.to_string(), range.priority.rank());
        let after = range.after.map_or(i64::MIN, micros);
        let row = (nth, campaign, rank, after, micros(range.until), range.most);
        groups.entry(size(range)).or_default().push(row);
    }
    let sql = CANDIDATES.on(tx.dialect());
    let mut found = Vec::new();
    for rows in groups.into_values() {
        let most = rows.iter().map(|row| i64::from(row.5)).max().unwrap_or(0);
        let bulk = super::bulk(&rows)?;
        let lists: Vec<(i64, Option<String>)> =
            on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).bind(most).fetch_all(conn).await)?;
        for (nth, list) in lists {
            if let (Some(range), Some(list)) = (wanted.get(nth as usize), list) {
                read_candidates(range, &list, &mut found)?;
            }
        }
    }
    Ok(found)
}

fn read_candidates(range: &Range, list: &str, found: &mut Vec<Candidate>) -> Result<(), StoreError> {
    let bad =
        |problem: &dyn std::fmt::Display| StoreError::bad_row("attempts", "planned", range.campaign, problem);
    let list: Vec<Cow<'_, str>> = serde_json::from_str(list).map_err(|e| bad(&e))?;
    for entry in list.iter().take(range.most as usize) {
        let mut parts = entry.splitn(3, ' ');
        let (Some(id), Some(due), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad(&"unexpected shape"));
        };
        found.push(Candidate {
            id: id.parse().map_err(|e| bad(&e))?,
            campaign_id: range.campaign,
            due_at: due.parse().map(instant_from_micros).map_err(|e| bad(&e))?,
            number: number.to_owned(),
        });
    }
    Ok(())
}

/// Locks these attempts if they are still planned; those another worker holds are passed over.
pub async fn lock_planned(tx: &mut Tx, ids: &[AttemptId]) -> Result<Vec<Attempt>, StoreError> {
    fetch(tx, &LOCK_PLANNED, super::keys(ids)).await
}

pub async fn by_ids(tx: &mut Tx, ids: &[AttemptId]) -> Result<Vec<Attempt>, StoreError> {
    fetch(tx, &BY_IDS, super::keys(ids)).await
}

/// The same without locking them.
pub async fn by_ids_unlocked(tx: &mut Tx, ids: &[AttemptId]) -> Result<Vec<Attempt>, StoreError> {
    fetch(tx, &LOOK_UP, super::keys(ids)).await
}

/// Whose attempts these are; nothing is locked.
pub async fn leads_of(tx: &mut Tx, ids: &[AttemptId]) -> Result<Vec<LeadId>, StoreError> {
    let (sql, keys) = (LEADS_OF.on(tx.dialect()), super::keys(ids));
    let leads: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_all(conn).await)?;
    leads.iter().map(|id| id.parse().map_err(|e| StoreError::bad_row("attempts", "lead_id", id, e))).collect()
}

/// Planned and live attempts of these enrollments, as they are at this moment.
pub async fn open_of(tx: &mut Tx, enrollments: &[EnrollmentId]) -> Result<Vec<Attempt>, StoreError> {
    fetch(tx, &OPEN_OF, super::keys(enrollments)).await
}

/// Planned attempts of these leads, locked.
pub async fn planned_of_leads(tx: &mut Tx, leads: &[LeadId]) -> Result<Vec<Attempt>, StoreError> {
    fetch(tx, &PLANNED_OF_LEADS, super::keys(leads)).await
}

async fn fetch(tx: &mut Tx, sql: &Sql, keys: String) -> Result<Vec<Attempt>, StoreError> {
    let sql = sql.on(tx.dialect());
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(keys).fetch_one(conn).await)?;
    read(&text)
}

fn read(text: &str) -> Result<Vec<Attempt>, StoreError> {
    packed::rows::<AttemptRow<'_>>("attempts", text)?.into_iter().map(Attempt::try_from).collect()
}

/// The latest attempts of a lead, newest first.
pub async fn of_lead(tx: &mut Tx, lead: LeadId, limit: u32) -> Result<Vec<Attempt>, StoreError> {
    let sql = OF_LEAD.on(tx.dialect());
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(lead.to_string())
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    read(&text)
}

/// Which attempts are overdue; each instant excludes itself.
#[derive(Debug, Clone, Copy)]
pub struct Overdue {
    /// Without an answer of the provider: to be asked for by then,
    pub sent_before: Instant,
    /// and not looked at since.
    pub unsure_checked_before: Instant,
    /// Accepted and without an end: the intent is older,
    pub placed_before: Instant,
    /// and not looked at since.
    pub placed_checked_before: Instant,
}

/// Attempts of this provider that nobody has reported on for too long.
pub async fn overdue(
    tx: &mut Tx,
    provider: &str,
    than: Overdue,
    limit: u32,
) -> Result<Vec<Attempt>, StoreError> {
    let sql = OVERDUE.on(tx.dialect());
    let text: String = on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(provider.to_owned())
        .bind(micros(than.sent_before))
        .bind(micros(than.unsure_checked_before))
        .bind(micros(than.placed_before))
        .bind(micros(than.placed_checked_before))
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    read(&text)
}

/// After how long a look-up is worth while: see [`Overdue`].
#[derive(Debug, Clone, Copy)]
pub struct LookUpAfter {
    /// Without an answer since it was to be asked for,
    pub unsure: TimeDelta,
    /// and since the last look.
    pub unsure_again: TimeDelta,
    /// Accepted and without an end since the intent,
    pub placed: TimeDelta,
    /// and since the last look.
    pub placed_again: TimeDelta,
}

/// The instant after which some attempt of this provider will be [`overdue`].
pub async fn next_look_up(
    tx: &mut Tx,
    provider: &str,
    after: LookUpAfter,
) -> Result<Option<Instant>, StoreError> {
    let sql = NEXT_LOOK_UP.on(tx.dialect());
    let in_micros = |length: TimeDelta| length.num_microseconds().unwrap_or(i64::MAX);
    let at: Option<i64> = on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(provider.to_owned())
        .bind(in_micros(after.unsure))
        .bind(in_micros(after.unsure_again))
        .bind(in_micros(after.placed))
        .bind(in_micros(after.placed_again))
        .fetch_one(conn)
        .await)?;
    Ok(at.map(instant_from_micros))
}

/// Lets a campaign's planned attempts be looked at now; the claim asks every gate again.
pub async fn pull_forward(tx: &mut Tx, campaign: CampaignId, now: Instant) -> Result<u64, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query(PULL_FORWARD)
        .bind(micros(now))
        .bind(campaign.to_string())
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// An attempt, its fence, the number shown, until when (micros) its request may leave, if earlier than the others', and what the
/// call rests on (JSON).
pub type NewIntent = (String, i64, Option<String>, Option<i64>, Option<String>);

/// Commits intents: planned → dialing under a new fence. Answers the ids that were really taken.
pub async fn claim(
    tx: &mut Tx,
    rows: &[NewIntent],
    owner: &str,
    provider: &str,
    now: Instant,
    send_by: Instant,
) -> Result<Vec<AttemptId>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let sql = CLAIM.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql)
        .bind(bulk)
        .bind(owner.to_owned())
        .bind(micros(now))
        .bind(micros(send_by))
        .bind(provider.to_owned())
        .fetch_all(conn)
        .await)?;
    ids.iter().map(|id| id.parse().map_err(|e| StoreError::bad_row("attempts", "id", id, e))).collect()
}

/// Puts planned attempts off to a later instant (micros).
pub async fn defer(tx: &mut Tx, rows: &[(String, i64)], now: Instant) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = DEFER.on(tx.dialect());
    let bulk = super::bulk(rows)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Moves attempts by compare-and-set; answers how many moved. A stale fence or state moves nothing (I8).
pub async fn step(tx: &mut Tx, steps: &[Step], now: Instant) -> Result<u64, StoreError> {
    if steps.is_empty() {
        return Ok(0);
    }
    let (sql, bulk) = (MOVE.on(tx.dialect()), super::bulk(steps)?);
    Ok(on_db!(tx, |conn| sqlx::query(sql)
        .bind(bulk)
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Notes that these attempts were looked up, whatever came of it, and how many look-ups in a row have failed by now.
pub async fn checked(tx: &mut Tx, looked_up: &[(AttemptId, u32)], now: Instant) -> Result<(), StoreError> {
    let sql = CHECKED.on(tx.dialect());
    let rows = super::bulk(looked_up)?;
    on_db!(tx, |conn| sqlx::query(sql).bind(rows).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// When the next planned attempt of an active campaign becomes due that is not due before `since`: what is has been looked
/// at, and pacing knows when to look again.
pub async fn next_planned(tx: &mut Tx, since: Instant) -> Result<Option<Instant>, StoreError> {
    let at: Option<i64> =
        on_db!(tx, |conn| sqlx::query_scalar(NEXT_PLANNED).bind(micros(since)).fetch_one(conn).await)?;
    Ok(at.map(instant_from_micros))
}

impl TryFrom<AttemptRow<'_>> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow<'_>) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("attempts", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            enrollment_id: row
                .enrollment_id
                .as_ref()
                .map(|id| id.parse().map_err(|e| bad("enrollment_id", &e)))
                .transpose()?,
            lead_id: row.lead_id.parse().map_err(|e| bad("lead_id", &e))?,
            campaign_id: row.campaign_id.parse().map_err(|e| bad("campaign_id", &e))?,
            state: row.state.parse().map_err(|e| bad("state", &e))?,
            due_at: instant_from_micros(row.due_at),
            valid_until: row.valid_until.map(instant_from_micros),
            intent_at: row.intent_at.map(instant_from_micros),
            number: row.number,
            flow: row.flow,
            version: row.version,
            step: row.step,
            visit: row.visit as u32,
            attempt: row.attempt as u32,
            fence: row.fence,
            provider_call_id: row.provider_call_id,
            outcome: row.outcome,
            detail: row.detail,
            failed_look_ups: row.failed_look_ups as u32,
        })
    }
}
