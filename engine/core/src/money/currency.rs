//! ISO 4217: codes of currencies in use and how many digits each has after the point. What they are worth is not known here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency by its ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    digits: u8,
}

/// A text that is no currency in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency; write an ISO 4217 code such as USD or INR")]
pub struct UnknownCurrency(pub String);

impl Currency {
    pub const USD: Self = Self { code: "USD", digits: 2 };
    pub const INR: Self = Self { code: "INR", digits: 2 };

    /// By its code, in capitals or not.
    pub fn find(code: &str) -> Result<Self, UnknownCurrency> {
        let unknown = || UnknownCurrency(code.chars().take(16).collect());
        let upper = code.trim().to_ascii_uppercase();
        let digits = |list: &[&'static str]| list.binary_search(&upper.as_str()).ok().map(|at| list[at]);
        let table: [(&[&'static str], u8); 4] = [(TWO, 2), (NONE, 0), (THREE, 3), (FOUR, 4)];
        table
            .into_iter()
            .find_map(|(list, count)| digits(list).map(|code| Self { code, digits: count }))
            .ok_or_else(unknown)
    }

    pub const fn code(self) -> &'static str {
        self.code
    }

    /// Digits after the point: 2 for most, 0 for JPY, 3 for KWD.
    pub const fn digits(self) -> u8 {
        self.digits
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        Self::find(code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::find(&code).map_err(serde::de::Error::custom)
    }
}

// ISO 4217 list one; funds, metals and test codes are left out. Each list is sorted.
const NONE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
const THREE: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
const FOUR: &[&str] = &["CLF", "UYW"];
const TWO: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD",
    "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP",
    "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP",
    "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR",
    "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN",
    "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP",
    "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD",
    "TZS", "UAH", "USD", "UYU", "UZS", "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_sorted_so_that_every_code_is_found() {
        for (list, digits) in [(NONE, 0), (TWO, 2), (THREE, 3), (FOUR, 4)] {
            for code in list {
                assert_eq!(Currency::find(code).map(Currency::digits), Ok(digits), "{code}");
            }
        }
    }

    #[test]
    fn codes_are_read_in_any_case_and_unknown_ones_are_named() {
        assert_eq!(Currency::find(" inr "), Ok(Currency::INR));
        assert_eq!(
            Currency::find("rupees").unwrap_err().to_string(),
            "`rupees` is not a currency; write an ISO 4217 code such as USD or INR"
        );
    }
}
