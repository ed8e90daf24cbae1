//! What may have changed between the claim's commit and the question to the provider: pause, opt-out, suppression (I2),
//! and a database marked as restored.

use super::bulk::keys;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};
use crate::id::AttemptId;

static BLOCKED: Sql = Sql::new(
    "SELECT a.id,
            CASE WHEN r.id IS NOT NULL THEN 'recovering'
                 WHEN c.status <> 'active' THEN 'campaign-paused'
                 WHEN l.do_not_call = 1 OR l.status = 'opted_out' THEN 'opted-out'
                 WHEN s.number IS NOT NULL THEN 'suppressed'
                 ELSE 'claim-lost' END
     FROM {each}
     JOIN attempts a ON a.id = e.value->>0
     JOIN campaigns c ON c.id = a.campaign_id
     JOIN leads l ON l.id = a.lead_id
     LEFT JOIN recovery r ON r.id = 1
     LEFT JOIN suppressions s ON s.number = a.number AND (s.campaign_id = '' OR s.campaign_id = a.campaign_id)
                             AND (s.expires_at IS NULL OR s.expires_at > $2)
     WHERE r.id IS NOT NULL OR c.status <> 'active' OR l.do_not_call = 1 OR l.status = 'opted_out' OR s.number IS NOT NULL OR a.state <> 'dialing'",
);

/// Attempts that must not be sent after all, with the reason.
pub async fn blocked(
    tx: &mut Tx,
    ids: &[AttemptId],
    now: Instant,
) -> Result<Vec<(AttemptId, String)>, StoreError> {
    let sql = BLOCKED.on(tx.dialect());
    let keys = keys(ids);
    let rows: Vec<(String, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).bind(micros(now)).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, reason)| {
            Ok((id.parse().map_err(|e| StoreError::bad_row("attempts", "id", &id, e))?, reason))
        })
        .collect()
}
