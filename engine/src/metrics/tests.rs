//! What is shown: the text format itself is read back by the `operations` suite.

use super::labels::{Blocked, Called};
use super::{Metrics, Tally};

#[test]
fn counters_are_typed_by_the_name_their_samples_have() {
    let metrics = Metrics::default();
    metrics.orphan_calls.inc();
    let text = metrics.text();
    assert!(
        text.contains("# TYPE dialer_orphan_calls_total counter\ndialer_orphan_calls_total 1\n"),
        "{text}"
    );
    assert!(text.contains("# HELP dialer_orphan_calls_total "), "{text}");
    assert!(!text.contains("# EOF"), "{text}");
}

#[test]
fn a_committed_tally_is_added_once_per_count() {
    let metrics = Metrics::default();
    let mut tally = Tally { orphans: 2, dispatch_lags: vec![0.2, 3.0], ..Tally::default() };
    tally.entered("unknown", 3);
    tally.entered("placed", 0);
    tally.ended("converted");
    tally.blocked("stop", "suppressed");
    metrics.committed(&tally, "carrier");
    metrics.committed(&tally, "carrier");
    let called = Called { provider: "carrier".to_owned(), outcome: "converted" };
    assert_eq!(metrics.calls.get_or_create(&called).get(), 2);
    let blocked = Blocked { verdict: "stop", reason: "suppressed" };
    assert_eq!(metrics.guard_blocked.get_or_create(&blocked).get(), 2);
    assert_eq!((metrics.attempt_unknown.get(), metrics.orphan_calls.get()), (6, 4));
    let text = metrics.text();
    assert!(text.contains("dialer_dispatch_lag_seconds_bucket{le=\"0.25\"} 2\n"), "{text}");
    assert!(
        !text.contains("dialer_attempts_total{state=\"placed\"}"),
        "nothing entered, nothing shown: {text}"
    );
}
