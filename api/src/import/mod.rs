//! Imports of leads, suppressed numbers, products, purchases and interests, from a file or a request that never is in memory as a whole.
//!
//! A thread reads rows; batches are written with the import's progress in one transaction each. An import that was cut off goes
//! on where it stopped when the same source comes again; rows match leads on file, so that repeating one changes nothing.

mod apply;
mod apply_shop;
mod columns;
mod consents;
mod fields;
pub mod registry;
mod rows;
mod stream;

use std::io::Read;
use std::sync::Arc;

use callwright_engine::clock::Instant;
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::id::{ImportId, LeadId};
use callwright_engine::money::Currency;
pub use callwright_engine::store::import::{ImportKind, ImportState, Progress, RowError};
use callwright_engine::store::{StoreError, Tx, import as store};
use serde::Serialize;
use tokio::sync::mpsc;

pub use columns::Mapping;
pub use rows::Format;
pub use stream::ChunkReader;

pub(crate) use apply::{described, described_row};
pub(crate) use rows::Row;

/// Rows per transaction.
const BATCH: usize = 500;
/// Tries of a batch that PostgreSQL gave up because it and another transaction waited for each other.
const TRIES: u32 = 5;
/// Mistakes kept in the report; all are counted.
const ERRORS_KEPT: usize = 100;

/// What to import.
#[derive(Debug, Clone)]
pub struct Job {
    pub kind: ImportKind,
    pub format: Format,
    /// Names the source: a hash of the file, or a key of the sender's. The same one continues or repeats an import.
    pub source: String,
    /// Read it again even if it was read to its end before.
    pub again: bool,
    /// What columns mean that are not headed as we head them.
    pub mapping: Mapping,
    /// Of amounts in rows that do not say.
    pub currency: Option<Currency>,
}

impl Job {
    /// Names a source so that the same file, imported as something else or with other columns, is another source.
    pub fn name_source(source: &str, kind: ImportKind, mapping: &Mapping) -> String {
        match kind {
            // As they always were: an import that was cut off by an older program goes on.
            ImportKind::Leads | ImportKind::Suppressions if mapping.is_empty() => source.to_owned(),
            _ => format!("{source}:{kind}:{mapping}"),
        }
    }
}

/// What came of an import.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub import_id: String,
    /// This source had been imported before: nothing was done this time.
    pub repeated: bool,
    pub rows_read: u64,
    pub created: u64,
    pub updated: u64,
    pub rejected: u64,
    /// The first 100 mistakes.
    #[schema(value_type = Vec<Object>)]
    pub errors: Vec<RowError>,
}

/// Why an import stopped. What was committed stays, and the next try with the same source goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the source cannot be read: {0}")]
    Source(#[from] std::io::Error),
    #[error("{0}")]
    Header(String),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the import was ended by someone else")]
    Ended,
}

impl ImportError {
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Engine(EngineError::Store(error)) if error.is_deadlock())
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Reads all rows of a file of leads and hands them on in batches.
pub(crate) fn rows(
    format: Format,
    source: impl Read,
    batch: usize,
    sender: &mpsc::Sender<Vec<Row>>,
) -> Result<(), ImportError> {
    let (kind, mapping) = (ImportKind::Leads, Mapping::default());
    rows::read(&rows::Reading { format, kind, mapping, skip: 0, batch }, source, sender)
}

/// Imports everything `source` has. `tell` hears of every committed batch.
pub async fn run(
    engine: &Arc<Engine>,
    job: Job,
    source: impl Read + Send + 'static,
    mut tell: impl FnMut(&Progress),
) -> Result<Report, ImportError> {
    let (id, mut progress, finished) = open(engine, &job).await?;
    if finished && !job.again {
        return Ok(Report::of(id, progress, true));
    }
    if finished {
        progress = Progress::default();
    }
    let (sender, mut batches) = mpsc::channel(2);
    let reading = rows::Reading {
        format: job.format,
        kind: job.kind,
        mapping: job.mapping.clone(),
        skip: progress.rows_read,
        batch: BATCH,
    };
    let reader = tokio::task::spawn_blocking(move || rows::read(&reading, source, &sender));
    while let Some(batch) = batches.recv().await {
        apply_batch(engine, &job, id, batch, &mut progress).await?;
        tell(&progress);
    }
    match reader.await {
        Ok(read) => read?,
        Err(panic) => return Err(ImportError::Source(std::io::Error::other(panic))),
    }
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    store::end(&mut tx, id, ImportState::Finished, now).await?;
    tx.commit().await?;
    Ok(Report::of(id, progress, false))
}

