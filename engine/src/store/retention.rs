//! Forgetting what nobody needs any more, a bounded number of rows per transaction. What may go at all is decided here, how old
//! it must be by the caller.
//!
//! Never touched, whatever the ages: attempts, calls and their callbacks, consents, revocations, suppressions, and the events
//! and decisions that prove how a call came about. The American Telemarketing Sales Rule asks for these records for five years after the call
//! (16 CFR § 310.5(a) and (b), as amended in 2024), and frequency caps and consent gates read them.
//!
//! Two of these at once do no harm: the second finds the mark of the kind taken and leaves it at that.

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use super::id_before;
use crate::clock::{Instant, micros};
use crate::domain::text_enum::text_enum;

text_enum! {
    /// A kind of rows that age by the time in their id.
    pub enum Aging {
        /// Events that only tell how the machine went about its work.
        Events = "events",
        /// Decisions that put a call off or refused it.
        Decisions = "decisions",
        /// Variables of ended enrollments; the enrollment itself stays, as calls belong to it.
        EnrollmentDetails = "enrollments",
    }
}

/// A page of one kind that was gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub removed: u64,
    /// Another page may follow.
    pub has_more: bool,
}

// The events that are proof of nothing but our own book-keeping. A kind that is not listed is kept.
macro_rules! bookkeeping {
    () => {
        "('attempt.planned', 'enrollment.migrated', 'enrollment.paused', 'enrollment.resumed', 'lead.scored', 'lead.updated', \
          'message.queued', 'step.passed', 'step.skipped')"
    };
}

// Whoever is under way keeps all that explains where they are.
macro_rules! nobody_under_way {
    ($lead:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM enrollments n WHERE n.lead_id = ",
            $lead,
            " AND n.state <> 'ended')"
        )
    };
}

struct Statements {
    page_end: &'static str,
    sweep: &'static Sql,
}

static SWEEP_EVENTS: Sql = Sql::new(concat!(
    "WITH old AS MATERIALIZED (
         SELECT v.id FROM events v WHERE v.id > $1 AND v.id <= $2 AND v.kind IN ",
    bookkeeping!(),
    " AND (v.lead_id IS NULL OR ",
    nobody_under_way!("v.lead_id"),
    ") ORDER BY v.id {skip})
     DELETE FROM events WHERE id IN (SELECT id FROM old)"
));
static SWEEP_DECISIONS: Sql = Sql::new(concat!(
    "WITH old AS MATERIALIZED (
         SELECT d.id FROM decisions d WHERE d.id > $1 AND d.id <= $2 AND d.verdict <> 'proceed' AND ",
    nobody_under_way!("d.lead_id"),
    " ORDER BY d.id {skip})
     DELETE FROM decisions WHERE id IN (SELECT id FROM old)"
));
static SWEEP_DETAILS: Sql = Sql::new(
    "WITH old AS MATERIALIZED (
         SELECT n.id FROM enrollments n WHERE n.id > $1 AND n.id <= $2 AND n.state = 'ended' AND n.ended_at < $3
           AND n.variables <> '{}' ORDER BY n.id {skip})
     UPDATE enrollments SET variables = '{}' WHERE id IN (SELECT id FROM old)",
);

impl Aging {
    const fn statements(self) -> Statements {
        match self {
            Self::Events => Statements {
                page_end: "SELECT max(id) FROM (SELECT id FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS page",
                sweep: &SWEEP_EVENTS,
            },
            Self::Decisions => Statements {
                page_end: "SELECT max(id) FROM (SELECT id FROM decisions WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS page",
                sweep: &SWEEP_DECISIONS,
            },
            Self::EnrollmentDetails => Statements {
                page_end: "SELECT max(id) FROM (SELECT id FROM enrollments WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS page",
                sweep: &SWEEP_DETAILS,
            },
        }
    }
}

const BEGIN: &str =
    "INSERT INTO retention (name, cursor, began_at) VALUES ($1, '', $2) ON CONFLICT (name) DO NOTHING";
// What was spared on the last pass because somebody was under way may go now: passes begin anew.
const AGAIN: &str = "UPDATE retention SET cursor = '', began_at = $2 WHERE name = $1 AND began_at < $3";
static TAKE: Sql = Sql::new("SELECT cursor FROM retention WHERE name = $1 {skip}");
const ADVANCE: &str = "UPDATE retention SET cursor = $2 WHERE name = $1";

