//! Replaying a recorded campaign through the shipped cadence `replay`: same number of calls, same talk, same conversions,
//! or it is an error.

use std::fs::File;
use std::path::Path;

use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::domain::lead::Lead;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::population::Population;
use callwright_engine::simulate::replay::{self, Contact};
use callwright_engine::store::{Db, totals};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::report::Report;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use serde_json::json;

use super::super::output::{self, Format};
use super::SimulateArgs;

/// The cadence made for it.
const CADENCE: &str = "replay";
/// What happens within five minutes is handled together.
const RESOLUTION: TimeDelta = TimeDelta::minutes(5);

pub async fn run(args: &SimulateArgs, file: &Path, db: Db, library: Library) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let input = File::open(file).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    let contacts = replay::read(input).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    super::cadence_exists(&library, CADENCE)?;
    let population = Population::united_states(args.seed);
    let mut script = Scripted::default();
    for (index, contact) in contacts.iter().enumerate() {
        let number = population.person(index as u64).number;
        script.replay(number, contact.attempts, contact.duration_s, contact.subscribed);
    }
    let trial = Trial::open(db, library, Setup::at(args.start, args.seed), script);
    trial.engine.publish().await?;
    let leads = leads(&trial, &population, &contacts);
    trial.add_leads(&leads).await?;
    let campaign = campaigns::consented(CADENCE, VoiceClass::Live, &trial.engine.ids, args.start)?;
    let campaign = trial.add_campaign(&campaign).await?;
    let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
    let offer = json!({"offer": {"title": "recorded offer"}});
    for answer in trial.enroll(campaign, CADENCE, &ids, &offer).await? {
        if let Err(refusal) = answer {
            anyhow::bail!("a contact could not be enrolled: {}", refusal.message);
        }
    }
    let total = contacts.iter().map(|contact| u64::from(contact.attempts)).sum();
    let bar = super::progress(args.format, total);
    let pace = Pace {
        resolution: RESOLUTION,
        batch: 2_000,
        until: args.start + TimeDelta::days(i64::from(args.days)),
    };
    let ran = trial
        .run(pace, |now| {
            bar.set_position(now.asked);
            bar.set_message(now.now.format("%d %b %H:%M UTC").to_string());
        })
        .await?;
    bar.finish_and_clear();
    let report = trial.report().await?;
    let virtual_days = (ran.to - ran.from).num_days() + 1;
    let seconds = started.elapsed().as_secs_f64();
    print(args.format, &report, virtual_days, seconds);
    anyhow::ensure!(
        ran.finished,
        "the campaign did not finish within {} virtual days: raise --days",
        args.days
    );
    agree(&trial, &contacts, &report).await?;
    trial.save_ledger().await?;
    trial.engine.db.close().await;
    Ok(())
}

fn leads(trial: &Trial, population: &Population, contacts: &[Contact]) -> Vec<Lead> {
    let mut leads = people::leads(population, 0..contacts.len() as u64, &trial.engine.ids, trial.clock.now());
    for (lead, contact) in leads.iter_mut().zip(contacts) {
        lead.external_id = Some(format!("contact_{}", contact.contact));
        // The recorded people said nothing about their preferred hours.
        lead.preferred = None;
        lead.preferred_text = None;
    }
    leads
}

fn print(format: Format, report: &Report, virtual_days: i64, seconds: f64) {
    let (summary, audit) = (&report.summary, &report.audit);
    if format == Format::Human {
        output::print(&format!("Calls by the called party's hour:\n{}", report.hours.bars()));
    }
    let line = json!({
        "leads": summary.leads, "attempts": summary.attempts, "talk_seconds": summary.talk_seconds,
        "converted": summary.converted, "outside_window": audit.outside_window, "double_dials": audit.double_dials,
        "virtual_days": virtual_days, "seconds": (seconds * 100.0).round() / 100.0,
    });
    output::print(&line.to_string());
}

/// The recording, our tables, our events and the carrier's books must each tell the same story.
async fn agree(trial: &Trial, contacts: &[Contact], report: &Report) -> anyhow::Result<()> {
    let recorded = (
        contacts.iter().map(|contact| u64::from(contact.attempts)).sum::<u64>(),
        contacts.iter().map(|contact| u64::from(contact.duration_s)).sum::<u64>(),
        contacts.iter().filter(|contact| contact.subscribed).count() as u64,
    );
    let mut tx = trial.engine.db.begin_read().await?;
    let tables = totals::of_attempts(&mut tx).await?;
    let events = totals::of_events(&mut tx).await?;
    tx.rollback().await?;
    let books = (report.audit.calls, report.audit.talk_seconds, report.audit.converted);
    for (who, theirs) in [("the attempts", tables), ("the events", events), ("the carrier's books", books)] {
        anyhow::ensure!(
            theirs == recorded,
            "{who} say (calls, talk seconds, conversions) {theirs:?}, the recording {recorded:?}"
        );
    }
    Ok(())
}
