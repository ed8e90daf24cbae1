//! Imports of registries: full lists that replace the ones before them, and lists of changes, of millions of numbers in
//! bounded memory. What a number being on a list means is the engine's matter.

mod rows;

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use callwright_engine::clock::Instant;
use callwright_engine::domain::event::Event;
use callwright_engine::domain::registry::{Registry, RegistryList};
use callwright_engine::engine::Engine;
use callwright_engine::id::{EventId, ImportId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{StoreError, Tx, event, import as imports, registry as store};
use serde_json::json;
use tokio::sync::mpsc;

use super::{ImportError, ImportKind, ImportState, Job, Progress, Report, RowError, keep};
use rows::{Mark, Row};

/// Rows looked at per transaction when what is out of force is swept.
const SWEPT: u32 = 20_000;

/// What a file is to its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Everything: what it leaves out is no longer on the list.
    Full,
    Adds,
    Deletes,
    /// Each row says whether it adds or deletes.
    Marked,
}

impl Change {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Adds => "adds",
            Self::Deletes => "deletes",
            Self::Marked => "marked",
        }
    }
}

/// Which list a file is.
#[derive(Debug, Clone)]
pub struct Load {
    pub registry: Registry,
    /// Area codes that it covers; empty: everything.
    pub area_codes: Vec<u16>,
    pub change: Change,
    /// Country of numbers without a country code.
    pub country: Option<String>,
    /// When the registry handed it out; `None`: now.
    pub data_at: Option<Instant>,
    /// Take a full list even if it has less than half of the numbers of the one before.
    pub allow_fewer: bool,
}

impl Load {
    /// Names the import: the same file for the same list continues or repeats one.
    pub fn source(&self, digest: &str) -> String {
        let codes: Vec<String> = self.area_codes.iter().map(ToString::to_string).collect();
        // The same content handed out anew is news: the data is fresh again.
        let day = self.data_at.map(|at| at.date_naive().to_string()).unwrap_or_default();
        let change = self.change.as_str();
        format!("registry:{}:{}:{change}:{day}:{digest}", self.registry.key, codes.join("+"))
    }
}

/// Imports a list. `tell` hears of every committed batch and its mistakes.
pub async fn run(
    engine: &Arc<Engine>,
    source: String,
    again: bool,
    load: Load,
    text: impl Read + Send + 'static,
    mut tell: impl FnMut(&Progress, &[RowError]),
) -> Result<Report, ImportError> {
    let job = Job { kind: ImportKind::Suppressions, format: super::Format::Csv, source, again };
    let (id, mut progress, finished) = super::open(engine, &job).await?;
    if finished && !again {
        return Ok(Report::of(id, progress, true));
    }
    let mut loading = Loading::open(engine, load, &job, id, &mut progress).await?;
    let (sender, mut batches) = mpsc::channel(2);
    let (country, skip) = (loading.load.country.clone(), progress.rows_read);
    let reader = tokio::task::spawn_blocking(move || rows::read(text, country.as_deref(), skip, &sender));
    while let Some(batch) = batches.recv().await {
        let mistakes = loading.apply(batch, &mut progress).await?;
        tell(&progress, &mistakes);
    }
    match reader.await {
        Ok(read) => read?,
        Err(panic) => return Err(ImportError::Source(std::io::Error::other(panic))),
    }
    loading.finish(&progress).await?;
    if loading.load.change == Change::Full {
        sweep(engine).await?;
    }
    Ok(Report::of(loading.id, progress, false))
}

