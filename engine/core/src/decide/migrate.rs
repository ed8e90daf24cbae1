//! The move of one enrollment from its cadence to a newer version of it: where it stands then, and when it wakes.
//!
//! * A step that is still there keeps its people: their tries, their promised time, the instant from which their wait counts.
//!   A wait that is shorter or longer now ends so much earlier or later; one that is over by the new length has ended.
//! * From a removed step people go on to the next one that is left in the old order; at once when it was a wait, else when
//!   their timer runs out. A step map can send them elsewhere, or out.
//! * Each move is a new visit, so that no attempt of before can be taken for one of after (I1).

use std::collections::BTreeMap;

use super::advance::COMPLETED;
use crate::clock::Instant;
use crate::definitions::diff::pairing::Pairing;
use crate::definitions::model::cadence::{Cadence, StepAction, StepIndex, Wait};
use crate::domain::enrollment::Position;
use crate::domain::publication::{Mode, StepMap};
use crate::time::business::next_weekday_at;
use crate::time::holiday::HolidayCalendar;
use crate::time::zone::Zone;

/// Result of an enrollment that a step map sent out.
pub const MAPPED_OUT: &str = "step_removed";
/// Result of an enrollment whose version was withdrawn together with its people.
pub const WITHDRAWN: &str = "withdrawn";

/// Where the people on one old step go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// It is the same step.
    Keep {
        to: StepIndex,
        was_wait: bool,
    },
    /// The step is gone, or mapped by hand.
    Go {
        to: StepIndex,
        was_wait: bool,
        because: Because,
    },
    End {
        result: String,
        because: Because,
    },
}

/// Why people do not stay on their step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    Removed,
    Mapped,
    Withdrawn,
}

/// Routes of all steps of one old version.
#[derive(Debug, Clone)]
pub struct Routes {
    routes: BTreeMap<String, Route>,
    /// Removed steps that the map does not name.
    pub unmapped: Vec<String>,
}

impl Routes {
    /// `mode` is `follow` or `migrate`: only the latter looks at `map`, and its gaps are closed as `follow` would.
    pub fn of(old: &Cadence, new: &Cadence, mode: Mode, map: &StepMap) -> Self {
        let pairing = Pairing::of(old, new);
        let (mut routes, mut unmapped) = (BTreeMap::new(), Vec::new());
        for (index, step) in old.steps.iter().enumerate() {
            let mapped = if mode == Mode::Migrate { map.get(&step.id) } else { None };
            if mode == Mode::Migrate && mapped.is_none() && pairing.new_of(index).is_none() {
                unmapped.push(step.id.clone());
            }
            let by_hand = mapped.and_then(|target| mapped_route(old, new, index, target.step()));
            let route = by_hand.unwrap_or_else(|| following(old, &pairing, index));
            routes.insert(step.id.clone(), route);
        }
        Self { routes, unmapped }
    }

    /// Everybody leaves.
    pub fn out(old: &Cadence) -> Self {
        let end = || Route::End { result: WITHDRAWN.to_owned(), because: Because::Withdrawn };
        let routes = old.steps.iter().map(|step| (step.id.clone(), end())).collect();
        Self { routes, unmapped: Vec::new() }
    }

    /// `None`: the old version does not know the step either.
    pub fn from(&self, step: &str) -> Option<&Route> {
        self.routes.get(step)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Route)> {
        self.routes.iter().map(|(step, route)| (step.as_str(), route))
    }
}

fn is_wait(cadence: &Cadence, index: StepIndex) -> bool {
    matches!(cadence.steps[index].action, StepAction::Wait(_))
}

/// `None`: the new version has no such step, and nobody is sent out because of a typing mistake.
fn mapped_route(old: &Cadence, new: &Cadence, index: StepIndex, target: Option<&str>) -> Option<Route> {
    let (was_wait, because) = (is_wait(old, index), Because::Mapped);
    match target {
        Some(id) => new.step(id).map(|to| Route::Go { to, was_wait, because }),
        None => Some(Route::End { result: MAPPED_OUT.to_owned(), because }),
    }
}

/// The step itself if it is left, else the next one that is, as the old cadence would have come to it.
fn following(old: &Cadence, pairing: &Pairing, index: StepIndex) -> Route {
    let was_wait = is_wait(old, index);
    if let Some(to) = pairing.new_of(index) {
        return Route::Keep { to, was_wait };
    }
    let because = Because::Removed;
    let mut at = Some(index);
    // A loop of removed steps leads nowhere.
    for _ in 0..=old.steps.len() {
        let Some(step) = at.and_then(|at| old.steps.get(at)) else { break };
        match &step.action {
            StepAction::End { result } => return Route::End { result: result.clone(), because },
            StepAction::Switch { .. } => return Route::End { result: "switched".to_owned(), because },
            _ => {}
        }
        at = step.next;
        if let Some(to) = at.and_then(|at| pairing.new_of(at)) {
            return Route::Go { to, was_wait, because };
        }
    }
    Route::End { result: COMPLETED.to_owned(), because }
}

/// An enrollment as it stands in its old version, without a call under way.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    pub position: &'a Position,
    /// `None` while it is held without a timer.
    pub due_at: Option<Instant>,
    pub zone: &'a Zone,
    pub holidays: &'a HolidayCalendar,
}

