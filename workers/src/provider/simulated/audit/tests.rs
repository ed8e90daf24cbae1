//! Planted wrongs must be found, and clean books must be clean.

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

#[test]
fn a_queued_call_that_rings_at_night_is_a_wrong_and_one_that_was_asked_for_in_time_is_not_enough() {
    let mut books = Books::new();
    books.call("+12125550143", 1, 0);
    let asked = books.call("+12125550144", 1, 60);
    let entry = books.ledger.by_call_id(&format!("sim-{}", asked.attempt_id.0.simple())).unwrap();
    entry.queued = true;
    entry.starts_at = Some(noon() + TimeDelta::hours(10));
    let audit = books.audit();
    assert_eq!((audit.queued, audit.outside_window), (1, 1));
}
