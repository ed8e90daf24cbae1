//! Prices and stocks of the past: appended with every change of a product, read back newest first, and handed to triggers once.

use sqlx_macros::FromRow;

use crate::clock::{Instant, instant_from_micros, micros};
use crate::domain::product::{ChangeSource, PriceChange, Product, StockChange};
use crate::id::{IdSource, PriceChangeId, ProductId, StockChangeId};
use crate::store::bulk::bulk_row;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;
use crate::store::money::{read_money, read_some};
use crate::store::page::{Cursor, Page, before};

macro_rules! price_row {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.product_id, c.old_currency, c.old_minor, c.currency, c.new_minor, c.source, c.at ",
            $rest
        )
    };
}

macro_rules! stock_row {
    ($rest:literal) => {
        concat!("SELECT c.id, c.product_id, c.old_stock, c.new_stock, c.source, c.at ", $rest)
    };
}

const PRICES: &str = price_row!(
    "FROM price_changes c WHERE c.product_id = $1 AND (c.at, c.id) < ($2, $3) ORDER BY c.at DESC, c.id DESC LIMIT $4"
);
const STOCKS: &str = stock_row!(
    "FROM stock_changes c WHERE c.product_id = $1 AND (c.at, c.id) < ($2, $3) ORDER BY c.at DESC, c.id DESC LIMIT $4"
);
static NEW_PRICES: Sql =
    Sql::new(price_row!("FROM price_changes c WHERE c.handled_at IS NULL ORDER BY c.id LIMIT $1 {skip}"));
static NEW_STOCKS: Sql =
    Sql::new(stock_row!("FROM stock_changes c WHERE c.handled_at IS NULL ORDER BY c.id LIMIT $1 {skip}"));
static HANDLE_PRICES: Sql = Sql::new(
    "UPDATE price_changes SET handled_at = $2 WHERE handled_at IS NULL AND id IN (SELECT e.value->>0 FROM {each})",
);
static HANDLE_STOCKS: Sql = Sql::new(
    "UPDATE stock_changes SET handled_at = $2 WHERE handled_at IS NULL AND id IN (SELECT e.value->>0 FROM {each})",
);
static ADD_PRICES: Sql = Sql::new(
    "INSERT INTO price_changes (id, product_id, old_currency, old_minor, currency, new_minor, source, at, handled_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, CAST(e.value->>3 AS BIGINT), e.value->>4, CAST(e.value->>5 AS BIGINT),
            e.value->>6, CAST(e.value->>7 AS BIGINT), CAST(e.value->>8 AS BIGINT)
     FROM {each} WHERE true",
);
static ADD_STOCKS: Sql = Sql::new(
    "INSERT INTO stock_changes (id, product_id, old_stock, new_stock, source, at, handled_at)
     SELECT e.value->>0, e.value->>1, CAST(e.value->>2 AS BIGINT), CAST(e.value->>3 AS BIGINT), e.value->>4,
            CAST(e.value->>5 AS BIGINT), CAST(e.value->>6 AS BIGINT)
     FROM {each} WHERE true",
);

#[derive(Debug, FromRow)]
struct PriceRow {
    id: String,
    product_id: String,
    old_currency: Option<String>,
    old_minor: Option<i64>,
    currency: String,
    new_minor: i64,
    source: String,
    at: i64,
}

#[derive(Debug, FromRow)]
struct StockRow {
    id: String,
    product_id: String,
    old_stock: Option<i64>,
    new_stock: Option<i64>,
    source: String,
    at: i64,
}

bulk_row! {
    struct PriceWrite {
        id: String,
        product_id: String,
        old_currency: Option<&'static str>,
        old_minor: Option<i64>,
        currency: &'static str,
        new_minor: i64,
        source: &'static str,
        at: i64,
        handled_at: Option<i64>,
    }
}

bulk_row! {
    struct StockWrite {
        id: String,
        product_id: String,
        old_stock: Option<i64>,
        new_stock: Option<i64>,
        source: &'static str,
        at: i64,
        handled_at: Option<i64>,
    }
}

/// Prices of a product, the latest first.
pub async fn prices(
    tx: &mut Tx,
    product: ProductId,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<PriceChange>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<PriceRow> = on_db!(tx, |conn| sqlx::query_as(PRICES)
        .bind(product.to_string())
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.at, row.id.as_str()), PriceChange::try_from))
}

/// Stocks of a product, the latest first.
pub async fn stocks(
    tx: &mut Tx,
    product: ProductId,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<StockChange>, StoreError> {
    let (at, id) = before(cursor);
    let rows: Vec<StockRow> = on_db!(tx, |conn| sqlx::query_as(STOCKS)
        .bind(product.to_string())
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.at, row.id.as_str()), StockChange::try_from))
}

/// Price drops that no trigger has looked at, the oldest first; nobody else gets them while the transaction lasts.
pub async fn new_price_changes(tx: &mut Tx, limit: u32) -> Result<Vec<PriceChange>, StoreError> {
    let sql = NEW_PRICES.on(tx.dialect());
    let rows: Vec<PriceRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(i64::from(limit)).fetch_all(conn).await)?;
    rows.into_iter().map(PriceChange::try_from).collect()
}

