//! What goes wrong between us and a carrier, each as a rate, drawn from a seed. A fault decides what the *asker* sees and
//! when callbacks arrive; the ledger always tells what really happened. Faults that certain numbers always bring are in
//! [`super::scripted`].

use std::collections::BTreeMap;

use callwright_engine::clock::{Instant, micros};
use serde::{Deserialize, Serialize};

use super::behaviour::CallKey;
use super::draw::Draw;
use super::scripted;

/// Rates in `0..=1`. Placement faults exclude each other; callback faults are drawn for each callback.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Definite refusal of one call, with a rate-limit reason.
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
    /// 429 with `Retry-After`, and no call.
    pub too_many_requests: f64,
    /// The connection breaks in the middle of the answer, and no call.
    pub reset_before_accept: f64,
    /// The connection breaks in the middle of the answer, but the call is made.
    pub reset_after_accept: f64,
    /// The answer trickles in more slowly than anybody waits; the call is made.
    pub slow_answer: f64,
    /// Delivered two or three times.
    pub duplicate_callback: f64,
    /// Held back a few seconds, so that a later one overtakes it.
    pub reorder_callback: f64,
    /// Held back up to half an hour.
    pub late_callback: f64,
    /// Never delivered by itself; a look-up of the attempt brings it.
    pub lose_callback: f64,
    /// It rings before the request is answered, and is reported then.
    pub early_callback: f64,
    /// Comes with a wrong signature first, is refused, and comes again.
    pub forge_callback: f64,
    /// A look-up is answered by a 503.
    pub fail_look_up: f64,
    /// A call is listed only some seconds after it began (at most [`Faults::LATEST_LISTING_S`]).
    pub lag_look_up: f64,
    /// A look-up is answered as things were some seconds ago (at most [`Faults::LATEST_LISTING_S`]).
    pub stale_look_up: f64,
    /// Not a rate: calls a second that the carrier begins; it takes more and rings them later, up to a day. 0: any number.
    pub calls_per_second: f64,
    /// Not a rate: numbers with certain last digits bring certain faults, whatever the rates.
    pub by_suffix: bool,
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
    TooManyRequests { retry_after_s: u32 },
    ResetBeforeAccept,
    ResetAfterAccept,
    SlowAnswer,
}

impl PlacementFault {
    /// Is there a call?
    pub const fn calls(self) -> bool {
        !matches!(
            self,
            Self::Refuse
                | Self::TimeoutBeforeAccept
                | Self::ErrorBeforeAccept
                | Self::ResetBeforeAccept
                | Self::TooManyRequests { .. }
        )
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
        !matches!(self, Self::None | Self::Refuse | Self::TooManyRequests { .. })
    }

    /// Is it one of the whole answer, whatever calls were asked for together?
    pub const fn is_shared(self) -> bool {
        self.is_ambiguous() || matches!(self, Self::TooManyRequests { .. })
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
            Self::TooManyRequests { .. } => Some("tooManyRequests"),
            Self::ResetBeforeAccept => Some("resetBeforeAccept"),
            Self::ResetAfterAccept => Some("resetAfterAccept"),
            Self::SlowAnswer => Some("slowAnswer"),
        }
    }
}

/// What happens to one callback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallbackFault {
    pub lost: bool,
    /// A copy with a wrong signature goes first.
    pub forged: bool,
    /// Seconds after the fact at which each copy is delivered; one zero when all is well.
    pub delays_s: Vec<u32>,
    /// Names for [`Fired`].
    pub names: Vec<&'static str>,
}

/// What happens to one look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LookUpFault {
    pub fails: bool,
    /// The answer is as old as this.
    pub stale_s: u32,
}

/// How often each fault fired: a test that declares a fault which never fires proves nothing.
pub type Fired = BTreeMap<&'static str, u64>;

/// A rate that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("fault `{0}` must be a rate between 0 and 1, and the placement faults together at most 1")]
    Rate(&'static str),
    #[error("`callsPerSecond` must be 0 (no limit) or a positive number")]
    CallsPerSecond,
}