/// Where it stands in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    At(Place),
    Ended { result: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub position: Position,
    pub due_at: Option<Instant>,
    pub wait_event: Option<String>,
    pub shift: Shift,
    /// It became due by the move: it took the place in the queue that was offered.
    pub at_once: bool,
}

/// What became of the time at which it wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shift {
    Same,
    Earlier,
    Later,
}

/// Places an enrollment in `new`. `slot` is when it may become due if the move makes it so: never later than it would have.
pub fn place(new: &Cadence, route: &Route, standing: &Standing<'_>, slot: Instant, now: Instant) -> Placed {
    let slot = slot.max(now);
    let placing =
        Placing { new, standing, slot: standing.due_at.map_or(slot, |due| slot.min(due).max(now)), now };
    match route {
        Route::Keep { to, was_wait } => placing.keep(*to, *was_wait),
        Route::Go { to, was_wait: true, .. } => placing.arrive(*to, placing.slot, true),
        Route::Go { to, was_wait: false, .. } => {
            placing.arrive(*to, standing.due_at.map_or(now, |due| due.max(now)), false)
        }
        Route::End { result, .. } => Placed::Ended { result: result.clone() },
    }
}

struct Placing<'a> {
    new: &'a Cadence,
    standing: &'a Standing<'a>,
    slot: Instant,
    now: Instant,
}

impl Placing<'_> {
    /// Onto another step, due there at `at`.
    fn arrive(&self, to: StepIndex, at: Instant, at_once: bool) -> Placed {
        let step = &self.new.steps[to];
        let old = self.standing.position;
        // The callee named this time: whichever call it is now, it comes then.
        let promised = old.promised && !at_once && matches!(step.action, StepAction::Call(_));
        let position =
            Position { step: step.id.clone(), visit: old.visit + 1, attempt: 1, due_since: at, promised };
        self.at(position, self.standing.due_at.map(|_| at), None, at_once)
    }

    fn keep(&self, to: StepIndex, was_wait: bool) -> Placed {
        let step = &self.new.steps[to];
        let old = self.standing.position;
        let mut position = Position { step: step.id.clone(), visit: old.visit + 1, ..old.clone() };
        let StepAction::Wait(wait) = &step.action else {
            if was_wait {
                // What stands in its place begins when the wait would have ended.
                position.due_since = self.standing.due_at.map_or(self.now, |due| due.max(self.now));
            }
            return self.at(position, self.standing.due_at, None, false);
        };
        let Some(due) = self.standing.due_at.filter(|due| was_wait && *due > old.due_since) else {
            return self.at(position, self.standing.due_at, None, false);
        };
        let until = self.until(wait).unwrap_or(due);
        let wait_event = match wait {
            Wait::Event { event, .. } => Some(event.clone()),
            Wait::For(_) | Wait::Until { .. } => None,
        };
        if until > self.now || due <= self.now {
            return self.at(position, Some(until.max(self.now.min(due))), wait_event, false);
        }
        let after = match wait {
            Wait::Event { on_timeout, .. } => on_timeout.or(step.next),
            Wait::For(_) | Wait::Until { .. } => step.next,
        };
        match after {
            Some(after) => self.arrive(after, self.slot, true),
            None => self.at(position, Some(self.slot), wait_event, true),
        }
    }

    /// When the wait that began at the old position is over by its new length.
    fn until(&self, wait: &Wait) -> Option<Instant> {
        let Standing { position, zone, holidays, .. } = *self.standing;
        match wait {
            Wait::For(delay) => Some(delay.after(position.due_since, zone, holidays)),
            Wait::Until { days, at } => next_weekday_at(zone, position.due_since, *days, *at),
            Wait::Event { timeout, .. } => Some(timeout.after(position.due_since, zone, holidays)),
        }
    }

    fn at(
        &self,
        position: Position,
        due_at: Option<Instant>,
        wait_event: Option<String>,
        at_once: bool,
    ) -> Placed {
        // What is overdue is due now.
        let effective = |at: Option<Instant>| at.map(|at| at.max(self.now));
        let shift = match effective(due_at).cmp(&effective(self.standing.due_at)) {
            std::cmp::Ordering::Less => Shift::Earlier,
            std::cmp::Ordering::Equal => Shift::Same,
            std::cmp::Ordering::Greater => Shift::Later,
        };
        let at_once = at_once && self.standing.due_at.is_some_and(|due| due > self.now);
        Placed::At(Place { position, due_at, wait_event, shift, at_once })
    }
}

/// Steps of `new` that people who stand at `at` in `old` have behind them, and will come to again.
pub fn repeats(old: &Cadence, new: &Cadence, at: &str, route: &Route) -> Vec<String> {
    let (Some(index), Route::Keep { to, .. } | Route::Go { to, .. }) = (old.step(at), route) else {
        return Vec::new();
    };
    let pairing = Pairing::of(old, new);
    let behind = (0..index).filter_map(|before| pairing.new_of(before)).filter(|now| now > to);
    let contacts = behind
        .filter(|now| matches!(new.steps[*now].action, StepAction::Call(_) | StepAction::Message { .. }));
    contacts.map(|now| new.steps[now].id.clone()).collect()
}

#[cfg(test)]
mod tests;
