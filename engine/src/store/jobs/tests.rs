//! The arithmetic of attempts and pauses. What the statements do is shown on both databases by the `queue` suite.

use chrono::TimeDelta;
use proptest::prelude::*;
use rstest::rstest;

use super::model::{BackOff, Outcome, error_text};

const BACK_OFF: BackOff = BackOff::new(TimeDelta::seconds(10), TimeDelta::hours(1));

#[rstest]
#[case(1, 10)]
#[case(2, 20)]
#[case(5, 160)]
#[case(9, 2_560)]
#[case(10, 3_600)]
#[case(4_000_000_000, 3_600)]
fn back_off_doubles_up_to_its_limit(#[case] failures: u32, #[case] seconds: i64) {
    assert_eq!(BACK_OFF.exact(failures), TimeDelta::seconds(seconds));
}

#[test]
fn the_last_allowed_failure_is_the_end() {
    let retry = Outcome::after_failure(1, 3, BACK_OFF, 1.0, "no answer");
    assert_eq!(retry, Outcome::Retry { after: TimeDelta::seconds(20), error: "no answer".to_owned() });
    let dead = Outcome::after_failure(2, 3, BACK_OFF, 1.0, "no answer");
    assert_eq!(dead, Outcome::Dead { error: "no answer".to_owned() });
}

#[test]
fn error_texts_can_be_stored_by_both_databases() {
    assert_eq!(error_text("a\0b"), "ab");
    assert_eq!(error_text(&"é".repeat(5_000)).chars().count(), 2_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_pause_lies_in_the_upper_half_of_its_step(failures in 1_u32..100, jitter in 0.0_f64..1.0) {
        let exact = BACK_OFF.exact(failures);
        let delay = BACK_OFF.delay(failures, jitter);
        prop_assert!(delay <= exact && delay >= exact / 2, "{delay} for {exact}");
    }
}
