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
                Some(daytime) if daytime.allows(entry.asked_at) => {}
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
mod tests {
    use callwright_engine::domain::call::EndStatus;
    use callwright_engine::id::IdSource;

    use super::super::ledger::{Asked, Ending};
    use super::*;

    const NOON: &str = "2026-07-01T16:00:00Z";

    struct Books {
        ledger: Ledger,
        ids: IdSource,
        enrollment: EnrollmentId,
    }

    impl Books {
        fn new() -> Self {
            let ids = IdSource::seeded(3);
            Self { ledger: Ledger::default(), enrollment: ids.next(noon()), ids }
        }

        /// A call of 30 seconds' talk, `after_s` seconds past noon in New York.
        fn call(&mut self, number: &str, attempt: u32, after_s: i64) -> Asked {
            let asked = Asked {
                attempt_id: self.ids.next(noon()),
                enrollment_id: Some(self.enrollment),
                number: PhoneNumber::e164_only(number).unwrap(),
                step: "first".to_owned(),
                visit: 1,
                attempt,
                callback_url: None,
            };
            self.again(&asked, after_s);
            asked
        }

        fn again(&mut self, asked: &Asked, after_s: i64) {
            let at = noon() + TimeDelta::seconds(after_s);
            let end = Ending {
                at: at + TimeDelta::seconds(40),
                status: EndStatus::Completed,
                talk_s: 30,
                converted: true,
            };
            self.ledger.book(asked, at, true).end = Some(end);
        }

        fn audit(&self) -> Audit {
            Audit::of(&self.ledger, &Evidence::default())
        }
    }

    fn noon() -> Instant {
        NOON.parse().unwrap()
    }

    fn kinds(audit: &Audit) -> Vec<Wrong> {
        audit.findings.iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn clean_books_are_clean() {
        let mut books = Books::new();
        books.call("+12125550143", 1, 0);
        books.call("+12125550143", 2, 7_200);
        let audit = books.audit();
        assert!(audit.is_clean(), "{audit}");
        assert_eq!((audit.calls, audit.talk_seconds, audit.converted, audit.open), (2, 60, 2, 0));
    }

    #[test]
    fn a_second_call_for_one_try_is_a_double_dial() {
        let mut books = Books::new();
        books.call("+12125550143", 1, 0);
        books.call("+12125550143", 1, 7_200);
        assert_eq!((books.audit().double_dials, kinds(&books.audit())), (1, vec![Wrong::DoubleDial]));
    }

    #[test]
    fn asking_twice_for_one_attempt_is_found_even_when_refused() {
        let mut books = Books::new();
        let asked = books.call("+12125550143", 1, 0);
        books.ledger.book(&asked, noon() + TimeDelta::hours(1), false);
        let audit = books.audit();
        assert_eq!((audit.repeated_requests, audit.double_dials, audit.calls, audit.requests), (1, 0, 1, 2));
    }

    #[test]
    fn two_calls_at_once_to_one_number_overlap_whoever_asked() {
        let mut books = Books::new();
        books.call("+12125550143", 1, 0);
        books.enrollment = books.ids.next(noon());
        books.call("+12125550143", 1, 39);
        assert_eq!(kinds(&books.audit()), [Wrong::OverlappingCall]);
    }

    #[test]
    fn a_call_right_after_the_last_one_ended_is_no_overlap() {
        let mut books = Books::new();
        books.call("+12125550143", 1, 0);
        books.call("+12125550143", 2, 40);
        assert!(books.audit().is_clean());
    }

    #[test]
    fn a_call_that_never_ended_blocks_its_number() {
        let mut books = Books::new();
        let first = books.call("+12125550143", 1, 0);
        books.ledger = Ledger::default();
        books.ledger.book(&first, noon(), true);
        books.call("+12125550143", 2, 3_600);
        assert_eq!((books.audit().double_dials, books.audit().open), (1, 1));
    }

    #[test]
    fn a_night_call_is_found_in_the_strictest_zone() {
        let mut books = Books::new();
        books.call("+12135550143", 1, -3_600 * 2); // 07:00 in Los Angeles
        let audit = books.audit();
        assert_eq!((audit.outside_window, kinds(&audit)), (1, vec![Wrong::OutsideWindow]));
        assert_eq!(audit.findings[0].number.matches('5').count(), 0, "numbers are shown redacted");
    }

    #[test]
    fn a_call_after_a_suppression_is_found_and_one_a_second_after_is_not() {
        let mut books = Books::new();
        let number = books.call("+12125550143", 1, 0).number;
        let since = |before: TimeDelta, until| {
            let suppressions = vec![SuppressedFrom { number, at: noon() - before, until }];
            Audit::of(&books.ledger, &Evidence { suppressions, ..Evidence::default() }).suppressed_dials
        };
        assert_eq!(since(TimeDelta::minutes(5), None), 1);
        assert_eq!(since(TimeDelta::seconds(1), None), 0);
        assert_eq!(since(TimeDelta::minutes(-5), None), 0);
        assert_eq!(since(TimeDelta::minutes(5), Some(noon())), 0, "expired by then");
    }

    #[test]
    fn many_wrongs_are_all_counted_and_the_first_are_named() {
        let mut books = Books::new();
        for attempt in 0..100 {
            books.call("+12125550143", attempt, 0);
        }
        let audit = books.audit();
        assert_eq!((audit.double_dials, audit.findings.len()), (99, Audit::FINDINGS));
    }
}
