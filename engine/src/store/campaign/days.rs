//! Intents per campaign and day: the daily limit costs one row, however many calls there were.

use chrono::NaiveDate;

use crate::id::CampaignId;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

static OF_DAYS: Sql = Sql::new(
    "SELECT d.campaign_id, d.intents FROM {each} JOIN campaign_days d ON d.campaign_id = e.value->>0 AND d.day = e.value->>1",
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

/// Adds intents to campaigns' days.
pub async fn bump_days(tx: &mut Tx, days: &[(CampaignId, NaiveDate, u32)]) -> Result<(), StoreError> {
    if days.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (BUMP.on(tx.dialect()), crate::store::bulk(days)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