impl Faults {
    /// Must stay well below the carrier's `conclusive_after`, together with the listing lag: a later accept would make an
    /// orphan call.
    pub const LATEST_ACCEPT_S: u32 = 90;
    /// How far the list of calls may be behind.
    pub const LATEST_LISTING_S: u32 = 20;
    /// Longest delay of a callback.
    pub const LATEST_CALLBACK_S: u32 = 1_800;
    /// Longest delay of a reordered callback.
    const REORDERED_BY_S: u32 = 40;
    /// How soon a callback that was refused for its signature comes again.
    pub const FORGED_AGAIN_S: u32 = 5;

    /// Every fault at the same rate.
    pub fn everything(rate: f64) -> Self {
        Self {
            refuse: rate,
            timeout_before_accept: rate,
            timeout_after_accept: rate,
            error_before_accept: rate,
            error_after_accept: rate,
            late_accept: rate,
            too_many_requests: rate,
            reset_before_accept: rate,
            reset_after_accept: rate,
            slow_answer: rate,
            duplicate_callback: rate,
            reorder_callback: rate,
            late_callback: rate,
            lose_callback: rate,
            early_callback: rate,
            forge_callback: rate,
            fail_look_up: rate,
            lag_look_up: rate,
            stale_look_up: rate,
            calls_per_second: 0.0,
            by_suffix: false,
        }
    }

    const fn placement_rates(&self) -> [(&'static str, f64); 10] {
        [
            ("refuse", self.refuse),
            ("timeoutBeforeAccept", self.timeout_before_accept),
            ("timeoutAfterAccept", self.timeout_after_accept),
            ("errorBeforeAccept", self.error_before_accept),
            ("errorAfterAccept", self.error_after_accept),
            ("lateAccept", self.late_accept),
            ("tooManyRequests", self.too_many_requests),
            ("resetBeforeAccept", self.reset_before_accept),
            ("resetAfterAccept", self.reset_after_accept),
            ("slowAnswer", self.slow_answer),
        ]
    }

    const fn other_rates(&self) -> [(&'static str, f64); 9] {
        [
            ("duplicateCallback", self.duplicate_callback),
            ("reorderCallback", self.reorder_callback),
            ("lateCallback", self.late_callback),
            ("loseCallback", self.lose_callback),
            ("earlyCallback", self.early_callback),
            ("forgeCallback", self.forge_callback),
            ("failLookUp", self.fail_look_up),
            ("lagLookUp", self.lag_look_up),
            ("staleLookUp", self.stale_look_up),
        ]
    }

    fn rates(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.placement_rates().into_iter().chain(self.other_rates())
    }

    pub fn check(&self) -> Result<(), FaultError> {
        if let Some((name, _)) = self.rates().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            return Err(FaultError::Rate(name));
        }
        // A little more than 1 for what adding tenths leaves over.
        if self.placement_rates().iter().map(|(_, rate)| rate).sum::<f64>() > 1.000_001 {
            return Err(FaultError::Rate("refuse"));
        }
        if !self.calls_per_second.is_finite() || self.calls_per_second < 0.0 {
            return Err(FaultError::CallsPerSecond);
        }
        Ok(())
    }

    /// Names of the faults with a rate above zero.
    pub fn declared(&self) -> Vec<&'static str> {
        self.rates().filter_map(|(name, rate)| (rate > 0.0).then_some(name)).collect()
    }

    /// Drawn by key *and* instant: a call refused once may be accepted when it is asked for again.
    pub fn placement(&self, seed: u64, key: &CallKey<'_>, asked_at: Instant) -> PlacementFault {
        if self.by_suffix
            && let Some(fault) = scripted::placement(key)
        {
            return fault;
        }
        let rates = self.placement_rates();
        if rates.iter().all(|(_, rate)| *rate <= 0.0) {
            return PlacementFault::None;
        }
        let draw = key.draw(seed).number(micros(asked_at).unsigned_abs());
        let mut rest = draw.unit("placement");
        for (index, (_, rate)) in rates.iter().enumerate() {
            if rest < *rate {
                return drawn_placement(index, draw);
            }
            rest -= rate;
        }
        PlacementFault::None
    }

