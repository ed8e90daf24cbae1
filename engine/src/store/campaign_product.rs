//! Which products a campaign is about.

use super::db::{Sql, Tx, on_db};
use super::error::StoreError;
use crate::id::{CampaignId, ProductId};

const OF: &str = "SELECT product_id FROM campaign_products WHERE campaign_id = $1 ORDER BY product_id";
const CLEAR: &str = "DELETE FROM campaign_products WHERE campaign_id = $1";
static ADD: Sql = Sql::new(
    "INSERT INTO campaign_products (campaign_id, product_id) SELECT $2, e.value->>0 FROM {each} WHERE true ON CONFLICT DO NOTHING",
);

/// The campaign's products, in id order.
pub async fn of(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<ProductId>, StoreError> {
    let rows: Vec<String> =
        on_db!(tx, |conn| sqlx::query_scalar(OF).bind(campaign.to_string()).fetch_all(conn).await)?;
    rows.into_iter()
        .map(|id| id.parse().map_err(|e| StoreError::bad_row("campaign_products", "product_id", &id, e)))
        .collect()
}

/// From now on the campaign is about these products. Unknown ones are a constraint error.
pub async fn replace(tx: &mut Tx, campaign: CampaignId, products: &[ProductId]) -> Result<(), StoreError> {
    on_db!(tx, |conn| sqlx::query(CLEAR).bind(campaign.to_string()).execute(conn).await.map(|_| ()))?;
    let (sql, keys) = (ADD.on(tx.dialect()), super::keys(products));
    on_db!(tx, |conn| sqlx::query(sql)
        .bind(keys)
        .bind(campaign.to_string())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}
