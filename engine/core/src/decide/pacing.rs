//! How many planned calls may be claimed now (ENG-6): rates, concurrency and intervals of campaigns, caller numbers and the
//! provider; fair shares between campaigns; priorities that age, so that nothing waits for ever. Pure: the shell brings the
//! recent intents and, class by class, only as many waiting calls as may go ([`Picking::wanted`]), and claims what is picked
//! in the same transaction.
//!
//! A rate of `n` calls per second allows ⌊n⌋ intents in any span of [`SPAN`], a little more than a second. What it is longer
//! than a second is how late a request may reach the carrier: one that is later is not sent ([`Pick::send_within`]), so the
//! carrier never sees more than `n` in a sliding second, and 92 % of the rate is used. Rates below one are an interval;
//! intervals are kept with the same margin, or a tenth of them where that is less. Where machine and database are too slow for
//! that, requests get more time ([`Pace`]) and count as later by what they get ([`counts_from`]): less of the rate is used, and
//! calls go on.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

use self::desk::Desk;
use self::shares::{shares, turns};
use crate::clock::Instant;
use crate::domain::campaign::Pacing;
use crate::domain::priority::Priority;
use crate::id::CampaignId;

mod counter;
mod desk;
mod pace;
mod shares;

pub use self::pace::{Pace, counts_from};

/// The span in which ⌊rate⌋ calls are allowed: a second and how late a request may be.
pub const SPAN: TimeDelta = TimeDelta::milliseconds(1_087);

/// How late a request within a rate may be, where nothing is slow.
const TOLERANCE: TimeDelta = TimeDelta::milliseconds(87);

/// How far back recent intents must be loaded: a second, and the most that a request may be late.
pub const LOOK_BACK: TimeDelta = TimeDelta::seconds(2);

/// A call that has waited this long counts one class higher; after twice as long, low counts as high.
pub const AGEING: TimeDelta = TimeDelta::minutes(30);

/// When a full line is looked at again: calls end without telling us beforehand.
const RECHECK: TimeDelta = TimeDelta::seconds(1);

/// How many of its latest calls say whose turn a campaign's is. One would do if places became free one at a time; where a few
/// do, again and again, those who come first would always have what does not divide.
pub const REMEMBERED: u32 = 16;

/// How often one class is asked for before the batch is left smaller than it might be. Lower classes do not step in.
const ASKS_PER_CLASS: u32 = 3;
const CLASSES: usize = 3;

/// What was asked lately of whatever has limits: a campaign, a caller number, the provider.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Calls dialing, talking or unknown.
    pub live: u32,
    pub last_intent: Option<Instant>,
    /// The latest intents, newest first: as many as [`REMEMBERED`], or fewer where nothing is shared.
    pub latest: Vec<Instant>,
    /// Intents of the last [`LOOK_BACK`] by when they count from ([`counts_from`]), in any order.
    pub recent: Vec<Instant>,
    /// Intents of the day the limit is counted by: a campaign's in its own zone, the others' in UTC.
    pub intents_today: u32,
    /// When that day ends; none: at midnight UTC.
    pub day_ends: Option<Instant>,
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
    /// Since when its longest waiting call is due, by rank of the priority.
    pub oldest: [Option<Instant>; CLASSES],
    /// Its own gate puts every call off (paused, not begun, over): they pass by all limits, to be put off.
    pub is_closed: bool,
}

/// What several campaigns share. Empty: nothing is limited.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub provider_limits: Pacing,
    pub provider: Load,
    /// By caller number, whichever campaign showed it.
    pub callers: BTreeMap<String, Load>,
    /// Time that requests need to leave, if more than usual; see [`Pace::leeway`].
    pub leeway: TimeDelta,
}

/// A planned attempt that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The caller's own index, handed back.
    pub index: usize,
    pub campaign: CampaignId,
    pub due_at: Instant,
}

/// Calls of one campaign and priority that should be looked at, the longest due first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub campaign: CampaignId,
    pub priority: Priority,
    /// Due later than this, if bounded,
    pub after: Option<Instant>,
    /// and not later than this.
    pub until: Instant,
    /// As many at most.
    pub most: u32,
}

/// One call that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Of the [`Waiting`].
    pub index: usize,
    /// Number to show.
    pub caller: Option<String>,
    /// How long after the intent the provider may be asked, where a rate or an interval would not hold otherwise.
    pub send_within: Option<TimeDelta>,
}

/// What may be claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked {
    /// In the order in which they should be dialed.
    pub picks: Vec<Pick>,
    /// When pacing lets the next one go; `None` when pacing held nothing back.
    pub again_at: Option<Instant>,
    /// There may be more that could go now.
    pub has_more: bool,
}

/// One batch being picked, within the limits of the lanes and of everything they share.
///
/// Higher (aged) priority first; within one priority the campaigns take turns, the one that dialed longest ago first;
/// within a campaign the longest due first. A campaign's caller numbers take turns too. A campaign whose calls per day are
/// used up is let through: its gate puts the calls off until tomorrow, which takes them out of the queue.
///
/// How much is looked at depends on the batch and on what may go, not on how much waits.
#[derive(Debug)]
pub struct Picking<'a> {
    lanes: &'a [Lane],
    lane_of: HashMap<CampaignId, usize>,
    /// Lanes in the order of their turns.
    turns: Vec<usize>,
    desk: Desk,
    limit: usize,
    now: Instant,
    /// Rank of the class that is being filled; [`CLASSES`]: what is only to be put off.
    class: usize,
    asks: u32,
    /// Lanes that can give nothing more of this class, and those that may give nothing more at all.
    exhausted: Vec<bool>,
    blocked: Vec<bool>,
    asked_for: HashMap<usize, usize>,
    picked: Picked,
}

