//! Everything counted, as JSON.

use serde_json::{Map, Value, json};

use super::SimulateArgs;
use super::compare::figures;
use super::population::Source;
use super::version::Version;

/// The base run at the top; the other one under `against`.
pub fn of(args: &SimulateArgs, source: &Source, base: &Version, other: Option<&Version>) -> Value {
    let mut value = run(base);
    value["cadence"] = json!(args.cadence);
    value["population"] = json!(source.describe());
    value["seed"] = json!(args.seed);
    value["start"] = json!(args.start());
    if let Some(other) = other {
        value["against"] = run(other);
        let differences: Map<String, Value> = figures(base, Some(other))
            .into_iter()
            .map(|figure| {
                let pair = json!({
                    "base": figure.base, "against": figure.other, "difference": figure.difference(),
                });
                (figure.key.to_owned(), pair)
            })
            .collect();
        value["differences"] = Value::Object(differences);
    }
    value
}

fn run(run: &Version) -> Value {
    let report = &run.report;
    json!({
        "summary": report.summary, "hours": report.hours.counts(), "double_dials": report.audit.double_dials,
        "outside_window": report.audit.outside_window, "suppressed_dials": report.audit.suppressed_dials,
        "virtual_days": run.virtual_days, "seconds": (run.seconds * 100.0).round() / 100.0,
        "not_enrolled": run.not_enrolled, "timeline": run.timeline, "version": run.label, "story": run.story,
    })
}
