//! The rows of `products`, both ways.

use sqlx_macros::FromRow;

use crate::clock::{instant_from_micros, micros};
use crate::domain::product::Product;
use crate::store::bulk::bulk_row;
use crate::store::error::StoreError;
use crate::store::money::read_money;

macro_rules! product_row {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.external_id, p.name, p.category, p.currency, p.price_minor, p.stock, p.is_active, p.tags, p.attributes,
                    p.created_at, p.updated_at ",
            $rest
        )
    };
}
pub(super) use product_row;

#[derive(Debug, FromRow)]
pub(super) struct ProductRow {
    pub id: String,
    external_id: Option<String>,
    name: String,
    category: Option<String>,
    currency: String,
    price_minor: i64,
    stock: Option<i64>,
    is_active: i64,
    tags: String,
    attributes: String,
    created_at: i64,
    pub updated_at: i64,
}

bulk_row! {
    pub struct ProductWrite {
        id: String,
        external_id: Option<String>,
        name: String,
        category: Option<String>,
        currency: &'static str,
        price_minor: i64,
        stock: Option<i64>,
        is_active: i64,
        tags: String,
        attributes: String,
        created_at: i64,
        updated_at: i64,
    }
}

impl ProductWrite {
    pub fn of(product: &Product) -> Result<Self, StoreError> {
        let bad =
            |column, problem: serde_json::Error| StoreError::bad_row("products", column, product.id, problem);
        Ok(Self {
            id: product.id.to_string(),
            external_id: product.external_id.clone(),
            name: product.name.clone(),
            category: product.category.clone(),
            currency: product.price.currency().code(),
            price_minor: product.price.minor(),
            stock: product.stock,
            is_active: i64::from(product.is_active),
            tags: serde_json::to_string(&product.tags).map_err(|e| bad("tags", e))?,
            attributes: serde_json::to_string(&product.attributes).map_err(|e| bad("attributes", e))?,
            created_at: micros(product.created_at),
            updated_at: micros(product.updated_at),
        })
    }
}

impl TryFrom<ProductRow> for Product {
    type Error = StoreError;

    fn try_from(row: ProductRow) -> Result<Self, StoreError> {
        let bad = |column, problem: &dyn std::fmt::Display| {
            StoreError::bad_row("products", column, &row.id, problem)
        };
        Ok(Self {
            id: row.id.parse().map_err(|e| bad("id", &e))?,
            price: read_money(row.price_minor, &row.currency).map_err(|e| bad("price_minor", &e))?,
            stock: row.stock,
            is_active: row.is_active != 0,
            tags: serde_json::from_str(&row.tags).map_err(|e| bad("tags", &e))?,
            attributes: serde_json::from_str(&row.attributes).map_err(|e| bad("attributes", &e))?,
            created_at: instant_from_micros(row.created_at),
            updated_at: instant_from_micros(row.updated_at),
            external_id: row.external_id,
            name: row.name,
            category: row.category,
        })
    }
}
