//! Amounts in JSON: numbers that are read and printed digit by digit. The currency stands beside them and is not known here.

use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Currency, Money, MoneyError};

/// Digits a [`Decimal`] keeps without rounding.
const MOST_DIGITS: usize = 28;
const MOST_EXPONENT: i32 = 28;

/// A JSON number without a float in between. Texts of digits are read as well, since many systems send amounts so.
///
/// Only to and from JSON text: read bodies straight into structs and write structs straight to text. A `serde_json::Value` in
/// between keeps numbers as floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub Decimal);

impl Number {
    /// Exactly this amount of the currency; see [`Money::exactly`].
    pub fn of(self, currency: Currency) -> Result<Money, MoneyError> {
        Money::exactly(self.0, currency)
    }
}

/// The digits of a JSON number, `8.5e2` included; nothing is rounded.
pub(super) fn decimal(text: &str) -> Result<Decimal, MoneyError> {
    let wrong = || MoneyError::NotANumber(text.chars().take(40).collect());
    let (base, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let is_number = base.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && base.ends_with(|c: char| c.is_ascii_digit())
        && base.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.');
    if !is_number {
        return Err(wrong());
    }
    let digits = base.bytes().filter(u8::is_ascii_digit).count();
    let exponent: i32 = exponent.parse().map_err(|_| wrong())?;
    if digits > MOST_DIGITS || exponent.abs() > MOST_EXPONENT {
        return Err(MoneyError::TooLarge);
    }
    let base = Decimal::from_str_exact(base).map_err(|_| wrong())?;
    if base.is_zero() {
        return Ok(Decimal::ZERO);
    }
    let scale = i64::from(base.scale()) - i64::from(exponent);
    let (mantissa, scale) = if scale < 0 {
        let factor = 10_i128.checked_pow(u32::try_from(-scale).unwrap_or(u32::MAX));
        (factor.and_then(|factor| base.mantissa().checked_mul(factor)).ok_or(MoneyError::TooLarge)?, 0)
    } else {
        (base.mantissa(), scale)
    };
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).unwrap_or(u32::MAX))
        .map_err(|_| MoneyError::TooLarge)
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        decimal(text).map(Self).map_err(D::Error::custom)
    }
}
