//! Wall-clock values as people write them: a time of day, a stretch of a day, a set of weekdays.
//!
//! None of them knows a zone; [`super::hours`] combines them into weekly hours.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use chrono::Weekday;

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

/// A set of weekdays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DaySet(u8);

/// Short names, Monday first.
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl DaySet {
    pub const NONE: DaySet = DaySet(0);
    pub const DAILY: DaySet = DaySet(0b111_1111);
    /// Monday to Friday.
    pub const WEEKDAYS: DaySet = DaySet(0b001_1111);
    /// Saturday and Sunday.
    pub const WEEKENDS: DaySet = DaySet(0b110_0000);

    /// The set of one day.
    pub fn of(day: Weekday) -> Self {
        DaySet(1 << day.num_days_from_monday())
    }

    /// Whether `day` belongs to the set.
    pub fn contains(self, day: Weekday) -> bool {
        self.has_index(day.num_days_from_monday() as usize)
    }

    /// Whether the set has no day.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Every day moved on by one: Sunday becomes Monday.
    #[must_use]
    pub const fn following_day(self) -> Self {
        DaySet(((self.0 << 1) | (self.0 >> 6)) & Self::DAILY.0)
    }

    pub(super) const fn has_index(self, monday_based: usize) -> bool {
        self.0 & (1 << monday_based) != 0
    }

    pub(super) const fn from_index(monday_based: usize) -> Self {
        DaySet(1 << monday_based)
    }

    /// From `first` round to `last`, both included: `fri`–`mon` is four days.
    pub(super) fn range(first: usize, last: usize) -> Self {
        let length = (last + 7 - first) % 7;
        (0..=length).fold(Self::NONE, |set, step| set | Self::from_index((first + step) % 7))
    }

    /// Monday-based index of a day named in English, long, short or plural.
    pub(super) fn index_of(word: &str) -> Option<usize> {
        let word = word.to_ascii_lowercase();
        let word = word.strip_suffix('.').unwrap_or(&word);
        Some(match word {
            "mon" | "monday" | "mondays" => 0,
            "tue" | "tues" | "tuesday" | "tuesdays" => 1,
            "wed" | "weds" | "wednesday" | "wednesdays" => 2,
            "thu" | "thur" | "thurs" | "thursday" | "thursdays" => 3,
            "fri" | "friday" | "fridays" => 4,
            "sat" | "saturday" | "saturdays" => 5,
            "sun" | "sunday" | "sundays" => 6,
            _ => return None,
        })
    }

    /// Sets with a name of their own.
    pub(super) fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "weekday" | "weekdays" | "workdays" => Self::WEEKDAYS,
            "weekend" | "weekends" => Self::WEEKENDS,
            "daily" | "everyday" => Self::DAILY,
            _ => return None,
        })
    }
}

impl BitOr for DaySet {
    type Output = DaySet;

    fn bitor(self, other: DaySet) -> DaySet {
        DaySet(self.0 | other.0)
    }
}

impl fmt::Display for DaySet {
    /// `daily`, or days and ranges of three and more: `mon-fri`, `mon,wed`, `tue-thu,sat`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::DAILY {
            return f.write_str("daily");
        }
        let (mut index, mut separator) = (0, "");
        while index < 7 {
            let run = (index..7).take_while(|day| self.has_index(*day)).count();
            match run {
                0 => {
                    index += 1;
                    continue;
                }
                1 | 2 => write!(f, "{separator}{}", NAMES[index])?,
                _ => write!(f, "{separator}{}-{}", NAMES[index], NAMES[index + run - 1])?,
            }
            separator = ",";
            index += if run <= 2 { 1 } else { run };
        }
        Ok(())
    }
}

impl fmt::Debug for DaySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DaySet({self})")
    }
}

impl FromStr for DaySet {
    type Err = LocalTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| LocalTimeError::Days { text: excerpt(text), why };
        let mut days = DaySet::NONE;
        for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
            let one = |word: &str| {
                DaySet::index_of(word).ok_or_else(|| wrong(format!("`{}` is not a day", excerpt(word))))
            };
            days = days
                | match (DaySet::named(part), part.split_once(['-', '–'])) {
                    (Some(named), _) => named,
                    (None, Some((first, last))) => DaySet::range(one(first)?, one(last)?),
                    (None, None) => DaySet::from_index(one(part)?),
                };
        }
        if days.is_empty() { Err(wrong("it is empty".to_owned())) } else { Ok(days) }
    }
}

impl serde::Serialize for DaySet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for DaySet {
    /// A text such as `mon-fri`, or a list of such texts.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Days;
        impl<'de> serde::de::Visitor<'de> for Days {
            type Value = DaySet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("days such as `mon-fri`, or a list such as [mon, wed]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<DaySet, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<DaySet, A::Error> {
                let mut days = DaySet::NONE;
                while let Some(next) = list.next_element::<DaySet>()? {
                    days = days | next;
                }
                if days.is_empty() { Err(serde::de::Error::custom("no days listed")) } else { Ok(days) }
            }
        }
        deserializer.deserialize_any(Days)
    }
}

impl schemars::JsonSchema for DaySet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Days".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = "^[A-Za-z]+([-,– ]+[A-Za-z]+)*$";
        schemars::json_schema!({
            "description": "Weekdays: mon-fri, sat, weekdays, weekends, daily, or a list of days",
            "examples": ["mon-fri", ["mon", "wed"]],
            "anyOf": [
                { "type": "string", "pattern": pattern },
                { "type": "array", "items": { "type": "string", "pattern": pattern }, "minItems": 1 },
            ],
        })
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
