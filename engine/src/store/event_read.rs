//! Reading events back: a lead's timeline and lists. Appending is [`super::event`].

use sqlx::FromRow;

use super::db::{Tx, on_db};
use super::error::StoreError;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::event::Event;
use crate::id::{CampaignId, EnrollmentId, EventId, LeadId};

/// An event and when we heard of it.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub event: Event,
    pub recorded_at: Instant,
}

/// Which events. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// As stored: `CALL_ANSWERED`, `enrollment.started`.
    pub kind: Option<String>,
    pub lead_id: Option<LeadId>,
    pub enrollment_id: Option<EnrollmentId>,
    pub campaign_id: Option<CampaignId>,
    /// Happened at or after.
    pub from: Option<Instant>,
    /// Happened before.
    pub until: Option<Instant>,
}

#[derive(Debug, FromRow)]
struct EventRow {
    id: String,
    kind: String,
    lead_id: Option<String>,
    enrollment_id: Option<String>,
    attempt_id: Option<String>,
    campaign_id: Option<String>,
    at: i64,
    recorded_at: i64,
    version: Option<String>,
    data: String,
    dedupe: Option<String>,
}

macro_rules! event_row {
    ($rest:literal) => {
        concat!(
            "SELECT v.id, v.kind, v.lead_id, v.enrollment_id, v.attempt_id, v.campaign_id, v.at, v.recorded_at, v.version, v.data,
                    v.dedupe
             FROM events v ",
            $rest
        )
    };
}

const FIND: &str = event_row!("WHERE v.id = $1");
const TIMELINE: &str =
    event_row!("WHERE v.lead_id = $1 AND (v.at, v.id) < ($2, $3) ORDER BY v.at DESC, v.id DESC LIMIT $4");
const PAGE: &str = event_row!(
    "WHERE (v.at, v.id) < ($7, $8) AND ($1 IS NULL OR v.kind = $1) AND ($2 IS NULL OR v.lead_id = $2)
       AND ($3 IS NULL OR v.enrollment_id = $3) AND ($4 IS NULL OR v.campaign_id = $4)
       AND ($5 IS NULL OR v.at >= $5) AND ($6 IS NULL OR v.at < $6)
     ORDER BY v.at DESC, v.id DESC LIMIT $9"
);

pub async fn find(tx: &mut Tx, id: EventId) -> Result<Option<Recorded>, StoreError> {
    let row: Option<EventRow> =
        on_db!(tx, |conn| sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(conn).await)?;
    row.map(Recorded::try_from).transpose()
}

/// Up to `limit` events of a lead after `cursor`, in the order in which they happened, last first.
pub async fn timeline(
    tx: &mut Tx,
    lead: LeadId,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Recorded>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<EventRow> = on_db!(tx, |conn| sqlx::query_as(TIMELINE)
        .bind(lead.to_string())
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(paged(rows, limit))
}

/// Up to `limit` events after `cursor`, last first. Without a lead this reads many rows when the filter matches few.
pub async fn page(
    tx: &mut Tx,
    filter: &EventFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Recorded>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<EventRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(filter.kind.as_deref())
        .bind(filter.lead_id.map(|id| id.to_string()))
        .bind(filter.enrollment_id.map(|id| id.to_string()))
        .bind(filter.campaign_id.map(|id| id.to_string()))
        .bind(filter.from.map(micros))
        .bind(filter.until.map(micros))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(paged(rows, limit))
}

fn paged(rows: Vec<EventRow>, limit: u32) -> Page<Recorded> {
    Page::readable(rows, limit, |row| (row.at, row.id.as_str()), Recorded::try_from)
}

impl TryFrom<EventRow> for Recorded {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("events", column, id, problem);
        Ok(Self {
            recorded_at: instant_from_micros(row.recorded_at),
            event: Event {
                id: id.parse().map_err(|e| bad("id", &e))?,
                lead_id: parsed(row.lead_id.as_deref()).map_err(|e| bad("lead_id", &e))?,
                enrollment_id: parsed(row.enrollment_id.as_deref()).map_err(|e| bad("enrollment_id", &e))?,
                attempt_id: parsed(row.attempt_id.as_deref()).map_err(|e| bad("attempt_id", &e))?,
                campaign_id: parsed(row.campaign_id.as_deref()).map_err(|e| bad("campaign_id", &e))?,
                data: serde_json::from_str(&row.data).map_err(|e| bad("data", &e))?,
                at: instant_from_micros(row.at),
                kind: row.kind,
                version: row.version,
                dedupe: row.dedupe,
            },
        })
    }
}

fn parsed<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, T::Err> {
    text.map(str::parse).transpose()
}
