//! A transaction with what it has noted for the journal of stops. Store functions note as they write, so that no caller can
//! forget to; the lines leave with the commit.

use std::ops::{Deref, DerefMut};

use sqlx::{Database, Transaction};

use super::erased_number::SeenKey;
use super::error::StoreError;
use crate::clock::Instant;
use crate::journal::{Journal, Line, Word};

/// Derefs to the connection, as a transaction of sqlx does.
#[derive(Debug)]
pub struct Journaled<D: Database> {
    tx: Transaction<'static, D>,
    noted: Noted,
    seen_key: SeenKey,
}

impl<D: Database> Journaled<D> {
    pub(super) const fn new(
        tx: Transaction<'static, D>,
        journal: Option<Journal>,
        seen_key: SeenKey,
    ) -> Self {
        Self { tx, noted: Noted { journal, words: Vec::new() }, seen_key }
    }

    pub(super) const fn seen_key(&self) -> &SeenKey {
        &self.seen_key
    }

    pub(super) const fn noted(&mut self) -> &mut Noted {
        &mut self.noted
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.tx.rollback().await
    }
}

impl<D: Database> Deref for Journaled<D> {
    type Target = D::Connection;

    fn deref(&self) -> &Self::Target {
        &self.tx
    }
}

impl<D: Database> DerefMut for Journaled<D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.tx
    }
}

/// What a transaction is going to tell the journal; nothing, without one.
#[derive(Debug, Default)]
pub(super) struct Noted {
    journal: Option<Journal>,
    words: Vec<Word>,
}

impl Noted {
    /// Is there a journal? Otherwise words need not be put together.
    pub const fn wanted(&self) -> bool {
        self.journal.is_some()
    }

    pub fn note(&mut self, word: Word) {
        if self.journal.is_some() {
            self.words.push(word);
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// When this commit happened, as far as the order of its lines goes.
    pub fn instant(&self, now: Instant) -> Instant {
        self.journal.as_ref().map_or(now, |journal| journal.instant_of_commit(now))
    }

    /// Writes what protects somebody; without it the transaction must not commit.
    pub async fn protect(&self, at: Instant) -> Result<(), StoreError> {
        self.append(at, true).await.map_err(StoreError::Journal)
    }

    /// Writes what takes protection back. A lost line protects somebody for longer, after a restore: that is no error.
    pub async fn take_back(&self, at: Instant) {
        if let Err(error) = self.append(at, false).await {
            tracing::warn!(
                error,
                "a lifted stop is not in the journal: a restore would put it in force again"
            );
        }
    }

    async fn append(&self, at: Instant, protecting: bool) -> Result<(), String> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let words = self.words.iter().filter(|word| word.protects() == protecting);
        journal.append(words.map(|word| Line { at, word: word.clone() }).collect()).await
    }
}
