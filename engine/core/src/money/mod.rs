//! Money: whole minor units (cents, paise, fils) of a currency, and the few sums the product does with it.
//!
//! No binary fraction touches an amount anywhere: texts and JSON numbers are read digit by digit, columns hold whole minor units,
//! and JSON numbers are printed from the digits. The one place that rounds is `round_half_up`: half a minor unit goes up, away
//! from zero, and it is reached only by taking a share of an amount, that is when a discount or a refund becomes something to pay.
//! Splitting never rounds: parts always sum to the whole.

mod currency;
mod json;
mod percent;
mod spoken;

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use currency::{Currency, UnknownCurrency};
pub use json::Number;
pub use percent::{Percent, PercentError};

/// The largest amount, in minor units: every reader of JSON keeps numbers of this size exactly, and sums of millions fit 64 bits.
const MOST_MINOR: i64 = 1_000_000_000_000_000;

/// An amount of a currency. Ordered only within one currency, so there is no `Ord`: see [`Money::checked_sub`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why a text, number or sum is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("`{0}` is not an amount; write digits and a point, for example 849.99")]
    NotANumber(String),
    #[error("{amount} is finer than {currency} has: at most {digits} digits after the point")]
    TooFine { amount: String, currency: Currency, digits: u8 },
    #[error("the amount is too large")]
    TooLarge,
    #[error("{0} and {1} are different currencies")]
    Currencies(Currency, Currency),
    #[error(transparent)]
    Unknown(#[from] UnknownCurrency),
}

impl Money {
    /// `minor` of the currency's smallest unit: 84,999 of USD is 849.99. Beyond ±10¹⁵ it is too large.
    pub const fn of_minor(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor.unsigned_abs() > MOST_MINOR.unsigned_abs() {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { minor, currency })
    }

    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Exactly this amount, or an error: nothing is rounded on the way in. Zeros at the end are no finer part.
    pub fn exactly(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let digits = currency.digits();
        let amount = amount.normalize();
        if amount.scale() > u32::from(digits) {
            return Err(MoneyError::TooFine { amount: amount.to_string(), currency, digits });
        }
        let minor = amount
            .checked_mul(Decimal::from(10_i64.pow(u32::from(digits))))
            .and_then(|minor| i64::try_from(minor).ok())
            .ok_or(MoneyError::TooLarge)?;
        Self::of_minor(minor, currency)
    }

    /// Reads `849.99`, `1,234.50`, `12,34,567.00`; the currency is known already.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Self::exactly(json::decimal(&ungrouped(text)?)?, currency)
    }

    pub const fn minor(self) -> i64 {
        self.minor
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }

    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// With as many digits after the point as the currency has: 150.00.
    pub fn amount(self) -> Decimal {
        Decimal::new(self.minor, u32::from(self.currency.digits()))
    }

    /// The amount as a JSON number, for bodies that leave the house.
    pub fn number(self) -> Number {
        Number(self.amount())
    }

    /// For people to read, with the currency's sign and its country's grouping: `$1,234.50`, `₹ 12,34,567.00`, `¥500`, `KWD 1.250`.
    pub fn written(self) -> String {
        spoken::written(self.amount(), self.currency)
    }

    /// The same for speech: `₹ 12,34,567`.
    pub fn spoken(self) -> String {
        spoken::spoken(self.amount(), self.currency)
    }

    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, self.minor.checked_add(other.minor))
    }

    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, self.minor.checked_sub(other.minor))
    }

    pub fn times(self, count: i64) -> Result<Self, MoneyError> {
        Self::of_minor(self.minor.checked_mul(count).ok_or(MoneyError::TooLarge)?, self.currency)
    }

    /// The smaller of two amounts of one currency.
    pub fn min(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, Some(self.minor.min(other.minor)))
    }

    /// `percent` of it, half a minor unit rounded up: never more than the whole.
    #[must_use]
    pub const fn share(self, percent: Percent) -> Self {
        let part = self.minor as i128 * percent.basis_points() as i128;
        // A share is at most the whole, which fits.
        Self { minor: round_half_up(part, Percent::WHOLE as i128) as i64, currency: self.currency }
    }

    /// In proportion to `weights`, so that the parts sum to the whole: what is left over goes, one minor unit each, to those
    /// who lost most by rounding down (largest remainder), the earlier first. Empty without any weight.
    pub fn split(self, weights: &[u32]) -> Vec<Self> {
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if total == 0 {
            return Vec::new();
        }
        let whole = i128::from(self.minor);
        let exact = |weight: &u32| whole * i128::from(*weight);
        let mut parts: Vec<i128> = weights.iter().map(|weight| exact(weight).div_euclid(total)).collect();
        let left = whole - parts.iter().sum::<i128>();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(exact(&weights[*at]).rem_euclid(total)));
        for at in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
            parts[at] += 1;
        }
        parts.into_iter().map(|minor| Self { minor: minor as i64, currency: self.currency }).collect()
    }

    fn with(self, other: Self, minor: Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies(self.currency, other.currency));
        }
        Self::of_minor(minor.ok_or(MoneyError::TooLarge)?, self.currency)
    }
}

/// The nearest whole number to `numerator / denominator`; a half goes away from zero. The only rounding of money.
const fn round_half_up(numerator: i128, denominator: i128) -> i128 {
    let half = denominator / 2;
    // With an odd denominator no half exists, and the cut-off of `half` is right as well.
    if numerator < 0 { (numerator - half) / denominator } else { (numerator + half) / denominator }
}

/// Without separators of thousands or lakhs, if they stand where such separators can stand.
fn ungrouped(text: &str) -> Result<String, MoneyError> {
    let text = text.trim();
    let whole = text.split('.').next().unwrap_or_default().trim_start_matches('-');
    let groups: Vec<&str> = whole.split(',').collect();
    let fits = match groups.as_slice() {
        [_] => true,
        [first, middle @ .., last] => {
            (1..=3).contains(&first.len())
                && last.len() == 3
                && middle.iter().all(|group| (2..=3).contains(&group.len()))
        }
        [] => false,
    };
    if fits {
        Ok(text.replace(',', ""))
    } else {
        Err(MoneyError::NotANumber(text.chars().take(40).collect()))
    }
}

/// `849.99 USD`
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, currency) = text
            .trim()
            .split_once(' ')
            .ok_or_else(|| MoneyError::NotANumber(text.chars().take(40).collect()))?;
        Self::parse(amount, currency.trim().parse()?)
    }
}

/// `{"amount": "849.99", "currency": "USD"}`: digits as text, so that nothing which carries JSON values makes a float of them.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut pair = serializer.serialize_struct("Money", 2)?;
        pair.serialize_field("amount", &self.amount().to_string())?;
        pair.serialize_field("currency", self.currency.code())?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            amount: String,
            currency: Currency,
        }
        let pair = Pair::deserialize(deserializer)?;
        Self::parse(&pair.amount, pair.currency).map_err(serde::de::Error::custom)
    }
}

pub(crate) use spoken::spoken as spoken_amount;

#[cfg(test)]
mod tests;
