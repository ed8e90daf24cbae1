//! One storm: a seed decides who does what next, what goes wrong, and when. One operation runs at a time; others may lie stopped at
//! a boundary meanwhile. Afterwards faults stop, everybody gets time, and the verdict is given.

mod operation;
mod settle;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use callwright_engine::clock::{Instant, micros};
use callwright_engine::engine::{Claimed, EngineError, RecordReport};
use callwright_engine::id::JobId;
use callwright_engine::provider::{Provider, ReportedFact};
use callwright_engine::store::Db;
use callwright_engine::store::jobs::Finish;
use callwright_workers::jobs::Outgoing;
use callwright_workers::provider::simulated::faults::Faults;

use crate::bugs::Bug;
use crate::clerk::{Inbox, Post, Taken};
use crate::dice::Dice;
use crate::gate::{Gate, Rates, Tally};
use crate::judge::{Judge, Violation};
use crate::line::Line;
use crate::people::Act;
use crate::seen::{Seen, wipe};
use crate::world::World;

/// Steps of a storm before the faults stop.
const STEPS: u64 = 220;

/// How a storm is run.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub seed: u64,
    pub bug: Option<Bug>,
    /// Keep the whole story, for people to read.
    pub told: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Story {
    /// Of everything that happened, in order, and of the tables at the end.
    pub hash: u64,
    pub steps: u64,
    pub transactions: u64,
    pub calls: u64,
    pub violations: Vec<Violation>,
    pub fired: BTreeMap<String, u64>,
    pub lines: Vec<String>,
}

/// What people were told, and what the outside has seen.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// `(lead, micros)`.
    pub stops: Vec<(String, i64)>,
    pub revocations: Vec<(String, i64)>,
    /// Jobs of messages that ran to their end, by id.
    pub messages: BTreeSet<JobId>,
    /// Messages that arrived: `(enrollment, micros)`.
    pub letters: Vec<(String, i64)>,
}

/// Who an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Worker(usize),
    Desk,
    Clerk,
}

/// What an operation leaves for its owner.
#[derive(Debug)]
enum Left {
    Said(String),
    Claimed(Claimed),
    Recorded(RecordReport),
    Taken(Vec<Taken>),
    Finished(Finish),
    Confirmed(usize),
}

type Work = Pin<Box<dyn Future<Output = Result<Left, EngineError>>>>;

/// What is undone when an operation dies, and done when it ends.
#[derive(Debug, Clone)]
enum Care {
    Nothing,
    /// Callbacks in hand: they come again unless they were answered for.
    Callbacks(Vec<ReportedFact>),
    Act(Act),
    Job(Taken),
}

struct Operation {
    who: Who,
    what: String,
    work: Work,
    gate: Arc<Gate>,
    care: Care,
    writes: u64,
}

struct Stopped {
    operation: Operation,
    until: Instant,
}

/// A run in progress.
struct Storm {
    world: World,
    judge: Judge,
    dice: Dice,
    gates: Dice,
    rates: Rates,
    tally: Tally,
    stopped: Vec<Stopped>,
    acts: Vec<Act>,
    told: Acknowledged,
    jobs: Vec<Taken>,
    finishes: Vec<Finish>,
    outgoing: Arc<Outgoing>,
    inbox: Inbox,
    setup: Setup,
    hash: u64,
    steps: u64,
    transactions: u64,
    lines: Vec<String>,
    poisoned: bool,
    /// Paused campaigns are out of the workers' sight during this operation (a seeded bug).
    is_deaf: bool,
    calm: bool,
}

/// Runs one seed in an emptied database.
pub async fn run(db: &Db, post: &mut Post, setup: Setup) -> anyhow::Result<Story> {
    wipe(db).await?;
    let mut dice = Dice::seeded(setup.seed);
    let world = World::open(db.clone(), setup.seed, setup.bug, &mut dice).await?;
    let rates = swarm(&mut dice);
    world.carrier.set_faults(carrier_faults(&mut dice));
    let outgoing = post.outgoing(&world.desk)?.with_provider(Arc::clone(&world.carrier) as Arc<dyn Provider>);
    post.inbox.take();
    let mut storm = Storm {
        world,
        judge: Judge::default(),
        gates: dice.fork(),
        dice,
        rates,
        tally: Tally::default(),
        stopped: Vec::new(),
        acts: Vec::new(),
        told: Acknowledged::default(),
        jobs: Vec::new(),
        finishes: Vec::new(),
        outgoing: Arc::new(outgoing),
        inbox: post.inbox.clone(),
        setup,
        hash: 0xcbf2_9ce4_8422_2325,
        steps: 0,
        transactions: 0,
        lines: Vec::new(),
        poisoned: false,
        is_deaf: false,
        calm: false,
    };
    storm.look().await?;
    while storm.steps < STEPS && !storm.is_noticed() {
        storm.step().await?;
    }
    if storm.is_noticed() {
        return Ok(storm.story());
    }
    storm.settle().await?;
    storm.end().await
}

