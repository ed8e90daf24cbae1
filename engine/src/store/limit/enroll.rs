//! The limit of enrolling: `INSERT … SELECT` straight from the leads, with one event each, in batches of the same size.

use crate::clock::{Instant, micros};
use crate::id::{CampaignId, LeadId};
use crate::store::db::{Db, Tx, on_db};
use crate::store::error::StoreError;

const ENROLL: &str =
    "INSERT INTO enrollments (id, lead_id, campaign_id, cadence, entry_key, version, state, step, visit, attempt, due_since,
                              promised, due_at, priority, variables, placed, started_at)
     SELECT '01900000-0000-7000-8002-' || substr(l.id, 25), l.id, $1, $2, '', $3, 'waiting', $4, 1, 1, $5, 0, $5, 1, '{}', 0, $5
     FROM leads l WHERE l.id > $6 ORDER BY l.id LIMIT $7";
const EVENTS: &str =
    "INSERT INTO events (id, kind, lead_id, enrollment_id, campaign_id, at, recorded_at, version, data)
     SELECT '01900000-0000-7000-8003-' || substr(l.id, 25), 'enrollment.started', l.id,
            '01900000-0000-7000-8002-' || substr(l.id, 25), $1, $3, $3, $2,
            '{\"cadenceId\":\"bench\",\"dueAt\":\"2026-03-02T17:00:00Z\",\"entryKey\":\"\"}'
     FROM leads l WHERE l.id > $4 ORDER BY l.id LIMIT $5";
const LAST: &str = "SELECT max(id) FROM (SELECT id FROM leads WHERE id > $1 ORDER BY id LIMIT $2) AS batch";

/// In what everybody is enrolled.
#[derive(Debug, Clone)]
pub struct Enrolling<'a> {
    pub campaign: CampaignId,
    pub cadence: &'a str,
    pub version: &'a str,
    pub step: &'a str,
    pub at: Instant,
}

/// Enrolls every lead behind `after`, `batch` per transaction.
pub async fn all(db: &Db, into: &Enrolling<'_>, after: LeadId, batch: u32) -> Result<(), StoreError> {
    let mut after = after.to_string();
    loop {
        let mut tx = db.begin().await?;
        let last: Option<String> = on_db!(&mut tx, |conn| sqlx::query_scalar(LAST)
            .bind(&after)
            .bind(i64::from(batch))
            .fetch_one(conn)
            .await)?;
        let Some(last) = last else { return tx.rollback().await };
        write(&mut tx, into, &after, batch).await?;
        tx.commit().await?;
        after = last;
    }
}

async fn write(tx: &mut Tx, into: &Enrolling<'_>, after: &str, batch: u32) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(ENROLL)
        .bind(into.campaign.to_string())
        .bind(into.cadence)
        .bind(into.version)
        .bind(into.step)
        .bind(micros(into.at))
        .bind(after)
        .bind(i64::from(batch))
        .execute(conn)
        .await
        .map(|_| ()))?;
    on_db!(tx, |conn| sqlx::query(EVENTS)
        .bind(into.campaign.to_string())
        .bind(into.version)
        .bind(micros(into.at))
        .bind(after)
        .bind(i64::from(batch))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
