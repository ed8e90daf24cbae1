//! Planning a publication: who is under way on which step of which version, and what would become of them. Reads only, with a
//! number of queries that does not grow with the people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::needs::{json_path, needs};
use super::token::{Numbers, Token};
use super::{OldVersion, PublishRequest, short};
use crate::clock::Instant;
use crate::decide::migrate::{Because, Placed, Route, Routes, Shift, place, repeats};
use crate::definitions::bundle::Bundle;
use crate::definitions::diff::{Change, diff};
use crate::domain::enrollment::Position;
use crate::domain::publication::Mode;
use crate::engine::{Engine, EngineError};
use crate::store::standing::{self, Standing, Waiting};
use crate::store::{Tx, definition, publication};

/// What publishing would do.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicationPlan {
    pub cadence_id: String,
    /// Version to publish.
    pub to: String,
    /// What new enrollments get now.
    pub head: Option<String>,
    pub mode: Mode,
    /// People a minute of those who become due at once.
    pub rate: u32,
    /// What is different from what new enrollments get now.
    pub changes: Vec<Change>,
    /// People under way, in any version but the one to publish.
    pub running: u64,
    pub versions: Vec<VersionPeople>,
    pub steps: Vec<StepPlan>,
    /// Keep their version.
    pub stays: u64,
    /// Go on in the new version.
    pub moves: u64,
    pub ends: u64,
    /// In a call that is asked for, going on or in doubt: they move when it has settled.
    pub in_calls: u64,
    /// Of those, calls of which it is not known whether they were placed.
    pub in_doubt: u64,
    /// Wake earlier than now planned.
    pub earlier: u64,
    /// Of those, whose wait is over by the new length: they become due one after another, at the rate.
    pub at_once: u64,
    pub later: u64,
    /// When the first of those who wake earlier does.
    pub earliest: Option<Instant>,
    /// When the last of those who become due at once has had their turn.
    pub at_once_until: Option<Instant>,
    /// Variables that the new version reads and people do not bring.
    pub empty: Vec<EmptyVariable>,
    /// Contacts that people have had and would come to again, because the step stands behind them now.
    pub repeats: Vec<Repeat>,
    /// Why this cannot be applied; empty: it can.
    pub problems: Vec<String>,
    /// What `apply` asks for.
    pub token: Option<String>,
}

/// People of one version.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionPeople {
    pub version: String,
    pub people: u64,
}

/// People on one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepPlan {
    pub version: String,
    pub step: String,
    pub people: u64,
    /// Of those, in a call.
    pub in_calls: u64,
    /// Where they go; none: they end.
    pub to: Option<String>,
    /// Result under which they end.
    pub ends: Option<String>,
    /// `kept`, `removed`, `mapped` or `withdrawn`.
    pub because: &'static str,
}

/// A variable that would be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmptyVariable {
    pub variable: String,
    pub people: u64,
}

/// A step that people would come to again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repeat {
    pub step: String,
    pub people: u64,
}

impl PublicationPlan {
    pub(super) fn numbers(&self) -> Numbers {
        Numbers {
            running: self.running,
            ends: self.ends,
            at_once: self.at_once,
            empty: self.empty.iter().map(|empty| empty.people).sum(),
        }
    }
}

impl Engine {
    /// What publishing would do now. Changes nothing.
    pub async fn plan_publication(&self, request: &PublishRequest) -> Result<PublicationPlan, EngineError> {
        request.check()?;
        let mut tx = self.db.begin_read().await?;
        let now = self.time.now(&mut tx).await?;
        let bundle = self.wanted(&mut tx, &request.cadence, request.to.as_deref()).await?;
        let (mut plan, _) = self.planned(&mut tx, request, &bundle, now).await?;
        tx.rollback().await?;
        if plan.problems.is_empty() {
            plan.token = Some(Token::of(request, &plan).to_string());
        }
        Ok(plan)
    }

