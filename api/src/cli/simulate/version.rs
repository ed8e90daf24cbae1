//! One version of the definitions taken through the whole population.

use std::collections::BTreeMap;

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;
use callwright_engine::id::LeadId;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::story::{Facts, Story};
use callwright_engine::store::{event_read, lead};
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::trial::report::Report;
use callwright_workers::trial::{Setup, Trial};
use chrono::TimeDelta;

use super::SimulateArgs;
use super::population::Source;

/// What one run came to.
#[derive(Debug)]
pub struct Version {
    /// Short, for table heads and legends.
    pub label: String,
    pub library: Library,
    pub report: Report,
    pub facts: Facts,
    pub story: Story,
    pub not_enrolled: BTreeMap<String, u64>,
    pub virtual_days: i64,
    pub seconds: f64,
    /// Of the lead that was asked for.
    pub timeline: Option<Vec<String>>,
}

impl Version {
    pub async fn run(
        args: &SimulateArgs,
        source: &Source,
        library: Library,
        label: String,
        is_first: bool,
    ) -> anyhow::Result<Self> {
        let began = std::time::Instant::now();
        let (cadence, start) = (args.cadence.as_deref().context("name a cadence")?, args.start());
        let db = super::open(args.keep.as_deref().filter(|_| is_first)).await?;
        let behaviour = Seeded { seed: args.seed, profile: profile(args)? };
        let trial = Trial::open_under(
            db,
            library.clone(),
            args.rules.load()?,
            Setup::at(start, args.seed),
            behaviour,
        );
        trial.engine.publish().await?;
        let leads = source.leads(&trial.engine.ids, start)?;
        trial.add_leads(&leads).await?;
        let campaign = source.campaign(cadence, &trial.engine.ids, start)?;
        let campaign = trial.add_campaign(&campaign).await?;
        source.add_permissions(&trial.engine.db).await?;
        let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
        let mut not_enrolled = BTreeMap::<String, u64>::new();
        let answers = trial.enroll(campaign, cadence, &ids, &args.variables).await?;
        for refusal in answers.into_iter().filter_map(Result::err) {
            *not_enrolled.entry(refusal.message).or_default() += 1;
        }
        let bar = super::progress(args.format, 0);
        let until = start + TimeDelta::days(i64::from(args.days));
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
        let facts = trial.facts().await?;
        let story = Story::of(
            &facts,
            library.cadences().map(AsRef::as_ref).filter(|known| {
                known.key == cadence || facts.walks.iter().any(|walk| walk.cadence == known.key)
            }),
        );
        let timeline = match &args.timeline {
            Some(name) => Some(timeline(&trial, name).await?),
            None => None,
        };
        trial.save_ledger().await?;
        trial.engine.db.close().await;
        Ok(Self {
            label,
            library,
            report,
            facts,
            story,
            not_enrolled,
            virtual_days: (ran.to - ran.from).num_days() + 1,
            seconds: began.elapsed().as_secs_f64(),
            timeline,
        })
    }
}

fn profile(args: &SimulateArgs) -> anyhow::Result<Profile> {
    let Some(path) = &args.profile else { return Ok(Profile::default()) };
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let profile: Profile = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    profile.check().with_context(|| path.display().to_string())?;
    Ok(profile)
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
