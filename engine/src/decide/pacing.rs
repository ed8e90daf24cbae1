//! How many planned calls may be claimed now (ENG-6): rates, concurrency and intervals of campaigns, caller numbers and the
//! provider; fair shares between campaigns; priorities that age, so that nothing waits for ever. Pure: the shell brings the
//! recent intents, and claims what is picked in the same transaction.
//!
//! A rate of `n` calls per second allows ⌊n⌋ intents in any span of [`SPAN`], a little more than a second: the carrier, where
//! requests arrive with some jitter, then never sees more than `n` in a sliding second, and 92 % of the rate is used. Rates
//! below one are an interval.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};

use crate::clock::Instant;
use crate::domain::campaign::Pacing;
use crate::domain::priority::Priority;
use crate::id::CampaignId;

/// The span in which ⌊rate⌋ calls are allowed: a second and what jitter may eat of it.
pub const SPAN: TimeDelta = TimeDelta::milliseconds(1_087);

/// How far back recent intents must be loaded.
pub const LOOK_BACK: TimeDelta = SPAN;

/// A call that has waited this long counts one class higher; after twice as long, low counts as high.
pub const AGEING: TimeDelta = TimeDelta::minutes(30);

/// When a full line is looked at again: calls end without telling us beforehand.
const RECHECK: TimeDelta = TimeDelta::seconds(1);

/// What was asked lately of whatever has limits: a campaign, a caller number, the provider.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Calls dialing, talking or unknown.
    pub live: u32,
    pub last_intent: Option<Instant>,
    /// Intents of the last [`LOOK_BACK`], in any order.
    pub recent: Vec<Instant>,
    /// Intents of the day the limit is counted by: a campaign's in its own zone, the others' in UTC.
    pub intents_today: u32,
}

/// One campaign with its limits and what it has under way.
#[derive(Debug, Clone)]
pub struct Lane {
    pub campaign: CampaignId,
    pub limits: Pacing,
    pub load: Load,
    /// Numbers it may show, in its own order; none: the provider's own.
    pub callers: Vec<String>,
    /// Limits of each of these numbers.
    pub caller_limits: Pacing,
}

/// What several campaigns share. Empty: nothing is limited.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub provider_limits: Pacing,
    pub provider: Load,
    /// By caller number, whichever campaign showed it.
    pub callers: BTreeMap<String, Load>,
}

/// A planned attempt that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The caller's own index, handed back.
    pub index: usize,
    pub campaign: CampaignId,
    pub priority: Priority,
    pub due_at: Instant,
}

/// One call that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Of the [`Waiting`].
    pub index: usize,
    /// Number to show.
    pub caller: Option<String>,
}

/// What may be claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked {
    /// In the order in which they should be dialed.
    pub picks: Vec<Pick>,
    /// When pacing lets the next one go; `None` when pacing held nothing back.
    pub again_at: Option<Instant>,
}

/// Picks up to `limit` of `waiting` within the limits of their lanes and of everything they share.
///
/// Higher (aged) priority first; within one priority the campaigns take turns, the one that dialed longest ago first;
/// within a campaign the longest due first. A campaign's caller numbers take turns too. A campaign whose calls per day are
/// used up is let through: its gate puts the calls off until tomorrow, which takes them out of the queue.
pub fn pick(lanes: &[Lane], shared: &Shared, waiting: &[Waiting], limit: usize, now: Instant) -> Picked {
    let mut desk = Desk::new(lanes, shared, now);
    let mut again_at: Option<Instant> = None;
    let mut picks = Vec::new();
    for mut queues in queues(lanes, waiting, now) {
        // One call of each campaign per round.
        while queues.iter().any(|(_, queue)| !queue.is_empty()) {
            for (lane, queue) in &mut queues {
                let Some(next) = queue.last() else { continue };
                if picks.len() >= limit {
                    return Picked { picks, again_at };
                }
                match desk.take(*lane) {
                    Ok(caller) => {
                        picks.push(Pick { index: next.index, caller });
                        queue.pop();
                    }
                    Err(free_at) => {
                        again_at = Some(again_at.map_or(free_at, |known| known.min(free_at)));
                        queue.clear();
                    }
                }
            }
        }
    }
    Picked { picks, again_at }
}

/// Waiting calls of one class by lane, the next one last.
type Queues<'a> = Vec<(usize, Vec<&'a Waiting>)>;

/// Per class, best first, the queues of the lanes in the order of their turns. Calls without a lane are left out.
fn queues<'a>(lanes: &[Lane], waiting: &'a [Waiting], now: Instant) -> Vec<Queues<'a>> {
    let mut turns: Vec<usize> = (0..lanes.len()).collect();
    turns.sort_by_key(|index| (lanes[*index].load.last_intent, lanes[*index].campaign));
    let lane_of: BTreeMap<CampaignId, usize> =
        lanes.iter().enumerate().map(|(index, lane)| (lane.campaign, index)).collect();
    let mut classes: Vec<Vec<Vec<&Waiting>>> = vec![vec![Vec::new(); lanes.len()]; 3];
    for call in waiting {
        if let Some(lane) = lane_of.get(&call.campaign) {
            classes[aged(call, now)][*lane].push(call);
        }
    }
    let in_turn = |mut queues: Vec<Vec<&'a Waiting>>| {
        let lanes = turns.iter().map(|lane| {
            let mut queue = std::mem::take(&mut queues[*lane]);
            queue.sort_by_key(|call| std::cmp::Reverse((call.due_at, call.index)));
            (*lane, queue)
        });
        lanes.collect()
    };
    classes.into_iter().map(in_turn).collect()
}