/// The import of this source, new or from before, and whether it had been finished.
async fn open(engine: &Engine, job: &Job) -> Result<(ImportId, Progress, bool), ImportError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let before = store::of_source(&mut tx, &job.source).await?.filter(|import| import.kind == job.kind);
    let opened = match before {
        Some(import) if import.state == ImportState::Running => (import.id, import.progress, false),
        Some(import) if import.state == ImportState::Finished && !job.again => {
            (import.id, import.progress, true)
        }
        Some(import) if import.state != ImportState::Finished => {
            store::resume(&mut tx, import.id, now).await?;
            (import.id, import.progress, false)
        }
        _ => {
            let id = engine.ids.next::<ImportId>(now);
            store::start(&mut tx, id, job.kind, &job.source, now).await?;
            (id, Progress::default(), false)
        }
    };
    tx.commit().await?;
    Ok(opened)
}

async fn apply_batch(
    engine: &Arc<Engine>,
    job: &Job,
    id: ImportId,
    batch: Vec<Row>,
    progress: &mut Progress,
) -> Result<(), ImportError> {
    let mut tries = 1;
    let opted_out = loop {
        let mut after = progress.clone();
        match apply_once(engine, job, id, batch.clone(), &mut after).await {
            Err(error) if error.is_deadlock() && tries < TRIES => {
                tries += 1;
                tracing::info!(%error, "deadlock: trying again");
            }
            other => {
                *progress = after;
                break other?;
            }
        }
    };
    if opted_out.is_empty() {
        return Ok(());
    }
    // Verbs of the engine's own, each a transaction; a repeated import repeats them without effect.
    for lead in opted_out {
        engine.opt_out(lead, "marked in an import", "import").await?;
    }
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    advance(&mut tx, id, progress, now).await?;
    Ok(tx.commit().await?)
}

async fn advance(tx: &mut Tx, id: ImportId, progress: &Progress, now: Instant) -> Result<(), ImportError> {
    if store::progress(tx, id, progress, now).await? { Ok(()) } else { Err(ImportError::Ended) }
}

/// One transaction; answers who is marked not to be called. If there are any, the import has not come further: whoever is cut off
/// before they are opted out meets their rows again.
async fn apply_once(
    engine: &Arc<Engine>,
    job: &Job,
    id: ImportId,
    batch: Vec<Row>,
    progress: &mut Progress,
) -> Result<Vec<LeadId>, ImportError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.time.now(&mut tx).await?;
    let before = progress.clone();
    progress.rows_read += batch.len() as u64;
    let applied = match job.kind {
        ImportKind::Leads => apply::leads(engine, &mut tx, batch, now).await?,
        ImportKind::Suppressions => apply::suppressions(engine, &mut tx, batch, now).await?,
        ImportKind::Products => apply_shop::products(engine, &mut tx, batch, job.currency, now).await?,
        ImportKind::Purchases => apply_shop::purchases(engine, &mut tx, batch, job.currency, now).await?,
        ImportKind::Interests => apply_shop::interests(engine, &mut tx, batch, now).await?,
    };
    progress.created += applied.created;
    progress.updated += applied.updated;
    progress.rejected += applied.rejected;
    keep(progress, &applied.errors);
    let kept = if applied.opted_out.is_empty() { progress } else { &before };
    advance(&mut tx, id, kept, now).await?;
    tx.commit().await?;
    Ok(applied.opted_out)
}

/// The first mistakes stay with the import.
fn keep(progress: &mut Progress, errors: &[RowError]) {
    let room = ERRORS_KEPT.saturating_sub(progress.errors.len());
    progress.errors.extend(errors.iter().take(room).cloned());
}

impl Report {
    fn of(id: ImportId, progress: Progress, repeated: bool) -> Self {
        Self {
            import_id: id.to_string(),
            repeated,
            rows_read: progress.rows_read,
            created: progress.created,
            updated: progress.updated,
            rejected: progress.rejected,
            errors: progress.errors,
        }
    }
}
