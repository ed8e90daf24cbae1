//! Where a called number may be, and whether it is night there: the auditor's own, deliberately simple check of the
//! calling hours. It shares no table, window arithmetic or rule file with the engine it audits.

use std::collections::HashMap;
use std::sync::LazyLock;

use callwright_engine::clock::Instant;
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;

/// When a number may be called at all.
#[derive(Debug, Clone)]
pub struct Daytime {
    pub zones: Vec<Zone>,
    /// First and past-the-end hour of the day.
    pub hours: (u32, u32),
}

/// United States: 08:00–21:00 at the called party (47 CFR 64.1200(c)(1)).
const US_HOURS: (u32, u32) = (8, 21);
/// India: 09:00–21:00 (TRAI, Telecom Commercial Communications Customer Preference Regulations 2018).
const INDIA_HOURS: (u32, u32) = (9, 21);
/// A call must still be lawful a minute after it was asked for: it rings.
const RINGING: TimeDelta = TimeDelta::seconds(60);

static US_AREA_CODES: LazyLock<HashMap<String, Vec<Zone>>> =
    LazyLock::new(|| read_area_codes(include_str!("us_area_codes.txt")));

fn read_area_codes(table: &str) -> HashMap<String, Vec<Zone>> {
    let mut codes = HashMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let Some((zones, area_codes)) = line.split_once('=') else { continue };
        let zones: Vec<Zone> = zones.split_whitespace().filter_map(|name| Zone::find(name).ok()).collect();
        codes.extend(area_codes.split_whitespace().map(|code| (code.to_owned(), zones.clone())));
    }
    codes
}

impl Daytime {
    /// `None`: this auditor knows no hours for the number's country.
    pub fn of(number: PhoneNumber) -> Option<Self> {
        let digits = number.e164();
        if let Some(area_code) = digits.strip_prefix("+1").and_then(|rest| rest.get(..3)) {
            let zones = US_AREA_CODES.get(area_code)?.clone();
            return Some(Self { zones, hours: US_HOURS });
        }
        if digits.starts_with("+91") {
            return Some(Self {
                zones: Zone::find("Asia/Kolkata").into_iter().collect(),
                hours: INDIA_HOURS,
            });
        }
        None
    }

    /// Only these zones are possible: the person's address settles what the area code leaves open.
    #[must_use]
    pub fn narrowed(mut self, zones: &[Zone]) -> Self {
        if !zones.is_empty() {
            self.zones = zones.to_vec();
        }
        self
    }

    /// Daytime in every zone, at `asked_at` and while it rings.
    pub fn allows(&self, asked_at: Instant) -> bool {
        let (opens, closes) = self.hours;
        let is_day = |zone: &Zone, at: Instant| (opens..closes).contains(&hour(zone, at));
        self.zones.iter().all(|zone| is_day(zone, asked_at) && is_day(zone, asked_at + RINGING))
    }
}

fn hour(zone: &Zone, at: Instant) -> u32 {
    u32::from(zone.local(at).time.minutes()) / 60
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn allows(number: &str, at: &str) -> bool {
        Daytime::of(PhoneNumber::e164_only(number).unwrap()).unwrap().allows(at.parse().unwrap())
    }

    #[rstest]
    #[case::new_york_morning("+12125550143", "2026-07-01T12:00:00Z", true)]
    #[case::new_york_a_minute_early("+12125550143", "2026-07-01T11:59:00Z", false)]
    #[case::los_angeles_still_asleep("+12135550143", "2026-07-01T12:00:00Z", false)]
    #[case::closing_minute_would_ring_too_late("+12125550143", "2026-07-02T00:59:30Z", false)]
    #[case::last_lawful_instant("+12125550143", "2026-07-02T00:58:59Z", true)]
    #[case::panhandle_needs_both_zones("+18505550143", "2026-07-01T12:30:00Z", false)]
    #[case::panhandle_by_day("+18505550143", "2026-07-01T13:00:00Z", true)]
    #[case::india_opens_at_nine("+919876543210", "2026-07-01T03:00:00Z", false)]
    #[case::india_by_day("+919876543210", "2026-07-01T03:30:00Z", true)]
    fn daytime_is_the_called_partys(#[case] number: &str, #[case] at: &str, #[case] expected: bool) {
        assert_eq!(allows(number, at), expected);
    }

    #[test]
    fn winter_time_moves_the_window_by_an_hour() {
        assert!(allows("+12125550143", "2026-10-31T12:00:00Z"));
        assert!(!allows("+12125550143", "2026-11-01T12:00:00Z"), "clocks went back in the night");
    }

    #[test]
    fn an_address_narrows_the_zones_of_a_split_area_code() {
        let number = PhoneNumber::e164_only("+18505550143").unwrap();
        let central = [Zone::find("America/Chicago").unwrap()];
        let at = "2026-07-02T01:30:00Z".parse().unwrap();
        assert!(!Daytime::of(number).unwrap().allows(at));
        assert!(Daytime::of(number).unwrap().narrowed(&central).allows(at));
    }

    #[test]
    fn every_zone_of_the_table_exists() {
        let lines = include_str!("us_area_codes.txt").lines().filter(|line| !line.starts_with('#'));
        for (zones, _) in lines.filter_map(|line| line.split_once('=')) {
            assert!(zones.split_whitespace().all(|name| Zone::find(name).is_ok()), "{zones}");
        }
        assert_eq!(US_AREA_CODES.len(), 359);
    }

    #[test]
    fn numbers_of_other_countries_are_not_judged() {
        assert!(Daytime::of(PhoneNumber::e164_only("+442071838750").unwrap()).is_none());
    }
}
