//! How long calling a number of people takes at the pace of a campaign. An estimate: people who do not pick up are called again,
//! and calling hours are what they are in each zone.

use chrono::TimeDelta;
use serde::Serialize;

use crate::domain::campaign::Pacing;

/// Seconds that a call occupies a line, ringing included: about what calls with a refund offer take.
const CALL_S: f64 = 75.0;
/// Tries per person: one in two or three picks up the first time.
const TRIES: f64 = 1.6;
/// Hours a day in which people of one zone are called.
const HOURS_A_DAY: f64 = 8.0;

/// What to expect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    pub calls: u64,
    /// Hours of calling, at the narrowest of the campaign's limits; none: nothing limits it.
    pub calling_hours: Option<f64>,
    /// The same in days on which people are called.
    pub days: Option<u64>,
}

/// For this many people.
pub fn of(people: u64, pacing: &Pacing) -> Estimate {
    let calls = (people as f64 * TRIES).ceil();
    let by_rate = pacing.calls_per_second.filter(|rate| *rate > 0.0).map(|rate| calls / rate);
    let by_lines =
        pacing.max_concurrent.filter(|lines| *lines > 0).map(|lines| calls * CALL_S / f64::from(lines));
    let by_gap = pacing.min_interval().map(|gap| calls * seconds(gap));
    let longest = [by_rate, by_lines, by_gap].into_iter().flatten().reduce(f64::max);
    let by_hours = longest.map(|seconds| (seconds / 3_600.0 / HOURS_A_DAY).ceil());
    let by_day = pacing.max_per_day.filter(|most| *most > 0).map(|most| (calls / f64::from(most)).ceil());
    let days = [by_hours, by_day].into_iter().flatten().reduce(f64::max);
    Estimate {
        calls: calls as u64,
        calling_hours: longest.map(|seconds| (seconds / 36.0).ceil() / 100.0),
        days: days.map(|days| days.max(1.0) as u64),
    }
}

fn seconds(length: TimeDelta) -> f64 {
    length.as_seconds_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_limit_says_how_long_it_takes() {
        let pacing = Pacing { calls_per_second: Some(1.0), max_concurrent: Some(10), ..Pacing::default() };
        let estimate = of(9_000, &pacing);
        assert_eq!(estimate, Estimate { calls: 14_400, calling_hours: Some(30.0), days: Some(4) });
        let daily = Pacing { max_per_day: Some(500), ..pacing };
        assert_eq!(of(9_000, &daily).days, Some(29));
    }

    #[test]
    fn without_limits_nothing_is_estimated_but_the_calls() {
        assert_eq!(of(10, &Pacing::default()), Estimate { calls: 16, calling_hours: None, days: None });
    }
}