/// How long after its beginning a pass is followed by one from the start.
const PASS: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// Goes through the next `limit` rows of a kind made before `before`, and removes what may go.
pub async fn sweep(
    tx: &mut Tx,
    what: Aging,
    before: Instant,
    now: Instant,
    limit: u32,
) -> Result<Swept, StoreError> {
    let name = what.as_str();
    on_db!(tx, |conn| sqlx::query(BEGIN).bind(name).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    on_db!(tx, |conn| sqlx::query(AGAIN)
        .bind(name)
        .bind(micros(now))
        .bind(micros(now - PASS))
        .execute(conn)
        .await
        .map(|_| ()))?;
    let take = TAKE.on(tx.dialect());
    let cursor: Option<String> =
        on_db!(tx, |conn| sqlx::query_scalar(take).bind(name).fetch_optional(conn).await)?;
    let Some(cursor) = cursor else { return Ok(Swept::default()) };
    let Statements { page_end, sweep } = what.statements();
    let end: Option<String> = on_db!(tx, |conn| sqlx::query_scalar(page_end)
        .bind(&cursor)
        .bind(id_before(before))
        .bind(i64::from(limit))
        .fetch_one(conn)
        .await)?;
    let Some(end) = end else { return Ok(Swept::default()) };
    let sql = sweep.on(tx.dialect());
    let removed = match what {
        Aging::EnrollmentDetails => on_db!(tx, |conn| sqlx::query(sql)
            .bind(&cursor)
            .bind(&end)
            .bind(micros(before))
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?,
        Aging::Events | Aging::Decisions => on_db!(tx, |conn| sqlx::query(sql)
            .bind(&cursor)
            .bind(&end)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?,
    };
    on_db!(tx, |conn| sqlx::query(ADVANCE).bind(name).bind(&end).execute(conn).await.map(|_| ()))?;
    Ok(Swept { removed, has_more: true })
}

// A counter without an intent was made by a claim that is under way.
static SWEEP_COUNTERS: Sql = Sql::new(
    "WITH old AS MATERIALIZED (
         SELECT scope FROM pacing_counters WHERE last_intent < $1 ORDER BY scope LIMIT $2 {skip})
     DELETE FROM pacing_counters WHERE scope IN (SELECT scope FROM old)",
);
const SWEEP_DAYS: &str = "WITH old AS MATERIALIZED (
         SELECT campaign_id, day FROM campaign_days WHERE day < $1 ORDER BY campaign_id, day LIMIT $2)
     DELETE FROM campaign_days WHERE (campaign_id, day) IN (SELECT campaign_id, day FROM old)";
static SWEEP_IMPORTS: Sql = Sql::new(
    "WITH old AS MATERIALIZED (
         SELECT id FROM imports WHERE state <> 'running' AND updated_at < $1 ORDER BY id LIMIT $2 {skip})
     DELETE FROM imports WHERE id IN (SELECT id FROM old)",
);

/// Forgets at most `limit` counters of numbers and campaigns through which nobody was called since `before`.
pub async fn sweep_counters(tx: &mut Tx, before: Instant, limit: u32) -> Result<u64, StoreError> {
    let sql = SWEEP_COUNTERS.on(tx.dialect());
    bounded(tx, sql, micros(before), limit).await
}

/// Forgets at most `limit` daily counts of campaigns from before the day of `before`.
pub async fn sweep_days(tx: &mut Tx, before: Instant, limit: u32) -> Result<u64, StoreError> {
    let day = before.date_naive().to_string();
    Ok(on_db!(tx, |conn| sqlx::query(SWEEP_DAYS)
        .bind(day)
        .bind(i64::from(limit))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Forgets at most `limit` imports that were over before `before`, with what was wrong in their rows.
pub async fn sweep_imports(tx: &mut Tx, before: Instant, limit: u32) -> Result<u64, StoreError> {
    let sql = SWEEP_IMPORTS.on(tx.dialect());
    bounded(tx, sql, micros(before), limit).await
}

async fn bounded(tx: &mut Tx, sql: &'static str, before: i64, limit: u32) -> Result<u64, StoreError> {
    Ok(on_db!(tx, |conn| sqlx::query(sql)
        .bind(before)
        .bind(i64::from(limit))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
