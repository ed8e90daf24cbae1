//! Lengths as definitions write them: `4 hours`, `30s`, `1 business day`.
//!
//! A day here is 24 hours; whoever must land inside calling hours applies a window afterwards.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use super::holiday::HolidayCalendar;
use super::local::excerpt;
use super::schema::text_value;
use super::zone::Zone;
use crate::clock::Instant;

/// A wait, either of exact length or in business days of the lead's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delay {
    Exact(TimeDelta),
    BusinessDays(u32),
}

/// A text that is no delay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a length of time: {why}; write for example `30s`, `4 hours`, `90 days`, `1 business day`"
)]
pub struct DelayError {
    text: String,
    why: String,
}

/// Ten years: longer waits are typing mistakes, and adding one to an instant must never overflow.
const LONGEST: TimeDelta = TimeDelta::days(3_660);

const UNITS: [(&str, i64); 5] =
    [("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

impl Delay {
    /// When the delay that starts at `from` is over. Only business days look at `zone` and `holidays`.
    pub fn after(self, from: Instant, zone: &Zone, holidays: &HolidayCalendar) -> Instant {
        match self {
            Delay::Exact(length) => from.checked_add_signed(length).unwrap_or(Instant::MAX_UTC),
            Delay::BusinessDays(days) => super::business::add_business_days(zone, from, days, holidays),
        }
    }

    /// Whether it is no wait at all.
    pub fn is_zero(self) -> bool {
        self == Delay::Exact(TimeDelta::zero()) || self == Delay::BusinessDays(0)
    }
}

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| DelayError { text: excerpt(text), why: why.to_owned() };
        let lower = text.trim().to_ascii_lowercase();
        if let Some(count) = business_days(&lower) {
            let days: u32 = count.parse().map_err(|_| wrong("business days need a whole number"))?;
            let fits = TimeDelta::days(i64::from(days)) <= LONGEST;
            return if fits {
                Ok(Delay::BusinessDays(days))
            } else {
                Err(wrong("it is longer than ten years"))
            };
        }
        let mut total = TimeDelta::zero();
        let mut rest = lower.as_str();
        if rest.is_empty() {
            return Err(wrong("it is empty"));
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let number: i64 =
                number.parse().map_err(|_| wrong("it needs a whole number before each unit"))?;
            let tail = tail.trim_start();
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let seconds = seconds_of(unit).ok_or_else(|| match unit {
                "" => wrong("the unit is missing"),
                _ => wrong(&format!("`{}` is no unit (seconds, minutes, hours, days, weeks)", excerpt(unit))),
            })?;
            let part = number.checked_mul(seconds).and_then(TimeDelta::try_seconds);
            total = part
                .and_then(|part| total.checked_add(&part))
                .filter(|sum| *sum <= LONGEST)
                .ok_or_else(|| wrong("it is longer than ten years"))?;
            rest = tail.trim_start();
        }
        Ok(Delay::Exact(total))
    }
}

fn business_days(lower: &str) -> Option<&str> {
    ["business days", "business day", "working days", "working day", "workdays", "workday"]
        .iter()
        .find_map(|unit| lower.strip_suffix(unit))
        .map(str::trim)
}

fn seconds_of(unit: &str) -> Option<i64> {
    Some(match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    })
}

impl fmt::Display for Delay {
    /// In the largest units that fit; reading it gives the same delay again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delay::BusinessDays(count) => write!(f, "{count} business {}", plural("day", i64::from(*count))),
            Delay::Exact(length) => write_exact(f, length.num_seconds()),
        }
    }
}

fn write_exact(f: &mut fmt::Formatter<'_>, mut seconds: i64) -> fmt::Result {
    if seconds == 0 {
        return f.write_str("0 seconds");
    }
    // `90 days` should not come back as `12 weeks 6 days`: weeks only when nothing is left over.
    let units = if seconds % 604_800 == 0 { &UNITS[..] } else { &UNITS[1..] };
    let mut separator = "";
    for (name, size) in units {
        let count = seconds / size;
        if count > 0 {
            write!(f, "{separator}{count} {}", plural(name, count))?;
            separator = " ";
        }
        seconds %= size;
    }
    Ok(())
}

fn plural(word: &str, count: i64) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

text_value!(
    Delay,
    "Delay",
    "A length of time in seconds, minutes, hours, days, weeks or business days",
    "^ *([0-9]+ *(business days?|working days?|workdays?)|([0-9]+ *[A-Za-z]+ *)+)$",
    ["30s", "4 hours", "90 days", "1 business day"]
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("4 hours", TimeDelta::hours(4))]
    #[case("30s", TimeDelta::seconds(30))]
    #[case("2 weeks", TimeDelta::days(14))]
    #[case("90 days", TimeDelta::days(90))]
    #[case("1h30m", TimeDelta::minutes(90))]
    #[case("1 Hour 5 min", TimeDelta::minutes(65))]
    #[case("0s", TimeDelta::zero())]
    fn reads_exact_lengths(#[case] text: &str, #[case] expected: TimeDelta) {
        assert_eq!(text.parse(), Ok(Delay::Exact(expected)));
    }

    #[rstest]
    #[case("1 business day", 1)]
    #[case("3 working days", 3)]
    fn reads_business_days(#[case] text: &str, #[case] expected: u32) {
        assert_eq!(text.parse(), Ok(Delay::BusinessDays(expected)));
    }

    #[test]
    fn says_what_is_wrong() {
        let messages: Vec<String> =
            ["", "4", "hours", "4 fortnights", "1.5 hours", "-4 hours", "9999999 weeks", "two business days"]
                .iter()
                .map(|text| text.parse::<Delay>().unwrap_err().to_string())
                .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn shown_delays_read_back(seconds in 0_i64..316_000_000, days in 0_u32..3_660) {
            for delay in [Delay::Exact(TimeDelta::seconds(seconds)), Delay::BusinessDays(days)] {
                prop_assert_eq!(delay.to_string().parse(), Ok(delay));
            }
        }

        #[test]
        fn any_text_is_answered_without_panic(text in ".{0,40}") {
            let _ = text.parse::<Delay>();
        }
    }
}