    /// The plan, and the versions whose people it moves.
    pub(super) async fn planned(
        &self,
        tx: &mut Tx,
        request: &PublishRequest,
        bundle: &Arc<Bundle>,
        now: Instant,
    ) -> Result<(PublicationPlan, Vec<String>), EngineError> {
        let head = publication::peek_head(tx, &request.cadence).await?.and_then(|head| head.version);
        let before = match &head {
            Some(hash) if *hash != bundle.hash => match self.version(tx, hash).await {
                Ok(version) => Some(Arc::clone(&version.bundle)),
                // Nothing to compare with is no reason not to replace it.
                Err(EngineError::Version { .. }) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let mut plan = PublicationPlan {
            cadence_id: request.cadence.clone(),
            to: bundle.hash.clone(),
            head,
            mode: request.mode,
            rate: request.rate,
            changes: before.map(|before| diff(&before, bundle)).unwrap_or_default(),
            running: 0,
            versions: Vec::new(),
            steps: Vec::new(),
            stays: 0,
            moves: 0,
            ends: 0,
            in_calls: 0,
            in_doubt: 0,
            earlier: 0,
            at_once: 0,
            later: 0,
            earliest: None,
            at_once_until: None,
            empty: Vec::new(),
            repeats: Vec::new(),
            problems: Vec::new(),
            token: None,
        };
        let others: Vec<String> = definition::versions(tx, &request.cadence)
            .await?
            .into_iter()
            .map(|version| version.hash)
            .filter(|hash| *hash != bundle.hash)
            .collect();
        let people = standing::standing(tx, &others).await?;
        plan.running = people.iter().map(|group| group.people as u64).sum();
        let running: BTreeSet<&String> = people.iter().map(|group| &group.version).collect();
        plan.versions = running
            .iter()
            .map(|version| VersionPeople {
                version: (*version).clone(),
                people: people
                    .iter()
                    .filter(|group| group.version == **version)
                    .map(|g| g.people as u64)
                    .sum(),
            })
            .collect();
        if request.mode == Mode::Pin {
            plan.stays = plan.running;
            plan.in_calls = in_calls(&people, |live| !live.is_empty());
            plan.in_doubt = in_calls(&people, |live| live == "unknown");
            return Ok((plan, Vec::new()));
        }
        let mut olds: BTreeMap<String, OldVersion> = BTreeMap::new();
        for version in &running {
            match self.version(tx, version).await {
                Ok(old) => drop(olds.insert((*version).clone(), old)),
                Err(EngineError::Version { problem, .. }) => {
                    plan.problems
                        .push(format!("version {} cannot be read any more: {problem}", short(version)));
                }
                Err(error) => return Err(error),
            }
        }
        let mut planning =
            Planning { engine: self, request, bundle, olds, routes: BTreeMap::new(), plan, now };
        planning.routes();
        planning.count(&people);
        planning.wakes(tx).await?;
        planning.empty(tx).await?;
        let from = planning.olds.keys().cloned().collect();
        Ok((planning.plan, from))
    }
}

fn in_calls(people: &[Standing], counts: impl Fn(&str) -> bool) -> u64 {
    people.iter().filter(|group| counts(&group.live)).map(|group| group.people as u64).sum()
}

struct Planning<'a> {
    engine: &'a Engine,
    request: &'a PublishRequest,
    bundle: &'a Bundle,
    olds: BTreeMap<String, OldVersion>,
    routes: BTreeMap<String, Routes>,
    plan: PublicationPlan,
    now: Instant,
}

impl Planning<'_> {
    fn routes(&mut self) {
        let new = &self.bundle.cadence;
        for (version, old) in &self.olds {
            let routes = Routes::of(&old.bundle.cadence, new, self.request.mode, &self.request.steps);
            self.routes.insert(version.clone(), routes);
        }
        for (from, to) in &self.request.steps {
            if let Some(step) = to.step().filter(|step| new.step(step).is_none()) {
                let known = new.steps.iter().map(|step| step.id.as_str());
                let help = crate::definitions::diagnostic::suggestion(step, known).unwrap_or_default();
                self.plan.problems.push(format!("the new version has no step `{step}`; {help}"));
            }
            if !self.olds.is_empty() && !self.olds.values().any(|old| old.bundle.cadence.step(from).is_some())
            {
                self.plan.problems.push(format!("no version that people are on has a step `{from}`"));
            }
        }
    }

    /// Who stands where, and where their step leads.
    fn count(&mut self, people: &[Standing]) {
        let mut steps: BTreeMap<(String, String), StepPlan> = BTreeMap::new();
        let mut unmapped: BTreeMap<String, u64> = BTreeMap::new();
        let mut again: BTreeMap<String, u64> = BTreeMap::new();
        for group in people {
            let Some(routes) = self.routes.get(&group.version) else { continue };
            let number = group.people as u64;
            let route = routes.from(&group.step);
            let key = (group.version.clone(), group.step.clone());
            let row = steps.entry(key).or_insert_with(|| self.step_plan(group, route));
            row.people += number;
            if routes.unmapped.contains(&group.step) {
                *unmapped.entry(group.step.clone()).or_default() += number;
            }
            if let (Some(route), Some(old)) = (route, self.olds.get(&group.version)) {
                for step in repeats(&old.bundle.cadence, &self.bundle.cadence, &group.step, route) {
                    *again.entry(step).or_default() += number;
                }
            }
            if !group.live.is_empty() {
                row.in_calls += number;
                self.plan.in_calls += number;
                self.plan.in_doubt += if group.live == "unknown" { number } else { 0 };
            } else if row.ends.is_some() {
                self.plan.ends += number;
            } else {
                self.plan.moves += number;
            }
        }
        self.plan.steps = steps.into_values().collect();
        self.plan.repeats = again.into_iter().map(|(step, people)| Repeat { step, people }).collect();
        for (step, people) in unmapped {
            let help = format!("map it to a step, or out: --map {step}=STEP or --map {step}=end");
            self.plan.problems.push(format!("{people} people are on step `{step}`, which is gone; {help}"));
        }
    }

