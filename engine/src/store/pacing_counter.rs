//! Counters of whatever has limits of pacing: campaigns, caller numbers, providers (ENG-6). Holding the row is what keeps two
//! workers from using up the same allowance.

use chrono::NaiveDate;

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::clock::{Instant, instant_from_micros, micros};
use crate::id::CampaignId;

/// Whose limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Campaign(CampaignId),
    /// A caller number in E.164, whichever campaign shows it.
    Caller(String),
    Provider(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Campaign(id) => write!(f, "campaign/{id}"),
            Self::Caller(number) => write!(f, "caller/{number}"),
            Self::Provider(name) => write!(f, "provider/{name}"),
        }
    }
}

/// What was counted for one scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// On the day asked for.
    pub intents_today: u32,
    pub last_intent: Option<Instant>,
}

static ADD: Sql = Sql::new(
    "INSERT INTO pacing_counters (scope, day, intents) SELECT e.value->>0, '', 0 FROM {each} WHERE true ORDER BY e.value->>0
     ON CONFLICT (scope) DO NOTHING",
);
// In one order, so that two claims cannot wait for each other.
static LOCK: Sql = Sql::new(
    "SELECT n.scope, n.day, n.intents, n.last_intent FROM {each} JOIN pacing_counters n ON n.scope = e.value->>0
     ORDER BY n.scope {lock_n}",
);
static BUMP: Sql = Sql::new(
    "UPDATE pacing_counters SET
        intents = CASE WHEN day = $2 THEN intents ELSE 0 END + CAST(e.value->>1 AS BIGINT), day = $2, last_intent = $3
     FROM {each} WHERE pacing_counters.scope = e.value->>0",
);

/// Locks these scopes until the transaction ends and answers what was counted for each, in their order. Read what the limits
/// are compared with only afterwards.
pub async fn lock(tx: &mut Tx, scopes: &[Scope], day: NaiveDate) -> Result<Vec<Counted>, StoreError> {
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = locked(tx, scopes).await?;
    if rows.len() < scopes.len() {
        let (sql, keys) = (ADD.on(tx.dialect()), super::keys(scopes));
        on_db!(tx, |conn| sqlx::query(sql).bind(keys).execute(conn).await.map(|_| ()))?;
        rows = locked(tx, scopes).await?;
    }
    let day = day.to_string();
    let counted = |scope: &Scope| {
        let name = scope.to_string();
        let row = rows.iter().find(|(known, ..)| *known == name);
        row.map_or(Counted::default(), |(_, on, intents, last)| Counted {
            intents_today: if *on == day { u32::try_from(*intents).unwrap_or(u32::MAX) } else { 0 },
            last_intent: last.map(instant_from_micros),
        })
    };
    Ok(scopes.iter().map(counted).collect())
}

async fn locked(
    tx: &mut Tx,
    scopes: &[Scope],
) -> Result<Vec<(String, String, i64, Option<i64>)>, StoreError> {
    let (sql, keys) = (LOCK.on(tx.dialect()), super::keys(scopes));
    Ok(on_db!(tx, |conn| sqlx::query_as(sql).bind(keys).fetch_all(conn).await)?)
}

/// Counts intents of `now` for scopes that this transaction has locked.
pub async fn bump(
    tx: &mut Tx,
    counts: &[(Scope, u32)],
    day: NaiveDate,
    now: Instant,
) -> Result<(), StoreError> {
    if counts.is_empty() {
        return Ok(());
    }
    let rows: Vec<(String, u32)> = counts.iter().map(|(scope, count)| (scope.to_string(), *count)).collect();
    let (sql, bulk) = (BUMP.on(tx.dialect()), super::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql)
        .bind(bulk)
        .bind(day.to_string())
        .bind(micros(now))
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
