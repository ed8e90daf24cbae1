//! Where the people of a run live, when campaigns call, and the cadences they walk. Built once: nothing here depends on a seed.

use std::sync::{Arc, LazyLock, OnceLock};

use callwright_core::clock::Instant;
use callwright_core::decide::snapshot::PhoneFacts;
use callwright_core::definitions::library::Library;
use callwright_core::definitions::model::cadence::{Cadence, CadenceHours};
use callwright_core::phone::number::PhoneNumber;
use callwright_core::rules::Jurisdiction;
use callwright_core::time::holiday::HolidayCalendar;
use callwright_core::time::hours::{HolidayRule, Hours};
use callwright_core::time::zone::Zone;
use callwright_core::time::{DaySet, LocalTime};
use chrono::TimeDelta;

use super::checks::hours;

/// Numbers in a run: leads share them now and then.
pub const NUMBERS: usize = 4;

/// Where somebody may be.
#[derive(Debug)]
pub struct Place {
    pub zones: Arc<[Zone]>,
    /// Its numbers, as facts for the gates.
    pub phones: Vec<PhoneFacts>,
}

/// A cadence with its hours as the engine keeps them.
#[derive(Debug)]
pub struct Walked {
    pub cadence: Arc<Cadence>,
    pub hours: Option<Arc<CadenceHours>>,
    /// For checks that must not ask the engine: local minutes and the zone, if fixed.
    pub between: Option<(i64, i64)>,
    pub zone: Option<&'static str>,
}

/// A campaign's schedule, also as plain minutes for the checks.
#[derive(Debug)]
pub struct Schedule {
    pub zone: Zone,
    pub hours: Option<Hours>,
    pub between: Option<(i64, i64)>,
}

/// Everything that runs share.
#[derive(Debug)]
pub struct Ground {
    pub places: Vec<Place>,
    pub cadences: Vec<Walked>,
    pub schedules: Vec<Schedule>,
    /// Around the clock changes of 2026, and two ordinary days.
    pub starts: Vec<Instant>,
    pub no_holidays: HolidayCalendar,
    /// First opening after each start, per place, schedule and cadence; found when it is first asked for.
    openings: Vec<OnceLock<Option<Instant>>>,
}

/// How far behind a start an opening is looked for: a run should not be spent waiting for one.
const OPENS_WITHIN_H: i64 = 40;
/// Openings are looked for this finely.
const GRAIN_MIN: i64 = 10;

impl Ground {
    /// When calls to a place in a campaign of that schedule, on that cadence, are first allowed after a start.
    pub fn opening(&self, start: usize, place: usize, schedule: usize, cadence: usize) -> Option<Instant> {
        let index = ((start * self.places.len() + place) * self.schedules.len() + schedule)
            * self.cadences.len()
            + cadence;
        *self.openings[index].get_or_init(|| {
            let is_open = |at: &Instant| {
                hours::wrong_by_law(place, *at).is_none()
                    && hours::wrong_by_choice(place, &self.cadences[cadence], &self.schedules[schedule], *at)
                        .is_none()
            };
            let steps = 0..OPENS_WITHIN_H * 60 / GRAIN_MIN;
            steps.map(|step| self.starts[start] + TimeDelta::minutes(step * GRAIN_MIN)).find(is_open)
        })
    }
}

/// `(zones, jurisdictions, country code and first digits of its numbers)`. Where two zones are possible, both clocks bind.
const PLACES: [(&[&str], &[&str], &str); 6] = [
    (&["America/New_York"], &["US-NY"], "+1212555010"),
    (&["America/Phoenix"], &["US-AZ"], "+1602555010"),
    (&["Asia/Kolkata"], &["IN"], "+9198765432"),
    (&["America/New_York", "Europe/London"], &["US-NY"], "+1646555010"),
    (&["America/St_Johns"], &["CA-NL"], "+1709555010"),
    (&["Australia/Lord_Howe", "Pacific/Auckland"], &["AU"], "+6125550100"),
];

