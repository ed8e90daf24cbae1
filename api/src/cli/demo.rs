//! `callwright demo`: the whole product in virtual time, in less than a minute, with nothing configured.

use std::path::PathBuf;
use std::time::Duration;

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::suppression::Source;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::population::Population;
use callwright_engine::store::{Db, Durability};
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::trial::report::Report;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::{DateTime, TimeDelta};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::output::{self, Format};

/// Takes a synthetic population through cadences and a price drop on the simulated carrier, and audits every call.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright demo\n  callwright demo --leads 1000 --seed 7 --keep demo.db\n  callwright demo --format json | tail -1"
)]
pub struct DemoArgs {
    /// People to make up.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(20..=1_000_000))]
    leads: u64,
    /// The same seed makes the same people, callees and outcomes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the database here (a new file); otherwise it goes to the folder for temporary files.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Monday, 2 March 2026, before anyone may be called; the week that follows holds the change to summer time.
const START: &str = "2026-03-02T06:00:00Z";
const HORIZON: TimeDelta = TimeDelta::days(120);

/// How the demo's people are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Share {
    NewLead,
    Qualification,
    PriceDrop,
}

impl Share {
    const fn of(index: usize) -> Self {
        match index % 10 {
            0..=4 => Self::NewLead,
            5..=6 => Self::Qualification,
            _ => Self::PriceDrop,
        }
    }

    const fn cadence(self) -> &'static str {
        match self {
            Self::NewLead => "new-lead",
            Self::Qualification => "qualification",
            Self::PriceDrop => "price-drop",
        }
    }
}

pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let path = database(args.keep)?;
    let db = Db::connect(&format!("sqlite:{}", path.display()), Durability::Off).await?;
    db.migrate().await?;
    let start: Instant = DateTime::parse_from_rfc3339(START)?.to_utc();
    let source = Seeded { seed: args.seed, profile: lively() };
    let trial = Trial::open(db, Library::embedded(), Setup::at(start, args.seed), source);
    trial.engine.publish().await?;

    let leads = population(&trial, args.leads, args.seed, start);
    trial.add_leads(&leads).await?;
    let registered: Vec<_> = leads.iter().step_by(29).filter_map(|lead| lead.callable()?.number).collect();
    trial.suppress(&registered, Source::NationalRegistry, "on the national do-not-call registry").await?;
    enroll(&trial, &leads, start).await?;

    let bar = progress(args.format);
    let pace = Pace { resolution: TimeDelta::seconds(60), batch: 500, until: start + HORIZON };
    trial
        .run(pace, |now| {
            bar.set_message(format!("{}  {} calls", now.now.format("%a %d %b %H:%M UTC"), now.asked));
            bar.tick();
        })
        .await?;
    bar.finish_and_clear();
    let report = trial.report().await?;
    let seconds = started.elapsed();
    trial.engine.db.close().await;
    match args.format {
        Format::Human => output::print(&human(&report, &path, seconds)),
        Format::Json => output::print(&json_line(&report).to_string()),
    }
    anyhow::ensure!(
        safe(&report),
        "the carrier's books show calls that must not happen; the lines above say which"
    );
    Ok(())
}

/// A new file: a demo never touches a database that is there already.
fn database(keep: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let path = keep
        .unwrap_or_else(|| std::env::temp_dir().join(format!("callwright-demo-{}.db", std::process::id())));
    anyhow::ensure!(!path.exists(), "{} exists: name a new file with --keep", path.display());
    Ok(path)
}

/// More people pick up, and more say yes, than in real life: there should be something to see.
fn lively() -> Profile {
    Profile { answer: 0.45, accept: 0.34, decline: 0.30, opt_out: 0.05, ..Profile::default() }
}

/// People of every US state and India; some cannot be called, for one reason each.
fn population(trial: &Trial, count: u64, seed: u64, now: Instant) -> Vec<Lead> {
    let population = Population::united_states(seed).with_india(5);
    let mut leads = people::leads(&population, 0..count, &trial.engine.ids, now);
    for (index, lead) in leads.iter_mut().enumerate() {
        match index % 50 {
            17 => lead.phones.clear(),
            31 => lead.do_not_call = true,
            43 => {
                for phone in &mut lead.phones {
                    phone.number = None;
                    phone.invalid = Some("area-code-555".to_owned());
                }
            }
            _ => {}
        }
    }
    leads
}

