//! The checks of every step: what may never be, whatever went wrong. Those of the end of a run are in `verdict`.

use std::collections::{BTreeMap, BTreeSet};

use callwright_engine::clock::{Instant, micros};
use callwright_engine::domain::attempt::AttemptState;

use crate::seen::{EnrollmentSeen, Seen};

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Invariant by its name in the design.
    pub invariant: &'static str,
    pub what: String,
}

/// From when until when something held, in micros.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: i64,
    pub until: Option<i64>,
}

impl Span {
    /// Is `at` more than a second into it? A request that was cleared before may be on its way that long (I2).
    pub fn forbids(self, at: i64) -> bool {
        at > self.from + 1_000_000 && self.until.is_none_or(|until| at < until)
    }
}

/// Watches the tables from step to step.
#[derive(Debug, Default)]
pub struct Judge {
    pub seen: Seen,
    pub violations: Vec<Violation>,
    /// When campaigns were paused, by id,
    pub pauses: BTreeMap<String, Vec<Span>>,
    /// when leads could not be called, by id,
    pub shut: BTreeMap<String, Vec<Span>>,
    /// and when numbers were suppressed, by number and campaign.
    pub suppressed: BTreeMap<(String, String), Vec<Span>>,
    /// Versions to which publications move people.
    pub moved_to: BTreeSet<String>,
}

impl Judge {
    pub fn accuse(&mut self, invariant: &'static str, what: impl Into<String>) {
        // The first few tell the story; a broken world repeats itself.
        if self.violations.len() < 12 {
            self.violations.push(Violation { invariant, what: what.into() });
        }
    }

    pub fn has_ended(&self, enrollment: &str) -> bool {
        self.seen.enrollments.get(enrollment).is_some_and(|row| row.state == "ended")
    }

    /// Compares the tables with what they were.
    pub fn look(&mut self, now: Instant, next: Seen) {
        let before = std::mem::replace(&mut self.seen, next);
        let at = micros(now);
        note(&mut self.pauses, &before.paused, &self.seen.paused, at);
        note(&mut self.shut, &before.shut, &self.seen.shut, at);
        note(&mut self.suppressed, &before.suppressed, &self.seen.suppressed, at);
        self.attempts_only_go_forward(&before);
        self.enrollments_keep_their_word(&before);
        self.enrollments_are_sound();
        self.numbers_are_called_once();
    }

    /// I8: a stale word changes nothing, and what is final stays final.
    fn attempts_only_go_forward(&mut self, before: &Seen) {
        let mut found = Vec::new();
        for (id, was) in &before.attempts {
            let Some(is) = self.seen.attempts.get(id) else {
                found.push(format!("attempt {id} ({}) is gone", was.state));
                continue;
            };
            if was.state == is.state {
                continue;
            }
            let (Ok(from), Ok(to)) = (was.state.parse(), is.state.parse()) else {
                found.push(format!("attempt {id} is {}", is.state));
                continue;
            };
            if !reaches(from, to) {
                found.push(format!("attempt {id} went from {} to {}", was.state, is.state));
            }
        }
        for what in found {
            self.accuse("I8", what);
        }
    }

    /// I13, and what has ended stays so.
    fn enrollments_keep_their_word(&mut self, before: &Seen) {
        let mut found = Vec::new();
        for (id, was) in &before.enrollments {
            let Some(is) = self.seen.enrollments.get(id) else { continue };
            if was.version != is.version && !self.moved_to.contains(&is.version) {
                found.push(("I13", format!("enrollment {id} has another version, and nobody moved it")));
            }
            if was.state == "ended" && is.state != "ended" {
                found.push(("I5", format!("enrollment {id} had ended ({}) and is {}", was.result, is.state)));
            }
        }
        for (invariant, what) in found {
            self.accuse(invariant, what);
        }
    }

    /// I4: a timer, one open attempt, a named hold or a result.
    fn enrollments_are_sound(&mut self) {
        let seen = &self.seen;
        let is_sound = |id: &str, row: &EnrollmentSeen| {
            let (planned, live) = seen.open(id);
            match row.state.as_str() {
                "waiting" => row.due_at.is_some() && planned + live == 0,
                "open" => row.due_at.is_none() && planned + live == 1,
                // A call in progress finishes while its enrollment is held or has ended.
                "held" => !row.hold.is_empty() && planned == 0 && live <= 1,
                "ended" => !row.result.is_empty() && planned == 0 && live <= 1,
                _ => false,
            }
        };
        let unsound: Vec<String> = seen
            .enrollments
            .iter()
            .filter(|(id, row)| !is_sound(id, row))
            .map(|(id, row)| {
                format!("enrollment {id} is {row:?} with {:?} planned and live calls", seen.open(id))
            })
            .collect();
        for what in unsound {
            self.accuse("I4", what);
        }
    }

    /// I1b, by the tables; the carrier's books are asked at the end.
    fn numbers_are_called_once(&mut self) {
        let mut live: BTreeMap<&str, usize> = BTreeMap::new();
        for attempt in self.seen.attempts.values() {
            if matches!(attempt.state.as_str(), "dialing" | "placed" | "unknown") {
                *live.entry(attempt.number.as_str()).or_default() += 1;
            }
        }
        let twice = live.values().filter(|calls| **calls > 1).count();
        if twice > 0 {
            self.accuse("I1b", format!("{twice} numbers with more than one live attempt"));
        }
    }
}

/// Opens spans for what is new in `is`, and closes those of what is gone.
fn note<K: Ord + Clone>(spans: &mut BTreeMap<K, Vec<Span>>, was: &BTreeSet<K>, is: &BTreeSet<K>, at: i64) {
    for key in is.difference(was) {
        spans.entry(key.clone()).or_default().push(Span { from: at, until: None });
    }
    for key in was.difference(is) {
        if let Some(last) = spans.get_mut(key).and_then(|all| all.last_mut()) {
            last.until = Some(at);
        }
    }
}

/// Several moves may lie between two looks.
fn reaches(from: AttemptState, to: AttemptState) -> bool {
    from == to || AttemptState::ALL.iter().any(|next| from.may_become(*next) && reaches(*next, to))
}
