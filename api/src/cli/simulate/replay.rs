//! Replaying a recorded campaign through the shipped cadence `replay`: same number of calls, same talk, same conversions,
//! or it is an error.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use callwright_engine::clock::Instant;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::campaign::VoiceClass;
use callwright_engine::id::LeadId;
use callwright_engine::rules::Rules;
use callwright_engine::simulate::driver::Pace;
use callwright_engine::simulate::histogram::Histogram;
use callwright_engine::simulate::population::Population;
use callwright_engine::simulate::replay::{self, Contact};
use callwright_engine::store::{Db, totals};
use callwright_workers::provider::simulated::behaviour::Scripted;
use callwright_workers::trial::{Setup, Trial, campaigns, people};
use chrono::TimeDelta;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::output::{self, Format};
use super::SimulateArgs;

/// The cadence made for it.
const CADENCE: &str = "replay";
/// What happens within a quarter of an hour is handled together.
const RESOLUTION: TimeDelta = TimeDelta::minutes(15);

/// Contacts of one simulation: enough to share a query among many, few enough that its database stays small.
const PART: usize = 5_000;

pub async fn run(args: &SimulateArgs, file: &Path, library: Library) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let input = File::open(file).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    let contacts = replay::read(input).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    super::cadence_exists(&library, CADENCE)?;
    let contacts: Arc<[Contact]> = contacts.into();
    let bar =
        super::progress(args.format, contacts.iter().map(|contact| u64::from(contact.attempts)).sum::<u64>());
    let rules = args.rules.load()?;
    let mut parts = JoinSet::new();
    let lanes = Arc::new(Semaphore::new(lanes()));
    for range in shares(contacts.len(), args.keep.is_some()) {
        let part = Part {
            contacts: Arc::clone(&contacts),
            range,
            library: library.clone(),
            rules: Arc::clone(&rules),
            bar: bar.clone(),
            setup: Setup::at(args.start(), args.seed),
            until: args.start() + TimeDelta::days(i64::from(args.days)),
        };
        let (lanes, keep) = (Arc::clone(&lanes), args.keep.clone());
        parts.spawn(async move {
            let _lane = lanes.acquire_owned().await?;
            part.run(super::open(keep.as_deref()).await?).await
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = parts.join_next().await {
        all.add(&tally??);
    }
    bar.finish_and_clear();
    all.print(args.format, started.elapsed().as_secs_f64());
    anyhow::ensure!(
        all.finished,
        "the campaign did not finish within {} virtual days: raise --days",
        args.days
    );
    all.agrees_with(&contacts)
}

/// Contacts of a recording do not know of each other: parts of it run in databases of their own. A database that is kept has
/// them all.
fn shares(contacts: usize, in_one: bool) -> impl Iterator<Item = Range<usize>> {
    let parts = if in_one { 1 } else { contacts.div_ceil(PART) };
    let share = contacts.div_ceil(parts);
    (0..parts).map(move |part| part * share..((part + 1) * share).min(contacts))
}

/// Parts that run at the same time: one more than cores, for while one of them waits for its database.
fn lanes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) + 1
}

/// The share of a recording that one simulation replays.
struct Part {
    contacts: Arc<[Contact]>,
    /// Its contacts, and its people of the population.
    range: Range<usize>,
    library: Library,
    rules: Arc<Rules>,
    bar: ProgressBar,
    setup: Setup,
    until: Instant,
}

impl Part {
    async fn run(self, db: Db) -> anyhow::Result<Tally> {
        let contacts = &self.contacts[self.range.clone()];
        let population = Population::united_states(self.setup.seed);
        let mut script = Scripted::default();
        for (index, contact) in self.range.clone().zip(contacts) {
            let number = population.person(index as u64).number;
            script.replay(number, contact.attempts, contact.duration_s, contact.subscribed);
        }
        let trial = Trial::open_under(db, self.library.clone(), Arc::clone(&self.rules), self.setup, script);
        self.enroll(&trial, &population, contacts).await?;
        let pace = Pace { resolution: RESOLUTION, batch: 2_000, until: self.until };
        let mut asked = 0;
        let ran = trial
            .run(pace, |now| {
                self.bar.inc(now.asked - std::mem::replace(&mut asked, now.asked));
                self.bar.set_message(now.now.format("%d %b %H:%M UTC").to_string());
            })
            .await?;
        let report = trial.report().await?;
        let mut tx = trial.engine.db.begin_read().await?;
        let tables = totals::of_attempts(&mut tx).await?;
        let events = totals::of_events(&mut tx).await?;
        tx.rollback().await?;
        trial.save_ledger().await?;
        trial.engine.db.close().await;
        Ok(Tally {
            leads: report.summary.leads,
            books: [report.audit.calls, report.audit.talk_seconds, report.audit.converted],
            tables: tables.into(),
            events: events.into(),
            outside_window: report.audit.outside_window,
            double_dials: report.audit.double_dials,
            hours: report.hours,
            virtual_days: (ran.to - ran.from).num_days() + 1,
            finished: ran.finished,
        })
    }

