//! How many planned calls may be claimed now (ENG-6): rates, concurrency and intervals of campaigns, caller numbers and the
//! provider; fair shares between campaigns; priorities that age, so that nothing waits for ever. Pure: the shell brings the
//! recent intents, and claims what is picked in the same transaction.
//!
//! A rate of `n` calls per second allows ⌊n⌋ intents in any span of [`SPAN`], a little more than a second: the carrier, where
//! requests arrive with some jitter, then never sees more than `n` in a sliding second, and 92 % of the rate is used. Rates
//! below one are an interval.

use std::collections::BTreeMap;

use chrono::TimeDelta;

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

/// One campaign with its limits and what it has under way.
#[derive(Debug, Clone)]
pub struct Lane {
    pub campaign: CampaignId,
    pub limits: Pacing,
    /// Calls dialing, talking or unknown.
    pub live: u32,
    pub last_intent: Option<Instant>,
    /// Intents of the last [`LOOK_BACK`], in any order.
    pub recent: Vec<Instant>,
    /// Intents today, in the campaign's zone.
    pub intents_today: u32,
}

/// Limits that several campaigns share: a provider's, or a caller number's.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Campaigns that draw on it; `None`: all.
    pub campaigns: Option<Vec<CampaignId>>,
    pub limits: Pacing,
    pub live: u32,
    pub last_intent: Option<Instant>,
    pub recent: Vec<Instant>,
    /// Intents of the day the limit is counted by.
    pub intents_today: u32,
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

/// What may be claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked {
    /// Indexes of the picked, in the order in which they should be dialed.
    pub indexes: Vec<usize>,
    /// When pacing lets the next one go; `None` when pacing held nothing back.
    pub again_at: Option<Instant>,
}

/// Picks up to `limit` of `waiting` within the limits of their lanes. See [`pick_shared`].
pub fn pick(lanes: &[Lane], waiting: &[Waiting], limit: usize, now: Instant) -> Picked {
    pick_shared(lanes, &[], waiting, limit, now)
}

/// Picks up to `limit` of `waiting` within the limits of their lanes and of everything they share.
///
/// Higher (aged) priority first; within one priority the campaigns take turns, the one that dialed longest ago first;
/// within a campaign the longest due first. A campaign whose calls per day are used up is let through: its gate puts the
/// calls off until tomorrow, which takes them out of the queue.
pub fn pick_shared(
    lanes: &[Lane],
    shared: &[Shared],
    waiting: &[Waiting],
    limit: usize,
    now: Instant,
) -> Picked {
    let mut desk = Desk::new(lanes, shared, now);
    let mut again_at: Option<Instant> = None;
    let mut indexes = Vec::new();
    for mut queues in queues(lanes, waiting, now) {
        // One call of each campaign per round.
        while queues.iter().any(|(_, queue)| !queue.is_empty()) {
            for (lane, queue) in &mut queues {
                let Some(next) = queue.last() else { continue };
                if indexes.len() >= limit {
                    return Picked { indexes, again_at };
                }
                match desk.take(*lane) {
                    Ok(()) => {
                        indexes.push(next.index);
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
    Picked { indexes, again_at }
}

/// Waiting calls of one class by lane, the next one last.
type Queues<'a> = Vec<(usize, Vec<&'a Waiting>)>;

/// Per class, best first, the queues of the lanes in the order of their turns. Calls without a lane are left out.
fn queues<'a>(lanes: &[Lane], waiting: &'a [Waiting], now: Instant) -> Vec<Queues<'a>> {
    let mut turns: Vec<usize> = (0..lanes.len()).collect();
    turns.sort_by_key(|index| (lanes[*index].last_intent, lanes[*index].campaign));
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
    counters: Vec<Counter>,
    /// Per lane: its own counter and the shared ones.
    draws: Vec<Vec<usize>>,
    now: Instant,
}

impl Desk {
    fn new(lanes: &[Lane], shared: &[Shared], now: Instant) -> Self {
        let own = lanes.iter().map(|lane| {
            let mut counter = Counter::new(&lane.limits, lane.live, lane.last_intent, &lane.recent, now);
            counter.left_today = lane
                .limits
                .max_per_day
                .map(|most| most.saturating_sub(lane.intents_today))
                .filter(|left| *left > 0);
            counter
        });
        let common = shared.iter().map(|shared| {
            let mut counter =
                Counter::new(&shared.limits, shared.live, shared.last_intent, &shared.recent, now);
            counter.left_today =
                shared.limits.max_per_day.map(|most| most.saturating_sub(shared.intents_today));
            counter
        });
        let counters = own.chain(common).collect();
        let draws = lanes.iter().enumerate().map(|(index, lane)| {
            let members = shared.iter().enumerate().filter(|(_, shared)| {
                shared.campaigns.as_ref().is_none_or(|campaigns| campaigns.contains(&lane.campaign))
            });
            std::iter::once(index).chain(members.map(|(shared, _)| lanes.len() + shared)).collect()
        });
        Self { draws: draws.collect(), counters, now }
    }

    /// One call of a lane, or when it is worth asking again.
    fn take(&mut self, lane: usize) -> Result<(), Instant> {
        let draws = &self.draws[lane];
        let blocked = draws.iter().filter_map(|index| self.counters[*index].blocked_until(self.now)).max();
        if let Some(until) = blocked {
            return Err(until);
        }
        for index in draws {
            self.counters[*index].take(self.now);
        }
        Ok(())
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
}

impl Counter {
    fn new(limits: &Pacing, live: u32, last: Option<Instant>, recent: &[Instant], now: Instant) -> Self {
        let mut recent: Vec<Instant> = recent.iter().copied().filter(|at| *at + SPAN > now).collect();
        recent.sort_unstable();
        let rate = limits.calls_per_second;
        let slow = rate.filter(|rate| *rate < 1.0).map(|rate| {
            let seconds = if rate > 0.0 { (1.0 / rate).min(1e9) } else { 1e9 };
            TimeDelta::microseconds((seconds * SPAN.num_milliseconds() as f64 * 1e3) as i64)
        });
        Self {
            per_span: rate.filter(|rate| *rate >= 1.0).map(|rate| rate as usize),
            last_intent: last.max(recent.last().copied()),
            recent,
            interval: limits.min_interval().max(slow),
            free_lines: limits.max_concurrent.map(|most| most.saturating_sub(live)),
            left_today: None,
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
        let by_day = self.left_today.filter(|left| *left == 0).map(|_| now + RECHECK);
        [by_rate, by_interval, by_lines, by_day].into_iter().flatten().filter(|until| *until > now).max()
    }

    fn take(&mut self, now: Instant) {
        self.recent.push(now);
        self.last_intent = Some(now);
        self.free_lines = self.free_lines.map(|free| free.saturating_sub(1));
        self.left_today = self.left_today.map(|left| left.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
