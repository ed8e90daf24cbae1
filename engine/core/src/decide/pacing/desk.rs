//! All counters of a batch: the campaigns' own, their caller numbers', which they share, and the provider's.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::counter::Counter;
use super::{Lane, Load, RECHECK, Shared};
use crate::clock::Instant;

/// All counters while a batch is being picked.
#[derive(Debug)]
pub(super) struct Desk {
    own: Vec<Counter>,
    pub(super) provider: Counter,
    /// Per lane, its caller numbers.
    callers: Vec<Vec<Caller>>,
    /// Where each number stands in `callers`.
    places: HashMap<String, Vec<(usize, usize)>>,
    /// Lanes whose calls only come to be put off.
    pub(super) is_closed: Vec<bool>,
    leeway: TimeDelta,
    now: Instant,
}

/// A number as one campaign may use it.
#[derive(Debug)]
struct Caller {
    number: String,
    counter: Counter,
    /// Calls in this batch.
    used: u32,
}

/// The number to show, and within what time.
type Taken = (Option<String>, Option<TimeDelta>);

impl Desk {
    pub(super) fn new(lanes: &[Lane], shared: &Shared, now: Instant) -> Self {
        let own: Vec<Counter> =
            lanes.iter().map(|lane| Counter::new(&lane.limits, &lane.load, now)).collect();
        let unused = Load::default();
        let mut places: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        let callers = lanes.iter().enumerate().map(|(place, lane)| {
            let caller = |(nth, number): (usize, &String)| {
                places.entry(number.clone()).or_default().push((place, nth));
                let load = shared.callers.get(number).unwrap_or(&unused);
                Caller {
                    number: number.clone(),
                    counter: Counter::new(&lane.caller_limits, load, now),
                    used: 0,
                }
            };
            lane.callers.iter().enumerate().map(caller).collect()
        });
        Self {
            callers: callers.collect(),
            places,
            provider: Counter::new(&shared.provider_limits, &shared.provider, now),
            // A day that is used up is the gate's to say.
            is_closed: lanes
                .iter()
                .zip(&own)
                .map(|(lane, own)| lane.is_closed || own.left_today == Some(0))
                .collect(),
            own,
            leeway: shared.leeway,
            now,
        }
    }

    /// When a lane is worth asking again, if it may let nothing go now.
    pub(super) fn blocked_until(&self, lane: usize) -> Option<Instant> {
        if self.is_closed[lane] {
            return None;
        }
        let blocked = self.own[lane].blocked_until(self.now).max(self.provider.blocked_until(self.now));
        blocked.or_else(|| self.next_caller(lane).err())
    }

    /// How many calls a lane may let go now, whatever the others do.
    pub(super) fn free(&self, lane: usize) -> usize {
        if self.is_closed[lane] {
            return usize::MAX;
        }
        let callers = &self.callers[lane];
        let free = |sum: usize, caller: &Caller| sum.saturating_add(caller.counter.free(self.now));
        let by_callers = if callers.is_empty() { usize::MAX } else { callers.iter().fold(0, free) };
        self.own[lane].free(self.now).min(by_callers)
    }

    /// One call of a lane, or when it is worth asking again.
    pub(super) fn take(&mut self, lane: usize) -> Result<Taken, Instant> {
        if self.is_closed[lane] {
            return Ok((None, None));
        }
        let now = self.now;
        let blocked = self.own[lane].blocked_until(now).max(self.provider.blocked_until(now));
        if let Some(until) = blocked {
            return Err(until);
        }
        let place = self.next_caller(lane)?;
        self.own[lane].take(now);
        self.provider.take(now);
        let leeway = self.leeway;
        let tolerances = [self.own[lane].tolerance(leeway), self.provider.tolerance(leeway)];
        let mut send_within = tolerances.into_iter().flatten().min();
        let Some(place) = place else { return Ok((None, send_within)) };
        let caller = &self.callers[lane][place];
        send_within = [send_within, caller.counter.tolerance(leeway)].into_iter().flatten().min();
        let number = caller.number.clone();
        for (lane, place) in self.places.get(&number).into_iter().flatten() {
            let caller = &mut self.callers[*lane][*place];
            caller.counter.take(now);
            caller.used += 1;
        }
        Ok((Some(number), send_within))
    }

    /// The free number that was used least, longest ago; none to choose from: the provider's own.
    fn next_caller(&self, lane: usize) -> Result<Option<usize>, Instant> {
        let callers = &self.callers[lane];
        if callers.is_empty() {
            return Ok(None);
        }
        let is_free = |(_, caller): &(usize, &Caller)| caller.counter.blocked_until(self.now).is_none();
        let free = callers.iter().enumerate().filter(is_free);
        if let Some((place, _)) = free.min_by_key(|(_, caller)| (caller.used, caller.counter.last_intent)) {
            return Ok(Some(place));
        }
        let until = callers.iter().filter_map(|caller| caller.counter.blocked_until(self.now)).min();
        Err(until.unwrap_or(self.now + RECHECK))
    }
}
