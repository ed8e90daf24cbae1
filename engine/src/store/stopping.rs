//! Whom a stop concerns beside the one who said it: others who are called at the same numbers, and calls under way to them.

use super::bulk::{bulk, keys};
use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::domain::attempt::AttemptState;
use crate::id::{AttemptId, LeadId};

static CALLED_AT: Sql =
    Sql::new("SELECT DISTINCT l.id FROM {each} JOIN leads l ON l.phone = e.value->>0 ORDER BY l.id");
// The list of states stands as in the partial index, word for word: SQLite uses the index only then.
static UNDER_WAY: Sql = Sql::new(
    "SELECT a.id, a.lead_id, a.state, a.provider_call_id FROM {each} JOIN attempts a ON a.number = e.value->>0
     WHERE a.state IN ('dialing', 'placed', 'unknown')
     UNION SELECT a.id, a.lead_id, a.state, a.provider_call_id FROM {each2} JOIN attempts a ON a.lead_id = e2.value->>0
     WHERE a.state IN ('dialing', 'placed', 'unknown')",
);
static ALSO_OUT: Sql = Sql::new(
    "SELECT DISTINCT p.number FROM {each} JOIN phones p ON p.number = e.value->>0 JOIN leads l ON l.id = p.lead_id
     WHERE l.id <> $2 AND (l.do_not_call = 1 OR l.status = 'opted_out')",
);

/// A call that is being asked for, goes on, or is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    pub id: AttemptId,
    pub lead_id: LeadId,
    pub state: AttemptState,
    /// What the provider calls it, once it has it.
    pub provider_call_id: Option<String>,
}

/// Leads whose calls go to one of these E.164 numbers.
pub async fn called_at(tx: &mut Tx, numbers: &[&str]) -> Result<Vec<LeadId>, StoreError> {
    let (sql, numbers) = (CALLED_AT.on(tx.dialect()), each(numbers)?);
    let ids: Vec<String> = on_db!(tx, |conn| sqlx::query_scalar(sql).bind(numbers).fetch_all(conn).await)?;
    ids.iter().map(|id| id.parse().map_err(|e| StoreError::bad_row("leads", "id", id, e))).collect()
}

/// Calls under way to these E.164 numbers, and to these leads wherever they were called.
pub async fn under_way(tx: &mut Tx, numbers: &[&str], leads: &[LeadId]) -> Result<Vec<UnderWay>, StoreError> {
    let (sql, numbers, leads) = (UNDER_WAY.on(tx.dialect()), each(numbers)?, keys(leads));
    let rows: Vec<(String, String, String, Option<String>)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(numbers).bind(leads).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, lead_id, state, provider_call_id)| {
            let bad = |column, problem: &dyn std::fmt::Display| {
                StoreError::bad_row("attempts", column, &id, problem)
            };
            Ok(UnderWay {
                id: id.parse().map_err(|e| bad("id", &e))?,
                lead_id: lead_id.parse().map_err(|e| bad("lead_id", &e))?,
                state: state.parse().map_err(|e| bad("state", &e))?,
                provider_call_id,
            })
        })
        .collect()
}

/// Those of these E.164 numbers at which somebody other than `lead` has said stop.
pub async fn also_out(tx: &mut Tx, numbers: &[&str], lead: LeadId) -> Result<Vec<String>, StoreError> {
    let (sql, numbers) = (ALSO_OUT.on(tx.dialect()), each(numbers)?);
    Ok(on_db!(tx, |conn| sqlx::query_scalar(sql).bind(numbers).bind(lead.to_string()).fetch_all(conn).await)?)
}

fn each(numbers: &[&str]) -> Result<String, StoreError> {
    bulk(&numbers.iter().map(|number| [*number]).collect::<Vec<_>>())
}
