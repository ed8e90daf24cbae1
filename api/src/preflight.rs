//! Handing lists of leads to a preflight: those on file by a filter, objects, and files that never are in memory as a whole.

use std::io::Read;

use callwright_engine::decide::snapshot::ConsentFact;
use callwright_engine::engine::preflight::{self, Described, Preflighting};
use callwright_engine::engine::{Engine, EngineError};
use callwright_engine::store::lead::{self, LeadFilter};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::import::{self, Format, ImportError, RowError};

/// Leads per step.
pub const BATCH: usize = preflight::BATCH as usize;
/// Mistakes shown.
const MISTAKES_KEPT: usize = 20;

/// Every lead on file that the filter matches. `tell` hears how many were looked at.
pub async fn filtered(
    engine: &Engine,
    look: &mut Preflighting<'_>,
    filter: &LeadFilter,
    mut tell: impl FnMut(u64),
) -> Result<(), EngineError> {
    let mut after = None;
    loop {
        let mut tx = engine.db.begin_read().await?;
        let ids = lead::ids(&mut tx, filter, after, preflight::BATCH).await?;
        tx.rollback().await?;
        if ids.is_empty() {
            return Ok(());
        }
        look.on_file(&ids).await?;
        tell(look.so_far());
        after = ids.last().copied();
    }
}

/// Leads as JSON objects; what describes no lead is counted.
pub async fn objects(look: &mut Preflighting<'_>, rows: &[Value]) -> Result<(), EngineError> {
    let described: Vec<Described> =
        rows.iter().filter_map(|row| import::described(row.clone()).ok()).collect();
    look.unreadable((rows.len() - described.len()) as u64);
    look.described(&described).await?;
    Ok(())
}

/// Every row of a file of leads, in the form in which it would be imported. Answers the first mistakes by line.
pub async fn file(
    look: &mut Preflighting<'_>,
    format: Format,
    source: impl Read + Send + 'static,
    mut tell: impl FnMut(u64),
) -> Result<Vec<RowError>, ImportError> {
    let (sender, mut batches) = mpsc::channel(2);
    let reader = tokio::task::spawn_blocking(move || import::rows(format, source, BATCH, &sender));
    let mut mistakes: Vec<RowError> = Vec::new();
    while let Some(batch) = batches.recv().await {
        let (mut described, mut lines) = (Vec::with_capacity(batch.len()), Vec::new());
        for row in &batch {
            match import::described_row(row) {
                Ok(lead) => {
                    described.push(lead);
                    lines.push(row.line);
                }
                Err(error) => {
                    look.unreadable(1);
                    mistakes.push(error);
                }
            }
        }
        for (place, errors) in look.described(&described).await? {
            mistakes.extend(errors.into_iter().map(|error| RowError {
                line: lines[place],
                field: Some(error.field),
                message: error.message,
            }));
        }
        mistakes.truncate(MISTAKES_KEPT);
        tell(look.so_far());
    }
    match reader.await {
        Ok(read) => read?,
        Err(panic) => return Err(ImportError::Source(std::io::Error::other(panic))),
    }
    Ok(mistakes)
}

/// A consent as the gates see it.
pub fn fact(consent: &callwright_engine::domain::consent::Consent) -> ConsentFact {
    ConsentFact {
        id: Some(consent.id),
        purpose: consent.purpose,
        form: consent.form,
        granted_at: consent.granted_at,
        revoked_at: consent.revoked_at,
    }
}
