//! Campaigns and how many calls each has intended per day of its own zone.

mod days;
mod rows;

pub use days::{Usage, bump_answers, bump_days, intents_today, usage};

use self::rows::{CampaignRow, CampaignWrite, campaign_row};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::campaign::{Campaign, CampaignStatus};
use crate::id::CampaignId;

static INSERT: Sql = Sql::new(
    "INSERT INTO campaigns (id, key, name, status, zone, starts_on, ends_on, schedule, pacing, voice, consent_basis, priority,
                            caller_ids, agent_name, company, agent_number, continue_unrecorded, created_at, updated_at,
                            caller_pacing, caps)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, e.value->>6, e.value->>7,
            e.value->>8, e.value->>9, e.value->>10, CAST(e.value->>11 AS BIGINT), e.value->>12, e.value->>13, e.value->>14,
            e.value->>15, CAST(e.value->>16 AS BIGINT), CAST(e.value->>17 AS BIGINT), CAST(e.value->>18 AS BIGINT),
            e.value->>19, e.value->>20
     FROM {each} WHERE true",
);
static REPLACE: Sql = Sql::new(
    "UPDATE campaigns SET
        key = e.value->>1, name = e.value->>2, zone = e.value->>4, starts_on = e.value->>5, ends_on = e.value->>6,
        schedule = e.value->>7, pacing = e.value->>8, voice = e.value->>9, consent_basis = e.value->>10,
        priority = CAST(e.value->>11 AS BIGINT), caller_ids = e.value->>12, agent_name = e.value->>13, company = e.value->>14,
        agent_number = e.value->>15, continue_unrecorded = CAST(e.value->>16 AS BIGINT),
        updated_at = CAST(e.value->>18 AS BIGINT), caller_pacing = e.value->>19, caps = e.value->>20
     FROM {each} WHERE campaigns.id = e.value->>0",
);
static BY_IDS: Sql =
    Sql::new(campaign_row!("FROM {each} JOIN campaigns c ON c.id = e.value->>0 ORDER BY c.id"));

const LOCK: &str = "UPDATE campaigns SET updated_at = updated_at WHERE id = $1";
const RESOLVE: &str = "SELECT id FROM (
         SELECT id, 0 AS place FROM campaigns WHERE id = $1 UNION ALL SELECT id, 1 FROM campaigns WHERE key = $2
     ) AS found ORDER BY place LIMIT 1";

// Per priority, so that each look is one step into the index, however much is planned.
const WITH_PLANNED: &str = campaign_row!(
    ", d.high, d.medium, d.low
     FROM (SELECT o.id,
             (SELECT min(a.due_at) FROM attempts a WHERE a.state = 'planned' AND a.campaign_id = o.id AND a.priority = 0) AS high,
             (SELECT min(a.due_at) FROM attempts a WHERE a.state = 'planned' AND a.campaign_id = o.id AND a.priority = 1) AS medium,
             (SELECT min(a.due_at) FROM attempts a WHERE a.state = 'planned' AND a.campaign_id = o.id AND a.priority = 2) AS low
           FROM campaigns o) AS d JOIN campaigns c ON c.id = d.id
     WHERE d.high <= $1 OR d.medium <= $1 OR d.low <= $1
     ORDER BY c.id"
);
const SET_STATUS: &str =
    "UPDATE campaigns SET status = $2, updated_at = $3 WHERE id = $1 AND (status <> 'ended' OR $2 = 'ended')";
const PAGE: &str = campaign_row!(
    "FROM campaigns c WHERE (c.created_at, c.id) < ($2, $3) AND ($1 IS NULL OR c.status = $1)
     ORDER BY c.created_at DESC, c.id DESC LIMIT $4"
);

/// Stores a new campaign. A known key is a constraint error.
pub async fn create(tx: &mut Tx, campaign: &Campaign) -> Result<(), StoreError> {
    let (sql, bulk) = (INSERT.on(tx.dialect()), super::bulk(&[CampaignWrite::of(campaign)?])?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// The campaign that a caller means by our id or by its key.
pub async fn resolve(tx: &mut Tx, text: &str) -> Result<Option<CampaignId>, StoreError> {
    let own = text.parse::<CampaignId>().map_or_else(|_| text.to_owned(), |id| id.to_string());
    let id: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(RESOLVE).bind(own).bind(text).fetch_optional(conn).await)?;
    id.map(|id| id.parse().map_err(|e| StoreError::bad_row("campaigns", "id", &id, e))).transpose()
}

/// The campaigns that exist among these, in id order.
pub async fn by_ids(tx: &mut Tx, ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, keys) = (BY_IDS.on(tx.dialect()), super::keys(ids));
    let rows: Vec<CampaignRow> = on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?;
    rows.into_iter().map(Campaign::try_from).collect()
}

/// A campaign with planned attempts, and since when the first of each priority is due, high to low.
#[derive(Debug, Clone)]
pub struct WithPlanned {
    pub campaign: Campaign,
    pub oldest: [Option<Instant>; 3],
}

#[derive(Debug, sqlx_macros::FromRow)]
struct WithPlannedRow {
    #[sqlx(flatten)]
    campaign: CampaignRow,
    high: Option<i64>,
    medium: Option<i64>,
    low: Option<i64>,
}

/// Campaigns with planned attempts due at `now`, in whatever status they are.
pub async fn with_planned(tx: &mut Tx, now: Instant) -> Result<Vec<WithPlanned>, StoreError> {
    let rows: Vec<WithPlannedRow> =
        on_db!(tx, |conn| sqlx::query_as(WITH_PLANNED).bind(micros(now)).fetch_all(conn).await)?;
    let read = |row: WithPlannedRow| {
        let oldest = [row.high, row.medium, row.low].map(|at| at.map(instant_from_micros));
        Ok(WithPlanned { campaign: row.campaign.try_into()?, oldest })
    };
    rows.into_iter().map(read).collect()
}

/// Changes a campaign by `change`, and answers it as it is then; `None` when there is none. The id, the status and the
/// creation time stay, whatever `change` does to them.
pub async fn update(
    tx: &mut Tx,
    id: CampaignId,
    now: Instant,
    change: impl FnOnce(&mut Campaign),
) -> Result<Option<Campaign>, StoreError> {
    // Two changes at once would otherwise both start from the same row, and one would be lost.
    on_db!(tx, |conn| sqlx::query(LOCK).bind(id.to_string()).execute(conn).await.map(|_| ()))?;
    let Some(before) = find(tx, id).await? else { return Ok(None) };
    let mut campaign = before.clone();
    change(&mut campaign);
    let after =
        Campaign { id, status: before.status, created_at: before.created_at, updated_at: now, ..campaign };
    let (sql, bulk) = (REPLACE.on(tx.dialect()), super::bulk(&[CampaignWrite::of(&after)?])?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(Some(after))
}

/// Sets the status; answers `false` when the campaign has ended, which is for good. A missing campaign is an error.
pub async fn set_status(
    tx: &mut Tx,
    id: CampaignId,
    status: CampaignStatus,
    now: Instant,
) -> Result<bool, StoreError> {
    let changed = on_db!(tx, |conn| sqlx::query(SET_STATUS)
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    if changed == 0 && find(tx, id).await?.is_none() {
        return Err(StoreError::Missing { what: "campaign", id: id.to_string() });
    }
    Ok(changed > 0)
}

/// Up to `limit` campaigns after `cursor`, newest first.
pub async fn page(
    tx: &mut Tx,
    status: Option<CampaignStatus>,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Campaign>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<CampaignRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(status.map(CampaignStatus::as_str))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, CampaignRow::position, Campaign::try_from))
}
