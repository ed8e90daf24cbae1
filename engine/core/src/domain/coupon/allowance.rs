//! How often a client may name a coupon that does not exist: so many a minute, spread evenly once they are used up.
//!
//! Kept as one instant, up to which the allowance is used (a leaky bucket): a failure moves it on by a minute divided by the
//! allowance, and whoever would be a minute ahead waits. Redemptions that succeed cost nothing, so that a shop is never slowed
//! down by its own customers' coupons; mistyped codes are refused before, by their check symbol.

use chrono::TimeDelta;

use crate::clock::Instant;

/// Failures a minute of everyone who uses one API key.
pub const KEY_FAILURES: u32 = 100;
/// Failures a minute of one customer, as the shop names its customers.
pub const CLIENT_FAILURES: u32 = 5;

const SPAN: TimeDelta = TimeDelta::minutes(1);

/// After one more failure at `now`: the allowance is used up to the instant answered.
pub fn after_failure(used_until: Instant, per_minute: u32, now: Instant) -> Instant {
    used_until.max(now) + step(per_minute)
}

/// How long this client must wait before trying at all; `None`: it may try.
pub fn wait(used_until: Instant, per_minute: u32, now: Instant) -> Option<TimeDelta> {
    let ahead = after_failure(used_until, per_minute, now) - now - SPAN;
    (ahead > TimeDelta::zero()).then_some(ahead)
}

fn step(per_minute: u32) -> TimeDelta {
    TimeDelta::microseconds(SPAN.num_seconds() * 1_000_000 / i64::from(per_minute.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant_from_micros;

    fn at(seconds: i64) -> Instant {
        instant_from_micros(seconds * 1_000_000)
    }

    #[test]
    fn five_failures_pass_and_the_sixth_waits_for_its_share_of_a_minute() {
        let mut used = at(0);
        for _ in 0..5 {
            assert_eq!(wait(used, 5, at(100)), None);
            used = after_failure(used, 5, at(100));
        }
        assert_eq!(wait(used, 5, at(100)), Some(TimeDelta::seconds(12)));
        assert_eq!(wait(used, 5, at(112)), None);
    }

    #[test]
    fn never_more_than_the_allowance_in_a_minute_after_the_first_burst() {
        let (mut used, mut passed) = (at(0), 0);
        for second in 0..600 {
            if wait(used, 5, at(second)).is_none() {
                used = after_failure(used, 5, at(second));
                passed += 1;
            }
        }
        // The burst, and five a minute for ten minutes.
        assert!((50..=55).contains(&passed), "{passed}");
    }
}