/// Triggers have looked at these.
pub async fn handle_price_changes(
    tx: &mut Tx,
    ids: &[PriceChangeId],
    now: Instant,
) -> Result<(), StoreError> {
    handle(tx, &HANDLE_PRICES, crate::store::keys(ids), now).await
}

/// Products back in stock that no trigger has looked at; as [`new_price_changes`].
pub async fn new_stock_changes(tx: &mut Tx, limit: u32) -> Result<Vec<StockChange>, StoreError> {
    let sql = NEW_STOCKS.on(tx.dialect());
    let rows: Vec<StockRow> =
        on_db!(tx, |conn| sqlx::query_as(sql).bind(i64::from(limit)).fetch_all(conn).await)?;
    rows.into_iter().map(StockChange::try_from).collect()
}

/// Triggers have looked at these.
pub async fn handle_stock_changes(
    tx: &mut Tx,
    ids: &[StockChangeId],
    now: Instant,
) -> Result<(), StoreError> {
    handle(tx, &HANDLE_STOCKS, crate::store::keys(ids), now).await
}

async fn handle(tx: &mut Tx, statement: &Sql, keys: String, now: Instant) -> Result<(), StoreError> {
    let sql = statement.on(tx.dialect());
    on_db!(tx, |conn| sqlx::query(sql).bind(keys).bind(micros(now)).execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Lines of history that a set of changes makes.
pub(super) struct Changes<'a> {
    ids: &'a IdSource,
    source: ChangeSource,
    now: Instant,
    pub prices: Vec<PriceChange>,
    stocks: Vec<StockChange>,
}

impl<'a> Changes<'a> {
    pub const fn new(ids: &'a IdSource, source: ChangeSource, now: Instant) -> Self {
        Self { ids, source, now, prices: Vec::new(), stocks: Vec::new() }
    }

    /// A product was one way (`None`: not there) and is another now.
    pub fn note(&mut self, before: Option<&Product>, after: &Product) {
        let old = before.map(|product| product.price);
        if old != Some(after.price) {
            self.prices.push(PriceChange {
                id: self.ids.next(self.now),
                product_id: after.id,
                old,
                new: after.price,
                source: self.source,
                at: self.now,
            });
        }
        let old = before.and_then(|product| product.stock);
        if old != after.stock {
            self.stocks.push(StockChange {
                id: self.ids.next(self.now),
                product_id: after.id,
                old,
                new: after.stock,
                source: self.source,
                at: self.now,
            });
        }
    }

    /// Appends them. What no trigger could care for is written as looked at.
    pub async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        let handled = micros(self.now);
        let by_trigger = self.source == ChangeSource::Trigger;
        let prices: Vec<PriceWrite> = self
            .prices
            .iter()
            .map(|change| PriceWrite {
                id: change.id.to_string(),
                product_id: change.product_id.to_string(),
                old_currency: change.old.map(|old| old.currency().code()),
                old_minor: change.old.map(crate::money::Money::minor),
                currency: change.new.currency().code(),
                new_minor: change.new.minor(),
                source: change.source.as_str(),
                at: micros(change.at),
                handled_at: (by_trigger || !change.is_drop()).then_some(handled),
            })
            .collect();
        append(tx, &ADD_PRICES, &prices).await?;
        let stocks: Vec<StockWrite> = self
            .stocks
            .iter()
            .map(|change| StockWrite {
                id: change.id.to_string(),
                product_id: change.product_id.to_string(),
                old_stock: change.old,
                new_stock: change.new,
                source: change.source.as_str(),
                at: micros(change.at),
                handled_at: (by_trigger || !change.is_restock()).then_some(handled),
            })
            .collect();
        append(tx, &ADD_STOCKS, &stocks).await
    }
}

async fn append<T: serde::Serialize>(tx: &mut Tx, statement: &Sql, rows: &[T]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (sql, bulk) = (statement.on(tx.dialect()), crate::store::bulk(rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}

impl TryFrom<PriceRow> for PriceChange {
    type Error = StoreError;

    fn try_from(row: PriceRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("price_changes", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            product_id: row.product_id.parse().map_err(|e| bad("product_id", &e))?,
            old: read_some(row.old_minor, row.old_currency.as_deref()).map_err(|e| bad("old_minor", &e))?,
            new: read_money(row.new_minor, &row.currency).map_err(|e| bad("new_minor", &e))?,
            source: row.source.parse().map_err(|e| bad("source", &e))?,
            at: instant_from_micros(row.at),
        })
    }
}

impl TryFrom<StockRow> for StockChange {
    type Error = StoreError;

    fn try_from(row: StockRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("stock_changes", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            product_id: row.product_id.parse().map_err(|e| bad("product_id", &e))?,
            source: row.source.parse().map_err(|e| bad("source", &e))?,
            at: instant_from_micros(row.at),
            old: row.old_stock,
            new: row.new_stock,
        })
    }
}
