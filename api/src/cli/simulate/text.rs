//! The result for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::compare::figures;
use super::version::Version;
use crate::cli::output::table;

pub fn of(base: &Version, other: Option<&Version>) -> String {
    let mut text = run(base);
    if let Some(other) = other {
        let _ = write!(text, "\nAgainst {}:\n{}", other.label, comparison(base, other));
    }
    if let Some(lines) = &base.timeline {
        text.push_str("\nTimeline:\n");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn run(run: &Version) -> String {
    let summary = &run.report.summary;
    let mut text = format!(
        "{} leads, {} enrolled, {} calls over {} virtual days\n\
         answered {}, no answer {}, busy {}, voicemail {}, failed {}; converted {}, opted out {}\n\
         refused    {}\nput off    {}\nstill open {}\n\nCalls by the called party's hour:\n{}",
        summary.leads,
        summary.enrolled,
        summary.attempts,
        run.virtual_days,
        summary.answered,
        summary.no_answer,
        summary.busy,
        summary.voicemail,
        summary.failed,
        summary.converted,
        summary.opted_out,
        list(&summary.refused),
        list(&summary.deferred),
        list(&summary.open),
        run.report.hours.bars(),
    );
    for (message, count) in &run.not_enrolled {
        let _ = write!(text, "\nnot enrolled: {count} × {message}");
    }
    if !run.story.results.is_empty() {
        text.push_str("\nHow enrollments ended:\n");
        for (cadence, results) in &run.story.results {
            let _ = writeln!(text, "  {cadence}: {}", list(results));
        }
    }
    if !run.story.arms.is_empty() {
        let _ = write!(text, "\nArms:\n{}\n", arms(run));
    }
    text
}

fn arms(run: &Version) -> String {
    let head = ["  split", "arm", "share", "leads", "calls", "answered", "converted", "of leads"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(run.story.arms.iter().map(|arm| {
        vec![
            format!("  {}", arm.split),
            arm.arm.clone(),
            format!("{} %", arm.share),
            arm.leads.to_string(),
            arm.calls.to_string(),
            arm.answered.to_string(),
            arm.converted.to_string(),
            arm.conversion_rate.map(|rate| format!("{:.1} %", rate * 100.0)).unwrap_or_default(),
        ]
    }));
    table(&rows)
}

fn comparison(base: &Version, other: &Version) -> String {
    let mut rows =
        vec![vec!["  ".to_owned(), base.label.clone(), other.label.clone(), "difference".to_owned()]];
    rows.extend(figures(base, Some(other)).into_iter().map(|figure| {
        vec![
            format!("  {}", figure.name),
            figure.text(figure.base),
            figure.text(figure.other.unwrap_or_default()),
            figure.difference_text(),
        ]
    }));
    table(&rows) + "\n"
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
}