/// Deletes what is out of force on any list.
pub async fn sweep(engine: &Engine) -> Result<(), ImportError> {
    let mut after = Some(0);
    while let Some(from) = after {
        let mut tx = engine.db.begin().await?;
        after = store::sweep(&mut tx, from, SWEPT).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// One list being loaded.
struct Loading<'a> {
    engine: &'a Arc<Engine>,
    load: Load,
    id: ImportId,
    lists: Vec<RegistryList>,
    /// Place among `lists` by area code; 0 stands for every number.
    by_area: HashMap<u16, usize>,
}

impl<'a> Loading<'a> {
    async fn open(
        engine: &'a Arc<Engine>,
        load: Load,
        job: &Job,
        mut id: ImportId,
        progress: &mut Progress,
    ) -> Result<Self, ImportError> {
        let mut tx = engine.db.begin().await?;
        let now = engine.time.now(&mut tx).await?;
        if load.data_at.is_some_and(|at| at > now) {
            return Err(ImportError::Header("the data cannot be of a day to come".to_owned()));
        }
        let mut lists = match load.change {
            Change::Full => declared(&mut tx, &load, now).await?,
            _ => changed_lists(&mut tx, &load).await?,
        };
        let loaded_here = |list: &RegistryList| list.loading.as_ref() == Some(&id.to_string());
        if load.change == Change::Full && !lists.iter().all(loaded_here) {
            // Another full list has been begun since: under a new generation every row has to be read again.
            if progress.rows_read > 0 {
                imports::end(&mut tx, id, ImportState::Cancelled, now).await?;
                id = engine.ids.next::<ImportId>(now);
                imports::start(&mut tx, id, job.kind, &job.source, now).await?;
                *progress = Progress::default();
            }
            store::begin(&mut tx, &lists, id).await?;
            for list in &mut lists {
                list.generation += 1;
            }
        }
        tx.commit().await?;
        let by_area = lists.iter().enumerate().map(|(place, list)| (list.part.unwrap_or(0), place)).collect();
        Ok(Self { engine, load, id, lists, by_area })
    }

    async fn apply(
        &mut self,
        batch: Vec<Row>,
        progress: &mut Progress,
    ) -> Result<Vec<RowError>, ImportError> {
        progress.rows_read += batch.len() as u64;
        let mut mistakes = Vec::new();
        // The last word about a number in a batch counts.
        let mut words: HashMap<(PhoneNumber, usize), Mark> = HashMap::with_capacity(batch.len());
        for row in batch {
            match self.placed(&row) {
                Ok((number, list, mark)) => drop(words.insert((number, list), mark)),
                Err(message) => mistakes.push(RowError { line: row.line, field: None, message }),
            }
        }
        let (adds, deletes): (Vec<_>, Vec<_>) = words.into_iter().partition(|(_, mark)| *mark == Mark::Add);
        let placed = |words: Vec<((PhoneNumber, usize), Mark)>| words.into_iter().map(|(placed, _)| placed);
        let (adds, deletes): (Vec<_>, Vec<_>) = (placed(adds).collect(), placed(deletes).collect());
        let mut tx = self.engine.db.begin().await?;
        let now = self.engine.time.now(&mut tx).await?;
        store::add(&mut tx, &self.lists, &adds).await?;
        let removed = store::remove(&mut tx, &self.lists, &deletes).await?;
        progress.created += adds.len() as u64;
        progress.updated += removed;
        progress.rejected += mistakes.len() as u64;
        keep(progress, &mistakes);
        if !imports::progress(&mut tx, self.id, progress, now).await? || self.is_overtaken(&mut tx).await? {
            return Err(ImportError::Ended);
        }
        tx.commit().await?;
        Ok(mistakes)
    }

    /// Has another full list been begun meanwhile, or the registry been taken out of use?
    async fn is_overtaken(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let known = store::lists(tx).await?;
        let same = |list: &RegistryList| {
            known.iter().any(|now| now.id == list.id && now.generation == list.generation)
        };
        Ok(!self.lists.iter().all(same))
    }

    fn placed(&self, row: &Row) -> Result<(PhoneNumber, usize, Mark), String> {
        let (number, mark) = row.read.clone()?;
        let area = number.us_area_code();
        let by_area = area.and_then(|area| self.by_area.get(&area));
        let list = by_area.or_else(|| self.by_area.get(&0)).copied().ok_or_else(|| match area {
            Some(area) => format!("is of area code {area}, which this list does not cover"),
            None => "is of no area code that this list covers".to_owned(),
        })?;
        let mark = match (self.load.change, mark) {
            (Change::Full, Some(Mark::Delete)) => {
                return Err(
                    "is marked as deleted: a list of changes is imported with --change marked".to_owned()
                );
            }
            (Change::Full | Change::Adds, _) => Mark::Add,
            (Change::Deletes, _) => Mark::Delete,
            (Change::Marked, Some(mark)) => mark,
            (Change::Marked, None) => {
                return Err("does not say whether it is added (A) or deleted (D)".to_owned());
            }
        };
        Ok((number, list, mark))
    }

    async fn finish(&self, progress: &Progress) -> Result<(), ImportError> {
        let mut counts = Vec::with_capacity(self.lists.len());
        for list in &self.lists {
            let mut tx = self.engine.db.begin_read().await?;
            let is_full = self.load.change == Change::Full;
            let from = if is_full { list.generation } else { list.in_force };
            counts.push(store::count(&mut tx, list, from).await?);
            tx.rollback().await?;
        }
        self.must_not_shrink(&counts)?;
        let mut tx = self.engine.db.begin().await?;
        let now = self.engine.time.now(&mut tx).await?;
        let data_at = self.load.data_at.unwrap_or(now);
        for (list, count) in self.lists.iter().zip(&counts) {
            match self.load.change {
                Change::Full => store::complete(&mut tx, list, data_at).await?,
                // What was taken off says nothing about what came on.
                Change::Deletes => {}
                Change::Adds | Change::Marked => store::refresh(&mut tx, list, data_at).await?,
            }
            store::keep_count(&mut tx, list, *count).await?;
        }
        let event = self.event(progress, &counts, data_at, now);
        event::append(&mut tx, &[event], now).await?;
        if !imports::end(&mut tx, self.id, ImportState::Finished, now).await?
            || self.is_overtaken(&mut tx).await?
        {
            return Err(ImportError::Ended);
        }
        tx.commit().await?;
        Ok(())
    }

    /// A file that was cut off must not take everybody behind the cut off the list.
    fn must_not_shrink(&self, counts: &[u64]) -> Result<(), ImportError> {
        if self.load.change != Change::Full || self.load.allow_fewer {
            return Ok(());
        }
        let shrunk = self.lists.iter().zip(counts).find(|(list, count)| **count < list.numbers.div_ceil(2));
        match shrunk {
            None => Ok(()),
            Some((list, count)) => Err(ImportError::Header(format!(
                "the file has {count} numbers where {} had {}: it may be cut off, and the earlier list stays in force; if it is \
                 right, import it with --allow-fewer",
                list.name(),
                list.numbers
            ))),
        }
    }

    fn event(&self, progress: &Progress, counts: &[u64], data_at: Instant, now: Instant) -> Event {
        Event {
            id: self.engine.ids.next::<EventId>(now),
            kind: "registry.loaded".to_owned(),
            lead_id: None,
            enrollment_id: None,
            attempt_id: None,
            campaign_id: None,
            at: now,
            version: None,
            data: json!({
                "registry": self.load.registry.key, "change": self.load.change.as_str(), "areaCodes": self.load.area_codes,
                "dataAt": data_at, "numbers": counts.iter().sum::<u64>(), "rows": progress.rows_read,
                "rejected": progress.rejected, "importId": self.id,
            }),
            dedupe: None,
        }
    }
}

/// The lists that a full load fills, known from now on.
async fn declared(tx: &mut Tx, load: &Load, now: Instant) -> Result<Vec<RegistryList>, ImportError> {
    let parts: Vec<Option<u16>> = match load.area_codes.as_slice() {
        [] => vec![None],
        codes => codes.iter().copied().map(Some).collect(),
    };
    let mut lists = Vec::with_capacity(parts.len());
    for part in parts {
        lists.push(store::declare(tx, &load.registry, part, now).await?);
    }
    Ok(lists)
}

/// The lists that a change concerns, each of which has been loaded in full.
async fn changed_lists(tx: &mut Tx, load: &Load) -> Result<Vec<RegistryList>, ImportError> {
    let key = &load.registry.key;
    let mut lists = store::lists(tx).await?;
    lists.retain(|list| {
        let is_asked =
            load.area_codes.is_empty() || list.part.is_some_and(|part| load.area_codes.contains(&part));
        list.registry.key == *key && is_asked
    });
    if lists.is_empty() {
        return Err(ImportError::Header(format!(
            "no full list of `{key}` has been loaded that could change"
        )));
    }
    for list in &lists {
        if list.data_at.is_none() || list.loading.is_some() {
            return Err(ImportError::Header(format!(
                "a full list of {} has been begun and not read to its end: import that file again first",
                list.name()
            )));
        }
    }
    Ok(lists)
}
