//! The stand-alone carrier's clock: real, or virtual at a rate and settable, so that days of calls pass in seconds.

use std::time::Duration;

use callwright_engine::clock::Instant;
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What the clock is told: body of `POST /clock`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "clock", rename_all = "lowercase", deny_unknown_fields)]
pub enum ClockSetting {
    Real,
    /// Shows `at` now and runs `rate` times as fast as real time; 0 stands still.
    Virtual {
        at: Instant,
        rate: f64,
    },
}

/// A clock that many calls sleep by. Sleepers notice when it is set.
#[derive(Debug)]
pub struct CarrierClock(watch::Sender<Running>);

#[derive(Debug, Clone, Copy)]
struct Running {
    setting: ClockSetting,
    since: tokio::time::Instant,
}

/// Sleeps at most this long in one go: the farthest instant need not fit a timer.
const NAP: Duration = Duration::from_hours(1);

impl Running {
    fn start(setting: ClockSetting) -> Self {
        Self { setting, since: tokio::time::Instant::now() }
    }

    fn now(&self) -> Instant {
        match self.setting {
            ClockSetting::Real => Utc::now(),
            ClockSetting::Virtual { at, rate } => {
                let micros = self.since.elapsed().as_secs_f64() * rate * 1e6;
                at + TimeDelta::microseconds(micros as i64)
            }
        }
    }

    /// Real time until the clock shows `at`; `None` while it stands still.
    fn until(&self, at: Instant) -> Option<Duration> {
        let left = (at - self.now()).to_std().unwrap_or_default();
        match self.setting {
            ClockSetting::Real => Some(left.min(NAP)),
            ClockSetting::Virtual { rate, .. } if rate > 0.0 => {
                Some(Duration::from_secs_f64((left.as_secs_f64() / rate).min(NAP.as_secs_f64())))
            }
            ClockSetting::Virtual { .. } => None,
        }
    }
}

impl CarrierClock {
    pub fn new(setting: ClockSetting) -> Self {
        Self(watch::Sender::new(Running::start(setting)))
    }

    pub fn now(&self) -> Instant {
        self.0.borrow().now()
    }

    /// Sets the clock; sleepers whose time has come wake at once.
    pub fn set(&self, setting: ClockSetting) {
        self.0.send_replace(Running::start(setting));
    }

    /// Returns when the clock shows `at` or later.
    pub async fn sleep_until(&self, at: Instant) {
        let mut changes = self.0.subscribe();
        loop {
            let running = *changes.borrow_and_update();
            if running.now() >= at {
                return;
            }
            let nap = async {
                match running.until(at) {
                    // A timer may fire a little early by our arithmetic; a millisecond more costs nothing.
                    Some(left) => tokio::time::sleep(left + Duration::from_millis(1)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = nap => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Instant {
        "2026-07-01T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn a_virtual_day_passes_in_a_moment() {
        let clock = CarrierClock::new(ClockSetting::Virtual { at: noon(), rate: 1_000_000.0 });
        let began = tokio::time::Instant::now();
        clock.sleep_until(noon() + TimeDelta::days(1)).await;
        assert!(began.elapsed() < Duration::from_mins(1));
        assert!(clock.now() >= noon() + TimeDelta::days(1));
    }

    #[tokio::test]
    async fn sleepers_of_a_standing_clock_wake_when_it_is_set() {
        let clock = std::sync::Arc::new(CarrierClock::new(ClockSetting::Virtual { at: noon(), rate: 0.0 }));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(noon() + TimeDelta::hours(1)).await }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!sleeper.is_finished(), "the clock stands still");
        clock.set(ClockSetting::Virtual { at: noon() + TimeDelta::hours(1), rate: 0.0 });
        sleeper.await.unwrap();
    }

    #[test]
    fn a_setting_is_written_plainly() {
        let json = serde_json::json!({ "clock": "virtual", "at": "2026-07-01T12:00:00Z", "rate": 60.0 });
        let setting: ClockSetting = serde_json::from_value(json).unwrap();
        assert_eq!(setting, ClockSetting::Virtual { at: noon(), rate: 60.0 });
    }
}