    /// `what` names the callback within its call.
    pub fn callback(&self, seed: u64, key: &CallKey<'_>, what: &str) -> CallbackFault {
        if self.by_suffix
            && let Some(faults) = scripted::callbacks(key)
        {
            return faults.troubled_callback(key.draw(seed).text(what));
        }
        if self.other_rates().iter().all(|(_, rate)| *rate <= 0.0) {
            return CallbackFault { delays_s: vec![0], ..CallbackFault::default() };
        }
        self.troubled_callback(key.draw(seed).text(what))
    }

    fn troubled_callback(&self, draw: Draw) -> CallbackFault {
        let mut names = Vec::new();
        if draw.chance("lose", self.lose_callback) {
            return CallbackFault { lost: true, names: vec!["loseCallback"], ..CallbackFault::default() };
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
        let forged = draw.chance("forge", self.forge_callback);
        if forged {
            names.push("forgeCallback");
        }
        let mut delays_s = vec![first];
        if draw.chance("duplicate", self.duplicate_callback) {
            names.push("duplicateCallback");
            let copies = draw.between("copies", 1, 2);
            delays_s.extend(
                (0..copies).map(|copy| first + draw.number(u64::from(copy)).between("again", 0, 300)),
            );
        }
        CallbackFault { lost: false, forged, delays_s, names }
    }

    /// Does the call ring, and say so, before the request for it is answered?
    pub fn is_early(&self, seed: u64, key: &CallKey<'_>) -> bool {
        let rate = match scripted::callbacks(key) {
            Some(faults) if self.by_suffix => faults.early_callback,
            _ => self.early_callback,
        };
        rate > 0.0 && key.draw(seed).chance("early", rate)
    }

    /// Seconds after its beginning at which a call is listed.
    pub fn listed_after_s(&self, seed: u64, key: &CallKey<'_>) -> u32 {
        let rate = match scripted::look_ups(key) {
            Some(faults) if self.by_suffix => faults.lag_look_up,
            _ => self.lag_look_up,
        };
        let draw = key.draw(seed);
        if draw.chance("lag", rate) { draw.between("lag-by", 5, Self::LATEST_LISTING_S) } else { 0 }
    }

    /// Drawn by key and instant: a look-up that failed may succeed the next time.
    pub fn look_up(&self, seed: u64, key: &CallKey<'_>, at: Instant) -> LookUpFault {
        let rates = match scripted::look_ups(key) {
            Some(faults) if self.by_suffix => faults,
            _ => *self,
        };
        let draw = key.draw(seed).number(micros(at).unsigned_abs());
        let is_stale = draw.chance("stale", rates.stale_look_up);
        LookUpFault {
            fails: draw.chance("fail-look-up", rates.fail_look_up),
            stale_s: if is_stale { draw.between("stale-by", 5, Self::LATEST_LISTING_S) } else { 0 },
        }
    }
}

fn drawn_placement(index: usize, draw: Draw) -> PlacementFault {
    match index {
        0 => PlacementFault::Refuse,
        1 => PlacementFault::TimeoutBeforeAccept,
        2 => PlacementFault::TimeoutAfterAccept,
        3 => PlacementFault::ErrorBeforeAccept,
        4 => PlacementFault::ErrorAfterAccept,
        5 => PlacementFault::LateAccept { by_s: draw.between("late-accept", 10, Faults::LATEST_ACCEPT_S) },
        6 => PlacementFault::TooManyRequests { retry_after_s: draw.between("retry-after", 1, 120) },
        7 => PlacementFault::ResetBeforeAccept,
        8 => PlacementFault::ResetAfterAccept,
        _ => PlacementFault::SlowAnswer,
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
            let look_up = faults.look_up(9, &key(attempt), instant_from_micros(1));
            let others = [
                ("earlyCallback", faults.is_early(9, &key(attempt))),
                ("lagLookUp", faults.listed_after_s(9, &key(attempt)) > 0),
                ("failLookUp", look_up.fails),
                ("staleLookUp", look_up.stale_s > 0),
            ];
            for (name, _) in others.into_iter().filter(|(_, fires)| *fires) {
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
        let faults = Faults { calls_per_second: -1.0, ..Faults::default() };
        assert_eq!(faults.check(), Err(FaultError::CallsPerSecond));
    }
}
