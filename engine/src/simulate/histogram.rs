//! Calls per hour of the called party's day, as bars for a terminal.

use std::fmt::Write as _;

/// Counts by local hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram([u64; 24]);

/// Width of the longest bar, in characters.
const WIDTH: u64 = 48;

impl Histogram {
    /// Counts one call at a local hour (0–23).
    pub fn add(&mut self, hour: u32) {
        self.0[(hour % 24) as usize] += 1;
    }

    /// Counts what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    pub fn counts(&self) -> &[u64; 24] {
        &self.0
    }

    /// One line per hour from the first to the last that has calls; empty when there were none.
    pub fn bars(&self) -> String {
        let mut out = String::new();
        let most = self.0.iter().copied().max().unwrap_or(0);
        let (Some(first), Some(last)) =
            (self.0.iter().position(|n| *n > 0), self.0.iter().rposition(|n| *n > 0))
        else {
            return out;
        };
        for hour in first..=last {
            let count = self.0[hour];
            // A bar for everything that happened at all, however little.
            let length = if count == 0 { 0 } else { (count * WIDTH / most).max(1) };
            let _ = writeln!(
                out,
                "  {hour:02}:00 {:<width$} {count}",
                "█".repeat(length as usize),
                width = WIDTH as usize
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_span_the_hours_that_have_calls_and_scale_to_the_busiest() {
        let mut histogram = Histogram::default();
        for hour in [9, 9, 9, 9, 11] {
            histogram.add(hour);
        }
        let bars = histogram.bars();
        let lengths: Vec<usize> = bars.lines().map(|line| line.matches('█').count()).collect();
        assert_eq!(lengths, [48, 0, 12]);
        assert!(bars.starts_with("  09:00 "));
    }

    #[test]
    fn no_calls_no_bars() {
        assert_eq!(Histogram::default().bars(), "");
    }
}
