//! Calling hours by brute force: what the wall clock shows, read with jiff, against plain tables. Nothing of the engine's interval
//! algebra, rules or zones is asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use callwright_core::clock::Instant;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::place::{Schedule, Walked};

/// Law of a place of [`super::super::place`], by its index: zones, and from-until in local minutes per kind of day.
struct Law {
    zones: &'static [&'static str],
    weekday: (i64, i64),
    saturday: (i64, i64),
    sunday: (i64, i64),
    minds_holidays: bool,
}

const fn daily(zones: &'static [&'static str], from: i64, until: i64) -> Law {
    let span = (from * 60, until * 60);
    Law { zones, weekday: span, saturday: span, sunday: span, minds_holidays: false }
}

/// 47 CFR 64.1200(c)(1); India's preference regulations; CRTC 2014-155; the Australian industry standard.
const LAWS: [Law; 6] = [
    daily(&["America/New_York"], 8, 21),
    daily(&["America/Phoenix"], 8, 21),
    daily(&["Asia/Kolkata"], 9, 21),
    daily(&["America/New_York", "Europe/London"], 8, 21),
    Law {
        zones: &["America/St_Johns"],
        weekday: (9 * 60, 21 * 60 + 30),
        saturday: (10 * 60, 18 * 60),
        sunday: (10 * 60, 18 * 60),
        minds_holidays: false,
    },
    Law {
        zones: &["Australia/Lord_Howe", "Pacific/Auckland"],
        weekday: (9 * 60, 20 * 60),
        saturday: (9 * 60, 17 * 60),
        sunday: (0, 0),
        minds_holidays: true,
    },
];

/// Australia's national public holidays near the starts of runs.
const HOLIDAYS: [(i16, i8, i8); 5] = [(2026, 1, 1), (2026, 1, 26), (2026, 4, 3), (2026, 4, 6), (2026, 4, 25)];

/// What the clock on the wall shows.
struct Wall {
    date: Date,
    minutes: i64,
}

pub fn wrong_by_law(place: usize, at: Instant) -> Option<String> {
    let law = &LAWS[place];
    law.zones.iter().find_map(|zone| {
        let wall = wall(zone, at);
        let (from, until) = match wall.date.weekday() {
            Weekday::Sunday => law.sunday,
            Weekday::Saturday => law.saturday,
            _ => law.weekday,
        };
        let is_holiday = HOLIDAYS.contains(&(wall.date.year(), wall.date.month(), wall.date.day()));
        let is_open = from <= wall.minutes && wall.minutes < until && !(law.minds_holidays && is_holiday);
        (!is_open).then(|| said(zone, &wall, "the law"))
    })
}

pub fn wrong_by_choice(place: usize, walked: &Walked, schedule: &Schedule, at: Instant) -> Option<String> {
    if let Some(between) = schedule.between
        && let Some(wrong) = outside(schedule.zone.name(), between, at, "the campaign's schedule")
    {
        return Some(wrong);
    }
    let between = walked.between?;
    match walked.zone {
        Some(zone) => outside(zone, between, at, "the cadence's hours"),
        None => LAWS[place].zones.iter().find_map(|zone| outside(zone, between, at, "the cadence's hours")),
    }
}

/// The date on the wall.
pub fn local_day(zone: &str, at: Instant) -> Date {
    wall(zone, at).date
}

fn outside(zone: &str, (from, until): (i64, i64), at: Instant, whose: &str) -> Option<String> {
    let wall = wall(zone, at);
    (wall.minutes < from || wall.minutes >= until).then(|| said(zone, &wall, whose))
}

fn said(zone: &str, wall: &Wall, whose: &str) -> String {
    format!("{} {:02}:{:02} in {zone} is outside {whose}", wall.date, wall.minutes / 60, wall.minutes % 60)
}

fn wall(zone: &str, at: Instant) -> Wall {
    thread_local! {
        static ZONES: RefCell<BTreeMap<String, TimeZone>> = const { RefCell::new(BTreeMap::new()) };
    }
    let clock = ZONES.with_borrow_mut(|zones| {
        if let Some(known) = zones.get(zone) {
            return known.clone();
        }
        let clock = TimeZoneDatabase::bundled().get(zone).expect("a zone of the bundled database");
        zones.insert(zone.to_owned(), clock.clone());
        clock
    });
    let local =
        clock.to_datetime(Timestamp::from_millisecond(at.timestamp_millis()).expect("an instant of 2026"));
    Wall { date: local.date(), minutes: i64::from(local.hour()) * 60 + i64::from(local.minute()) }
}