    async fn enroll(
        &self,
        trial: &Trial,
        population: &Population,
        contacts: &[Contact],
    ) -> anyhow::Result<()> {
        trial.engine.publish().await?;
        let people = self.range.start as u64..self.range.end as u64;
        let mut leads = people::leads(population, people, &trial.engine.ids, trial.clock.now());
        for (lead, contact) in leads.iter_mut().zip(contacts) {
            lead.external_id = Some(format!("contact_{}", contact.contact));
            // The recorded people said nothing about their preferred hours.
            lead.preferred = None;
            lead.preferred_text = None;
        }
        trial.add_leads(&leads).await?;
        let campaign = campaigns::consented(CADENCE, VoiceClass::Live, &trial.engine.ids, trial.clock.now())?;
        let campaign = trial.add_campaign(&campaign).await?;
        let ids: Vec<LeadId> = leads.iter().map(|lead| lead.id).collect();
        let offer = json!({"offer": {"title": "recorded offer"}});
        for answer in trial.enroll(campaign, CADENCE, &ids, &offer).await? {
            if let Err(refusal) = answer {
                anyhow::bail!("a contact could not be enrolled: {}", refusal.message);
            }
        }
        Ok(())
    }
}

/// Calls, seconds of talk, conversions.
type Totals = [u64; 3];

/// What parts came to, by everyone who counted.
struct Tally {
    leads: u64,
    tables: Totals,
    events: Totals,
    books: Totals,
    outside_window: u64,
    double_dials: u64,
    hours: Histogram,
    virtual_days: i64,
    finished: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            leads: 0,
            tables: Totals::default(),
            events: Totals::default(),
            books: Totals::default(),
            outside_window: 0,
            double_dials: 0,
            hours: Histogram::default(),
            virtual_days: 0,
            finished: true,
        }
    }
}

impl Tally {
    fn add(&mut self, part: &Self) {
        let sum = |a: Totals, b: Totals| std::array::from_fn(|place| a[place] + b[place]);
        self.leads += part.leads;
        self.tables = sum(self.tables, part.tables);
        self.events = sum(self.events, part.events);
        self.books = sum(self.books, part.books);
        self.outside_window += part.outside_window;
        self.double_dials += part.double_dials;
        self.hours.merge(&part.hours);
        self.virtual_days = self.virtual_days.max(part.virtual_days);
        self.finished &= part.finished;
    }

    fn print(&self, format: Format, seconds: f64) {
        if format == Format::Human {
            output::print(&format!("Calls by the called party's hour:\n{}", self.hours.bars()));
        }
        let [attempts, talk_seconds, converted] = self.tables;
        let line = json!({
            "leads": self.leads, "attempts": attempts, "talk_seconds": talk_seconds, "converted": converted,
            "hours": self.hours.counts(), "outside_window": self.outside_window, "double_dials": self.double_dials,
            "virtual_days": self.virtual_days, "seconds": (seconds * 100.0).round() / 100.0,
        });
        output::print(&line.to_string());
    }

    /// The recording, our tables, our events and the carrier's books must each tell the same story.
    fn agrees_with(&self, contacts: &[Contact]) -> anyhow::Result<()> {
        let recorded: Totals = [
            contacts.iter().map(|contact| u64::from(contact.attempts)).sum(),
            contacts.iter().map(|contact| u64::from(contact.duration_s)).sum(),
            contacts.iter().filter(|contact| contact.subscribed).count() as u64,
        ];
        let stories = [("attempts", self.tables), ("events", self.events), ("carrier's books", self.books)];
        for (who, theirs) in stories {
            anyhow::ensure!(
                theirs == recorded,
                "the {who} say (calls, talk seconds, conversions) {theirs:?}, the recording {recorded:?}"
            );
        }
        Ok(())
    }
}
