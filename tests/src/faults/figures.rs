//! What a run found, as one line of a table or one JSON object.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// Sums over the episodes of a scenario on one database. Every count of a wrong is 0 when all is well.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub scenario: String,
    pub database: String,
    pub seed: u64,
    /// Faults done: kills, restarts, cuts, …
    pub times: u64,
    /// Faults that met a call between its intent and the carrier's answer.
    pub aimed: u64,
    /// Requests in the carrier's books.
    pub attempts: u64,
    pub calls: u64,
    /// Requests beyond one per attempt, and calls beyond one per try or per number at a time (I1, I1b).
    pub posted_twice: u64,
    /// Calls to numbers suppressed before (I2).
    pub suppressed_dials: u64,
    /// Calls outside calling hours (I3).
    pub outside_windows: u64,
    /// Enrollments that nothing would ever have moved again, at any look (I4).
    pub stuck_enrollments: u64,
    /// Changes of state without their event, and events without their change (I6).
    pub events_lost: u64,
    /// Calls found at attempts that were written off.
    pub orphan_calls: u64,
    /// Calls that stand in one of the books only, or with another end.
    pub calls_apart: u64,
    /// Requests to the API that were answered with success.
    pub writes_acknowledged: u64,
    /// Of those, what is not there.
    pub writes_lost: u64,
    /// Attempts in doubt after a graceful stop; `None` where nothing was stopped gracefully.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_after_sigterm: Option<u64>,
    /// What the scenario counts beside these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<&'static str, u64>,
    /// Wrongs that are no figure, and the first of those that are.
    pub violations: Vec<String>,
}

/// Violations told in full, per run.
const TOLD: usize = 20;

const HEAD: [&str; 14] = [
    "scenario",
    "database",
    "times",
    "aimed",
    "attempts",
    "posted twice",
    "suppressed",
    "outside hours",
    "stuck",
    "events lost",
    "orphans",
    "calls apart",
    "writes lost",
    "unknown after TERM",
];

impl Figures {
    pub fn of(scenario: &str, database: &str, seed: u64) -> Self {
        Self { scenario: scenario.to_owned(), database: database.to_owned(), seed, ..Self::default() }
    }

    /// Adds the figures of another episode.
    pub fn add(&mut self, other: Self) {
        self.times += other.times;
        self.aimed += other.aimed;
        self.attempts += other.attempts;
        self.calls += other.calls;
        self.posted_twice += other.posted_twice;
        self.suppressed_dials += other.suppressed_dials;
        self.outside_windows += other.outside_windows;
        self.stuck_enrollments += other.stuck_enrollments;
        self.events_lost += other.events_lost;
        self.orphan_calls += other.orphan_calls;
        self.calls_apart += other.calls_apart;
        self.writes_acknowledged += other.writes_acknowledged;
        self.writes_lost += other.writes_lost;
        if let Some(unknown) = other.unknown_after_sigterm {
            *self.unknown_after_sigterm.get_or_insert(0) += unknown;
        }
        for (what, count) in other.more {
            if what.starts_with("longest") {
                let kept = self.more.entry(what).or_default();
                *kept = (*kept).max(count);
            } else {
                *self.more.entry(what).or_default() += count;
            }
        }
        self.violations.extend(other.violations);
    }

    /// Counts something of the scenario's own.
    pub fn count(&mut self, what: &'static str, by: u64) {
        *self.more.entry(what).or_default() += by;
    }

    /// Keeps the largest value; `what` begins with `longest`.
    pub fn longest(&mut self, what: &'static str, value: u64) {
        let kept = self.more.entry(what).or_default();
        *kept = (*kept).max(value);
    }

    pub fn violation(&mut self, what: impl Into<String>) {
        if self.violations.len() < TOLD {
            self.violations.push(what.into());
        }
    }

    /// Did nothing go wrong?
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
            && self.posted_twice
                + self.suppressed_dials
                + self.outside_windows
                + self.stuck_enrollments
                + self.events_lost
                + self.orphan_calls
                + self.calls_apart
                + self.writes_lost
                + self.unknown_after_sigterm.unwrap_or_default()
                == 0
    }

    fn row(&self) -> [String; 14] {
        [
            self.scenario.clone(),
            self.database.clone(),
            self.times.to_string(),
            self.aimed.to_string(),
            self.attempts.to_string(),
            self.posted_twice.to_string(),
            self.suppressed_dials.to_string(),
            self.outside_windows.to_string(),
            self.stuck_enrollments.to_string(),
            self.events_lost.to_string(),
            self.orphan_calls.to_string(),
            self.calls_apart.to_string(),
            format!("{}/{}", self.writes_lost, self.writes_acknowledged),
            self.unknown_after_sigterm.map_or_else(|| "-".to_owned(), |unknown| unknown.to_string()),
        ]
    }
}

/// The table, with each run's own counts and violations below it.
pub fn table(runs: &[Figures]) -> String {
    let rows: Vec<[String; 14]> = runs.iter().map(Figures::row).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].len()).max().unwrap_or_default().max(HEAD[column].len())
    };
    let mut text = String::new();
    let mut line = |cells: &[&str]| {
        let cells: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    };
    line(&HEAD);
    for row in &rows {
        line(&row.each_ref().map(String::as_str));
    }
    for run in runs {
        let more: Vec<String> = run.more.iter().map(|(what, count)| format!("{what} {count}")).collect();
        if !more.is_empty() {
            let _ = writeln!(text, "{} on {}: {}", run.scenario, run.database, more.join(", "));
        }
        for violation in &run.violations {
            let _ = writeln!(
                text,
                "VIOLATION {} on {} (seed {}): {violation}",
                run.scenario, run.database, run.seed
            );
        }
    }
    text
}
