//! The simulated world: an event heap on virtual time, the actors' state, and the few things all actors do: fail, commit, be seen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use callwright_core::clock::Instant;
use callwright_core::decide::protocol::doubt::{Doubt, PATIENCE};
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::campaign::CampaignStatus;
use callwright_core::domain::enrollment::EnrollmentState;
use callwright_core::rules::Rules;
use chrono::TimeDelta;

use super::bug::Bug;
use super::carrier::Ledger;
use super::checks::Checks;
use super::fault::{Fault, Fired, Rates};
use super::people::Person;
use super::place::{Ground, ground};
use super::rng::Rng;
use super::rows::{Attempt, Owner, Tables};
use super::setup::{self, Setting};
use super::trace::Trace;
use super::worker::Worker;

/// After the faults have stopped, a run goes on for this long at most.
const TAIL: TimeDelta = TimeDelta::minutes(9 * 60);
/// Far more than a run needs, also one in which slow claims keep others waiting, which is an event every few milliseconds: whoever needs
/// as many goes round and round.
const MOST_EVENTS: u32 = 250_000;
/// How often it is looked whether everything that is due has been done.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(20);

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A worker's next boundary, unless its token has changed since.
    Worker {
        worker: usize,
        token: u32,
    },
    Restart {
        worker: usize,
    },
    /// The database gives up on a transaction whose owner is silent.
    Abort {
        owner: Owner,
    },
    Arrive {
        attempt: usize,
        stops: bool,
    },
    Callback {
        call: usize,
        fact: usize,
        is_retry: bool,
    },
    Person {
        person: usize,
    },
    Calm,
    Look,
}

/// Streams of randomness by who draws.
#[derive(Debug)]
pub struct Streams {
    pub ties: Rng,
    pub faults: Rng,
    pub carrier: Rng,
    pub times: Rng,
}

/// One run.
#[derive(Debug)]
pub struct World {
    pub ground: &'static Ground,
    pub rules: &'static Rules,
    pub setting: Setting,
    pub db: Tables,
    pub ledger: Ledger,
    pub rates: Rates,
    pub fired: Fired,
    pub bug: Option<Bug>,
    pub now: Instant,
    pub is_calm: bool,
    pub workers: Vec<Worker>,
    pub people: Vec<Person>,
    pub has_acted: Vec<bool>,
    pub rng: Streams,
    pub checks: Checks,
    pub trace: Trace,
    pub down_until: Instant,
    heap: BinaryHeap<Reverse<(Instant, u64, Step)>>,
}

/// How a commit went, as its transaction's owner learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Applied,
    /// Nothing was written.
    Failed,
    /// It was applied; the owner cannot know.
    Unknown,
}

impl World {
    pub fn new(seed: u64, bug: Option<Bug>, dropped: &[Fault], in_words: bool) -> Self {
        let ground = ground();
        let mut rng = Rng::of(seed, 0);
        let (setting, db) = setup::draw(ground, &mut rng);
        let rates = Rates::draw(&mut Rng::of(seed, 1), dropped);
        let workers = (0..setting.workers).map(|_| Worker::new(setting.starts_at)).collect();
        let mut world = Self {
            ground,
            rules: Rules::embedded(),
            checks: Checks::new(&db, &setting.provider_limits),
            db,
            ledger: Ledger::default(),
            rates,
            fired: Fired::default(),
            bug,
            now: setting.starts_at,
            is_calm: false,
            workers,
            people: Vec::new(),
            has_acted: Vec::new(),
            rng: Streams {
                ties: Rng::of(seed, 2),
                faults: Rng::of(seed, 3),
                carrier: Rng::of(seed, 4),
                times: Rng::of(seed, 5),
            },
            trace: Trace::new(in_words),
            down_until: setting.starts_at,
            heap: BinaryHeap::new(),
            setting,
        };
        world.invite(&mut Rng::of(seed, 6));
        for worker in 0..world.workers.len() {
            world.after(TimeDelta::milliseconds(7 * worker as i64), Step::Worker { worker, token: 0 });
        }
        world.at(world.setting.calm_from, Step::Calm);
        world
    }

