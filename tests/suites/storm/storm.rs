//! One storm: a seed decides who does what next, what goes wrong, and when. One operation runs at a time; others may lie stopped at
//! a boundary meanwhile. Afterwards faults stop, everybody gets time, and the verdict is given.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use callwright_engine::clock::{Instant, micros};
use callwright_engine::definitions::library::Library;
use callwright_engine::engine::{Claimed, EngineError, MessageOrder, RecordReport, ReportedFact};
use callwright_engine::id::{EnrollmentId, JobId};
use callwright_engine::provider::{PlaceRequest, Provider as _};
use callwright_engine::store::edge;
use callwright_engine::store::jobs::{Finish, Outcome};
use callwright_workers::jobs::Outgoing;
use callwright_workers::provider::simulated::faults::Faults;
use chrono::TimeDelta;

use crate::bugs::Bug;
use crate::clerk::{self, Inbox, Post, Taken};
use crate::dice::Dice;
use crate::gate::{Boundary, Gate, Order, Rates, Tally};
use crate::judge::{Judge, Violation};
use crate::line::Line;
use crate::people::Act;
use crate::seen::{Seen, execute, wipe};
use crate::verdict;
use crate::world::{World, edition};

/// Steps of a storm before the faults stop.
const STEPS: u64 = 220;
/// Rounds that everybody gets afterwards.
const ROUNDS: usize = 1_500;

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

const OUT_OF_SIGHT: &str =
    "UPDATE campaigns SET agent_name = 'paused', status = 'active' WHERE status = 'paused'";
const IN_SIGHT: &str =
    "UPDATE campaigns SET agent_name = 'Rachel', status = 'paused' WHERE agent_name = 'paused'";