/// Zone, hours in local minutes. The nights are where clocks change; somewhere in the world it is a calling hour then.
const SCHEDULES: [(&str, Option<(u16, u16)>); 9] = [
    ("America/New_York", None),
    ("America/New_York", Some((9 * 60, 20 * 60))),
    ("America/New_York", Some((60, 240))),
    ("Europe/London", Some((60, 240))),
    ("Australia/Lord_Howe", Some((60, 240))),
    ("America/St_Johns", Some((0, 180))),
    ("Pacific/Auckland", Some((60, 240))),
    ("Asia/Kolkata", Some((10 * 60, 14 * 60))),
    ("Pacific/Auckland", Some((2 * 60 + 30, 3 * 60 + 30))),
];

const STARTS: [&str; 12] = [
    "2026-03-07T14:00:00Z",
    "2026-03-08T04:00:00Z",
    "2026-03-28T18:00:00Z",
    "2026-04-04T10:00:00Z",
    "2026-06-01T12:00:00Z",
    "2026-07-15T09:00:00Z",
    "2026-09-26T09:00:00Z",
    "2026-10-03T10:00:00Z",
    "2026-10-24T18:00:00Z",
    "2026-10-31T14:00:00Z",
    "2026-11-01T03:00:00Z",
    "2026-01-14T11:00:00Z",
];

const FILES: [(&str, &str); 6] = [
    ("flows/hello.yaml", include_str!("../../suites/engine/definitions/hello.flow.yaml")),
    ("flows/scripts/hello.yaml", include_str!("../../suites/engine/definitions/hello.script.yaml")),
    ("flows/scripts/common.yaml", include_str!("../../../flows/scripts/common.yaml")),
    ("cadences/chase.yaml", include_str!("../definitions/chase.yaml")),
    ("cadences/twice.yaml", include_str!("../definitions/twice.yaml")),
    ("cadences/night.yaml", include_str!("../definitions/night.yaml")),
];

/// Minutes of the day from and until which people may be called; none: by law alone.
type Between = Option<(i64, i64)>;

/// Of each cadence in [`FILES`], what its file says about hours.
const CADENCES: [(&str, Between, Option<&str>); 3] = [
    ("chase", Some((9 * 60, 18 * 60)), None),
    ("twice", None, None),
    ("night", Some((60, 240)), Some("Australia/Lord_Howe")),
];

/// What all runs share; wrong only if this file is.
pub fn ground() -> &'static Ground {
    static GROUND: LazyLock<Ground> = LazyLock::new(build);
    &GROUND
}

fn build() -> Ground {
    let zone = |name: &&str| Zone::find(name).expect("a zone of the bundled database");
    let places = PLACES.iter().map(|(zones, places, digits)| {
        let zones: Arc<[Zone]> = zones.iter().map(zone).collect();
        let jurisdictions: Arc<[Jurisdiction]> =
            places.iter().map(|place| place.parse().expect("a place")).collect();
        let phone = |index: usize| PhoneFacts::Callable {
            number: PhoneNumber::e164_only(&format!("{digits}{index}")).expect("a number"),
            zones: Arc::clone(&zones),
            jurisdictions: Arc::clone(&jurisdictions),
        };
        let phones = (0..NUMBERS).map(phone).collect();
        Place { zones, phones }
    });
    let schedules = SCHEDULES.iter().map(|(name, between)| Schedule {
        zone: zone(name),
        hours: between.map(|(from, until)| daily(from, until)),
        between: between.map(|(from, until)| (i64::from(from), i64::from(until))),
    });
    let (library, problems) = Library::from_files(FILES);
    assert!(problems.is_empty(), "{problems:?}");
    let cadences = CADENCES.iter().map(|(key, between, zone)| {
        let cadence = Arc::clone(library.cadence(key).expect("a cadence of FILES"));
        let hours = cadence.hours.clone().map(Arc::new);
        Walked { cadence, hours, between: *between, zone: *zone }
    });
    Ground {
        places: places.collect(),
        cadences: cadences.collect(),
        schedules: schedules.collect(),
        starts: STARTS.iter().map(|text| text.parse().expect("an instant")).collect(),
        no_holidays: HolidayCalendar::none(),
        openings: (0..STARTS.len() * PLACES.len() * SCHEDULES.len() * CADENCES.len())
            .map(|_| OnceLock::new())
            .collect(),
    }
}

fn daily(from: u16, until: u16) -> Hours {
    let time = |minutes| LocalTime::from_minutes(minutes).expect("a time of day");
    Hours::new(&[(DaySet::DAILY, time(from), time(until))], HolidayRule::Call).expect("hours")
}