    /// Plays the run to its end, or to the first violation.
    pub fn run(&mut self) {
        let end = self.setting.calm_from + TAIL;
        let mut events = 0;
        while let Some(Reverse((at, _, step))) = self.heap.pop() {
            if at > end || self.checks.violation.is_some() {
                break;
            }
            self.now = at;
            events += 1;
            if events > MOST_EVENTS {
                self.checks.spinning(at);
            }
            match step {
                Step::Worker { worker, token } => self.worker_step(worker, token),
                Step::Restart { worker } => self.restart(worker),
                Step::Abort { owner } => self.db.release(owner),
                Step::Arrive { attempt, stops } => self.arrive(attempt, stops),
                Step::Callback { call, fact, is_retry } => self.callback(call, fact, is_retry),
                Step::Person { person } => self.person_acts(person),
                Step::Calm => self.calm_down(),
                Step::Look => {
                    if self.look_around(end) {
                        break;
                    }
                }
            }
        }
        self.checks.at_end(&self.db, &self.ledger, self.now);
    }

    /// Faults stop: nobody is paused or dead any longer.
    fn calm_down(&mut self) {
        self.is_calm = true;
        self.down_until = self.now;
        self.trace.step(self.now, "calm", 0, String::new);
        for worker in 0..self.workers.len() {
            if self.workers[worker].is_dead {
                self.restart(worker);
            } else if self.workers[worker].is_paused {
                self.wake(worker, TimeDelta::zero());
            }
        }
        self.after(LOOK_EVERY, Step::Look);
    }

    /// Liveness (L1, L2). True: nothing more will happen in this run.
    fn look_around(&mut self, end: Instant) -> bool {
        self.checks.liveness(&self.db, self.setting.calm_from, self.now);
        let is_live = self.db.attempts.iter().any(|attempt| attempt.state.is_live());
        let next = self.next_timer().filter(|next| *next < end);
        if !is_live && next.is_none() {
            return true;
        }
        self.after(LOOK_EVERY, Step::Look);
        false
    }

    pub fn at(&mut self, at: Instant, step: Step) {
        let tie = self.rng.ties.draw();
        self.heap.push(Reverse((at, tie, step)));
    }

    pub fn after(&mut self, length: TimeDelta, step: Step) {
        self.at(self.now + length, step);
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Does the fault strike this time?
    pub fn strikes(&mut self, fault: Fault) -> bool {
        if self.is_calm || !self.rng.faults.chance(self.rates.of(fault)) {
            return false;
        }
        self.fired.count(fault);
        true
    }

    pub fn is_down(&self) -> bool {
        self.now < self.down_until
    }

    /// How the commit that is due now goes; the caller writes unless it fails.
    pub fn commit_fate(&mut self) -> Commit {
        if self.is_down() {
            return Commit::Failed;
        }
        if self.strikes(Fault::DatabaseDown) {
            self.down_until = self.now + TimeDelta::seconds(self.rng.times.between(1, 900));
            return Commit::Failed;
        }
        if self.strikes(Fault::CommitFailed) {
            return Commit::Failed;
        }
        if self.strikes(Fault::CommitUnknown) { Commit::Unknown } else { Commit::Applied }
    }

    /// After what was written is there: the checks look at it, and sleepers hear of it.
    pub fn committed(&mut self) {
        self.db.commits += 1;
        self.checks.rows(&mut self.db, &self.ledger, self.now);
        self.ring();
    }

    /// Milliseconds between two bounds.
    pub fn ms(&mut self, low: i64, high: i64) -> TimeDelta {
        TimeDelta::milliseconds(self.rng.times.between(low, high))
    }

    /// When a timer of an enrollment or a planned attempt of an active campaign is next due.
    pub fn next_timer(&self) -> Option<Instant> {
        self.timers().min()
    }

    /// All of them.
    pub fn timers(&self) -> impl Iterator<Item = Instant> {
        let waiting = self.db.enrollments.iter().filter(|row| row.state == EnrollmentState::Waiting);
        let planned = self.db.attempts.iter().filter(|row| {
            row.state == AttemptState::Planned
                && self.db.campaigns[row.campaign].campaign().status == CampaignStatus::Active
        });
        waiting.filter_map(|row| row.due_at).chain(planned.map(|row| row.due_at))
    }

    /// When a look-up will next be due.
    pub fn next_doubt(&self) -> Option<Instant> {
        self.db.attempts.iter().filter_map(|row| self.overdue_after(row)).min()
    }

    /// The instant after which an attempt is to be looked up.
    pub fn overdue_after(&self, row: &Attempt) -> Option<Instant> {
        let is_left_out = match row.state {
            AttemptState::Placed => self.has(Bug::NoListening),
            _ => self.has(Bug::NoReconcile),
        };
        let doubt = Doubt {
            state: row.state,
            intent_at: row.intent_at?,
            send_by: row.send_by,
            checked_at: row.checked_at,
        };
        if is_left_out { None } else { doubt.overdue_after(&PATIENCE) }
    }
}