    fn step_plan(&self, group: &Standing, route: Option<&Route>) -> StepPlan {
        let new = &self.bundle.cadence;
        let id = |to: &usize| new.steps.get(*to).map(|step| step.id.clone());
        let (to, ends, because) = match route {
            Some(Route::Keep { to, .. }) => (id(to), None, "kept"),
            Some(Route::Go { to, because, .. }) => (id(to), None, word(*because)),
            Some(Route::End { result, because }) => (None, Some(result.clone()), word(*because)),
            None => (Some(group.step.clone()), None, "kept"),
        };
        let (version, step) = (group.version.clone(), group.step.clone());
        StepPlan { version, step, people: 0, in_calls: 0, to, ends, because }
    }

    /// Whose time moves: only waits can, so only people on waits are looked at one by one.
    async fn wakes(&mut self, tx: &mut Tx) -> Result<(), EngineError> {
        let mut wanted = Vec::new();
        for (version, routes) in &self.routes {
            let waits = routes.iter().filter(|(step, route)| match route {
                Route::Keep { to, was_wait: true } => !self.is_same_action(version, step, *to),
                Route::Go { was_wait, .. } => *was_wait,
                _ => false,
            });
            wanted.extend(waits.map(|(step, _)| (version.clone(), step.to_owned())));
        }
        for waiting in standing::waiting(tx, &wanted).await? {
            self.wake(&waiting)?;
        }
        if self.plan.at_once > 0 {
            let micros = self.plan.at_once.saturating_mul(60_000_000) / u64::from(self.request.rate);
            let length = chrono::TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX / 4));
            self.plan.at_once_until = self.now.checked_add_signed(length);
        }
        Ok(())
    }

    fn is_same_action(&self, version: &str, step: &str, to: usize) -> bool {
        let old = self.olds.get(version).and_then(|old| {
            let cadence = &old.bundle.cadence;
            cadence.step(step).map(|index| format!("{:?}", cadence.steps[index].action))
        });
        old == self.bundle.cadence.steps.get(to).map(|step| format!("{:?}", step.action))
    }

    fn wake(&mut self, waiting: &Waiting) -> Result<(), EngineError> {
        let Some(route) = self.routes.get(&waiting.version).and_then(|routes| routes.from(&waiting.step))
        else {
            return Ok(());
        };
        let position = Position {
            step: waiting.step.clone(),
            visit: 1,
            attempt: 1,
            due_since: waiting.due_since,
            promised: waiting.promised,
        };
        let (zone, holidays) = self.engine.place_of(waiting)?;
        let standing = crate::decide::migrate::Standing {
            position: &position,
            due_at: Some(waiting.due_at),
            zone: &zone,
            holidays: &holidays,
        };
        let Placed::At(placed) = place(&self.bundle.cadence, route, &standing, self.now, self.now) else {
            return Ok(());
        };
        self.plan.at_once += if placed.at_once { waiting.people } else { 0 };
        match placed.shift {
            Shift::Same => {}
            Shift::Later => self.plan.later += waiting.people,
            Shift::Earlier => {
                self.plan.earlier += waiting.people;
                self.plan.earliest = match self.plan.earliest {
                    Some(earliest) => placed.due_at.map(|due| due.min(earliest)),
                    None => placed.due_at,
                };
            }
        }
        Ok(())
    }

    /// Variables that the new version reads, and the old one of these people did not.
    async fn empty(&mut self, tx: &mut Tx) -> Result<(), EngineError> {
        let wanted = needs(self.bundle);
        let mut asked = Vec::new();
        for (version, old) in &self.olds {
            let known = needs(&old.bundle);
            let news = wanted.difference(&known);
            asked.extend(news.map(|path| (version.clone(), path.clone(), json_path(path))));
        }
        let missing = standing::missing(tx, &asked).await?;
        self.plan.empty =
            missing.into_iter().map(|(variable, people)| EmptyVariable { variable, people }).collect();
        Ok(())
    }
}

const fn word(because: Because) -> &'static str {
    match because {
        Because::Removed => "removed",
        Because::Mapped => "mapped",
        Because::Withdrawn => "withdrawn",
    }
}