impl<'a> Picking<'a> {
    pub fn new(lanes: &'a [Lane], shared: &Shared, limit: usize, now: Instant) -> Self {
        Self {
            lane_of: lanes.iter().enumerate().map(|(index, lane)| (lane.campaign, index)).collect(),
            turns: turns(lanes, now),
            desk: Desk::new(lanes, shared, now),
            limit,
            now,
            class: 0,
            asks: 0,
            exhausted: vec![false; lanes.len()],
            blocked: vec![false; lanes.len()],
            asked_for: HashMap::new(),
            picked: Picked::default(),
            lanes,
        }
    }

    /// Which calls to offer next; `None` when the batch is complete.
    pub fn wanted(&mut self) -> Option<Vec<Wanted>> {
        loop {
            let room = self.limit.saturating_sub(self.picked.picks.len());
            if room == 0 || self.class > CLASSES {
                self.picked.has_more |= room == 0;
                return None;
            }
            let open = self.open_lanes();
            if open.is_empty() {
                self.class += 1;
                self.asks = 0;
                self.exhausted.fill(false);
                continue;
            }
            if self.asks == ASKS_PER_CLASS {
                self.picked.has_more = true;
                return None;
            }
            self.asks += 1;
            let room = if self.class < CLASSES { room.min(self.desk.provider.free(self.now)) } else { room };
            let given = shares(room, &open);
            self.asked_for = given.iter().copied().collect();
            return Some(given.iter().flat_map(|(lane, most)| self.ranges(*lane, *most)).collect());
        }
    }

    /// Takes what may go of the calls that [`Picking::wanted`] asked for; all that there are.
    pub fn offer(&mut self, waiting: &[Waiting]) {
        let mut queues: HashMap<usize, Vec<&Waiting>> = HashMap::new();
        for call in waiting {
            if let Some(lane) = self.lane_of.get(&call.campaign) {
                queues.entry(*lane).or_default().push(call);
            }
        }
        for (lane, most) in std::mem::take(&mut self.asked_for) {
            self.exhausted[lane] |= queues.get(&lane).map_or(0, Vec::len) < most;
        }
        for queue in queues.values_mut() {
            // The next one last.
            queue.sort_by_key(|call| std::cmp::Reverse((call.due_at, call.index)));
        }
        // One call of each campaign per round.
        while !queues.is_empty() {
            for turn in 0..self.turns.len() {
                let lane = self.turns[turn];
                let Some(next) = queues.get_mut(&lane).and_then(Vec::pop) else {
                    queues.remove(&lane);
                    continue;
                };
                if self.picked.picks.len() >= self.limit {
                    return;
                }
                match self.desk.take(lane) {
                    Ok((caller, send_within)) => {
                        self.picked.picks.push(Pick { index: next.index, caller, send_within });
                    }
                    Err(free_at) => {
                        self.block(lane, free_at);
                        queues.remove(&lane);
                    }
                }
            }
        }
    }

    /// The batch as it is.
    pub fn finish(self) -> Picked {
        self.picked
    }

    /// Lanes that may have more of this class, in the order of their turns, with how much each may let go at most.
    fn open_lanes(&mut self) -> Vec<(usize, usize)> {
        let mut open = Vec::new();
        for turn in 0..self.turns.len() {
            let lane = self.turns[turn];
            let is_of_class = self.desk.is_closed[lane] == (self.class == CLASSES);
            if self.exhausted[lane] || self.blocked[lane] || !is_of_class || !self.has_class(lane) {
                continue;
            }
            match self.desk.blocked_until(lane) {
                Some(until) => self.block(lane, until),
                None => open.push((lane, self.desk.free(lane))),
            }
        }
        open
    }

    fn block(&mut self, lane: usize, until: Instant) {
        self.blocked[lane] = true;
        let again_at = self.picked.again_at;
        self.picked.again_at = Some(again_at.map_or(until, |known| known.min(until)));
    }

    fn has_class(&self, lane: usize) -> bool {
        (0..CLASSES).any(|rank| {
            let until = until(self.class, rank, self.now);
            self.lanes[lane].oldest[rank].zip(until).is_some_and(|(oldest, until)| oldest <= until)
        })
    }

    /// The calls of a lane that count as this class: its own, and those of lower ones that have waited long enough.
    fn ranges(&self, lane: usize, most: usize) -> impl Iterator<Item = Wanted> {
        let (class, now, lane) = (self.class, self.now, &self.lanes[lane]);
        (0..CLASSES).filter_map(move |rank| {
            let until = until(class, rank, now)?;
            lane.oldest[rank].filter(|oldest| *oldest <= until)?;
            Some(Wanted {
                campaign: lane.campaign,
                priority: Priority::from_rank(rank as i64),
                // The first class has everything that is older, too.
                after: (1..CLASSES).contains(&class).then(|| until - AGEING),
                until,
                most: u32::try_from(most).unwrap_or(u32::MAX),
            })
        })
    }
}

/// Until when a call of this priority is due that counts as this class by now; `None`: none does.
fn until(class: usize, rank: usize, now: Instant) -> Option<Instant> {
    if class == CLASSES {
        return Some(now);
    }
    let lifted = i32::try_from(rank.checked_sub(class)?).ok()?;
    Some(now - AGEING * lifted)
}

#[cfg(test)]
mod tests;