/// Rank of the class after ageing, 0 the best.
fn aged(call: &Waiting, now: Instant) -> usize {
    let waited = (now - call.due_at).num_seconds().max(0);
    let lifted = waited / AGEING.num_seconds();
    usize::try_from((call.priority.rank() - lifted).max(0)).unwrap_or(0)
}

/// All counters while a batch is being picked.
struct Desk {
    own: Vec<Counter>,
    provider: Counter,
    /// Per lane, its caller numbers.
    callers: Vec<Vec<Caller>>,
    now: Instant,
}

/// A number as one campaign may use it.
struct Caller {
    number: String,
    counter: Counter,
    /// Calls in this batch.
    used: u32,
}

impl Desk {
    fn new(lanes: &[Lane], shared: &Shared, now: Instant) -> Self {
        let own = lanes.iter().map(|lane| {
            let mut counter = Counter::new(&lane.limits, &lane.load, now);
            // A day that is used up is the gate's to say.
            counter.left_today = counter.left_today.filter(|left| *left > 0);
            counter.day_ends = now + RECHECK;
            counter
        });
        let unused = Load::default();
        let callers = lanes.iter().map(|lane| {
            let caller = |number: &String| Caller {
                number: number.clone(),
                counter: Counter::new(
                    &lane.caller_limits,
                    shared.callers.get(number).unwrap_or(&unused),
                    now,
                ),
                used: 0,
            };
            lane.callers.iter().map(caller).collect()
        });
        Self {
            own: own.collect(),
            provider: Counter::new(&shared.provider_limits, &shared.provider, now),
            callers: callers.collect(),
            now,
        }
    }

    /// One call of a lane and the number it shows, or when it is worth asking again.
    fn take(&mut self, lane: usize) -> Result<Option<String>, Instant> {
        let now = self.now;
        let blocked = self.own[lane].blocked_until(now).max(self.provider.blocked_until(now));
        if let Some(until) = blocked {
            return Err(until);
        }
        let caller = self.next_caller(lane)?;
        self.own[lane].take(now);
        self.provider.take(now);
        let shown = self.callers.iter_mut().flatten().filter(|other| Some(&other.number) == caller.as_ref());
        for caller in shown {
            caller.counter.take(now);
            caller.used += 1;
        }
        Ok(caller)
    }

    /// The free number that was used least, longest ago.
    fn next_caller(&self, lane: usize) -> Result<Option<String>, Instant> {
        let callers = &self.callers[lane];
        if callers.is_empty() {
            return Ok(None);
        }
        let free = callers.iter().filter(|caller| caller.counter.blocked_until(self.now).is_none());
        if let Some(next) = free.min_by_key(|caller| (caller.used, caller.counter.last_intent)) {
            return Ok(Some(next.number.clone()));
        }
        let until = callers.iter().filter_map(|caller| caller.counter.blocked_until(self.now)).min();
        Err(until.unwrap_or(self.now + RECHECK))
    }
}

/// One set of limits and what is left of it now.
struct Counter {
    per_span: Option<usize>,
    /// Newest last; only those that still count.
    recent: Vec<Instant>,
    interval: Option<TimeDelta>,
    last_intent: Option<Instant>,
    free_lines: Option<u32>,
    left_today: Option<u32>,
    /// When a used-up day is looked at again.
    day_ends: Instant,
}

impl Counter {
    fn new(limits: &Pacing, load: &Load, now: Instant) -> Self {
        let mut recent: Vec<Instant> = load.recent.iter().copied().filter(|at| *at + SPAN > now).collect();
        recent.sort_unstable();
        let rate = limits.calls_per_second;
        let slow = rate.filter(|rate| *rate < 1.0).map(|rate| {
            let seconds = if rate > 0.0 { (1.0 / rate).min(1e9) } else { 1e9 };
            TimeDelta::microseconds((seconds * SPAN.num_milliseconds() as f64 * 1e3) as i64)
        });
        Self {
            per_span: rate.filter(|rate| *rate >= 1.0).map(|rate| rate as usize),
            last_intent: load.last_intent.max(recent.last().copied()),
            recent,
            interval: limits.min_interval().max(slow),
            free_lines: limits.max_concurrent.map(|most| most.saturating_sub(load.live)),
            left_today: limits.max_per_day.map(|most| most.saturating_sub(load.intents_today)),
            day_ends: next_day(now),
        }
    }

    /// When the next call may go, if it may not go now.
    fn blocked_until(&self, now: Instant) -> Option<Instant> {
        let by_rate = self.per_span.and_then(|most| {
            let index = self.recent.len().checked_sub(most)?;
            self.recent.get(index).map(|oldest| *oldest + SPAN).or(Some(now + SPAN))
        });
        let by_interval = self.interval.zip(self.last_intent).map(|(interval, last)| last + interval);
        let by_lines = self.free_lines.filter(|free| *free == 0).map(|_| now + RECHECK);
        let by_day = self.left_today.filter(|left| *left == 0).map(|_| self.day_ends);
        [by_rate, by_interval, by_lines, by_day].into_iter().flatten().filter(|until| *until > now).max()
    }

    fn take(&mut self, now: Instant) {
        self.recent.push(now);
        self.last_intent = Some(now);
        self.free_lines = self.free_lines.map(|free| free.saturating_sub(1));
        self.left_today = self.left_today.map(|left| left.saturating_sub(1));
    }
}

/// The next midnight UTC.
fn next_day(now: Instant) -> Instant {
    now.date_naive().succ_opt().map_or(now + RECHECK, |day| day.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests;
