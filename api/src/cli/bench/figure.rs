//! What a scenario comes to: a figure, the limit it was taken beside, and whether the goal is met.

use serde_json::{Value, json};

/// One run: the figure, and the limit measured right after it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub figure: f64,
    pub limit: Option<f64>,
}

/// What to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Of the limit, by share.
    Ratio(f64),
    AtLeast(f64),
    AtMost(f64),
    /// So many times the limit.
    TimesAtMost(f64),
}

/// A line of the result.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "as the JSON names it")]
pub struct Figure {
    pub scenario: &'static str,
    /// What was measured, when the scenario has several figures.
    pub measure: String,
    pub database: &'static str,
    pub figure: f64,
    pub unit: &'static str,
    pub limit: Option<f64>,
    pub ratio: Option<f64>,
    /// Rows, calls, requests: how much work it was taken over.
    pub n: u64,
    pub goal: Option<Goal>,
}

impl Figure {
    /// Medians of some runs.
    pub fn of(
        scenario: &'static str,
        database: &'static str,
        unit: &'static str,
        samples: &[Sample],
    ) -> Self {
        let limits: Vec<f64> = samples.iter().filter_map(|sample| sample.limit).collect();
        let ratios = samples.iter().filter_map(|sample| Some(sample.figure / sample.limit?));
        Self {
            scenario,
            measure: String::new(),
            database,
            figure: median(samples.iter().map(|sample| sample.figure)),
            unit,
            limit: (!limits.is_empty()).then(|| median(limits.iter().copied())),
            ratio: (!limits.is_empty()).then(|| median(ratios)),
            n: 0,
            goal: None,
        }
    }

    #[must_use]
    pub fn measure(self, measure: impl Into<String>) -> Self {
        Self { measure: measure.into(), ..self }
    }

    /// How much work it was taken over.
    #[must_use]
    pub fn over(self, n: u64) -> Self {
        Self { n, ..self }
    }

    #[must_use]
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// `None`: there is no goal.
    pub fn is_met(&self) -> Option<bool> {
        Some(match self.goal? {
            Goal::Ratio(least) => self.ratio? >= least,
            Goal::AtLeast(least) => self.figure >= least,
            Goal::AtMost(most) => self.figure <= most,
            Goal::TimesAtMost(most) => self.ratio? <= most,
        })
    }

    pub fn to_json(&self) -> Value {
        let goal = self.goal.map(|goal| match goal {
            Goal::Ratio(least) => json!({ "ratioAtLeast": least }),
            Goal::AtLeast(least) => json!({ "atLeast": least }),
            Goal::AtMost(most) => json!({ "atMost": most }),
            Goal::TimesAtMost(most) => json!({ "ratioAtMost": most }),
        });
        json!({
            "scenario": self.scenario, "measure": self.measure, "database": self.database,
            "figure": short(self.figure), "unit": self.unit, "limit": self.limit.map(short),
            "ratio": self.ratio.map(|ratio| (ratio * 1_000.0).round() / 1_000.0), "n": self.n,
            "goal": goal, "met": self.is_met(),
        })
    }

    /// One line for people; [`HEADING`] stands above the first.
    pub fn to_line(&self) -> String {
        let name = format!("{} {}", self.scenario, self.measure);
        let limit = self.limit.map(number).unwrap_or_default();
        let ratio = self.ratio.map(|ratio| format!("{ratio:.3}")).unwrap_or_default();
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::Ratio(least)) => format!("ratio ≥ {least}"),
            Some(Goal::AtLeast(least)) => format!("≥ {}", number(least)),
            Some(Goal::AtMost(most)) => format!("≤ {}", number(most)),
            Some(Goal::TimesAtMost(most)) => format!("ratio ≤ {most}"),
        };
        let met = match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        let value = number(self.figure);
        let line = format!(
            "{:<38} {:<9} {value:>11} {:<9} {limit:>11} {ratio:>7} {:>10}  {goal:<14} {met}",
            name.trim_end(),
            self.database,
            self.unit,
            self.n
        );
        line.trim_end().to_owned()
    }
}

pub const HEADING: &str = "figure                                 database        figure unit            limit   ratio          n  goal           met";

/// Four digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Rounded for JSON: to whole numbers from a thousand on, to a thousandth below.
fn short(value: f64) -> f64 {
    if value.abs() >= 1_000.0 { value.round() } else { (value * 1_000.0).round() / 1_000.0 }
}

/// Not a number when there is none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(&mut values.collect::<Vec<f64>>(), 50)
}

/// The value that this many of a hundred do not exceed; sorts `values`.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_from_its_edge_on() {
        let figure = |figure, limit| {
            Figure::of("steps", "sqlite", "steps/s", &[Sample { figure, limit: Some(limit) }])
        };
        assert_eq!(figure(40.0, 100.0).goal(Goal::Ratio(0.4)).is_met(), Some(true));
        assert_eq!(figure(39.0, 100.0).goal(Goal::Ratio(0.4)).is_met(), Some(false));
        assert_eq!(figure(7.0, 1.0).goal(Goal::AtMost(7.0)).is_met(), Some(true));
        assert_eq!(figure(7.1, 1.0).goal(Goal::AtMost(7.0)).is_met(), Some(false));
        assert_eq!(figure(1.0, 1.0).goal(Goal::AtLeast(1.1)).is_met(), Some(false));
        assert_eq!(figure(2.0, 1.0).goal(Goal::TimesAtMost(2.0)).is_met(), Some(true));
        assert_eq!(figure(2.1, 1.0).goal(Goal::TimesAtMost(2.0)).is_met(), Some(false));
        assert_eq!(figure(1.0, 1.0).is_met(), None);
    }

    #[test]
    fn the_ratio_is_the_median_of_ratios_not_of_medians() {
        let samples = [(10.0, 100.0), (30.0, 60.0), (20.0, 40.0)];
        let samples = samples.map(|(figure, limit)| Sample { figure, limit: Some(limit) });
        let figure = Figure::of("calls", "sqlite", "calls/s", &samples);
        assert_eq!((figure.figure, figure.limit, figure.ratio), (20.0, Some(60.0), Some(0.5)));
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 50) as u64, 51);
        assert_eq!(percentile(&mut values, 99) as u64, 100);
        assert!(percentile(&mut [], 50).is_nan());
    }
}
