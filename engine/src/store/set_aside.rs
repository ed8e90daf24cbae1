//! Taking rows that cannot be read out of the way of the others: whoever is found by them is held for people to look at.

use super::db::{Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};

/// An enrollment that was set aside. Texts as stored: they may be what cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct SetAside {
    pub id: String,
    pub lead_id: String,
    pub campaign_id: String,
}

macro_rules! set_aside {
    ($which:literal) => {
        concat!(
            "UPDATE enrollments SET state = 'held', hold = 'quarantined', due_at = NULL, wait_event = NULL
             WHERE state IN ('waiting', 'open') AND ",
            $which,
            " RETURNING id, lead_id, campaign_id"
        )
    };
}

const ENROLLMENT: &str = set_aside!("id = $1");
const LEAD: &str = set_aside!("lead_id = $1");
const CONSENT: &str = set_aside!("lead_id IN (SELECT c.lead_id FROM consents c WHERE c.id = $1)");
const SUPPRESSION: &str = set_aside!(
    "lead_id IN (SELECT l.id FROM suppressions s JOIN leads l ON l.phone = s.number WHERE s.id = $1)"
);
// What counts in caps is read by lead, and an intent of theirs that cannot be read is told by the lead's id.
const ATTEMPT: &str =
    set_aside!("(lead_id = $1 OR id IN (SELECT a.enrollment_id FROM attempts a WHERE a.id = $1))");

const TAKE_BACK: &str = "UPDATE attempts SET state = 'cancelled', detail = $2, finished_at = $3 WHERE enrollment_id = $1 AND state = 'planned'";

/// Holds every enrollment that row `id` of `table` keeps from being read, and takes back its planned attempt. None for a table
/// that is nobody's in particular.
pub async fn by_row(
    tx: &mut Tx,
    table: &str,
    id: &str,
    problem: &str,
    now: Instant,
) -> Result<Vec<SetAside>, StoreError> {
    let sql = match table {
        "enrollments" => ENROLLMENT,
        "leads" | "phones" => LEAD,
        "consents" => CONSENT,
        "suppressions" => SUPPRESSION,
        "attempts" => ATTEMPT,
        _ => return Ok(Vec::new()),
    };
    let held: Vec<SetAside> = on_db!(tx, |conn| sqlx::query_as(sql).bind(id).fetch_all(conn).await)?;
    for each in &held {
        on_db!(tx, |conn| sqlx::query(TAKE_BACK)
            .bind(&each.id)
            .bind(problem)
            .bind(micros(now))
            .execute(conn)
            .await
            .map(|_| ()))?;
    }
    Ok(held)
}

const PUT_OFF_ENROLLMENTS: &str =
    "UPDATE enrollments SET due_at = $2 WHERE state = 'waiting' AND due_at <= $3 AND campaign_id = $1";
const PUT_OFF_ATTEMPTS: &str =
    "UPDATE attempts SET due_at = $2 WHERE state = 'planned' AND due_at <= $3 AND campaign_id = $1";

/// Puts off everything of a campaign that is due at `now`; answers how many rows.
pub async fn put_off_campaign(
    tx: &mut Tx,
    id: &str,
    until: Instant,
    now: Instant,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for sql in [PUT_OFF_ENROLLMENTS, PUT_OFF_ATTEMPTS] {
        count += on_db!(tx, |conn| sqlx::query(sql)
            .bind(id)
            .bind(micros(until))
            .bind(micros(now))
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
    }
    Ok(count)
}
