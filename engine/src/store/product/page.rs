//! Lists of products: filtered, searched, last changed first.

use super::rows::{ProductRow, product_row};
use crate::domain::product::Product;
use crate::store::db::{Tx, on_db};
use crate::store::error::StoreError;
use crate::store::page::{Cursor, Page, before, escaped};

/// Which products. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    pub category: Option<String>,
    pub is_active: Option<bool>,
    /// To be had now: active, and in stock if stock is counted.
    pub is_available: Option<bool>,
    pub tag: Option<String>,
    /// Part of the name, or the shop's own id.
    pub search: Option<String>,
}

const PAGE: &str = product_row!(
    "FROM products p
     WHERE (p.updated_at, p.id) < ($6, $7) AND ($1 IS NULL OR p.category = $1) AND ($2 IS NULL OR p.is_active = $2)
       AND ($3 IS NULL OR CASE WHEN p.is_active = 1 AND (p.stock IS NULL OR p.stock > 0) THEN 1 ELSE 0 END = $3)
       AND ($4 IS NULL OR p.tags LIKE $4 ESCAPE '!')
       AND ($5 IS NULL OR lower(p.name) LIKE $5 ESCAPE '!' OR p.external_id = $8)
     ORDER BY p.updated_at DESC, p.id DESC LIMIT $9"
);

/// Up to `limit` products after `cursor`, last changed first.
pub async fn page(
    tx: &mut Tx,
    filter: &ProductFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Product>, StoreError> {
    let (at, id) = before(cursor);
    let search = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
    // Tags are stored as a JSON array: the quotes are the tag's ends.
    let tag =
        filter.tag.as_deref().map(|tag| format!("%{}%", escaped(&serde_json::Value::from(tag).to_string())));
    let rows: Vec<ProductRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(filter.category.as_deref())
        .bind(filter.is_active.map(i64::from))
        .bind(filter.is_available.map(i64::from))
        .bind(tag)
        .bind(search.map(|text| format!("%{}%", escaped(&text.to_ascii_lowercase()))))
        .bind(at)
        .bind(id)
        .bind(search)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    Ok(Page::readable(rows, limit, |row| (row.updated_at, row.id.as_str()), Product::try_from))
}
