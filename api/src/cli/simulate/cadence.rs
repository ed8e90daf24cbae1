//! A cadence over a population.

use std::fmt::Write as _;
use std::fs::File;

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::new_lead::{NewLead, prepare};
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::{event_read, lead};
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::trial::report::Report;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::output::{self, Format};
use super::SimulateArgs;

pub async fn run(args: &SimulateArgs, library: Library) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let cadence = args.cadence.as_deref().context("name a cadence")?;
    super::cadence_exists(&library, cadence)?;
    let profile = profile(args)?;
    let db = super::open(args.keep.as_deref()).await?;
    let trial =
        Trial::open(db, library, Setup::at(args.start, args.seed), Seeded { seed: args.seed, profile });
    trial.engine.publish().await?;
    let leads = leads(args, &trial)?;
    trial.add_leads(&leads).await?;
    let campaign = campaigns::consented(cadence, VoiceClass::Artificial, &trial.engine.ids, args.start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
    let answers = trial.enroll(campaign, cadence, &ids, &args.variables).await?;
    let mut not_enrolled = std::collections::BTreeMap::<String, u64>::new();
    for refusal in answers.into_iter().filter_map(Result::err) {
        *not_enrolled.entry(refusal.message).or_default() += 1;
    }
    let bar = super::progress(args.format, 0);
    let until = args.start + TimeDelta::days(i64::from(args.days));
    let pace = Pace { resolution: TimeDelta::seconds(60), batch: 1_000, until };
    let ran = trial
        .run(pace, |now| {
            bar.set_length(now.asked.max(1));
            bar.set_position(now.finished);
            bar.set_message(now.now.format("%a %d %b %H:%M UTC").to_string());
        })
        .await?;
    bar.finish_and_clear();
    let report = trial.report().await?;
    let timeline = match &args.timeline {
        Some(name) => Some(timeline(&trial, name).await?),
        None => None,
    };
    trial.save_ledger().await?;
    let days = (ran.to - ran.from).num_days() + 1;
    match args.format {
        Format::Json => {
            let mut value = to_json(&report, days, started.elapsed().as_secs_f64());
            value["not_enrolled"] = json!(not_enrolled);
            value["timeline"] = json!(timeline);
            output::print(&value.to_string());
        }
        Format::Human => output::print(&to_text(&report, days, &not_enrolled, timeline.as_deref())),
    }
    trial.engine.db.close().await;
    Ok(())
}

fn profile(args: &SimulateArgs) -> anyhow::Result<Profile> {
    let Some(path) = &args.profile else { return Ok(Profile::default()) };
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let profile: Profile = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    profile.check().with_context(|| path.display().to_string())?;
    Ok(profile)
}

/// From the CSV, or made up. Every bad row is named at once.
fn leads(args: &SimulateArgs, trial: &Trial) -> anyhow::Result<Vec<Lead>> {
    let (ids, now) = (&trial.engine.ids, args.start);
    let Some(path) = &args.population else {
        let population = Population::united_states(args.seed).with_india(5);
        return Ok(people::leads(&population, 0..args.leads, ids, now));
    };
    let mut reader = csv::Reader::from_reader(File::open(path).with_context(|| path.display().to_string())?);
    let mut leads = Vec::new();
    let mut problems = Vec::new();
    for (index, row) in reader.deserialize::<serde_json::Map<String, Value>>().enumerate() {
        let line = index + 2;
        let row = row.with_context(|| format!("{} line {line}", path.display()))?;
        let row: serde_json::Map<String, Value> = row
            .into_iter()
            .filter(|(_, value)| value.as_str() != Some(""))
            .map(|(key, value)| (key, value.as_i64().map_or(value, |number| json!(number.to_string()))))
            .collect();
        match serde_json::from_value::<NewLead>(Value::Object(row)) {
            Ok(mut new) => {
                new.synthetic = true;
                match prepare(&new, ids.next(now), now) {
                    Ok(lead) => leads.push(lead),
                    Err(mistakes) => {
                        problems.extend(mistakes.iter().map(|mistake| format!("line {line}: {mistake}")));
                    }
                }
            }
            Err(error) => problems.push(format!("line {line}: {error}")),
        }
    }
    anyhow::ensure!(problems.is_empty(), "{}:\n{}", path.display(), problems.join("\n"));
    anyhow::ensure!(!leads.is_empty(), "{} has no rows below its header", path.display());
    Ok(leads)
}

async fn timeline(trial: &Trial, name: &str) -> anyhow::Result<Vec<String>> {
    let mut tx = trial.engine.db.begin_read().await?;
    let lead = lead::resolve(&mut tx, name).await?.with_context(|| format!("there is no lead `{name}`"))?;
    let events = event_read::timeline(&mut tx, lead, None, 500).await?;
    tx.rollback().await?;
    let mut lines: Vec<String> = events
        .items
        .iter()
        .map(|event| {
            format!(
                "{}  {:<24} {}",
                event.event.at.format("%Y-%m-%d %H:%M:%S UTC"),
                event.event.kind,
                event.event.data
            )
        })
        .collect();
    lines.reverse();
    Ok(lines)
}

fn to_json(report: &Report, days: i64, seconds: f64) -> Value {
    json!({
        "summary": report.summary, "hours": report.hours.counts(), "double_dials": report.audit.double_dials,
        "outside_window": report.audit.outside_window, "suppressed_dials": report.audit.suppressed_dials,
        "virtual_days": days, "seconds": (seconds * 100.0).round() / 100.0,
    })
}

fn to_text(
    report: &Report,
    days: i64,
    not_enrolled: &std::collections::BTreeMap<String, u64>,
    timeline: Option<&[String]>,
) -> String {
    let summary = &report.summary;
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "{} leads, {} enrolled, {} calls over {days} virtual days\n\
         answered {}, no answer {}, busy {}, voicemail {}, failed {}; converted {}, opted out {}\n\
         refused    {}\nput off    {}\nstill open {}\n\nCalls by the called party's hour:\n{}",
        summary.leads,
        summary.enrolled,
        summary.attempts,
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
        report.hours.bars(),
    );
    for (message, count) in not_enrolled {
        let _ = write!(text, "\nnot enrolled: {count} × {message}");
    }
    if let Some(lines) = timeline {
        text.push_str("\nTimeline:\n");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}
