//! The phone number: read from what people type, valid for its country, stored as E.164 and never shown in full.
//!
//! Validity follows libphonenumber's metadata (the `rlibphonenumber` port) plus the customer's own refusals.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumberType, Region, ValidationError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reason::{PhoneError, PhoneReason};

/// A number in E.164 form. Eight bytes and `Copy`; ordered and hashed by its digits.
///
/// `Display` and `Debug` hide all but the country code and the last three digits; serde and [`PhoneNumber::e164`] give
/// the whole number, for storage and for the provider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(u64); // E.164 has at most 15 digits and never starts with 0

/// What kind of line a number is, as far as the numbering plan tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineType {
    Mobile,
    Landline,
    Voip,
    TollFree,
    /// The plan does not tell, as everywhere in North America.
    Unknown,
}

impl PhoneNumber {
    /// Reads a number that is to be called.
    ///
    /// `default_region` (ISO 3166 two letters) is assumed for numbers without a country code; without one, ten digits
    /// and eleven digits starting with 1 are North American.
    pub fn parse(text: &str, default_region: Option<&str>) -> Result<PhoneNumber, PhoneError> {
        let text = text.trim();
        let region = region_code(default_region)?;
        let shape = Shape::of(text)?;
        if let Some(area) = shape.north_american_area(region)
            && matches!(area, "555" | "911" | "000" | "111")
        {
            return Err(PhoneReason::BlockedAreaCode.into());
        }
        let region = region.or_else(|| shape.looks_north_american().then_some(Region::US));
        let parsed = PHONE_NUMBER_UTIL.parse(text, region).map_err(|error| parse_reason(&error))?;
        if let Err(error) = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed) {
            return Err(length_reason(error).into());
        }
        if !PHONE_NUMBER_UTIL.is_valid_number(&parsed) {
            return Err(PhoneReason::InvalidForRegion.into());
        }
        match PHONE_NUMBER_UTIL.get_number_type(&parsed) {
            PhoneNumberType::PremiumRate => return Err(PhoneReason::PremiumRate.into()),
            PhoneNumberType::SharedCost
            | PhoneNumberType::Pager
            | PhoneNumberType::UAN
            | PhoneNumberType::VoiceMail => return Err(PhoneReason::NotAPersonalLine.into()),
            _ => {}
        }
        let e164 = PHONE_NUMBER_UTIL.format(&parsed, rlibphonenumber::PhoneNumberFormat::E164);
        Self::e164_only(&e164)
    }

    /// Reads a number already in E.164 form, without asking whether it exists: caller ids and stored numbers.
    pub fn e164_only(text: &str) -> Result<PhoneNumber, PhoneError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PhoneReason::Empty.into());
        }
        let digits = text.strip_prefix('+').ok_or(PhoneReason::UnknownCountry)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.starts_with('0') {
            return Err(PhoneReason::NotANumber.into());
        }
        match digits.len() {
            0..=6 => Err(PhoneReason::TooShort.into()),
            7..=15 => digits.parse().map(PhoneNumber).map_err(|_| PhoneReason::NotANumber.into()),
            _ => Err(PhoneReason::TooLong.into()),
        }
    }

    /// The whole number with its `+`. Not for messages or logs.
    pub fn e164(self) -> String {
        format!("+{}", self.0)
    }

    /// The digits behind the `+`. Not for messages or logs.
    pub const fn digits(self) -> u64 {
        self.0
    }

    /// ISO 3166 code of the country or territory whose plan the number belongs to; none for international services.
    pub fn region(self) -> Option<String> {
        let number = self.parsed()?;
        PHONE_NUMBER_UTIL
            .get_region_for_number(&number)
            .map(|region| region.as_region_str().as_str().to_owned())
            .filter(|code| code != "001")
    }

    /// Mobile, landline and so on, as far as the numbering plan tells.
    pub fn line_type(self) -> LineType {
        let Some(number) = self.parsed() else { return LineType::Unknown };
        match PHONE_NUMBER_UTIL.get_number_type(&number) {
            PhoneNumberType::Mobile => LineType::Mobile,
            PhoneNumberType::FixedLine => LineType::Landline,
            PhoneNumberType::VoIP => LineType::Voip,
            PhoneNumberType::TollFree => LineType::TollFree,
            _ => LineType::Unknown,
        }
    }

    /// The three-digit area code of a number of the North American plan (+1), toll-free codes included.
    pub fn us_area_code(self) -> Option<u16> {
        let national = self.0.checked_sub(10_000_000_000).filter(|national| *national < 10_000_000_000)?;
        Some((national / 10_000_000) as u16)
    }

    fn parsed(self) -> Option<rlibphonenumber::PhoneNumber> {
        PHONE_NUMBER_UTIL.parse(self.e164(), None).ok()
    }

    /// Digits of the country calling code. E.164 assigns code lengths by the leading digits.
    fn calling_code_length(digits: &str) -> usize {
        match digits.as_bytes() {
            [b'1' | b'7', ..] => 1,
            [b'2', b'0' | b'7', ..]
            | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
            | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
            | [b'5', b'1'..=b'8', ..]
            | [b'6', b'0'..=b'6', ..]
            | [b'8', b'1' | b'2' | b'4' | b'6', ..]
            | [b'9', b'0'..=b'5' | b'8', ..] => 2,
            _ => 3,
        }
    }
}

