//! Amounts in bodies: JSON numbers that are carried as text from the wire to whole minor units, and back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::error::{Answer, ApiError, FieldProblem};
use super::extract::parse_text;

/// How an amount, or a percentage, is described: a number.
#[derive(Debug)]
pub struct Amount;

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .description(Some(
                "Exact decimal; never rounded on the way in. A text of digits is read as well.",
            ))
            .build()
            .into()
    }
}

impl ToSchema for Amount {}

/// A JSON object whose values are still text, so that amounts keep their digits.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct RawObject(BTreeMap<String, Box<RawValue>>);

impl RawObject {
    /// Reads it as a `T`. What is shown but cannot be set is left out, so that what was fetched can be sent back changed.
    pub fn read<T: DeserializeOwned>(mut self, shown_only: &[&str]) -> Answer<T> {
        self.0.retain(|field, _| !shown_only.contains(&field.as_str()));
        self.into_value().map_err(|problem| ApiError::invalid(vec![problem]))
    }

    pub fn into_value<T: DeserializeOwned>(self) -> Result<T, FieldProblem> {
        let text =
            serde_json::to_string(&self.0).map_err(|error| FieldProblem::new("", error.to_string()))?;
        parse_text(&text)
    }

    pub fn contains(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }
}

#[cfg(test)]
mod tests {
    use callwright_engine::domain::new_product::NewProduct;

    use super::*;
    use crate::http::extract::parse;

    #[test]
    fn digits_reach_the_engine_as_they_were_sent() {
        let raw: RawObject = parse(br#"{"productId": "x", "price": 9007199254740993.01}"#).unwrap();
        let product: NewProduct = raw.read(&["productId"]).unwrap();
        assert_eq!(product.price.unwrap().0.to_string(), "9007199254740993.01");
    }

    #[test]
    fn the_wrong_field_is_pointed_at() {
        let raw: RawObject = parse(br#"{"price": true}"#).unwrap();
        let error = raw.read::<NewProduct>(&[]).unwrap_err();
        assert!(error.message().starts_with("/price: "), "{}", error.message());
        let raw: RawObject = parse(br#"{"prize": 5}"#).unwrap();
        assert!(raw.read::<NewProduct>(&[]).unwrap_err().message().starts_with("/prize: "));
    }
}
