//! What may have changed between the claim's commit and the question to the provider: pause, opt-out, suppression (I2).

use super::bulk::keys;
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, micros};
use crate::domain::attempt::AttemptState;
use crate::domain::campaign::CampaignStatus;
use crate::id::AttemptId;

// Whatever list of a registry has the number.
macro_rules! is_listed {
    () => {
        "EXISTS (SELECT 1 FROM registry_numbers r JOIN registry_lists g ON g.id = r.list AND g.in_force <= r.generation
                 WHERE r.number = CAST(substr(a.number, 2) AS BIGINT))"
    };
}

static CHANGED: Sql = Sql::new(concat!(
    "SELECT a.id, c.status, CASE WHEN l.do_not_call = 1 OR l.status = 'opted_out' THEN 1 ELSE 0 END,
            CASE WHEN s.number IS NOT NULL OR ",
    is_listed!(),
    " THEN 1 ELSE 0 END, a.state
     FROM {each}
     JOIN attempts a ON a.id = e.value->>0
     JOIN campaigns c ON c.id = a.campaign_id
     JOIN leads l ON l.id = a.lead_id
     LEFT JOIN suppressions s ON s.number = a.number AND (s.campaign_id = '' OR s.campaign_id = a.campaign_id)
                             AND (s.expires_at IS NULL OR s.expires_at > $2)
     WHERE c.status <> 'active' OR l.do_not_call = 1 OR l.status = 'opted_out' OR s.number IS NOT NULL OR a.state <> 'dialing'
        OR ",
    is_listed!()
));

/// What is on file about an attempt of which something has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    pub id: AttemptId,
    pub campaign: CampaignStatus,
    /// The lead's flag or status.
    pub opted_out: bool,
    /// For this campaign, or everywhere.
    pub suppressed: bool,
    pub state: AttemptState,
}

/// What is on file about those of these attempts that are not as their claim left them; an attempt may come more than once.
pub async fn changed(tx: &mut Tx, ids: &[AttemptId], now: Instant) -> Result<Vec<Changed>, StoreError> {
    let sql = CHANGED.on(tx.dialect());
    let keys = keys(ids);
    let rows: Vec<(String, String, i32, i32, String)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).bind(micros(now)).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, campaign, opted_out, suppressed, state)| {
            let bad = |column, problem: &dyn std::fmt::Display| {
                StoreError::bad_row("attempts", column, &id, problem)
            };
            Ok(Changed {
                id: id.parse().map_err(|e| bad("id", &e))?,
                campaign: campaign.parse().map_err(|e| bad("campaign status", &e))?,
                opted_out: opted_out != 0,
                suppressed: suppressed != 0,
                state: state.parse().map_err(|e| bad("state", &e))?,
            })
        })
        .collect()
}