fn region_code(code: Option<&str>) -> Result<Option<Region>, PhoneError> {
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return Ok(None) };
    Region::from_code(&code.to_ascii_uppercase()).map(Some).map_err(|_| PhoneReason::UnknownCountry.into())
}

/// What can be said before the numbering plans are asked.
struct Shape {
    digits: String,
    is_international: bool,
}

impl Shape {
    fn of(text: &str) -> Result<Shape, PhoneError> {
        if text.is_empty() {
            return Err(PhoneReason::Empty.into());
        }
        if text.len() > 64 {
            return Err(PhoneReason::TooLong.into());
        }
        // An extension cannot be dialed, and letters are more often a pasted name than a vanity number.
        let plain = |c: char| {
            c.is_numeric() || c.is_whitespace() || "+-–—.()/\u{a0}\u{200e}\u{202a}\u{202c}".contains(c)
        };
        let text = text.strip_prefix("tel:").unwrap_or(text);
        if !text.chars().all(plain) {
            return Err(PhoneReason::NotANumber.into());
        }
        let digits: String =
            text.chars().filter_map(|c| c.to_digit(10).map(|digit| char::from(b'0' + digit as u8))).collect();
        match digits.len() {
            0 => return Err(PhoneReason::NotANumber.into()),
            1..=6 => return Err(PhoneReason::ShortCode.into()),
            _ => {}
        }
        Ok(Shape { digits, is_international: text.trim_start().starts_with('+') })
    }

    fn looks_north_american(&self) -> bool {
        !self.is_international
            && (self.digits.len() == 10 || (self.digits.len() == 11 && self.digits.starts_with('1')))
    }

    /// The area code, if the number is written as one of the North American plan.
    fn north_american_area(&self, region: Option<Region>) -> Option<&str> {
        let assumed = matches!(region, None | Some(Region::US | Region::CA));
        if !self.is_international && !assumed {
            return None;
        }
        let national = match self.digits.len() {
            // A short "+1 555 …" is a test number too, however many digits it has.
            ..=10 if self.is_international => self.digits.strip_prefix('1')?,
            10 => &self.digits,
            11.. => self.digits.strip_prefix('1')?,
            _ => return None,
        };
        national.get(..3)
    }
}

fn parse_reason(error: &ParseError) -> PhoneError {
    match error {
        ParseError::InvalidCountryCode => PhoneReason::UnknownCountry,
        ParseError::NotANumber(_) => PhoneReason::NotANumber,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => PhoneReason::TooShort,
        ParseError::TooLongNsn => PhoneReason::TooLong,
    }
    .into()
}

fn length_reason(error: ValidationError) -> PhoneReason {
    match error {
        ValidationError::TooShort => PhoneReason::TooShort,
        ValidationError::TooLong => PhoneReason::TooLong,
        ValidationError::InvalidCountryCode => PhoneReason::UnknownCountry,
        ValidationError::InvalidLength => PhoneReason::InvalidForRegion,
    }
}

impl fmt::Display for PhoneNumber {
    /// Redacted: `+1•••••••222`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let (code, last) = (Self::calling_code_length(&digits), digits.len().saturating_sub(3));
        let hidden = "•".repeat(last.saturating_sub(code));
        write!(f, "+{}{hidden}{}", &digits[..code.min(last)], &digits[last..])
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneError;

    /// E.164 form only, as [`PhoneNumber::e164_only`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::e164_only(text)
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.e164())
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::e164_only(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for PhoneNumber {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PhoneNumber".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "A phone number in E.164 form", "pattern": "^\\+[1-9][0-9]{6,14}$",
        })
    }
}

#[cfg(test)]
mod tests;
