//! Percentages of money, kept in basis points: 12.5 % is 1,250. More than two digits after the point are refused.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::Number;
use super::json::decimal;

/// From 0 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

/// A number that is no percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a percentage; write 0 to 100 with at most two digits after the point")]
pub struct PercentError(pub String);

impl Percent {
    /// Basis points of the whole.
    pub const WHOLE: u16 = 10_000;
    pub const NONE: Self = Self(0);

    pub const fn of_basis_points(points: u16) -> Option<Self> {
        if points <= Self::WHOLE { Some(Self(points)) } else { None }
    }

    pub const fn basis_points(self) -> u16 {
        self.0
    }

    pub fn exactly(percent: Decimal) -> Result<Self, PercentError> {
        let wrong = || PercentError(percent.to_string());
        let points = percent.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(wrong)?.normalize();
        if !points.is_integer() {
            return Err(wrong());
        }
        u16::try_from(points).ok().and_then(Self::of_basis_points).ok_or_else(wrong)
    }

    /// The same as a JSON number: 15, 12.5.
    pub fn number(self) -> Number {
        Number(Decimal::new(i64::from(self.0), 2).normalize())
    }
}

/// `15`, `12.5`
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().0.fmt(f)
    }
}

/// Reads `15`, `12.5`, `15%`, `15 %`.
impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let digits = text.trim().trim_end_matches('%').trim_end();
        let percent = decimal(digits).map_err(|_| PercentError(text.chars().take(16).collect()))?;
        Self::exactly(percent)
    }
}