/// Each seed has its own weather: some faults not at all, the others more or less often.
fn swarm(dice: &mut Dice) -> Rates {
    let mut rate = |most: f64| if dice.chance(0.35) { 0.0 } else { most * (dice.below(100) as f64 / 100.0) };
    Rates { kill: rate(0.03), sleep: rate(0.03), not_applied: rate(0.04), answer_lost: rate(0.04) }
}

fn carrier_faults(dice: &mut Dice) -> Faults {
    let mut rate = |most: f64| if dice.chance(0.3) { 0.0 } else { most * (dice.below(100) as f64 / 100.0) };
    Faults {
        refuse: rate(0.1),
        timeout_before_accept: rate(0.1),
        timeout_after_accept: rate(0.1),
        error_before_accept: rate(0.1),
        error_after_accept: rate(0.1),
        late_accept: rate(0.1),
        too_many_requests: rate(0.1),
        reset_before_accept: rate(0.1),
        reset_after_accept: rate(0.1),
        slow_answer: rate(0.1),
        duplicate_callback: rate(0.3),
        reorder_callback: rate(0.3),
        late_callback: rate(0.2),
        lose_callback: rate(0.2),
        early_callback: rate(0.4),
        forge_callback: rate(0.2),
        fail_look_up: rate(0.4),
        lag_look_up: rate(1.0),
        stale_look_up: rate(1.0),
        ..Faults::default()
    }
}

impl Storm {
    /// A seeded bug need not be noticed twice.
    fn is_noticed(&self) -> bool {
        self.setup.bug.is_some() && !self.judge.violations.is_empty()
    }

    fn story(self) -> Story {
        let calls = self.world.carrier.with_ledger(|ledger| ledger.entries().len() as u64);
        Story {
            hash: self.hash,
            steps: self.steps,
            transactions: self.transactions,
            calls,
            violations: self.judge.violations,
            fired: self.tally.read(),
            lines: self.lines,
        }
    }

    fn say(&mut self, line: &str) {
        let line = format!("{} {line}", self.world.now().format("%m-%d %H:%M:%S%.3f"));
        for byte in line.bytes().chain([0xff]) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.setup.told {
            self.lines.push(line);
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let seen = Seen::look(&self.world.db).await?;
        let now = self.world.now();
        let known = self.judge.violations.len();
        self.judge.look(now, seen);
        let new: Vec<String> =
            self.judge.violations[known..].iter().map(|found| format!("{found:?}")).collect();
        for violation in new {
            self.say(&violation);
        }
        Ok(())
    }

    /// One step: somebody does something, or time passes.
    async fn step(&mut self) -> anyhow::Result<()> {
        self.steps += 1;
        let now = self.world.now();
        if let Some(index) = self.stopped.iter().position(|stopped| stopped.until <= now) {
            return self.wake(index).await;
        }
        let free: Vec<usize> = (0..self.world.workers.len()).filter(|index| self.is_free(*index)).collect();
        // A dial loop places what it has claimed at once, unless something comes between.
        let hand = free.iter().copied().find(|index| !self.world.workers[*index].hand.is_empty());
        if let Some(worker) = hand
            && self.dice.chance(0.85)
        {
            return self.dial(worker).await;
        }
        let callbacks = self.world.carrier.next_at().is_some_and(|at| at <= now);
        // Idle rounds prove little: workers are busiest when there is something to do, and time passes when there is not.
        let seen = &self.judge.seen;
        let due = seen.is_anyone_due(micros(now)) || seen.is_any_call_due(micros(now));
        let weights = [
            if free.is_empty() {
                0
            } else if due {
                36
            } else {
                8
            },
            if callbacks && !free.is_empty() { 16 } else { 0 },
            if self.is_busy(Who::Desk) { 0 } else { 4 },
            if self.is_busy(Who::Clerk) {
                0
            } else if self.jobs.is_empty() && self.finishes.is_empty() {
                2
            } else {
                8
            },
            if due || callbacks { 4 } else { 20 },
            1,
        ];
        match self.dice.weighted(&weights) {
            0 => {
                let worker = *self.dice.pick(&free).unwrap_or(&0);
                self.dial(worker).await
            }
            1 => {
                let worker = *self.dice.pick(&free).unwrap_or(&0);
                self.deliver(worker).await
            }
            2 => self.act().await,
            3 => self.clerk().await,
            4 => self.pass().await,
            _ => self.trouble().await,
        }
    }

    fn is_busy(&self, who: Who) -> bool {
        self.stopped.iter().any(|stopped| stopped.operation.who == who)
    }

    fn is_free(&self, index: usize) -> bool {
        let worker = &self.world.workers[index];
        !self.is_busy(Who::Worker(index)) && worker.asleep_until.is_none_or(|until| until <= self.world.now())
    }

    fn gate(&mut self) -> Arc<Gate> {
        Gate::new(self.gates.fork(), self.rates, self.tally.clone())
    }

    fn line(&self, gate: &Arc<Gate>) -> Line {
        Line {
            gate: Arc::clone(gate),
            carrier: Arc::clone(&self.world.carrier),
            clock: Arc::clone(&self.world.clock),
            watch: Arc::clone(&self.world.watch),
            bug: self.setup.bug,
        }
    }
}
