//! Reading events back: a lead's timeline and lists. Appending is [`super::event`].

use chrono::TimeDelta;
use sqlx_macros::FromRow;
use uuid::Uuid;

use super::db::{Tx, on_db};
use super::error::StoreError;
use super::page::{Cursor, Page, before};
use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::event::Event;
use crate::id::{CampaignId, EnrollmentId, EventId, LeadId};

/// How far ahead the clock of whoever reported an event may be.
const SENDERS_CLOCKS: TimeDelta = TimeDelta::days(1);

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
    ($rest:expr) => {
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
macro_rules! page_text {
    ($lead:literal, $rows:literal) => {
        event_row!(concat!(
            "WHERE ", $lead, " AND ($1 IS NULL OR v.kind = $1) AND ($3 IS NULL OR v.enrollment_id = $3)
               AND ($4 IS NULL OR v.campaign_id = $4) AND ($5 IS NULL OR v.at >= $5) AND ($6 IS NULL OR v.at < $6) AND ", $rows
        ))
    };
}

// One index each: of the lead's events, and of all by id, which is the order of writing.
const OF_LEAD: &str =
    page_text!("v.lead_id = $2", "(v.at, v.id) < ($7, $8) ORDER BY v.at DESC, v.id DESC LIMIT $9");
const ALL: &str =
    page_text!("($2 IS NULL OR v.lead_id = $2)", "v.id >= $7 AND v.id < $8 ORDER BY v.id DESC LIMIT $9");

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

/// Up to `limit` events after `cursor`: of a lead in the order in which they happened, of all in the order in which they were
/// written, last first. Without a lead this reads many rows when the filter matches few.
pub async fn page(
    tx: &mut Tx,
    filter: &EventFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Recorded>, StoreError> {
    let (at, id) = before(cursor);
    let kind = filter.kind.as_deref();
    let [lead, enrollment, campaign] = [
        filter.lead_id.map(|id| id.to_string()),
        filter.enrollment_id.map(|id| id.to_string()),
        filter.campaign_id.map(|id| id.to_string()),
    ];
    let (from, until) = (filter.from.map(micros), filter.until.map(micros));
    let most = i64::from(limit) + 1;
    macro_rules! rows {
        ($text:expr, $after:expr, $before:expr) => {
            on_db!(tx, |conn| sqlx::query_as($text)
                .bind(kind)
                .bind(lead)
                .bind(enrollment)
                .bind(campaign)
                .bind(from)
                .bind(until)
                .bind($after)
                .bind($before)
                .bind(most)
                .fetch_all(conn)
                .await)?
        };
    }
    let rows: Vec<EventRow> = if filter.lead_id.is_some() {
        rows!(OF_LEAD, at, id)
    } else {
        let newest = cursor.map_or(Uuid::max(), |cursor| cursor.id).to_string();
        rows!(ALL, oldest_id(filter.from), newest)
    };
    Ok(paged(rows, limit))
}

/// No event that happened at `from` or later has a smaller id: ids begin with when they were written, and what is written has
/// happened, give or take a sender's clock.
fn oldest_id(from: Option<Instant>) -> String {
    let millis = from.map_or(0, |from| (from - SENDERS_CLOCKS).timestamp_millis());
    Uuid::from_u128(u128::from(u64::try_from(millis).unwrap_or(0)) << 80).to_string()
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::store::{Db, Durability};

    #[rstest]
    #[case::of_a_lead(OF_LEAD, "SEARCH v USING INDEX events_lead (lead_id=? AND at<?)")]
    #[case::timeline(TIMELINE, "SEARCH v USING INDEX events_lead (lead_id=? AND at<?)")]
    #[case::all(ALL, "SEARCH v USING INDEX sqlite_autoindex_events_1 (id>? AND id<?)")]
    #[tokio::test]
    async fn no_list_reads_the_whole_table(#[case] text: &'static str, #[case] expected: &str) {
        let db = Db::connect("sqlite::memory:", Durability::Off).await.unwrap();
        db.migrate().await.unwrap();
        let Db::Sqlite { write, .. } = &db else { unreachable!() };
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(write).await.unwrap();
        let plan = rows.into_iter().map(|(.., detail)| detail).collect::<Vec<_>>().join("\n");
        assert!(plan.contains(expected), "{plan}");
    }

    #[test]
    fn what_happened_since_has_no_smaller_id() {
        let at = instant_from_micros(1_783_000_000_123_456);
        let ids = crate::id::IdSource::seeded(1);
        let oldest = oldest_id(Some(at));
        for (written, is_in) in
            [(TimeDelta::zero(), true), (TimeDelta::hours(-23), true), (TimeDelta::hours(-25), false)]
        {
            let id: EventId = ids.next(at + written);
            assert_eq!(id.to_string() >= oldest, is_in, "{written}");
        }
        assert_eq!(oldest_id(None), Uuid::nil().to_string());
    }
}
