//! The carrier's own books: every request it was asked, and what became of it. Written by the carrier only, so that an
//! audit need not believe the dialer. What the books say about right and wrong is in `audit`.

use std::collections::HashMap;
use std::sync::Arc;

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::EndStatus;
use callwright_engine::id::{AttemptId, EnrollmentId};
use callwright_engine::phone::number::PhoneNumber;
use serde::{Deserialize, Serialize};

use super::audit::{Audit, Evidence};
use super::behaviour::CallKey;

/// One request to place a call. A refused request is an entry too: asking twice is a fault whatever came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub call_id: String,
    pub attempt_id: AttemptId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_id: Option<EnrollmentId>,
    pub number: PhoneNumber,
    pub step: Arc<str>,
    pub visit: u32,
    /// Try of this visit, from 1.
    pub attempt: u32,
    pub asked_at: Instant,
    /// Did a call follow, whatever the asker was told?
    pub accepted: bool,
    /// When the call begins, if not at once: it was taken late, or queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Instant>,
    /// It had to wait its turn behind other calls, beyond the carrier's rate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Ending>,
    /// Where a stand-alone carrier reports this call, also after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<Arc<str>>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    pub at: Instant,
    pub status: EndStatus,
    /// Seconds from answer to hang-up.
    pub talk_s: u32,
    /// The flow ended in the outcome `converted`.
    pub converted: bool,
}

/// A request as it reaches the carrier, by either road.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub attempt_id: AttemptId,
    pub enrollment_id: Option<EnrollmentId>,
    pub number: PhoneNumber,
    pub step: String,
    pub visit: u32,
    pub attempt: u32,
    /// Where a stand-alone carrier reports.
    pub callback_url: Option<Arc<str>>,
}

impl Asked {
    pub fn key(&self) -> CallKey<'_> {
        CallKey { number: self.number, step: &self.step, visit: self.visit, attempt: self.attempt }
    }
}

impl Entry {
    pub fn starts_at(&self) -> Instant {
        self.starts_at.unwrap_or(self.asked_at)
    }

    pub fn key(&self) -> CallKey<'_> {
        CallKey { number: self.number, step: &self.step, visit: self.visit, attempt: self.attempt }
    }
}

/// All entries in the order in which they were asked.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// Positions by attempt; more than one only when the dialer asked twice.
    by_attempt: HashMap<AttemptId, Vec<u32>>,
}

impl Ledger {
    /// Books that were kept before: later entries of the same call replace earlier ones.
    pub fn reload(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut ledger = Self::default();
        let mut positions: HashMap<String, usize> = HashMap::new();
        for entry in entries {
            if let Some(position) = positions.get(&entry.call_id) {
                ledger.entries[*position] = entry;
            } else {
                positions.insert(entry.call_id.clone(), ledger.entries.len());
                ledger.push(entry);
            }
        }
        ledger
    }

    /// Books a request and names its call. There is no idempotency, on purpose: the same attempt asked twice is two calls.
    pub fn book(&mut self, asked: &Asked, asked_at: Instant, accepted: bool) -> &mut Entry {
        let before = self.by_attempt.get(&asked.attempt_id).map_or(0, Vec::len);
        let simple = asked.attempt_id.0.simple();
        let call_id =
            if before == 0 { format!("sim-{simple}") } else { format!("sim-{simple}-{}", before + 1) };
        let position = self.push(Entry {
            call_id,
            attempt_id: asked.attempt_id,
            enrollment_id: asked.enrollment_id,
            number: asked.number,
            step: Arc::from(asked.step.as_str()),
            visit: asked.visit,
            attempt: asked.attempt,
            asked_at,
            accepted,
            starts_at: None,
            queued: false,
            end: None,
            callback_url: asked.callback_url.clone(),
        });
        &mut self.entries[position]
    }

    fn push(&mut self, entry: Entry) -> usize {
        let position = self.entries.len();
        self.by_attempt.entry(entry.attempt_id).or_default().push(position as u32);
        self.entries.push(entry);
        position
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Calls made for an attempt, refused requests left out.
    pub fn calls_of(&self, attempt: AttemptId) -> impl Iterator<Item = &Entry> {
        let positions = self.by_attempt.get(&attempt).map_or(&[][..], Vec::as_slice);
        positions
            .iter()
            .filter_map(|position| self.entries.get(*position as usize))
            .filter(|entry| entry.accepted)
    }

    pub fn by_call_id(&mut self, call_id: &str) -> Option<&mut Entry> {
        let attempt = attempt_of(call_id)?;
        let positions = self.by_attempt.get(&attempt)?;
        let position =
            positions.iter().find(|position| self.entries[**position as usize].call_id == call_id)?;
        self.entries.get_mut(*position as usize)
    }

    /// What the books say about the dialer.
    pub fn audit(&self, evidence: &Evidence) -> Audit {
        Audit::of(self, evidence)
    }

    /// Calls that have not ended.
    pub fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.accepted && entry.end.is_none())
    }
}

/// The attempt a call id of ours was made from.
pub fn attempt_of(call_id: &str) -> Option<AttemptId> {
    let simple = call_id.strip_prefix("sim-")?.split('-').next()?;
    simple.parse().ok()
}

#[cfg(test)]
mod tests {
    use callwright_engine::clock::instant_from_micros;
    use callwright_engine::id::IdSource;

    use super::*;

    fn asked() -> Asked {
        Asked {
            attempt_id: IdSource::seeded(1).next(instant_from_micros(0)),
            enrollment_id: None,
            number: PhoneNumber::e164_only("+12025550143").unwrap(),
            step: "first".to_owned(),
            visit: 1,
            attempt: 1,
            callback_url: None,
        }
    }

    #[test]
    fn asking_twice_is_two_calls_with_two_names() {
        let mut ledger = Ledger::default();
        let first = ledger.book(&asked(), instant_from_micros(1), true).call_id.clone();
        let second = ledger.book(&asked(), instant_from_micros(2), true).call_id.clone();
        assert_ne!(first, second);
        assert_eq!(ledger.calls_of(asked().attempt_id).count(), 2);
        assert_eq!(ledger.by_call_id(&second).unwrap().asked_at, instant_from_micros(2));
        assert_eq!(attempt_of(&second), Some(asked().attempt_id));
    }

    #[test]
    fn a_refused_request_is_booked_but_is_no_call() {
        let mut ledger = Ledger::default();
        ledger.book(&asked(), instant_from_micros(1), false);
        assert_eq!((ledger.entries().len(), ledger.calls_of(asked().attempt_id).count()), (1, 0));
    }

    #[test]
    fn reloaded_books_keep_the_last_word_on_each_call() {
        let mut ledger = Ledger::default();
        let opened = ledger.book(&asked(), instant_from_micros(1), true).clone();
        let end = Ending { at: instant_from_micros(9), status: EndStatus::Busy, talk_s: 0, converted: false };
        let closed = Entry { end: Some(end), ..opened.clone() };
        let again = Ledger::reload([opened, closed.clone()]);
        assert_eq!(again.entries(), [closed]);
        assert_eq!(again.open().count(), 0);
    }

    #[test]
    fn an_entry_survives_its_json() {
        let mut ledger = Ledger::default();
        let entry = ledger.book(&asked(), instant_from_micros(1), true).clone();
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
    }
}
