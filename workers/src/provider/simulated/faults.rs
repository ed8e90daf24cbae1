//! What goes wrong between us and a carrier, each as a rate, drawn from a seed. A fault decides what the *asker* sees and
//! when callbacks arrive; the ledger always tells what really happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::behaviour::CallKey;
use super::draw::Draw;
use callwright_engine::clock::{Instant, micros};

/// Rates in `0..=1`. Placement faults exclude each other; callback faults are drawn for each callback.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Definite refusal with a rate-limit reason.
    pub refuse: f64,
    /// No answer, and no call.
    pub timeout_before_accept: f64,
    /// No answer, but the call is made.
    pub timeout_after_accept: f64,
    /// A 500, and no call.
    pub error_before_accept: f64,
    /// A 500, but the call is made.
    pub error_after_accept: f64,
    /// No answer, and the call is made some time later (at most [`Faults::LATEST_ACCEPT_S`]).
    pub late_accept: f64,
    /// Delivered two or three times.
    pub duplicate_callback: f64,
    /// Held back a few seconds, so that a later one overtakes it.
    pub reorder_callback: f64,
    /// Held back up to half an hour.
    pub late_callback: f64,
    /// Never delivered by itself; a look-up of the attempt brings it.
    pub lose_callback: f64,
}

/// What happens to a request to place a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlacementFault {
    None,
    Refuse,
    TimeoutBeforeAccept,
    TimeoutAfterAccept,
    ErrorBeforeAccept,
    ErrorAfterAccept,
    LateAccept { by_s: u32 },
}

impl PlacementFault {
    /// Is there a call?
    pub const fn calls(self) -> bool {
        !matches!(self, Self::Refuse | Self::TimeoutBeforeAccept | Self::ErrorBeforeAccept)
    }

    /// Seconds between the request and the call.
    pub const fn delay_s(self) -> u32 {
        match self {
            Self::LateAccept { by_s } => by_s,
            _ => 0,
        }
    }

    /// Does the asker learn nothing?
    pub const fn is_ambiguous(self) -> bool {
        !matches!(self, Self::None | Self::Refuse)
    }

    /// Name in [`Fired`], or `None` when nothing went wrong.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Refuse => Some("refuse"),
            Self::TimeoutBeforeAccept => Some("timeoutBeforeAccept"),
            Self::TimeoutAfterAccept => Some("timeoutAfterAccept"),
            Self::ErrorBeforeAccept => Some("errorBeforeAccept"),
            Self::ErrorAfterAccept => Some("errorAfterAccept"),
            Self::LateAccept { .. } => Some("lateAccept"),
        }
    }
}

/// What happens to one callback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallbackFault {
    pub lost: bool,
    /// Seconds after the fact at which each copy is delivered; one zero when all is well.
    pub delays_s: Vec<u32>,
    /// Names for [`Fired`].
    pub names: Vec<&'static str>,
}

/// How often each fault fired: a test that declares a fault which never fires proves nothing.
pub type Fired = BTreeMap<&'static str, u64>;

