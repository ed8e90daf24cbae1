//! Running an operation until it ends or stops, and what is left of it either way.

use std::sync::Arc;

use callwright_engine::clock::{Instant, micros};
use callwright_engine::engine::{EngineError, MessageOrder};
use callwright_engine::store::edge;
use callwright_engine::store::jobs::{Finish, Outcome};
use chrono::TimeDelta;

use super::{Care, Left, Operation, Stopped, Storm, Who, Work};
use crate::gate::{Boundary, Gate, Order};
use crate::people::Act;
use crate::seen::execute;

/// The seeded bug of workers that do not see a pause,
pub(super) const OUT_OF_SIGHT: &str =
    "UPDATE campaigns SET agent_name = 'paused', status = 'active' WHERE status = 'paused'";
/// and back again.
const IN_SIGHT: &str =
    "UPDATE campaigns SET agent_name = 'Rachel', status = 'paused' WHERE agent_name = 'paused'";

impl Storm {
    pub(super) async fn start(
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

    pub(super) async fn wake(&mut self, index: usize) -> anyhow::Result<()> {
        let Stopped { operation, .. } = self.stopped.remove(index);
        self.say(&format!("{:?} wakes in {}", operation.who, operation.what));
        operation.gate.wake();
        self.go_on(operation).await
    }

    /// Runs an operation until it ends or stops.
    pub(super) async fn go_on(&mut self, mut operation: Operation) -> anyhow::Result<()> {
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
            Err((boundary, Order::Die)) => self.died(operation, boundary),
            Err((boundary, Order::Sleep(length))) => {
                self.say(&format!(
                    "{:?} {}: asleep at {} for {length}",
                    operation.who,
                    operation.what,
                    boundary.name()
                ));
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
    pub(super) async fn damage(&mut self) -> anyhow::Result<()> {
        let Some(bug) = self.setup.bug else { return Ok(()) };
        let mut done = 0;
        for sql in bug.damage() {
            done += execute(&self.world.db, sql).await?;
        }
        if done > 0 { self.look().await } else { Ok(()) }
    }

    pub(super) fn ended(&mut self, operation: &Operation, result: Result<Left, EngineError>) {
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

    pub(super) fn keep(&mut self, who: Who, left: Left) {
        match (left, who) {
            (Left::Claimed(claimed), Who::Worker(index)) => self.world.workers[index].hand = claimed.requests,
            (Left::Recorded(report), _) => {
                for (attempt, _) in report.orphans {
                    self.judge
                        .accuse("orphan", format!("a call of attempt {attempt}, which was written off"));
                }
            }
            (Left::Taken(jobs), _) => self.jobs = jobs,
            (Left::Finished(finish), _) => self.finishes.push(finish),
            _ => {}
        }
    }

    pub(super) fn acknowledged(&mut self, care: &Care, now: Instant) {
        let at = micros(now);
        match care {
            Care::Act(Act::OptOut(lead) | Act::OptOutByEvent(lead, _) | Act::DoNotCall(lead)) => {
                self.told.stops.push((lead.to_string(), at));
            }
            Care::Act(Act::Revoke(lead)) => self.told.revocations.push((lead.to_string(), at)),
            Care::Job(taken) => {
                let arrived = self.inbox.take().contains(&taken.job.id.to_string());
                if let (true, Ok(order)) = (arrived, serde_json::from_str::<MessageOrder>(&taken.job.payload))
                {
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
    pub(super) fn undone(&mut self, operation: &Operation) {
        match &operation.care {
            Care::Callbacks(facts) => {
                let again = self.world.now() + TimeDelta::seconds(5);
                self.world.carrier.deliver_again(again, facts.clone());
            }
            Care::Act(act) if !matches!(act, Act::Publish(_)) => self.acts.push(act.clone()),
            _ => {}
        }
    }

    pub(super) fn died(&mut self, operation: Operation, boundary: Boundary) {
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
    }
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
