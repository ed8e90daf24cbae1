//! A cap: at most so many calls to a lead, a number, an account or within a campaign, in a length of time or a calendar day or
//! week (GATE-8). The same form in a cadence's `limits` and in a campaign's. Whether one is reached is `decide`'s.

use std::fmt;

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use crate::time::duration::Delay;

text_enum! {
    /// Whose calls are counted together.
    pub enum CapScope {
        /// To this lead, at whatever number.
        Lead = "lead",
        /// To this number, whichever lead has it.
        Number = "number",
        /// To everybody in the lead's account: a household, a company.
        Account = "account",
        /// To this lead or number by this campaign.
        Campaign = "campaign",
    }
}

text_enum! {
    /// A stretch of the called person's calendar.
    pub enum CalendarSpan {
        Day = "day",
        /// From Monday on.
        Week = "week",
    }
}

/// In what time calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapSpan {
    /// Any stretch of this length.
    Rolling(TimeDelta),
    /// The day or week on the called person's clock, in every zone where they may be.
    Calendar(CalendarSpan),
}

/// At most `calls` in `span`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenCap", into = "WrittenCap")]
pub struct Cap {
    pub calls: u32,
    pub span: CapSpan,
    pub per: CapScope,
}

/// A cap as people write it: `{ calls: 3, within: 24 hours, per: account }` or `{ calls: 1, each: day, per: lead }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenCap {
    /// Calls at most.
    #[schemars(range(min = 1, max = 500))]
    pub calls: u32,
    /// In any stretch of this length, such as `24 hours` or `7 days`; 30 days at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// In each calendar `day` or `week` (from Monday) on the called person's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<CalendarSpan>,
    /// Whose calls are counted together: those to the `lead`, to the `number`, to everybody in the `account`, or to the lead by
    /// this `campaign`. `lead` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<CapScope>,
}

/// What is wrong with a cap: the field, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct CapError {
    pub field: &'static str,
    pub message: String,
}

/// Intents are looked back for this long, with a day to spare.
const LONGEST: TimeDelta = TimeDelta::days(30);
const MOST_CALLS: u32 = 500;

impl WrittenCap {
    /// The cap that is meant.
    pub fn read(&self) -> Result<Cap, CapError> {
        let wrong = |field, message: String| Err(CapError { field, message });
        if !(1..=MOST_CALLS).contains(&self.calls) {
            return wrong("calls", format!("a cap is 1 to {MOST_CALLS} calls"));
        }
        let span = match (&self.within, self.each) {
            (Some(text), None) => match text.parse::<Delay>() {
                Ok(Delay::Exact(length)) if length > TimeDelta::zero() && length <= LONGEST => {
                    CapSpan::Rolling(length)
                }
                Ok(Delay::Exact(_)) => {
                    return wrong("within", format!("`{text}` is not between 1 second and 30 days"));
                }
                Ok(Delay::BusinessDays(_)) => {
                    return wrong(
                        "within",
                        "business days differ in length; write `24 hours`, `7 days`".to_owned(),
                    );
                }
                Err(error) => return wrong("within", error.to_string()),
            },
            (None, Some(each)) => CapSpan::Calendar(each),
            (Some(_), Some(_)) => {
                return wrong("each", "is given beside `within`; a cap has one of them".to_owned());
            }
            (None, None) => {
                return wrong("within", "is missing; write `within: 24 hours`, or `each: day`".to_owned());
            }
        };
        Ok(Cap { calls: self.calls, span, per: self.per.unwrap_or(CapScope::Lead) })
    }
}

impl TryFrom<WrittenCap> for Cap {
    type Error = CapError;

    fn try_from(written: WrittenCap) -> Result<Self, CapError> {
        written.read()
    }
}

impl From<Cap> for WrittenCap {
    fn from(cap: Cap) -> Self {
        let (within, each) = match cap.span {
            CapSpan::Rolling(length) => (Some(Delay::Exact(length).to_string()), None),
            CapSpan::Calendar(each) => (None, Some(each)),
        };
        Self { calls: cap.calls, within, each, per: Some(cap.per) }
    }
}

/// `at most 3 calls to the account in any 24 hours`.
impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = if self.calls == 1 { "call" } else { "calls" };
        let whom = match self.per {
            CapScope::Lead => "to the lead",
            CapScope::Number => "to the number",
            CapScope::Account => "to the account",
            CapScope::Campaign => "to the lead by the campaign",
        };
        write!(f, "at most {} {calls} {whom} ", self.calls)?;
        match self.span {
            CapSpan::Rolling(length) => write!(f, "in any {}", Delay::Exact(length)),
            CapSpan::Calendar(span) => write!(f, "each {span}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"calls": 3, "within": "24 hours", "per": "account"}), "at most 3 calls to the account in any")]
    #[case(json!({"calls": 1, "each": "day"}), "at most 1 call to the lead each day")]
    #[case(json!({"calls": 9, "within": "30 days", "per": "campaign"}), "at most 9 calls to the lead by the campaign in any")]
    fn a_cap_is_read_and_written_back_the_same(#[case] written: serde_json::Value, #[case] words: &str) {
        let cap: Cap = serde_json::from_value(written).unwrap();
        assert!(cap.to_string().starts_with(words), "{cap}");
        let again: Cap = serde_json::from_value(serde_json::to_value(cap).unwrap()).unwrap();
        assert_eq!(again, cap);
    }

    #[rstest]
    #[case(json!({"calls": 0, "each": "day"}), "calls")]
    #[case(json!({"calls": 2}), "within")]
    #[case(json!({"calls": 2, "within": "1 day", "each": "day"}), "each")]
    #[case(json!({"calls": 2, "within": "60 days"}), "30 days")]
    #[case(json!({"calls": 2, "within": "2 business days"}), "business days")]
    #[case(json!({"calls": 2, "within": "soon"}), "not a length")]
    #[case(json!({"calls": 2, "each": "month"}), "month")]
    fn a_cap_that_says_nothing_clear_is_refused(#[case] written: serde_json::Value, #[case] about: &str) {
        let error = serde_json::from_value::<Cap>(written).unwrap_err().to_string();
        assert!(error.contains(about), "{error}");
    }
}
