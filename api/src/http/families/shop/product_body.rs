//! A product as JSON, and the lines of its history.

use callwright_engine::domain::product::{PriceChange, Product, StockChange};
use callwright_engine::money::Number;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::amount::Amount;

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductBody {
    /// Our id (UUID).
    pub product_id: String,
    /// The shop's own id; accepted wherever a product id is.
    pub external_id: Option<String>,
    pub name: String,
    pub category: Option<String>,
    /// ISO 4217.
    pub currency: &'static str,
    #[schema(value_type = Amount)]
    pub price: Number,
    /// Pieces at hand; `null`: not counted.
    pub stock: Option<i64>,
    pub active: bool,
    /// Active, and in stock if stock is counted.
    pub available: bool,
    pub tags: Vec<String>,
    /// Your own fields.
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Shown, but not settable.
pub const SHOWN_ONLY: [&str; 4] = ["productId", "available", "createdAt", "updatedAt"];

impl From<Product> for ProductBody {
    fn from(product: Product) -> Self {
        Self {
            product_id: product.id.to_string(),
            currency: product.price.currency().code(),
            price: product.price.number(),
            stock: product.stock,
            active: product.is_active,
            available: product.is_available(),
            external_id: product.external_id,
            name: product.name,
            category: product.category,
            tags: product.tags,
            attributes: product.attributes.into_iter().collect(),
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

/// A price that a product had from then on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceBody {
    #[schema(value_type = Option<Amount>)]
    pub old_price: Option<Number>,
    #[schema(value_type = Amount)]
    pub new_price: Number,
    pub currency: &'static str,
    /// `api`, `import` or `trigger`.
    pub source: &'static str,
    pub at: DateTime<Utc>,
}

impl From<PriceChange> for PriceBody {
    fn from(change: PriceChange) -> Self {
        Self {
            old_price: change.old.map(callwright_engine::money::Money::number),
            new_price: change.new.number(),
            currency: change.new.currency().code(),
            source: change.source.as_str(),
            at: change.at,
        }
    }
}

/// A stock that a product had from then on; `null`: not counted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockBody {
    pub old_stock: Option<i64>,
    pub new_stock: Option<i64>,
    /// `api`, `import` or `trigger`.
    pub source: &'static str,
    pub at: DateTime<Utc>,
}

impl From<StockChange> for StockBody {
    fn from(change: StockChange) -> Self {
        Self { old_stock: change.old, new_stock: change.new, source: change.source.as_str(), at: change.at }
    }
}

/// What is said about a product: for a new one, or a change, in which absent fields stay and `null` empties one.
/// Documentation of the engine's `NewProduct`; a test holds the two together.
#[derive(Debug, ToSchema)]
#[schema(as = ProductInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "its schema is what it is for")]
pub struct ProductInputSchema {
    /// The shop's own id: the same one again is the same product.
    external_id: Option<String>,
    /// Required for a new product.
    name: Option<String>,
    category: Option<String>,
    /// ISO 4217; required for a new product, and changed only together with the price.
    currency: Option<String>,
    /// Required for a new product.
    #[schema(value_type = Option<Amount>)]
    price: Option<Number>,
    /// Pieces at hand; `null`: not counted.
    stock: Option<i64>,
    active: Option<bool>,
    tags: Option<Vec<String>>,
    /// Merged by key; `null` removes a key.
    #[schema(value_type = Option<Object>)]
    attributes: Option<Value>,
}

#[cfg(test)]
mod tests {
    use callwright_engine::domain::new_product::NewProduct;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_documented_fields_are_the_accepted_ones() {
        let schema = serde_json::to_value(ProductInputSchema::schema()).unwrap();
        let mut documented: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let error = serde_json::from_str::<NewProduct>(r#"{"nonsense": 1}"#).unwrap_err().to_string();
        let mut accepted: Vec<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        documented.sort();
        accepted.sort();
        assert_eq!(documented, accepted);
    }
}
