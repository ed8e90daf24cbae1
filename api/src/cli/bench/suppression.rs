//! A registry of millions: its import as people do it, with the memory that takes, and what gates then ask about it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant as Stopwatch};

use anyhow::{Context as _, ensure};
use callwright_engine::clock::Instant;
use callwright_engine::domain::suppression::Source;
use callwright_engine::id::LeadId;
use callwright_engine::store::erased_number::ErasedEntry;
use callwright_engine::store::{Db, erased_number, gate_facts};
use chrono::{TimeDelta, Utc};
use tokio::process::Child;

use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{Sizes, child};

/// Numbers of erased people.
const ERASED: u64 = 10_000;
/// Leads per look-up, as planning and claiming ask.
const BATCH: usize = 500;
/// How often the importing process's memory is looked at; its peak is the kernel's own.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    let file = Listing::write(sizes.numbers)?;
    let watch = Stopwatch::now();
    let megabytes = import(&place, &file).await?;
    let seconds = watch.elapsed().as_secs_f64();
    let rounds = if sizes.quick { 4 } else { 100 };
    let mut hits = Vec::new();
    let mut misses = Vec::new();
    for _ in 0..sizes.runs {
        hits.push(look_up(&place.db, sizes.numbers, rounds, true).await?);
        misses.push(look_up(&place.db, sizes.numbers, rounds, false).await?);
    }
    erase_some(&place.db).await?;
    let mut beside_erased = Vec::new();
    for _ in 0..sizes.runs {
        beside_erased.push(look_up(&place.db, sizes.numbers, rounds, false).await?);
    }
    drop(file);
    place.close().await?;
    let figure = |measure: &str, unit, samples: &[Sample]| {
        Figure::of("suppression", target.name(), unit, samples).measure(measure).over(sizes.numbers)
    };
    let one = |figure| [Sample { figure, limit: None }];
    // The goals are for five million: a tenth of a percent of them says nothing.
    let goal = |figure: Figure, goal| if sizes.quick { figure } else { figure.goal(goal) };
    Ok(vec![
        figure("import", "numbers/s", &one(sizes.numbers as f64 / seconds)),
        goal(figure("import, memory at most", "MB", &one(megabytes)), Goal::AtMost(300.0)),
        goal(figure("facts of a listed lead", "µs", &hits), Goal::AtMost(20.0)),
        goal(figure("facts of a lead on no list", "µs", &misses), Goal::AtMost(20.0)),
        goal(figure("facts where people were erased", "µs", &beside_erased), Goal::AtMost(20.0)),
    ])
}

/// `callwright import` in a process of its own; the most memory that it ever held, in MB.
async fn import(place: &Place, file: &Listing) -> anyhow::Result<f64> {
    let path = file.0.to_string_lossy().into_owned();
    let arguments = ["import", &path, "--kind", "suppressions", "--registry", "us-dnc"];
    let mut command = child::command(&place.url, &arguments)?;
    let mut importing: Child = command.stderr(Stdio::inherit()).spawn()?;
    let process = importing.id().context("the import has ended by itself")?;
    let mut most: f64 = 0.0;
    loop {
        // A process that is just ending has no memory to tell of any more.
        if let Ok((_, peak)) = child::memory(process) {
            most = most.max(peak);
        }
        if let Ok(ended) = tokio::time::timeout(LOOK_EVERY, importing.wait()).await {
            let status = ended?;
            ensure!(status.success(), "the import ended with {status}");
            return Ok(most);
        }
    }
}

/// From the first erasure on every number is looked up by its fingerprint too.
async fn erase_some(db: &Db) -> anyhow::Result<()> {
    let now: Instant = Utc::now();
    let mut tx = db.begin().await?;
    let key = erased_number::key_or_new(&mut tx, now).await?;
    let entry = |n: u64| ErasedEntry {
        // Numbers that nobody asks for.
        hash: key.fingerprint(&format!("+44{n:010}")),
        source: Source::OptOut,
        campaign_id: None,
        expires_at: None,
        erased_at: now,
    };
    let entries: Vec<ErasedEntry> = (0..ERASED).map(entry).collect();
    erased_number::add_many(&mut tx, &entries).await?;
    tx.commit().await?;
    Ok(())
}

/// Microseconds per lead for everything that the gates ask of the database.
async fn look_up(db: &Db, numbers: u64, rounds: u64, listed: bool) -> anyhow::Result<Sample> {
    let now: Instant = Utc::now();
    let mut took = Duration::ZERO;
    let mut tx = db.begin_read().await?;
    for round in 0..rounds {
        let on = |index: usize| {
            // Spread over the whole table, another part each time.
            let place = (index as u64 * 10_007 + round * 7_919) % numbers;
            if listed { number(place) } else { number(place + numbers) }
        };
        let asked: Vec<String> = (0..BATCH).map(on).collect();
        let leads: Vec<(LeadId, Option<&str>)> =
            asked.iter().map(|number| (LeadId::default(), Some(number.as_str()))).collect();
        let watch = Stopwatch::now();
        let facts = gate_facts::of(&mut tx, &leads, &[], now - TimeDelta::days(31)).await?;
        took += watch.elapsed();
        let distinct = asked.iter().collect::<std::collections::BTreeSet<_>>().len();
        let expected = if listed { distinct } else { 0 };
        ensure!(facts.listed.len() == expected, "{} of {expected} numbers were found", facts.listed.len());
    }
    tx.rollback().await?;
    Ok(Sample { figure: took.as_secs_f64() * 1e6 / (rounds * BATCH as u64) as f64, limit: None })
}

/// The n-th of ten million and more numbers of North America, in order of their digits.
fn number(n: u64) -> String {
    let (area, rest) = (200 + n / 7_999_000, n % 7_999_000);
    format!("+1{area}{}", 2_000_000 + rest)
}

/// A registry's file that goes with the value.
struct Listing(PathBuf);

impl Listing {
    fn write(numbers: u64) -> anyhow::Result<Self> {
        let name = format!("callwright-bench-{}-registry.txt", std::process::id());
        let listing = Self(std::env::current_dir()?.join(name));
        let mut file = std::io::BufWriter::new(std::fs::File::create(&listing.0)?);
        for n in 0..numbers {
            let number = number(n);
            // Area code and number, as the national registry writes them.
            write!(file, "{},{}\r\n", &number[2..5], &number[5..])?;
        }
        file.flush()?;
        Ok(listing)
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        // An error only says that there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}
