//! What the carrier's books say about the dialer: the outside check of at-most-once dialing, calling hours and opt-outs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use callwright_engine::clock::Instant;
use callwright_engine::id::{AttemptId, EnrollmentId};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::called_zones::Daytime;
use super::ledger::{Entry, Ledger};

/// What the auditor is told besides the books.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub suppressions: Vec<SuppressedFrom>,
    /// Zones that an address settles, for numbers whose area code leaves more open.
    pub zones: HashMap<PhoneNumber, Vec<Zone>>,
}

/// From when on a number may not be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuppressedFrom {
    pub number: PhoneNumber,
    pub at: Instant,
    #[serde(default)]
    pub until: Option<Instant>,
}

/// Sums over the books. Every count of a wrong is calls *beyond* what is allowed, so that 0 is clean.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Audit {
    /// Requests, refused ones included.
    pub requests: u64,
    pub calls: u64,
    /// Calls beyond one per (enrollment, step, visit, try), plus calls to a number that was already in a call.
    pub double_dials: u64,
    /// Requests beyond one per attempt, also refused ones (I1).
    pub repeated_requests: u64,
    /// Calls at night in any zone the number may be in (I3).
    pub outside_window: u64,
    /// Calls to a number suppressed more than [`Audit::SUPPRESSION_GRACE`] before (I2).
    pub suppressed_dials: u64,
    /// Calls to countries whose hours this auditor does not know.
    pub hours_unknown: u64,
    /// Calls that the carrier had to queue, because they were asked for faster than it begins them: 0 with our pacing.
    pub queued: u64,
    /// Calls that have not ended.
    pub open: u64,
    pub answered: u64,
    pub talk_seconds: u64,
    pub converted: u64,
    /// The first wrongs found, to have something to look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub what: Wrong,
    pub call_id: String,
    pub at: Instant,
    /// Shown without its middle digits.
    pub number: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrong {
    DoubleDial,
    OverlappingCall,
    RepeatedRequest,
    OutsideWindow,
    SuppressedDial,
}

/// What a call was for: at most one call may exist for each.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Purpose<'a> {
    Step(EnrollmentId, &'a str, u32, u32),
    /// A single call outside any cadence.
    Attempt(AttemptId),
}

impl Audit {
    /// A request may leave within this time of a suppression that committed after the claim (I2).
    pub const SUPPRESSION_GRACE: TimeDelta = TimeDelta::seconds(1);
    const FINDINGS: usize = 20;

    pub fn of(ledger: &Ledger, evidence: &Evidence) -> Self {
        let mut audit = Self::default();
        audit.count(ledger);
        audit.find_repeats(ledger);
        audit.find_overlaps(ledger);
        audit.find_night_calls(ledger, evidence);
        audit.find_suppressed(ledger, evidence);
        audit
    }

    pub const fn is_clean(&self) -> bool {
        self.double_dials + self.repeated_requests + self.outside_window + self.suppressed_dials == 0
    }

    fn count(&mut self, ledger: &Ledger) {
        self.requests = ledger.entries().len() as u64;
        for entry in calls(ledger) {
            self.calls += 1;
            self.queued += u64::from(entry.queued);
            match &entry.end {
                Some(end) => {
                    self.answered += u64::from(end.talk_s > 0);
                    self.talk_seconds += u64::from(end.talk_s);
                    self.converted += u64::from(end.converted);
                }
                None => self.open += 1,
            }
        }
    }

    fn find_repeats(&mut self, ledger: &Ledger) {
        let mut asked: HashSet<AttemptId> = HashSet::with_capacity(ledger.entries().len());
        let mut dialed: HashSet<Purpose<'_>> = HashSet::with_capacity(ledger.entries().len());
        for entry in ledger.entries() {
            if !asked.insert(entry.attempt_id) {
                self.repeated_requests += 1;
                self.found(Wrong::RepeatedRequest, entry);
            }
            if entry.accepted && !dialed.insert(purpose(entry)) {
                self.double_dials += 1;
                self.found(Wrong::DoubleDial, entry);
            }
        }
    }

    fn find_overlaps(&mut self, ledger: &Ledger) {
        let mut by_number: BTreeMap<PhoneNumber, Vec<&Entry>> = BTreeMap::new();
        for entry in calls(ledger) {
            by_number.entry(entry.number).or_default().push(entry);
        }
        for calls in by_number.values_mut() {
            calls.sort_by_key(|entry| entry.asked_at);
            let mut busy_until = Instant::MIN_UTC;
            for entry in calls.iter() {
                if entry.asked_at < busy_until {
                    self.double_dials += 1;
                    self.found(Wrong::OverlappingCall, entry);
                }
                // A call that has not ended keeps its number for good.
                busy_until = busy_until.max(entry.end.map_or(Instant::MAX_UTC, |end| end.at));
            }
        }
    }

    fn find_night_calls(&mut self, ledger: &Ledger, evidence: &Evidence) {
        let mut known: HashMap<PhoneNumber, Option<Daytime>> = HashMap::new();
        for entry in calls(ledger) {
            let daytime = known.entry(entry.number).or_insert_with_key(|number| {
                let narrowed = evidence.zones.get(number).map_or(&[][..], Vec::as_slice);
                Daytime::of(*number).map(|daytime| daytime.narrowed(narrowed))
            });
            match daytime {
                None => self.hours_unknown += 1,
                // A queued call rings when its turn comes, whatever the hour then is.
                Some(daytime)
                    if daytime.allows(entry.asked_at)
                        && (!entry.queued || daytime.allows(entry.starts_at())) => {}
                Some(_) => {
                    self.outside_window += 1;
                    self.found(Wrong::OutsideWindow, entry);
                }
            }
        }
    }

    fn find_suppressed(&mut self, ledger: &Ledger, evidence: &Evidence) {
        let mut suppressed: HashMap<PhoneNumber, Vec<&SuppressedFrom>> = HashMap::new();
        for entry in &evidence.suppressions {
            suppressed.entry(entry.number).or_default().push(entry);
        }
        for entry in calls(ledger) {
            let Some(entries) = suppressed.get(&entry.number) else { continue };
            let forbids = |known: &&SuppressedFrom| {
                entry.asked_at > known.at + Self::SUPPRESSION_GRACE
                    && known.until.is_none_or(|until| entry.asked_at < until)
            };
            if entries.iter().any(forbids) {
                self.suppressed_dials += 1;
                self.found(Wrong::SuppressedDial, entry);
            }
        }
    }

    fn found(&mut self, what: Wrong, entry: &Entry) {
        if self.findings.len() < Self::FINDINGS {
            let (call_id, at) = (entry.call_id.clone(), entry.asked_at);
            self.findings.push(Finding { what, call_id, at, number: entry.number.to_string() });
        }
    }
}

fn calls(ledger: &Ledger) -> impl Iterator<Item = &Entry> {
    ledger.entries().iter().filter(|entry| entry.accepted)
}

fn purpose(entry: &Entry) -> Purpose<'_> {
    entry.enrollment_id.map_or(Purpose::Attempt(entry.attempt_id), |enrollment| {
        Purpose::Step(enrollment, &entry.step, entry.visit, entry.attempt)
    })
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, {} double dials, {} repeated requests, {} outside the window, {} to suppressed numbers; {} s of talk, {} converted",
            self.calls,
            self.double_dials,
            self.repeated_requests,
            self.outside_window,
            self.suppressed_dials,
            self.talk_seconds,
            self.converted
        )
    }
}

#[cfg(test)]
mod tests;
