//! What the exchange's books say about limits: the worst sliding second, the most calls at once, the shortest gap, calls per
//! day of a zone; and how much of a limit was used while work was waiting.

use std::collections::BTreeMap;

use callwright_engine::clock::Instant;
use callwright_engine::time::zone::Zone;
use chrono::{NaiveDate, TimeDelta};

use crate::exchange::Asked;

/// Most requests in any second, wherever it begins.
pub fn worst_second(asked: &[Asked]) -> usize {
    let mut at: Vec<Instant> = asked.iter().map(|asked| asked.at).collect();
    at.sort_unstable();
    let mut from = 0;
    let mut most = 0;
    for (to, end) in at.iter().enumerate() {
        while *end - at[from] >= TimeDelta::seconds(1) {
            from += 1;
        }
        most = most.max(to + 1 - from);
    }
    most
}

/// Most calls at one instant.
pub fn most_lines(asked: &[Asked]) -> usize {
    let begins = asked.iter().map(|asked| (asked.at, 1));
    // Of one instant, ends come first.
    let ends = asked.iter().map(|asked| (asked.ends_at, -1));
    let mut changes: Vec<(Instant, i64)> = begins.chain(ends).collect();
    changes.sort_unstable();
    let mut lines = 0;
    let counts = changes.into_iter().map(|(_, change)| {
        lines += change;
        lines
    });
    counts.max().unwrap_or(0) as usize
}

pub fn shortest_gap(asked: &[Asked]) -> Option<TimeDelta> {
    let mut at: Vec<Instant> = asked.iter().map(|asked| asked.at).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| pair[1] - pair[0]).min()
}

pub fn per_day(asked: &[Asked], zone: &Zone) -> BTreeMap<NaiveDate, usize> {
    let mut days = BTreeMap::new();
    for asked in asked {
        *days.entry(zone.local(asked.at).date).or_default() += 1;
    }
    days
}

/// Share of a rate that was used: calls after the first span, by what the rate allows in the time they took.
pub fn rate_used(asked: &[Asked], per_second: f64) -> f64 {
    let first = asked.iter().map(|asked| asked.at).min();
    let last = asked.iter().map(|asked| asked.at).max();
    let Some((first, last)) = first.zip(last).filter(|(first, last)| first < last) else { return 0.0 };
    let of_last = asked.iter().filter(|asked| asked.at == last).count();
    (asked.len() - of_last) as f64 / (per_second * (last - first).as_seconds_f64())
}

/// Share of the line-seconds that were used from the first call until `until`.
pub fn lines_used(asked: &[Asked], lines: u32, until: Instant) -> f64 {
    let Some(first) = asked.iter().map(|asked| asked.at).min() else { return 0.0 };
    let busy = asked.iter().map(|asked| (asked.ends_at.min(until) - asked.at.min(until)).as_seconds_f64());
    busy.sum::<f64>() / (f64::from(lines) * (until - first).as_seconds_f64())
}
