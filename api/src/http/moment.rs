//! Times in requests: RFC 3339, or without an offset, which then is UTC; a bare date is its first instant in UTC.

use callwright_engine::clock::Instant;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Deserializer, de};

/// An instant someone wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Instant);

const FORMATS: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"];

impl Moment {
    /// Reads one; the message says what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(exact.with_timezone(&Utc)));
        }
        let local = FORMATS
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| text.parse::<NaiveDate>().ok().map(|date| date.and_time(NaiveTime::MIN)));
        local.map(|local| Self(local.and_utc())).ok_or_else(|| {
            format!(
                "`{text}` is not a time: write 2026-07-01T16:30:00Z, without an offset for UTC, or 2026-07-01"
            )
        })
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Moment;

    #[rstest]
    #[case::python_isoformat("2026-07-01T16:30:05.123456", "2026-07-01T16:30:05.123456+00:00")]
    #[case::with_offset("2026-07-01T16:30:00+05:30", "2026-07-01T11:00:00+00:00")]
    #[case::zulu("2026-07-01T16:30:00Z", "2026-07-01T16:30:00+00:00")]
    #[case::with_a_space("2026-07-01 16:30:00", "2026-07-01T16:30:00+00:00")]
    #[case::minutes_only("2026-07-01T16:30", "2026-07-01T16:30:00+00:00")]
    #[case::date_only("2026-07-01", "2026-07-01T00:00:00+00:00")]
    fn reads_times_and_takes_utc_where_no_offset_stands(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(Moment::parse(text).unwrap().0.to_rfc3339(), expected);
    }

    #[rstest]
    #[case("tomorrow")]
    #[case("01/07/2026")]
    #[case("2026-13-01")]
    fn says_what_it_expects_of_anything_else(#[case] text: &str) {
        assert!(Moment::parse(text).unwrap_err().contains("2026-07-01T16:30:00Z"));
    }
}
