//! One HTML page with the whole result: no script, nothing from elsewhere, readable on a phone, on paper and in the dark.

mod chart;
mod sample;

use std::collections::BTreeMap;

use anyhow::Context as _;
use callwright_engine::definitions::graph::{Coverage, Graph};
use callwright_engine::simulate::story::{Arm, Story, Why};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::SimulateArgs;
use super::compare::figures;
use super::population::Source;
use super::version::Version;

const PAGE: &str = include_str!("page.html");
/// Leads whose timelines are shown.
const SAMPLES: usize = 12;

/// Figures of one run that have no column of their own in a comparison.
#[derive(Debug, Serialize)]
struct Run<'a> {
    label: &'a str,
    arms: &'a [Arm],
    reasons: Vec<Told<'a>>,
    not_enrolled: &'a BTreeMap<String, u64>,
    results: &'a BTreeMap<String, BTreeMap<String, u64>>,
    double_dials: u64,
    outside_window: u64,
    suppressed_dials: u64,
}

/// A reason with its words.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    why: &'a Why,
    words: &'static str,
}

/// One line of a table: a name, and a count per run.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    counts: Vec<u64>,
    /// Of the largest, in percent, per run.
    widths: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Headline {
    name: &'static str,
    key: &'static str,
    base: String,
    other: String,
    difference: String,
}

#[derive(Debug, Serialize)]
struct Drawing {
    title: String,
    /// Ours, with every name escaped.
    svg: String,
    open: bool,
}

/// The page.
pub fn page(
    args: &SimulateArgs,
    source: &Source,
    base: &Version,
    other: Option<&Version>,
) -> anyhow::Result<String> {
    let runs: Vec<&Version> = std::iter::once(base).chain(other).collect();
    let cadence = args.cadence.as_deref().context("name a cadence")?;
    let title = base.library.cadence(cadence).map_or("", |found| found.title.as_str());
    let stories: Vec<(&str, &Story)> = runs.iter().map(|run| (run.label.as_str(), &run.story)).collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("page.html", PAGE)?;
    let page = environment.get_template("page.html")?.render(context! {
        cadence, title,
        version => env!("CARGO_PKG_VERSION"),
        population => source.describe(),
        start => args.start().format("%A %Y-%m-%d %H:%M UTC").to_string(),
        seed => args.seed,
        labels => runs.iter().map(|run| run.label.clone()).collect::<Vec<_>>(),
        headlines => value(headlines(base, other)),
        hours_chart => chart::hours(&stories),
        days_chart => chart::days(&stories),
        hours => value(hours(&runs)),
        days => value(days(&runs)),
        outcomes => value(lines(&runs, |story| story.outcomes.clone())),
        dispositions => value(lines(&runs, |story| story.dispositions.clone())),
        per_lead => value(lines(&runs, |story| {
            story.calls_per_lead.iter().map(|(calls, leads)| (format!("{calls:>3} calls"), *leads)).collect()
        })),
        runs => value(runs.iter().map(|run| shown(run)).collect::<Vec<_>>()),
        drawings => value(drawings(cadence, &runs)),
        samples => value(sample::stories(base, args.timeline.as_deref(), SAMPLES)),
    })?;
    Ok(page)
}

fn value(data: impl Serialize) -> Value {
    Value::from(Serde(&data))
}

fn headlines(base: &Version, other: Option<&Version>) -> Vec<Headline> {
    let headline = |figure: super::compare::Figure| Headline {
        name: figure.name,
        key: figure.key,
        base: figure.text(figure.base),
        other: figure.other.map(|value| figure.text(value)).unwrap_or_default(),
        difference: figure.difference_text(),
    };
    figures(base, other).into_iter().map(headline).collect()
}

fn shown(run: &Version) -> Run<'_> {
    Run {
        label: &run.label,
        arms: &run.story.arms,
        reasons: run.story.reasons.iter().map(|why| Told { why, words: words(&why.reason) }).collect(),
        not_enrolled: &run.not_enrolled,
        results: &run.story.results,
        double_dials: run.report.audit.double_dials,
        outside_window: run.report.audit.outside_window,
        suppressed_dials: run.report.audit.suppressed_dials,
    }
}

