//! Wall-clock values as people write them: a time of day and a stretch of a day.
//!
//! Weekdays are in [`super::days`]; none of them knows a zone; [`super::hours`] combines them into weekly hours.

use std::fmt;
use std::str::FromStr;

use super::schema::text_value;

/// A text that is no time, stretch or day set; the message says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalTimeError {
    #[error("`{0}` is not a time of day; write it as HH:MM between 00:00 and 24:00, such as `09:00`")]
    Time(String),
    #[error("`{0}` is not a stretch of a day; write it as `09:00-18:00`")]
    Span(String),
    #[error("`{text}` names no days: {why}; write `mon-fri`, `sat`, `weekdays`, `weekends` or `daily`")]
    Days { text: String, why: String },
}

/// A time of day in whole minutes, 00:00 to 24:00 inclusive (24:00 only makes sense as an end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(u16);

impl LocalTime {
    /// 00:00.
    pub const START_OF_DAY: LocalTime = LocalTime(0);
    /// 24:00.
    pub const END_OF_DAY: LocalTime = LocalTime(1440);

    /// `minutes` after midnight; nothing above 1440.
    pub const fn from_minutes(minutes: u16) -> Option<Self> {
        if minutes <= 1440 { Some(LocalTime(minutes)) } else { None }
    }

    /// Hour 0–23 (or 24:00) and minute 0–59.
    pub const fn hm(hour: u16, minute: u16) -> Option<Self> {
        if hour > 24 || minute > 59 { None } else { Self::from_minutes(hour * 60 + minute) }
    }

    pub(super) fn from_minutes_clamped(minutes: i64) -> Self {
        LocalTime(minutes.clamp(0, 1440) as u16)
    }

    /// Minutes after midnight, 0–1440.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for LocalTime {
    type Err = LocalTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || LocalTimeError::Time(excerpt(text));
        let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
        let digits = |part: &str, widths: std::ops::RangeInclusive<usize>| {
            let plain = widths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = digits(hour, 1..=2).zip(digits(minute, 2..=2)).ok_or_else(wrong)?;
        LocalTime::hm(hour, minute).ok_or_else(wrong)
    }
}

/// A stretch of one day, written `09:00-18:00`; it starts before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalSpan {
    from: LocalTime,
    until: LocalTime,
}

impl LocalSpan {
    /// 00:00–24:00.
    pub const WHOLE_DAY: LocalSpan =
        LocalSpan { from: LocalTime::START_OF_DAY, until: LocalTime::END_OF_DAY };

    /// The stretch, unless it would be empty or run past midnight.
    pub fn new(from: LocalTime, until: LocalTime) -> Option<Self> {
        (from < until).then_some(LocalSpan { from, until })
    }

    /// First minute inside.
    pub const fn from(self) -> LocalTime {
        self.from
    }

    /// First minute after it.
    pub const fn until(self) -> LocalTime {
        self.until
    }

    pub(super) fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.until.min(other.until))
    }
}

impl fmt::Display for LocalSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.until)
    }
}

impl FromStr for LocalSpan {
    type Err = LocalTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || LocalTimeError::Span(excerpt(text));
        let (from, until) = text.split_once(['-', '–']).ok_or_else(wrong)?;
        LocalSpan::new(from.parse()?, until.parse()?).ok_or_else(wrong)
    }
}

text_value!(
    LocalTime,
    "LocalTime",
    "A time of day, HH:MM, 00:00 to 24:00",
    "^(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)$",
    ["09:00"]
);
text_value!(
    LocalSpan,
    "LocalSpan",
    "A stretch of a day",
    "^[0-9]{1,2}:[0-9]{2} *[-–] *[0-9]{1,2}:[0-9]{2}$",
    ["09:00-18:00"]
);

/// Enough of a wrong text to recognise it, never a whole pasted document.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("09:00", Some(540))]
    #[case("9:05", Some(545))]
    #[case("24:00", Some(1440))]
    #[case("24:01", None)]
    #[case("09:60", None)]
    #[case("9", None)]
    #[case("+9:00", None)]
    #[case("09:0", None)]
    fn reads_times(#[case] text: &str, #[case] minutes: Option<u16>) {
        assert_eq!(text.parse::<LocalTime>().ok().map(LocalTime::minutes), minutes);
    }

    #[rstest]
    #[case("09:00-18:00", Some("09:00-18:00"))]
    #[case("9:00 – 18:00", Some("09:00-18:00"))]
    #[case("18:00-09:00", None)]
    #[case("09:00", None)]
    fn reads_stretches(#[case] text: &str, #[case] shown: Option<&str>) {
        assert_eq!(text.parse::<LocalSpan>().ok().map(|span| span.to_string()).as_deref(), shown);
    }

    #[test]
    fn unquoted_yaml_times_stay_times() {
        // YAML 1.1 readers turn 10:30 into the number 630.
        for (text, minutes) in [("09:00", 540), ("10:30", 630), ("24:00", 1440)] {
            assert_eq!(serde_yaml::from_str::<LocalTime>(text).unwrap().minutes(), minutes);
        }
        assert_eq!(serde_yaml::from_str::<LocalSpan>("09:00-18:00").unwrap().to_string(), "09:00-18:00");
    }
}