/// Runs one seed in an emptied database.
pub async fn run(
    db: &callwright_engine::store::Db,
    post: &mut Post,
    setup: Setup,
) -> anyhow::Result<Story> {
    wipe(db).await?;
    let mut dice = Dice::seeded(setup.seed);
    let world = World::open(db.clone(), setup.seed, setup.bug, &mut dice).await?;
    let rates = swarm(&mut dice);
    world.carrier.set_faults(carrier_faults(&mut dice));
    let outgoing = post.outgoing(&world.desk)?;
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
    while storm.steps < STEPS {
        storm.step().await?;
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
        self.judge.look(now, seen);
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
            if free.is_empty() { 0 } else if due { 36 } else { 8 },
            if callbacks && !free.is_empty() { 16 } else { 0 },
            if self.is_busy(Who::Desk) { 0 } else { 4 },
            if self.is_busy(Who::Clerk) { 0 } else if self.jobs.is_empty() && self.finishes.is_empty() { 2 } else { 8 },
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

    /// The next verb of a worker's dial loop.
    async fn dial(&mut self, index: usize) -> anyhow::Result<()> {
        const VERBS: [&str; 5] = ["move", "plan", "claim", "place", "reconcile"];
        let limit = if self.calm { 50 } else { [1, 3, 50][self.dice.below(3) as usize] };
        let gate = self.gate();
        let line = self.line(&gate);
        // Verbs that have nothing to do are left out, most of the time: they prove little.
        let mut verb = VERBS[self.world.workers[index].verb % VERBS.len()];
        for _ in 0..VERBS.len() {
            if !self.is_idle(index, verb) {
                break;
            }
            self.world.workers[index].verb += 1;
            verb = VERBS[self.world.workers[index].verb % VERBS.len()];
        }
        let worker = &mut self.world.workers[index];
        worker.verb += 1;
        let (engine, owner) = (Arc::clone(&worker.engine), worker.owner.clone());
        let work: Work = match verb {
            "move" => Box::pin(async move { said(engine.move_enrollments(limit).await?) }),
            "plan" => Box::pin(async move { said(engine.plan(limit).await?) }),
            "claim" => {
                Box::pin(async move { Ok(Left::Claimed(engine.claim(limit, &line, &owner).await?)) })
            }
            "place" => {
                let hand: Vec<PlaceRequest> = std::mem::take(&mut worker.hand);
                Box::pin(async move { said(engine.place(&line, hand).await?) })
            }
            _ if self.setup.bug == Some(Bug::NoReconciling) => return Ok(()),
            _ => Box::pin(async move { said(engine.reconcile(&line, limit).await?) }),
        };
        let deaf = self.setup.bug == Some(Bug::DeafToPause) && matches!(verb, "claim" | "place");
        if deaf {
            execute(&self.world.db, OUT_OF_SIGHT).await?;
            self.is_deaf = true;
        }
        self.start(Who::Worker(index), verb.to_owned(), work, gate, Care::Nothing).await
    }

    /// Has a verb nothing to do, as far as the tables tell? Now and then it is done all the same.
    fn is_idle(&mut self, index: usize, verb: &str) -> bool {
        let seen = &self.judge.seen;
        let at = micros(self.world.now());
        let idle = match verb {
            "place" => return self.world.workers[index].hand.is_empty(),
            "move" => !self.calm,
            "plan" => !seen.is_anyone_due(at),
            "claim" => !seen.is_any_call_due(at),
            _ => !seen.attempts.values().any(|attempt| matches!(attempt.state.as_str(), "dialing" | "placed" | "unknown")),
        };
        idle && self.dice.chance(0.8)
    }

    /// Callbacks that are due, some or all of them, at one of the workers.
    async fn deliver(&mut self, index: usize) -> anyhow::Result<()> {
        let now = self.world.now();
        let mut facts = self.world.carrier.due(now);
        if facts.len() > 1 && self.dice.chance(0.5) {
            let keep = self.dice.between(1, facts.len() as i64 - 1) as usize;
            let rest = facts.split_off(keep);
            self.world.carrier.deliver_again(now, rest);
        }
        if facts.is_empty() {
            return Ok(());
        }
        if self.setup.bug == Some(Bug::CallbacksThrownAway) && self.dice.chance(0.5) {
            return Ok(());
        }
        let gate = self.gate();
        let engine = Arc::clone(&self.world.workers[index].engine);
        let name = self.world.carrier.name().to_owned();
        let told = facts.clone();
        let keys: Vec<&str> = facts.iter().map(|fact| fact.key.as_str()).collect();
        let what = format!("record {}", keys.join(" "));
        let work: Work = Box::pin(async move { Ok(Left::Recorded(engine.record(&name, told).await?)) });
        self.start(Who::Worker(index), what, work, gate, Care::Callbacks(facts)).await
    }

    /// Somebody at the desk, or the one who got no answer before.
    async fn act(&mut self) -> anyhow::Result<()> {
        let act = match self.acts.pop() {
            Some(act) => act,
            None => {
                let ids: Vec<EnrollmentId> =
                    self.judge.seen.enrollments.keys().filter_map(|id| id.parse().ok()).collect();
                Act::drawn(&self.world, &ids, &mut self.dice)
            }
        };
        self.acted(act).await
    }

    async fn acted(&mut self, act: Act) -> anyhow::Result<()> {
        if let Act::Publish(_) = act {
            self.world.edition += 1;
            let files = edition(self.world.edition);
            self.reload(&files);
            self.judge.moved_to.extend(files.bundles().map(|bundle| bundle.hash.clone()));
        }
        self.tally.note(act.name());
        let gate = self.gate();
        let desk = Arc::clone(&self.world.desk);
        let doing = act.clone();
        let work: Work = Box::pin(async move { Ok(Left::Said(doing.done(desk).await?)) });
        self.start(Who::Desk, act.name().to_owned(), work, gate, Care::Act(act)).await
    }

    /// Everybody's files change at once; processes that start later have them too.
    fn reload(&self, files: &Library) {
        for engine in self.world.workers.iter().map(|worker| &worker.engine).chain([&self.world.desk]) {
            engine.library.reload(files.clone());
        }
    }

    /// The outbox: take, run, answer for.
    async fn clerk(&mut self) -> anyhow::Result<()> {
        let gate = self.gate();
        if !self.finishes.is_empty() {
            let finishes = std::mem::take(&mut self.finishes);
            if !self.calm && self.dice.chance(0.1) {
                self.tally.note("job's end not written");
                return Ok(());
            }
            let engine = Arc::clone(&self.world.desk);
            let work: Work =
                Box::pin(async move { Ok(Left::Confirmed(clerk::finish(engine, finishes).await?.len())) });
            return self.start(Who::Clerk, "jobs ended".to_owned(), work, gate, Care::Nothing).await;
        }
        if let Some(taken) = self.jobs.pop() {
            if !self.calm && self.dice.chance(0.15) {
                self.tally.note("job run twice");
                self.jobs.push(taken.clone());
            }
            if !self.calm && self.dice.chance(0.15) {
                self.tally.note("receiver failed");
                self.inbox.answer_next(503);
            }
            let outgoing = Arc::clone(&self.outgoing);
            let job = taken.clone();
            let work: Work = Box::pin(async move { Ok(Left::Finished(clerk::run(outgoing, job).await)) });
            return self.start(Who::Clerk, taken.kind.to_owned(), work, gate, Care::Job(taken)).await;
        }
        let (engine, owner) = (Arc::clone(&self.world.desk), "clerk".to_owned());
        let work: Work = Box::pin(async move { Ok(Left::Taken(clerk::take(engine, owner).await?)) });
        self.start(Who::Clerk, "jobs taken".to_owned(), work, gate, Care::Nothing).await
    }

    /// Time passes: to whatever is next, a little, or a lot.
    async fn pass(&mut self) -> anyhow::Result<()> {
        let now = self.world.now();
        let to = match self.dice.weighted(&[20, 4, 2, 1]) {
            0 => match self.next_instant().await? {
                Some(next) if next > now => next,
                // Something is due: whoever is to do it gets the chance.
                Some(_) => now + TimeDelta::milliseconds(self.dice.between(1, 3_000)),
                None => now + TimeDelta::minutes(30),
            },
            1 => now + TimeDelta::milliseconds(self.dice.between(1, 20_000)),
            2 => now + TimeDelta::minutes(self.dice.between(1, 60)),
            _ => now + TimeDelta::minutes(self.dice.between(60, 600)),
        };
        self.world.clock.advance_to(to.max(now + TimeDelta::milliseconds(1)));
        Ok(())
    }

    /// When something will be due for somebody.
    async fn next_instant(&self) -> anyhow::Result<Option<Instant>> {
        let line = self.line(&Gate::new(Dice::seeded(0), Rates::default(), Tally::default()));
        let desk = &self.world.desk;
        let waits = [desk.next_wake().await?, desk.next_look_up(&line).await?, self.world.carrier.next_at()];
        let sleepers = self.stopped.iter().map(|stopped| stopped.until);
        Ok(waits.into_iter().flatten().chain(sleepers).min())
    }

    /// What happens to data and processes rather than to operations: a row nobody can read, a worker that falls asleep.
    async fn trouble(&mut self) -> anyhow::Result<()> {
        let worker = self.dice.below(3) as usize;
        if self.dice.chance(0.3) && !self.poisoned {
            self.poisoned = true;
            self.tally.note("unreadable lead");
            let sql = match self.dice.below(2) {
                0 => "UPDATE leads SET phone_zones = 'nowhere' WHERE phone = '+16024561111'",
                _ => "UPDATE leads SET status = 'haunted' WHERE phone = '+16024561111' AND status <> 'opted_out'",
            };
            execute(&self.world.db, sql).await?;
            self.say("a row nobody can read");
            return self.look().await;
        }
        self.tally.note("worker asleep between verbs");
        let length = TimeDelta::seconds(self.dice.between(1, 40_000));
        self.world.workers[worker].asleep_until = Some(self.world.now() + length);
        self.say(&format!("worker {worker} falls asleep for {length}"));
        Ok(())
    }

    async fn start(
        &mut self,
        who: Who,
        what: String,
        work: Work,
        gate: Arc<Gate>,
        care: Care,
    ) -> anyhow::Result<()> {
        let edged: Arc<dyn edge::Edge> = gate.clone();
        let work: Work = Box::pin(edge::within(edged, work));
        self.go_on(Operation { who, what, work, gate, care, writes: 0 }).await
    }

    async fn wake(&mut self, index: usize) -> anyhow::Result<()> {
        let Stopped { operation, .. } = self.stopped.remove(index);
        self.say(&format!("{:?} wakes in {}", operation.who, operation.what));
        operation.gate.wake();
        self.go_on(operation).await
    }

    /// Runs an operation until it ends or stops.
    async fn go_on(&mut self, mut operation: Operation) -> anyhow::Result<()> {
        let gate = Arc::clone(&operation.gate);
        let ended = tokio::select! {
            biased;
            result = operation.work.as_mut() => Ok(result),
            order = gate.stopped() => Err(order),
        };
        if std::mem::take(&mut self.is_deaf) {
            execute(&self.world.db, IN_SIGHT).await?;
        }
        let writes = gate.writes();
        let wrote = writes > operation.writes;
        self.transactions += writes - operation.writes;
        operation.writes = writes;
        match ended {
            Ok(result) => self.ended(&operation, result),
            Err((boundary, Order::Die)) => self.died(operation, boundary).await?,
            Err((boundary, Order::Sleep(length))) => {
                self.say(&format!("{:?} {}: asleep at {} for {length}", operation.who, operation.what, boundary.name()));
                let until = self.world.now() + length;
                self.stopped.push(Stopped { operation, until });
            }
        }
        if wrote {
            self.look().await?;
            self.damage().await?;
        }
        Ok(())
    }

    /// The seeded bug, if it is one that writes behind the system's back.
    async fn damage(&mut self) -> anyhow::Result<()> {
        let Some(bug) = self.setup.bug else { return Ok(()) };
        let mut done = 0;
        for sql in bug.damage() {
            done += execute(&self.world.db, sql).await?;
        }
        if done > 0 { self.look().await } else { Ok(()) }
    }

    fn ended(&mut self, operation: &Operation, result: Result<Left, EngineError>) {
        let (who, what) = (operation.who, operation.what.clone());
        let now = self.world.now();
        match result {
            Err(error) => {
                self.say(&format!("{who:?} {what}: error {error}"));
                self.undone(operation);
            }
            Ok(left) => {
                self.say(&format!("{who:?} {what}: {}", summary(&left)));
                self.keep(who, left);
                self.acknowledged(&operation.care, now);
            }
        }
    }

    fn keep(&mut self, who: Who, left: Left) {
        match (left, who) {
            (Left::Claimed(claimed), Who::Worker(index)) => self.world.workers[index].hand = claimed.requests,
            (Left::Recorded(report), _) => {
                for (attempt, _) in report.orphans {
                    self.judge.accuse("orphan", format!("a call of attempt {attempt}, which was written off"));
                }
            }
            (Left::Taken(jobs), _) => self.jobs = jobs,
            (Left::Finished(finish), _) => self.finishes.push(finish),
            _ => {}
        }
    }

    fn acknowledged(&mut self, care: &Care, now: Instant) {
        let at = micros(now);
        match care {
            Care::Act(Act::OptOut(lead) | Act::OptOutByEvent(lead, _) | Act::DoNotCall(lead)) => {
                self.told.stops.push((lead.to_string(), at));
            }
            Care::Act(Act::Revoke(lead)) => self.told.revocations.push((lead.to_string(), at)),
            Care::Job(taken) => {
                let arrived = self.inbox.take().contains(&taken.job.id.to_string());
                if let (true, Ok(order)) = (arrived, serde_json::from_str::<MessageOrder>(&taken.job.payload)) {
                    self.told.letters.push((order.enrollment_id.to_string(), at));
                }
                let done = |finish: &Finish| finish.id == taken.job.id && finish.outcome == Outcome::Done;
                if taken.kind == "deliver_message" && self.finishes.last().is_some_and(done) {
                    self.told.messages.insert(taken.job.id);
                }
            }
            _ => {}
        }
    }

    /// Whoever got no answer asks again.
    fn undone(&mut self, operation: &Operation) {
        match &operation.care {
            Care::Callbacks(facts) => {
                let again = self.world.now() + TimeDelta::seconds(5);
                self.world.carrier.deliver_again(again, facts.clone());
            }
            Care::Act(act) if !matches!(act, Act::Publish(_)) => self.acts.push(act.clone()),
            _ => {}
        }
    }

    async fn died(&mut self, operation: Operation, boundary: Boundary) -> anyhow::Result<()> {
        self.say(&format!("{:?} {}: dies at {}", operation.who, operation.what, boundary.name()));
        self.undone(&operation);
        let who = operation.who;
        drop(operation);
        match who {
            Who::Worker(index) => {
                // Half the time with caches that are still warm: nothing else of a process outlives it.
                let warm = self.dice.chance(0.5).then(|| Arc::clone(&self.world.workers[index].engine));
                self.world.workers[index] = self.world.booted();
                if let Some(engine) = warm {
                    self.world.workers[index].engine = engine;
                }
            }
            Who::Desk => {}
            Who::Clerk => {
                self.jobs.clear();
                self.finishes.clear();
            }
        }
        Ok(())
    }

    /// Faults stop; everybody gets time, and people put right what they have paused or broken.
    async fn settle(&mut self) -> anyhow::Result<()> {
        self.say("the storm is over");
        self.rates = Rates::default();
        self.calm = true;
        self.add_fired();
        self.world.carrier.set_faults(Faults::default());
        if self.poisoned {
            execute(
                &self.world.db,
                "UPDATE leads SET phone_zones = '[\"America/Phoenix\"]', status = CASE WHEN status = 'haunted' THEN 'cold' ELSE status END
                 WHERE phone_zones = 'nowhere' OR status = 'haunted'",
            )
            .await?;
        }
        while !self.stopped.is_empty() {
            self.stopped.iter().for_each(|stopped| stopped.operation.gate.calm());
            self.wake(0).await?;
        }
        for act in std::mem::take(&mut self.acts) {
            self.acted(act).await?;
        }
        for campaign in self.world.campaigns.clone() {
            self.acted(Act::ResumeCampaign(campaign)).await?;
        }
        for round in 0..ROUNDS {
            if self.round(round).await? {
                return Ok(());
            }
        }
        self.judge.accuse("I4", "it never comes to rest");
        Ok(())
    }

    /// One round of calm; true when nothing is left to do.
    async fn round(&mut self, round: usize) -> anyhow::Result<bool> {
        let held: Vec<EnrollmentId> = self
            .judge
            .seen
            .enrollments
            .iter()
            .filter(|(_, row)| row.state == "held")
            .filter_map(|(id, _)| id.parse().ok())
            .collect();
        for enrollment in held {
            self.acted(Act::Resume(enrollment)).await?;
        }
        let index = round % self.world.workers.len();
        self.world.workers[index].verb = 0;
        while self.world.carrier.next_at().is_some_and(|at| at <= self.world.now()) {
            self.deliver(index).await?;
        }
        for _ in 0..4 {
            self.dial(index).await?;
        }
        self.steps += 4;
        let mut jobs_left = self.jobs_left().await?;
        while jobs_left > 0 && self.clerks_turns(&mut jobs_left).await? {}
        let live = |state: &str| matches!(state, "planned" | "dialing" | "placed" | "unknown");
        let waiting = self.judge.seen.enrollments.values().any(|row| row.state != "ended")
            || self.judge.seen.attempts.values().any(|attempt| live(&attempt.state))
            || self.world.carrier.next_at().is_some()
            || !self.jobs.is_empty()
            || !self.finishes.is_empty();
        if !waiting && jobs_left == 0 {
            return Ok(true);
        }
        let now = self.world.now();
        let next = self.next_instant().await?.unwrap_or(now + TimeDelta::minutes(10));
        // What is due and cannot be done (a row that waits for another) is looked at again a little later.
        self.world.clock.advance_to(next.min(now + TimeDelta::hours(12)).max(now + TimeDelta::seconds(20)));
        Ok(false)
    }

    /// The clerk takes, runs and answers for what is due; false when that changed nothing.
    async fn clerks_turns(&mut self, left: &mut i64) -> anyhow::Result<bool> {
        for _ in 0..10 {
            self.clerk().await?;
        }
        let before = std::mem::replace(left, self.jobs_left().await?);
        Ok(*left < before)
    }

    async fn jobs_left(&self) -> anyhow::Result<i64> {
        let left: Vec<(i64,)> = crate::seen::rows!(
            &self.world.db,
            "SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')"
        );
        Ok(left.first().map_or(0, |row| row.0))
    }

    fn add_fired(&self) {
        for (fault, times) in self.world.carrier.fired() {
            self.tally.add(fault, times);
        }
    }

    async fn end(mut self) -> anyhow::Result<Story> {
        self.look().await?;
        verdict::check(&self.world, &mut self.judge, &self.told).await?;
        let tables = format!("{:?}", self.judge.seen);
        self.say(&tables);
        let calls = self.world.carrier.with_ledger(|ledger| ledger.entries().len() as u64);
        Ok(Story {
            hash: self.hash,
            steps: self.steps,
            transactions: self.transactions,
            calls,
            violations: self.judge.violations,
            fired: self.tally.read(),
            lines: self.lines,
        })
    }
}

fn said(report: impl std::fmt::Debug) -> Result<Left, EngineError> {
    Ok(Left::Said(format!("{report:?}")))
}

fn summary(left: &Left) -> String {
    match left {
        Left::Said(text) => text.clone(),
        Left::Claimed(claimed) => {
            let ids: Vec<String> =
                claimed.requests.iter().map(|request| request.attempt_id.to_string()).collect();
            format!("claimed {ids:?}, {} turned away", claimed.turned_away)
        }
        Left::Recorded(report) => format!("{report:?}"),
        Left::Taken(jobs) => format!("{} jobs", jobs.len()),
        Left::Finished(finish) => format!("{:?}", finish.outcome),
        Left::Confirmed(fenced) => format!("{fenced} fenced"),
    }
}

