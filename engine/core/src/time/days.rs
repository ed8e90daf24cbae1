//! Sets of weekdays as people write them: `mon-fri`, `sat,sun`, `daily`.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use chrono::Weekday;

use super::local::{LocalTimeError, excerpt};

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("mon-fri", "mon-fri")]
    #[case("weekdays", "mon-fri")]
    #[case("Monday, Wednesday", "mon,wed")]
    #[case("fri-mon", "mon,fri-sun")]
    #[case("sat sun", "sat,sun")]
    #[case("daily", "daily")]
    #[case("mon–sun", "daily")]
    fn reads_days(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<DaySet>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("", "it is empty")]
    #[case("mon-", "`` is not a day")]
    #[case("funday", "`funday` is not a day")]
    fn refuses_what_is_no_day(#[case] text: &str, #[case] why: &str) {
        assert!(text.parse::<DaySet>().unwrap_err().to_string().contains(why));
    }

    #[test]
    fn lists_are_read_as_one_set() {
        assert_eq!(
            serde_json::from_str::<DaySet>(r#"["mon", "wed-fri"]"#).unwrap().to_string(),
            "mon,wed-fri"
        );
        assert!(serde_json::from_str::<DaySet>("[]").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn shown_days_read_back(bits in 1_u8..128) {
            prop_assert_eq!(DaySet(bits).to_string().parse(), Ok(DaySet(bits)));
        }

        #[test]
        fn seven_days_on_is_the_same_set(bits in 0_u8..128) {
            let moved = (0..7).fold(DaySet(bits), |days, _| days.following_day());
            prop_assert_eq!(moved, DaySet(bits));
        }
    }
}