async fn enroll(trial: &Trial, leads: &[Lead], now: Instant) -> anyhow::Result<()> {
    for share in Share::value_variants() {
        let campaign = campaigns::consented(share.cadence(), VoiceClass::Artificial, &trial.engine.ids, now)?;
        let campaign = trial.add_campaign(&campaign).await?;
        let ids: Vec<LeadId> = leads
            .iter()
            .enumerate()
            .filter(|(index, _)| Share::of(*index) == *share)
            .map(|(_, lead)| lead.id)
            .collect();
        trial.enroll(campaign, share.cadence(), &ids, &variables(*share)).await?;
    }
    let nurture = campaigns::consented("trial-nurture", VoiceClass::Artificial, &trial.engine.ids, now)?;
    trial.add_campaign(&nurture).await?;
    Ok(())
}

fn variables(share: Share) -> Value {
    match share {
        Share::PriceDrop => json!({
            "product": {
                "name": "iPhone 15 Pro", "oldPrice": "999.99", "newPrice": "849.99", "currency": "USD",
                "purchasedAt": "2026-02-20",
            },
            "offer": {
                "type": "price_drop", "title": "Price drop refund", "percent": 15, "savings": "150.00", "currency": "USD",
                "coupon": "PRICE_DROP-15-DEMO",
            },
        }),
        Share::NewLead | Share::Qualification => json!({}),
    }
}

fn progress(format: Format) -> ProgressBar {
    if format == Format::Json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} virtual time {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn safe(report: &Report) -> bool {
    report.audit.double_dials == 0 && report.audit.outside_window == 0 && report.audit.suppressed_dials == 0
}

fn json_line(report: &Report) -> Value {
    let (summary, audit) = (&report.summary, &report.audit);
    json!({
        "leads": summary.leads, "enrolled": summary.enrolled, "attempts": summary.attempts, "answered": summary.answered,
        "no_answer": summary.no_answer, "busy": summary.busy, "voicemail": summary.voicemail, "failed": summary.failed,
        "opted_out": summary.opted_out, "converted": summary.converted, "events": summary.events,
        "double_dials": audit.double_dials, "outside_window": audit.outside_window,
        "suppressed_dials": audit.suppressed_dials, "refused": summary.refused, "deferred": summary.deferred,
    })
}

fn human(report: &Report, path: &std::path::Path, took: Duration) -> String {
    let (summary, audit) = (&report.summary, &report.audit);
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "{leads} leads, {enrolled} enrollments, {attempts} calls, {events} events in {seconds:.1} s\n\n\
         Outcomes   answered {answered}, no answer {no_answer}, busy {busy}, voicemail {voicemail}, failed {failed}\n\
         People     converted {converted}, opted out {opted_out}\n\
         Refused    {refused}\n\
         Put off    {deferred}\n\n\
         Calls by the called party's hour:\n{bars}\n\
         The carrier's own books: {double} double dials, {outside} outside calling hours, {suppressed} to suppressed numbers\n\n\
         Where to look next:\n  \
         callwright why synthetic_3 --database-url sqlite:{path}\n  \
         callwright simulate new-lead --leads 1000\n  \
         callwright init my-outreach\n",
        leads = summary.leads,
        enrolled = summary.enrolled,
        attempts = summary.attempts,
        events = summary.events,
        seconds = took.as_secs_f64(),
        answered = summary.answered,
        no_answer = summary.no_answer,
        busy = summary.busy,
        voicemail = summary.voicemail,
        failed = summary.failed,
        converted = summary.converted,
        opted_out = summary.opted_out,
        refused = list(&summary.refused),
        deferred = list(&summary.deferred),
        bars = report.hours.bars(),
        double = audit.double_dials,
        outside = audit.outside_window,
        suppressed = audit.suppressed_dials,
        path = path.display(),
    )
}
