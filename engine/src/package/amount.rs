//! An amount of money as a JSON number: the decimal's own digits, `150.00`, never what a float makes of them.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A decimal that travels as a JSON number with all its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(Decimal);

impl Amount {
    /// `places` digits stand behind the point, as the currency is written.
    pub fn new(value: Decimal, places: u32) -> Self {
        let mut value = value.round_dp(places);
        value.rescale(places);
        Self(value)
    }

    /// From minor units: 14999 with two places is `149.99`.
    pub fn of_minor(minor: i64, places: u32) -> Self {
        Self(Decimal::new(minor, places))
    }

    /// Reads what a variable holds: a number, or a text such as `"150.00"`.
    pub fn of_variable(value: &serde_json::Value, places: u32) -> Option<Self> {
        let text = match value {
            serde_json::Value::String(text) => text.trim().to_owned(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Decimal::from_str(&text).ok().map(|value| Self::new(value, places))
    }

    pub const fn value(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        digits.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = <Box<RawValue>>::deserialize(deserializer)?;
        Decimal::from_str(digits.get().trim_matches('"')).map(Self).map_err(D::Error::custom)
    }
}

impl schemars::JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "description": "An amount of money, in units of its currency" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_kept_in_both_directions() {
        let amounts = [Amount::of_minor(15_000, 2), Amount::of_minor(84_999, 2), Amount::of_minor(1_200, 0)];
        let text = serde_json::to_string(&amounts).unwrap();
        assert_eq!(text, "[150.00,849.99,1200]");
        let back: Vec<Amount> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, amounts);
    }

    #[test]
    fn variables_may_be_numbers_or_texts() {
        let read = |value| Amount::of_variable(&value, 2).map(|amount| amount.to_string());
        assert_eq!(read(serde_json::json!("150")), Some("150.00".to_owned()));
        assert_eq!(read(serde_json::json!(849.99)), Some("849.99".to_owned()));
        assert_eq!(read(serde_json::json!(null)), None);
    }
}