/// Reasons of the gates in plain words.
fn words(reason: &str) -> &'static str {
    match reason {
        "do-not-call" => "the lead is marked do not call",
        "opted-out" => "the lead has opted out",
        "no-phone" => "the lead has no number",
        "phone-invalid" => "the number cannot be called",
        "suppressed" => "the number is suppressed",
        "consent-missing" => "no consent to be called",
        "consent-revoked" => "the consent was revoked",
        "ai-voice-consent-missing" => "no consent to an artificial voice",
        "campaign-not-active" | "campaign-paused" => "the campaign is not active",
        "campaign-not-started" => "the campaign has not begun",
        "campaign-over" => "the campaign is over",
        "outside-campaign-schedule" => "outside the campaign's hours",
        "campaign-daily-limit" => "the campaign has called enough that day",
        "outside-legal-hours" => "outside the hours the law allows where the lead is",
        "zone-unknown" => "nobody knows what time it is at the lead's",
        "no-common-window" => "no hour suits every rule at once",
        "rule-missing" => "no calling rules are known for the place",
        "outside-cadence-hours" => "outside the cadence's hours",
        "outside-preferred-time" => "outside the time the lead prefers",
        "cap-per-day" => "called often enough that day",
        "cap-per-week" => "called often enough in seven days",
        "cap-total" => "called as often as the cadence allows",
        "cap-gap" => "the last call was too short a time ago",
        "legal-cap" => "the law allows no further call yet",
        "number-busy" => "another call to the number was under way",
        "offer-over" => "the offer that the call was about had ended",
        "offer-withdrawn" => "what the call was about was cancelled",
        "purchase-gone" => "what the call was about was given back, or never verified",
        _ => "",
    }
}

fn lines(runs: &[&Version], of: impl Fn(&Story) -> BTreeMap<String, u64>) -> Vec<Line> {
    let maps: Vec<BTreeMap<String, u64>> = runs.iter().map(|run| of(&run.story)).collect();
    let mut names: Vec<&String> = maps.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let most = maps.iter().flat_map(BTreeMap::values).copied().max().unwrap_or(0).max(1);
    names
        .into_iter()
        .map(|name| {
            let counts: Vec<u64> = maps.iter().map(|map| map.get(name).copied().unwrap_or(0)).collect();
            let name = if name.is_empty() { "none" } else { name.trim() };
            Line {
                name: name.to_owned(),
                widths: counts.iter().map(|count| count * 100 / most).collect(),
                counts,
            }
        })
        .collect()
}

/// `(hour, calls and answered per run)`.
fn hours(runs: &[&Version]) -> Vec<(String, Vec<u64>)> {
    let used = |hour: &usize| runs.iter().any(|run| run.story.hours.get(*hour).is_some_and(|h| h.calls > 0));
    let row = |hour: usize| {
        let counts =
            runs.iter().flat_map(|run| [run.story.hours[hour].calls, run.story.hours[hour].answered]);
        (format!("{hour:02}:00"), counts.collect())
    };
    (0..24).filter(used).map(row).collect()
}

fn days(runs: &[&Version]) -> Vec<(String, Vec<u64>)> {
    let mut all: BTreeMap<chrono::NaiveDate, Vec<u64>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        for day in run.story.days.iter().filter(|day| day.calls.calls > 0) {
            let row = all.entry(day.date).or_insert_with(|| vec![0; runs.len() * 2]);
            row[place * 2] = day.calls.calls;
            row[place * 2 + 1] = day.calls.answered;
        }
    }
    all.into_iter().map(|(date, counts)| (date.format("%a %Y-%m-%d").to_string(), counts)).collect()
}

/// The cadence of each version with what was reached, and the flows it calls.
fn drawings(cadence: &str, runs: &[&Version]) -> Vec<Drawing> {
    let mut all: Vec<Drawing> = Vec::new();
    let mut hashes = Vec::new();
    for run in runs {
        let Some(bundle) = run.library.bundle(cadence) else { continue };
        if hashes.contains(&bundle.hash) {
            continue;
        }
        let mut graph = Graph::of_cadence(&bundle.cadence);
        let is_first = hashes.is_empty();
        hashes.push(bundle.hash.clone());
        let coverage = reached(cadence, &run.story);
        let heading = if runs.len() > 1 {
            format!("Cadence {cadence}: {}", run.label)
        } else {
            format!("Cadence {cadence}")
        };
        if !is_first {
            // Names inside a page are there once.
            graph.key.push_str("-against");
        }
        all.push(Drawing { title: heading, svg: graph.svg(Some(&coverage)), open: is_first });
        if is_first {
            let flows = bundle.cadence.flows().filter_map(|key| bundle.flows.get(key));
            all.extend(flows.map(|flow| Drawing {
                title: format!("Flow {}: {}", flow.key, flow.title),
                svg: Graph::of_flow(flow).svg(None),
                open: false,
            }));
        }
    }
    all
}

/// Steps that at least one lead came through.
fn reached(cadence: &str, story: &Story) -> Coverage {
    let own = story.steps.iter().filter(|step| step.cadence == cadence);
    Coverage {
        steps: own.map(|step| (step.step.clone(), step.passed > 0 || step.calls.calls > 0)).collect(),
        ..Coverage::default()
    }
}
