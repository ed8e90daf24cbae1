//! Whose turn it is does one of these: a verb of a dial loop, callbacks, somebody at the desk, the clerk, time, trouble.

use std::sync::Arc;

use callwright_engine::clock::{Instant, micros};
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::publication::Mode;
use callwright_engine::id::EnrollmentId;
use callwright_engine::provider::{PlaceRequest, Provider as _};
use chrono::TimeDelta;

use super::operation::OUT_OF_SIGHT;
use super::{Care, Left, Storm, Who, Work};
use crate::bugs::Bug;
use crate::clerk;
use crate::dice::Dice;
use crate::gate::{Gate, Rates, Tally};
use crate::people::Act;
use crate::seen::execute;
use crate::world::edition;

impl Storm {
    /// The next verb of a worker's dial loop.
    pub(super) async fn dial(&mut self, index: usize) -> anyhow::Result<()> {
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
        // As under light load; what is in hand would be forgotten.
        let in_one = verb == "plan" && self.world.workers[index].hand.is_empty() && self.dice.chance(0.5);
        let worker = &mut self.world.workers[index];
        worker.verb += 1;
        let (engine, owner) = (Arc::clone(&worker.engine), worker.owner.clone());
        let work: Work = match verb {
            "move" => Box::pin(async move { Ok(said(engine.move_enrollments(limit).await?)) }),
            "plan" if in_one => {
                Box::pin(
                    async move { Ok(Left::Claimed(engine.plan_and_claim(limit, &line, &owner).await?.1)) },
                )
            }
            "plan" => Box::pin(async move { Ok(said(engine.plan(limit).await?)) }),
            "claim" => Box::pin(async move { Ok(Left::Claimed(engine.claim(limit, &line, &owner).await?)) }),
            "place" => {
                let hand: Vec<PlaceRequest> = std::mem::take(&mut worker.hand);
                Box::pin(async move { Ok(said(engine.place(&line, hand).await?)) })
            }
            _ if self.setup.bug == Some(Bug::NoReconciling) => return Ok(()),
            _ => Box::pin(async move { Ok(said(engine.reconcile(&line, limit).await?)) }),
        };
        let deaf = self.setup.bug == Some(Bug::DeafToPause) && (in_one || matches!(verb, "claim" | "place"));
        if deaf {
            execute(&self.world.db, OUT_OF_SIGHT).await?;
            self.is_deaf = true;
        }
        let verb = if in_one { "plan and claim" } else { verb };
        self.start(Who::Worker(index), verb.to_owned(), work, gate, Care::Nothing).await
    }

    /// Has a verb nothing to do, as far as the tables tell? Now and then it is done all the same.
    pub(super) fn is_idle(&mut self, index: usize, verb: &str) -> bool {
        let seen = &self.judge.seen;
        let at = micros(self.world.now());
        let idle = match verb {
            "place" => return self.world.workers[index].hand.is_empty(),
            "move" => !self.calm,
            "plan" => !seen.is_anyone_due(at),
            "claim" => !seen.is_any_call_due(at),
            _ => !seen
                .attempts
                .values()
                .any(|attempt| matches!(attempt.state.as_str(), "dialing" | "placed" | "unknown")),
        };
        idle && self.dice.chance(0.8)
    }

    /// Callbacks that are due, some or all of them, at one of the workers.
    pub(super) async fn deliver(&mut self, index: usize) -> anyhow::Result<()> {
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
    pub(super) async fn act(&mut self) -> anyhow::Result<()> {
        let act = if let Some(act) = self.acts.pop() {
            act
        } else {
            let ids: Vec<EnrollmentId> =
                self.judge.seen.enrollments.keys().filter_map(|id| id.parse().ok()).collect();
            Act::drawn(&self.world, &ids, &mut self.dice)
        };
        self.acted(act).await
    }

    pub(super) async fn acted(&mut self, act: Act) -> anyhow::Result<()> {
        if let Act::Publish(_) = act {
            self.world.edition += 1;
            let files = edition(self.world.edition);
            self.reload(&files);
            if !matches!(act, Act::Publish(Mode::Pin)) {
                self.judge.moved_to.extend(files.bundles().map(|bundle| bundle.hash.clone()));
            }
        }
        self.tally.note(act.name());
        let gate = self.gate();
        let desk = Arc::clone(&self.world.desk);
        let doing = act.clone();
        let work: Work = Box::pin(async move { Ok(Left::Said(doing.done(desk).await?)) });
        self.start(Who::Desk, act.name().to_owned(), work, gate, Care::Act(act)).await
    }

    /// Everybody's files change at once; processes that start later have them too.
    pub(super) fn reload(&self, files: &Library) {
        for engine in self.world.workers.iter().map(|worker| &worker.engine).chain([&self.world.desk]) {
            engine.library.reload(files.clone());
        }
    }

    /// The outbox: take, run, answer for.
    pub(super) async fn clerk(&mut self) -> anyhow::Result<()> {
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
    pub(super) async fn pass(&mut self) -> anyhow::Result<()> {
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
    pub(super) async fn next_instant(&self) -> anyhow::Result<Option<Instant>> {
        let line = self.line(&Gate::new(Dice::seeded(0), Rates::default(), Tally::default()));
        let desk = &self.world.desk;
        let waits = [desk.next_wake().await?, desk.next_look_up(&line).await?, self.world.carrier.next_at()];
        let sleepers = self.stopped.iter().map(|stopped| stopped.until);
        Ok(waits.into_iter().flatten().chain(sleepers).min())
    }

    /// What happens to data and processes rather than to operations: a row nobody can read, a worker that falls asleep.
    pub(super) async fn trouble(&mut self) -> anyhow::Result<()> {
        let worker = self.dice.below(3) as usize;
        if self.dice.chance(0.3) && !self.poisoned {
            self.poisoned = true;
            self.tally.note("unreadable lead");
            let sql = match self.dice.below(2) {
                0 => "UPDATE leads SET phone_zones = 'nowhere' WHERE phone = '+16024561111'",
                _ => {
                    "UPDATE leads SET status = 'haunted' WHERE phone = '+16024561111' AND status <> 'opted_out'"
                }
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
}

fn said(report: impl std::fmt::Debug) -> Left {
    Left::Said(format!("{report:?}"))
}
