//! What people, files and shops say about a product: raw values in, a checked [`Product`] or every mistake at once out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::new_lead::{Errors, Field, FieldError, read};
use super::product::Product;
use crate::clock::Instant;
use crate::id::ProductId;
use crate::money::{Currency, Money, Number};

/// A product as somebody describes it, unchecked: a new one, an import row or a partial change. What is not mentioned stays as
/// it is, or gets its default in a new product.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewProduct {
    pub external_id: Field<String>,
    /// A new product needs one.
    pub name: Option<String>,
    pub category: Field<String>,
    /// ISO 4217; a new product needs one. Changed only together with the price.
    pub currency: Option<String>,
    /// A new product needs one.
    pub price: Option<Number>,
    /// Emptied: not counted.
    pub stock: Field<i64>,
    pub active: Option<bool>,
    pub tags: Option<Vec<String>>,
    /// Merged by key; `null` removes a key.
    pub attributes: BTreeMap<String, Value>,
}

/// A new product from what was said, or every mistake in it.
pub fn prepare(new: &NewProduct, id: ProductId, now: Instant) -> Result<Product, Vec<FieldError>> {
    let mut missing = Errors::default();
    for (field, is_given) in
        [("name", new.name.is_some()), ("price", new.price.is_some()), ("currency", new.currency.is_some())]
    {
        if !is_given {
            missing.add(field, "a new product needs it".to_owned());
        }
    }
    if !missing.0.is_empty() {
        return Err(missing.0);
    }
    let blank = Product {
        id,
        external_id: None,
        name: String::new(),
        category: None,
        price: Money::zero(Currency::USD),
        stock: None,
        is_active: true,
        tags: Vec::new(),
        attributes: BTreeMap::new(),
        created_at: now,
        updated_at: now,
    };
    new.apply(&blank, now)
}

impl NewProduct {
    /// The product after this change, or every mistake in it.
    pub fn apply(&self, before: &Product, now: Instant) -> Result<Product, Vec<FieldError>> {
        let mut product = before.clone();
        let mut errors = Errors::default();
        errors.field("externalId", &self.external_id, &mut product.external_id, read::line);
        errors.field("category", &self.category, &mut product.category, read::line);
        if let Some(name) = &self.name {
            errors.value("name", name_of(name), &mut product.name);
        }
        self.cost(&mut product, &mut errors);
        match self.stock {
            Field::Keep => {}
            Field::Clear => product.stock = None,
            Field::Set(stock) if stock < 0 => {
                errors.add("stock", "is a number of pieces; it cannot be negative".to_owned());
            }
            Field::Set(stock) => product.stock = Some(stock),
        }
        product.is_active = self.active.unwrap_or(product.is_active);
        if let Some(tags) = &self.tags {
            errors.value("tags", read::tags(tags), &mut product.tags);
        }
        for (key, value) in &self.attributes {
            if value.is_null() {
                product.attributes.remove(key);
            } else {
                product.attributes.insert(key.clone(), value.clone());
            }
        }
        if let Err(message) = read::custom(&product.attributes) {
            errors.add("attributes", message);
        }
        product.updated_at = now;
        if errors.0.is_empty() { Ok(product) } else { Err(errors.0) }
    }

    fn cost(&self, product: &mut Product, errors: &mut Errors) {
        let currency = match self.currency.as_deref().map(Currency::find).transpose() {
            Ok(currency) => currency.unwrap_or(product.price.currency()),
            Err(error) => return errors.add("currency", error.to_string()),
        };
        match self.price {
            Some(price) => errors.value("price", price_of(price, currency), &mut product.price),
            None if currency != product.price.currency() => {
                errors.add("price", format!("the price in {currency} is needed with the new currency"));
            }
            None => {}
        }
    }
}

fn name_of(text: &str) -> Result<String, String> {
    let name = read::line(text.trim())?.unwrap_or_default();
    if name.is_empty() { Err("a product needs a name".to_owned()) } else { Ok(name) }
}

/// An amount that somebody pays: exact in its currency, not negative.
pub(super) fn price_of(number: Number, currency: Currency) -> Result<Money, String> {
    let price = number.of(currency).map_err(|error| error.to_string())?;
    if price.is_negative() { Err("cannot be negative".to_owned()) } else { Ok(price) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant_from_micros;

    fn described(json: &str) -> NewProduct {
        serde_json::from_str(json).unwrap()
    }

    fn made(json: &str) -> Result<Product, Vec<FieldError>> {
        prepare(&described(json), uuid::Uuid::from_u128(1).into(), instant_from_micros(1))
    }

    fn fields(result: Result<Product, Vec<FieldError>>) -> Vec<String> {
        result.unwrap_err().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_new_product_needs_name_price_and_currency() {
        assert_eq!(fields(made("{}")), ["name", "price", "currency"]);
        let product = made(r#"{"name": "Lamp", "price": 849.99, "currency": "usd"}"#).unwrap();
        assert_eq!(product.price.to_string(), "849.99 USD");
        assert_eq!((product.stock, product.is_active), (None, true));
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let wrong =
            made(r#"{"name": " ", "price": 1.005, "currency": "USD", "stock": -1, "tags": ["a\nb"]}"#);
        assert_eq!(fields(wrong), ["name", "price", "stock", "tags"]);
    }

    #[test]
    fn a_partial_change_leaves_the_rest() {
        let before = made(r#"{"name": "Lamp", "price": 10, "currency": "USD", "stock": 3}"#).unwrap();
        let after =
            described(r#"{"price": 9.5, "stock": null}"#).apply(&before, instant_from_micros(2)).unwrap();
        assert_eq!((after.name.as_str(), after.price.minor(), after.stock), ("Lamp", 950, None));
    }

    #[test]
    fn another_currency_needs_another_price() {
        let before = made(r#"{"name": "Lamp", "price": 10, "currency": "USD"}"#).unwrap();
        let changed = described(r#"{"currency": "INR"}"#).apply(&before, instant_from_micros(2));
        assert_eq!(fields(changed), ["price"]);
    }
}
