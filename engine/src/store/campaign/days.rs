//! Intents per campaign and day, and calls that people answered: limits cost a row a day, however many calls there were.

use std::collections::HashMap;

use chrono::NaiveDate;

use crate::id::CampaignId;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

static OF_DAYS: Sql = Sql::new(
    "SELECT d.campaign_id, d.intents FROM {each} JOIN campaign_days d ON d.campaign_id = e.value->>0 AND d.day = e.value->>1",
);
static USAGE: Sql = Sql::new(
    "SELECT e.value->>0,
            coalesce((SELECT d.intents FROM campaign_days d WHERE d.campaign_id = e.value->>0 AND d.day = e.value->>1), 0),
            CAST(coalesce((SELECT sum(w.answered) FROM campaign_answers w
                           WHERE w.campaign_id = e.value->>0 AND w.day >= e.value->>2), 0) AS BIGINT),
            CAST(coalesce((SELECT sum(w.abandoned) FROM campaign_answers w
                           WHERE w.campaign_id = e.value->>0 AND w.day >= e.value->>2), 0) AS BIGINT)
     FROM {each}",
);
static BUMP_ANSWERS: Sql = Sql::new(
    "INSERT INTO campaign_answers (campaign_id, day, answered, abandoned)
     SELECT e.value->>0, e.value->>1, CAST(e.value->>2 AS BIGINT), CAST(e.value->>3 AS BIGINT) FROM {each} WHERE true
     ORDER BY e.value->>0, e.value->>1
     ON CONFLICT (campaign_id, day) DO UPDATE SET
        answered = campaign_answers.answered + excluded.answered, abandoned = campaign_answers.abandoned + excluded.abandoned",
);
// In id order, so that two batches that bump several campaigns cannot wait for each other.
static BUMP: Sql = Sql::new(
    "INSERT INTO campaign_days (campaign_id, day, intents)
     SELECT e.value->>0, e.value->>1, sum(CAST(e.value->>2 AS BIGINT)) FROM {each} WHERE true
     GROUP BY e.value->>0, e.value->>1 ORDER BY e.value->>0, e.value->>1
     ON CONFLICT (campaign_id, day) DO UPDATE SET intents = campaign_days.intents + excluded.intents",
);

/// Intents so far of each campaign on the day given for it, in the campaign's own zone. Campaigns without any are left out.
pub async fn intents_today(
    tx: &mut Tx,
    days: &[(CampaignId, NaiveDate)],
) -> Result<Vec<(CampaignId, u32)>, StoreError> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, bulk) = (OF_DAYS.on(tx.dialect()), crate::store::bulk(days)?);
    let rows: Vec<(String, i64)> = on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|(id, intents)| {
            let id = id.parse().map_err(|e| StoreError::bad_row("campaign_days", "campaign_id", &id, e))?;
            Ok((id, u32::try_from(intents).unwrap_or(u32::MAX)))
        })
        .collect()
}

/// What a campaign has used up of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub intents_today: u32,
    /// Calls that people answered,
    pub answered: u32,
    /// and those of them whose transfer was not bridged in time.
    pub abandoned: u32,
}

/// What each campaign has used: intents of the first day given for it, in its own zone, and answered calls since the second, in
/// UTC.
pub async fn usage(
    tx: &mut Tx,
    days: &[(CampaignId, NaiveDate, NaiveDate)],
) -> Result<HashMap<CampaignId, Usage>, StoreError> {
    if days.is_empty() {
        return Ok(HashMap::new());
    }
    let (sql, bulk) = (USAGE.on(tx.dialect()), crate::store::bulk(days)?);
    let rows: Vec<(String, i64, i64, i64)> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
    let most = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    rows.into_iter()
        .map(|(id, intents, answered, abandoned)| {
            let id = id.parse().map_err(|e| StoreError::bad_row("campaign_days", "campaign_id", &id, e))?;
            let (answered, abandoned) = (most(answered), most(abandoned));
            Ok((id, Usage { intents_today: most(intents), answered, abandoned }))
        })
        .collect()
}

/// Adds answered and abandoned calls to campaigns' days (UTC), each day once.
pub async fn bump_answers(tx: &mut Tx, days: &[(CampaignId, NaiveDate, u32, u32)]) -> Result<(), StoreError> {
    if days.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (BUMP_ANSWERS.on(tx.dialect()), crate::store::bulk(days)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Adds intents to campaigns' days.
pub async fn bump_days(tx: &mut Tx, days: &[(CampaignId, NaiveDate, u32)]) -> Result<(), StoreError> {
    if days.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (BUMP.on(tx.dialect()), crate::store::bulk(days)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
