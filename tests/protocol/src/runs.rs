//! Runs: one seed, many seeds on all cores, and a failing seed with as few faults as it needs.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bug::Bug;
use super::checks::Violation;
use super::fault::{Fault, Fired, Rates};
use super::rng::Rng;
use super::world::World;

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub seed: u64,
    /// Of every step: equal for equal runs.
    pub hash: u64,
    pub steps: u64,
    pub posts: u64,
    pub calls: u64,
    /// Seconds of virtual time.
    pub seconds: u64,
    pub fired: Fired,
    pub violation: Option<Violation>,
}

/// Sums over many runs.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub seeds: u64,
    pub steps: u64,
    pub posts: u64,
    pub calls: u64,
    pub seconds: u64,
    pub fired: Fired,
    /// Runs with a violation,
    pub failed: u64,
    /// and the first few of them, by seed.
    pub failures: Vec<(u64, Violation)>,
}

/// Failures kept.
const KEPT: usize = 20;
/// Seeds that a thread takes at a time.
const CHUNK: u64 = 32;

impl Totals {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        self.posts += outcome.posts;
        self.calls += outcome.calls;
        self.seconds += outcome.seconds;
        self.fired.add(&outcome.fired);
        if let Some(violation) = outcome.violation {
            self.failed += 1;
            self.keep(outcome.seed, violation);
        }
    }

    fn keep(&mut self, seed: u64, violation: Violation) {
        self.failures.push((seed, violation));
        self.failures.sort_by_key(|(seed, _)| *seed);
        self.failures.truncate(KEPT);
    }

    fn merge(&mut self, other: Totals) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.posts += other.posts;
        self.calls += other.calls;
        self.seconds += other.seconds;
        self.fired.add(&other.fired);
        self.failed += other.failed;
        for (seed, violation) in other.failures {
            self.keep(seed, violation);
        }
    }
}

/// Plays one seed.
pub fn play(seed: u64, bug: Option<Bug>, dropped: &[Fault]) -> Outcome {
    let mut world = World::new(seed, bug, dropped, false);
    world.run();
    outcome(seed, &world)
}

/// Plays one seed and tells every step.
pub fn told(seed: u64, bug: Option<Bug>, dropped: &[Fault]) -> (Outcome, Vec<String>) {
    let mut world = World::new(seed, bug, dropped, true);
    let mut lines = vec![format!("{:?}", world.setting)];
    world.run();
    let outcome = outcome(seed, &world);
    lines.extend(world.trace.into_lines());
    (outcome, lines)
}

fn outcome(seed: u64, world: &World) -> Outcome {
    let began = world.setting.starts_at;
    Outcome {
        seed,
        hash: world.trace.hash(),
        steps: world.trace.steps(),
        posts: world.ledger.posts.len() as u64,
        calls: world.ledger.calls.len() as u64,
        seconds: (world.now - began).num_seconds().unsigned_abs(),
        fired: world.fired.clone(),
        violation: world.checks.violation.clone(),
    }
}

/// Plays seeds on `threads` threads. `progress` hears of the number played so far, now and then.
pub fn play_many(
    seeds: Range<u64>,
    bug: Option<Bug>,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Totals {
    let next = AtomicU64::new(seeds.start);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut mine = Totals::default();
                loop {
                    let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if from >= seeds.end {
                        break;
                    }
                    for seed in from..(from + CHUNK).min(seeds.end) {
                        mine.add(play(seed, bug, &[]));
                    }
                    progress((from + CHUNK).min(seeds.end) - seeds.start);
                }
                if let Ok(mut all) = totals.lock() {
                    all.merge(mine);
                }
            });
        }
    });
    totals.into_inner().unwrap_or_default()
}

/// Faults without which the seed still breaks the same promise, dropped one at a time.
pub fn shrink(seed: u64, bug: Option<Bug>) -> Vec<Fault> {
    let invariant =
        |dropped: &[Fault]| play(seed, bug, dropped).violation.map(|violation| violation.invariant);
    let Some(broken) = invariant(&[]) else { return Vec::new() };
    let mut dropped = Vec::new();
    for fault in Rates::draw(&mut Rng::of(seed, 1), &[]).enabled() {
        dropped.push(fault);
        if invariant(&dropped) != Some(broken) {
            dropped.pop();
        }
    }
    dropped
}
