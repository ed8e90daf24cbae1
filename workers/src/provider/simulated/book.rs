//! The stand-alone carrier's shared state: books, journal, clock and calls in progress. HTTP is `server`'s.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_engine::clock::Instant;
use callwright_engine::id::AttemptId;
use tokio::sync::Notify;

use super::behaviour::BehaviourSource;
use super::clock::CarrierClock;
use super::faults::{Faults, Fired};
use super::journal::Journal;
use super::ledger::{Asked, Ending, Entry, Ledger};
use super::outbox::{Letter, Outbox};
use super::queue::{Queue, Turn};

/// One carrier process.
#[derive(Debug)]
pub(super) struct Carrier {
    pub clock: CarrierClock,
    pub seed: u64,
    pub faults: Faults,
    pub source: Box<dyn BehaviourSource>,
    pub outbox: Outbox,
    journal: Option<Journal>,
    books: Mutex<Books>,
}

/// When a call begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub at: Instant,
    pub queued: bool,
}

#[derive(Debug, Default)]
struct Books {
    ledger: Ledger,
    /// Wakes a call in progress when it is to be hung up.
    lines: HashMap<String, Arc<Notify>>,
    lost: HashMap<AttemptId, Vec<Letter>>,
    turns: Queue,
    fired: Fired,
}

impl Carrier {
    pub fn new(
        clock: CarrierClock,
        seed: u64,
        faults: Faults,
        source: Box<dyn BehaviourSource>,
        outbox: Outbox,
        kept: Option<(Journal, Ledger)>,
    ) -> Self {
        let (journal, ledger) =
            kept.map_or((None, Ledger::default()), |(journal, ledger)| (Some(journal), ledger));
        let books = Mutex::new(Books { ledger, ..Books::default() });
        Self { clock, seed, faults, source, outbox, journal, books }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A panic elsewhere leaves the books as they were after some whole entry: still good.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of a call that would begin at `wanted`.
    pub fn turn(&self, wanted: Instant) -> Turn {
        self.books().turns.turn(wanted, self.faults.calls_per_second)
    }

    /// Books requests and keeps them on disk before anybody is answered.
    pub async fn book(&self, asked: &[(Asked, Option<Start>)], now: Instant) -> io::Result<Vec<Entry>> {
        let entries: Vec<Entry> = {
            let mut books = self.books();
            let mut book = |(asked, start): &(Asked, Option<Start>)| {
                let entry = books.ledger.book(asked, now, start.is_some());
                if let Some(start) = start {
                    entry.starts_at = (start.at > now).then_some(start.at);
                    entry.queued = start.queued;
                }
                entry.clone()
            };
            asked.iter().map(&mut book).collect()
        };
        self.keep(entries.clone()).await?;
        Ok(entries)
    }

    /// Books the end of a call.
    pub async fn close(&self, call_id: &str, ending: Ending) -> io::Result<()> {
        let entry = {
            let mut books = self.books();
            books.lines.remove(call_id);
            let Some(entry) = books.ledger.by_call_id(call_id) else { return Ok(()) };
            entry.end = Some(ending);
            entry.clone()
        };
        self.keep(vec![entry]).await
    }

    async fn keep(&self, entries: Vec<Entry>) -> io::Result<()> {
        match &self.journal {
            Some(journal) => journal.keep(entries).await,
            None => Ok(()),
        }
    }

    /// Opens the line of a call: notified when it is to be hung up.
    pub fn open_line(&self, call_id: &str) -> Arc<Notify> {
        self.books().lines.entry(call_id.to_owned()).or_default().clone()
    }

    /// Asks a call in progress to end. `None`: no such call was ever made.
    pub fn hang_up(&self, call_id: &str) -> Option<()> {
        let mut books = self.books();
        books.ledger.by_call_id(call_id)?;
        if let Some(line) = books.lines.get(call_id) {
            // One permit is stored, so that a hang-up before the call listens is not lost.
            line.notify_one();
        }
        Some(())
    }

    pub fn calls_of(&self, attempt: AttemptId) -> Vec<Entry> {
        self.books().ledger.calls_of(attempt).cloned().collect()
    }

    pub fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.books().ledger)
    }

    pub fn count(&self, fault: &'static str) {
        *self.books().fired.entry(fault).or_default() += 1;
    }

    pub fn fired(&self) -> Fired {
        self.books().fired.clone()
    }

    /// Puts a lost callback aside until a look-up asks for it.
    pub fn lose(&self, letter: Letter) {
        self.books().lost.entry(letter.callback.attempt_id).or_default().push(letter);
    }

    pub fn take_lost(&self, attempt: AttemptId) -> Vec<Letter> {
        self.books().lost.remove(&attempt).unwrap_or_default()
    }
}
