//! Money in columns: whole minor units beside the code of their currency.

use crate::money::{Currency, Money, MoneyError};

pub(super) fn read_money(minor: i64, currency: &str) -> Result<Money, MoneyError> {
    Money::of_minor(minor, Currency::find(currency)?)
}

/// Two columns that are both there or both not.
pub(super) fn read_some(minor: Option<i64>, currency: Option<&str>) -> Result<Option<Money>, MoneyError> {
    minor.zip(currency).map(|(minor, currency)| read_money(minor, currency)).transpose()
}