/// A rate that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault `{0}` must be a rate between 0 and 1, and the placement faults together at most 1")]
pub struct FaultError(&'static str);

impl Faults {
    /// Must stay well below the carrier's `conclusive_after`: a later accept would make an orphan call.
    pub const LATEST_ACCEPT_S: u32 = 90;
    /// Longest delay of a callback.
    pub const LATEST_CALLBACK_S: u32 = 1_800;
    /// Longest delay of a reordered callback.
    const REORDERED_BY_S: u32 = 40;

    /// Every fault at the same rate.
    pub fn everything(rate: f64) -> Self {
        Self {
            refuse: rate,
            timeout_before_accept: rate,
            timeout_after_accept: rate,
            error_before_accept: rate,
            error_after_accept: rate,
            late_accept: rate,
            duplicate_callback: rate,
            reorder_callback: rate,
            late_callback: rate,
            lose_callback: rate,
        }
    }

    fn placement_rates(&self) -> [(&'static str, f64); 6] {
        [
            ("refuse", self.refuse),
            ("timeoutBeforeAccept", self.timeout_before_accept),
            ("timeoutAfterAccept", self.timeout_after_accept),
            ("errorBeforeAccept", self.error_before_accept),
            ("errorAfterAccept", self.error_after_accept),
            ("lateAccept", self.late_accept),
        ]
    }

    fn callback_rates(&self) -> [(&'static str, f64); 4] {
        [
            ("duplicateCallback", self.duplicate_callback),
            ("reorderCallback", self.reorder_callback),
            ("lateCallback", self.late_callback),
            ("loseCallback", self.lose_callback),
        ]
    }

    pub fn check(&self) -> Result<(), FaultError> {
        let placement = self.placement_rates();
        if let Some((name, _)) =
            placement.iter().chain(&self.callback_rates()).find(|(_, rate)| !(0.0..=1.0).contains(rate))
        {
            return Err(FaultError(name));
        }
        if placement.iter().map(|(_, rate)| rate).sum::<f64>() > 1.0 {
            return Err(FaultError("refuse"));
        }
        Ok(())
    }

    /// Names of the faults with a rate above zero.
    pub fn declared(&self) -> Vec<&'static str> {
        let positive = |(name, rate): &(&'static str, f64)| (*rate > 0.0).then_some(*name);
        self.placement_rates().iter().chain(&self.callback_rates()).filter_map(positive).collect()
    }

    /// Drawn by key *and* instant: a call refused once may be accepted when it is asked for again.
    pub fn placement(&self, seed: u64, key: &CallKey<'_>, asked_at: Instant) -> PlacementFault {
        let rates = self.placement_rates();
        if rates.iter().all(|(_, rate)| *rate <= 0.0) {
            return PlacementFault::None;
        }
        let draw = key.draw(seed).number(micros(asked_at).unsigned_abs());
        let mut rest = draw.unit("placement");
        for (index, (_, rate)) in rates.iter().enumerate() {
            if rest < *rate {
                return match index {
                    0 => PlacementFault::Refuse,
                    1 => PlacementFault::TimeoutBeforeAccept,
                    2 => PlacementFault::TimeoutAfterAccept,
                    3 => PlacementFault::ErrorBeforeAccept,
                    4 => PlacementFault::ErrorAfterAccept,
                    _ => PlacementFault::LateAccept {
                        by_s: draw.between("late-accept", 10, Self::LATEST_ACCEPT_S),
                    },
                };
            }
            rest -= rate;
        }
        PlacementFault::None
    }

    /// `what` names the callback within its call.
    pub fn callback(&self, seed: u64, key: &CallKey<'_>, what: &str) -> CallbackFault {
        if self.callback_rates().iter().all(|(_, rate)| *rate <= 0.0) {
            return CallbackFault { delays_s: vec![0], ..CallbackFault::default() };
        }
        self.troubled_callback(key.draw(seed).text(what))
    }

    fn troubled_callback(&self, draw: Draw) -> CallbackFault {
        let mut names = Vec::new();
        if draw.chance("lose", self.lose_callback) {
            return CallbackFault { lost: true, delays_s: Vec::new(), names: vec!["loseCallback"] };
        }
        let mut first = 0;
        if draw.chance("reorder", self.reorder_callback) {
            names.push("reorderCallback");
            first = draw.between("reordered-by", 1, Self::REORDERED_BY_S);
        }
        if draw.chance("late", self.late_callback) {
            names.push("lateCallback");
            first = draw.between("late-by", 60, Self::LATEST_CALLBACK_S);
        }
        let mut delays_s = vec![first];
        if draw.chance("duplicate", self.duplicate_callback) {
            names.push("duplicateCallback");
            let copies = draw.between("copies", 1, 2);
            delays_s.extend(
                (0..copies).map(|copy| first + draw.number(u64::from(copy)).between("again", 0, 300)),
            );
        }
        CallbackFault { lost: false, delays_s, names }
    }
}

#[cfg(test)]
mod tests {
    use callwright_engine::clock::instant_from_micros;
    use callwright_engine::phone::number::PhoneNumber;

    use super::*;

    fn key(attempt: u32) -> CallKey<'static> {
        CallKey { number: PhoneNumber::e164_only("+12025550143").unwrap(), step: "first", visit: 1, attempt }
    }

    #[test]
    fn faults_fire_at_their_rates_and_each_of_them() {
        let faults = Faults::everything(0.05);
        let mut fired = Fired::new();
        for attempt in 0..20_000 {
            if let Some(name) = faults.placement(9, &key(attempt), instant_from_micros(1)).name() {
                *fired.entry(name).or_default() += 1;
            }
            for name in faults.callback(9, &key(attempt), "ended").names {
                *fired.entry(name).or_default() += 1;
            }
        }
        assert_eq!(fired.len(), faults.declared().len());
        assert!(fired.values().all(|count| (800..1_200).contains(count)), "{fired:?}");
    }

    #[test]
    fn without_rates_nothing_goes_wrong() {
        let faults = Faults::default();
        assert_eq!(faults.placement(1, &key(1), instant_from_micros(5)), PlacementFault::None);
        assert_eq!(faults.callback(1, &key(1), "ended").delays_s, [0]);
    }

    #[test]
    fn a_refused_call_may_be_accepted_later() {
        let faults = Faults { refuse: 0.5, ..Faults::default() };
        let at = |second: i64| faults.placement(1, &key(1), instant_from_micros(second * 1_000_000));
        assert!(
            (0..50).any(|s| at(s) == PlacementFault::Refuse)
                && (0..50).any(|s| at(s) == PlacementFault::None)
        );
    }

    #[test]
    fn rates_outside_zero_to_one_are_refused_by_name() {
        let faults = Faults { late_callback: 1.5, ..Faults::default() };
        assert!(faults.check().unwrap_err().to_string().contains("`lateCallback`"));
        assert!(Faults::everything(0.3).check().is_err());
        assert_eq!(Faults::everything(0.1).check(), Ok(()));
    }
}
