//! Why a number is refused: stored codes and the sentences people read. None of them repeats the number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a number that may be called. The codes are stored and shown; they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneReason {
    Empty,
    NotANumber,
    TooShort,
    TooLong,
    /// No calling code and no country to assume, or a calling code that does not exist.
    UnknownCountry,
    /// A North American area code that is never called: 555, 911, 000 or 111.
    BlockedAreaCode,
    /// Emergency and service numbers of up to six digits.
    ShortCode,
    PremiumRate,
    /// Shared-cost, pager, voicemail and company-wide access numbers.
    NotAPersonalLine,
    InvalidForRegion,
}

impl PhoneReason {
    /// The stored code, in kebab-case.
    pub const fn code(self) -> &'static str {
        match self {
            PhoneReason::Empty => "empty",
            PhoneReason::NotANumber => "not-a-number",
            PhoneReason::TooShort => "too-short",
            PhoneReason::TooLong => "too-long",
            PhoneReason::UnknownCountry => "unknown-country",
            PhoneReason::BlockedAreaCode => "blocked-area-code",
            PhoneReason::ShortCode => "short-code",
            PhoneReason::PremiumRate => "premium-rate",
            PhoneReason::NotAPersonalLine => "not-a-personal-line",
            PhoneReason::InvalidForRegion => "invalid-for-region",
        }
    }

    /// A sentence for people; it does not repeat the number.
    pub const fn message(self) -> &'static str {
        match self {
            PhoneReason::Empty => "the phone number is empty",
            PhoneReason::NotANumber => {
                "this is not a phone number; write digits, best in the form +14155550123"
            }
            PhoneReason::TooShort => "the phone number has too few digits",
            PhoneReason::TooLong => "the phone number has too many digits",
            PhoneReason::UnknownCountry => {
                "the phone number has no known country code; write it in the form +14155550123"
            }
            PhoneReason::BlockedAreaCode => {
                "area codes 555, 911, 000 and 111 are test or emergency codes and are never called"
            }
            PhoneReason::ShortCode => "this is a short code or an emergency number, which is never called",
            PhoneReason::PremiumRate => "this is a premium-rate number, which is never called",
            PhoneReason::NotAPersonalLine => {
                "this is a shared-cost, pager, voicemail or company access number, which is never called"
            }
            PhoneReason::InvalidForRegion => {
                "this number does not exist in the numbering plan of its country"
            }
        }
    }
}

impl fmt::Display for PhoneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A number that is refused, and why. The message does not repeat the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", .reason.message())]
pub struct PhoneError {
    pub reason: PhoneReason,
}

impl From<PhoneReason> for PhoneError {
    fn from(reason: PhoneReason) -> Self {
        PhoneError { reason }
    }
}
