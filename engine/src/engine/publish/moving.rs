//! Moving the people of a publication, a batch per transaction. The version of an enrollment is the mark of what is done: a
//! batch that is repeated, or cut off by a crash, moves nobody twice and forgets nobody.
//!
//! Who is in a call is left alone until it has settled; rounds come back for them. Who comes due before their batch is moved by
//! `plan`, so that from the publication on nobody begins anything by a version that is on its way out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use super::OldVersion;
use crate::clock::{Instant, micros};
use crate::decide::migrate::{Place, Placed, Routes, Shift, Standing, place};
use crate::domain::attempt::AttemptState;
use crate::domain::enrollment::EnrollmentState;
use crate::domain::publication::{Cursor, Mode, Publication, PublicationState};
use crate::engine::changes::Changes;
use crate::engine::versions::Version;
use crate::engine::{Engine, EngineError};
use crate::id::{EnrollmentId, PublicationId};
use crate::store::attempt::{self, Attempt};
use crate::store::standing::{self, MovedRow};
use crate::store::walk::{self, Walk};
use crate::store::{Tx, publication};

/// What a batch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoveReport {
    /// `None`: nobody is to be moved.
    pub publication: Option<PublicationId>,
    pub moved: u64,
    pub ended: u64,
    /// The round is over.
    pub round_over: bool,
    /// After a round: who is still in a call, or held by another transaction.
    pub left: u64,
}

impl MoveReport {
    /// Is another batch worth while at once?
    pub fn has_more(&self) -> bool {
        self.publication.is_some() && (!self.round_over || self.moved + self.ended > 0)
    }
}

impl Engine {
    /// Moves up to `limit` people of the oldest publication that has any left. Idle cost: one look at a table that is nearly
    /// always empty.
    pub async fn move_enrollments(&self, limit: u32) -> Result<MoveReport, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let moving = publication::moving(&mut tx).await?;
        tx.rollback().await?;
        let mut report = MoveReport::default();
        for each in moving {
            let step = match self.move_batch(each.id, limit).await {
                Ok(step) => step,
                // The batch is tried again in the next round, without them.
                Err(error) if self.weed(&error).await? => None,
                Err(error) => return Err(error),
            };
            let Some(step) = step else { continue };
            report = step;
            if report.has_more() {
                break;
            }
        }
        Ok(report)
    }

    /// `None`: another worker is at it, or has just finished.
    async fn move_batch(&self, id: PublicationId, limit: u32) -> Result<Option<MoveReport>, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let Some(mut publication) = publication::take(&mut tx, id).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let before = (publication.moved, publication.ended);
        let round_over = !self.next_batch(&mut tx, &mut publication, limit, now).await?;
        let mut report = MoveReport { publication: Some(id), round_over, ..MoveReport::default() };
        if round_over {
            report.left = left(&mut tx, &publication).await?;
            publication.cursor = None;
            if report.left == 0 {
                publication.state = PublicationState::Done;
                publication.finished_at = Some(now);
            }
        }
        (report.moved, report.ended) = (publication.moved - before.0, publication.ended - before.1);
        publication::progress(&mut tx, &publication).await?;
        tx.commit().await?;
        Ok(Some(report))
    }

    /// Moves the next people behind the cursor; false when there are none.
    async fn next_batch(
        &self,
        tx: &mut Tx,
        publication: &mut Publication,
        limit: u32,
        now: Instant,
    ) -> Result<bool, EngineError> {
        let begun = publication.cursor.clone();
        let versions = publication.from_versions.clone();
        let first = begun.as_ref().map_or(0, |cursor| {
            versions.iter().position(|version| *version == cursor.version).unwrap_or(versions.len())
        });
        for version in versions.iter().skip(first) {
            let after = begun.as_ref().filter(|cursor| cursor.version == *version);
            let after = after.map_or("", |cursor| cursor.after.as_str());
            let ids = standing::chunk(tx, version, after, limit).await?;
            let Some(last) = ids.last() else { continue };
            publication.cursor = Some(Cursor { version: version.clone(), after: last.clone() });
            let ids: Vec<EnrollmentId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            // Rows that somebody else is changing are left to the next round, so that nobody waits for us nor we for them.
            let walks = walk::free_by_ids(tx, &ids).await?;
            let walks: Vec<&Walk> =
                walks.iter().filter(|walk| publication.moves(&walk.enrollment.version)).collect();
            self.move_walks(tx, publication, &walks, now).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Moves these locked enrollments as far as they can be moved; answers who was.
    pub(in crate::engine) async fn move_walks(
        &self,
        tx: &mut Tx,
        publication: &mut Publication,
        walks: &[&Walk],
        now: Instant,
    ) -> Result<HashSet<EnrollmentId>, EngineError> {
        if walks.is_empty() {
            return Ok(HashSet::new());
        }
        let calls = Calls::of(tx, walks).await?;
        let new = match &publication.version {
            Some(hash) => Some(self.version(tx, hash).await?),
            None => None,
        };
        let mut batch = Moving {
            engine: self,
            publication,
            new,
            now,
            routes: BTreeMap::new(),
            changes: Changes::default(),
            rows: Vec::new(),
            done: HashSet::new(),
        };
        for walk in walks {
            if calls.hold(walk) {
                continue;
            }
            let Ok(old) = self.usable_version(tx, walk).await? else { continue };
            // One whose data cannot be read must not stop the others (I9): it stays where it is.
            if let Err(problem) = batch.one(walk, &old, calls.planned(walk)) {
                tracing::error!(enrollment = %walk.enrollment.id, %problem, "enrollment not moved");
            }
        }
        let Moving { changes, rows, done, .. } = batch;
        standing::move_many(tx, &rows).await?;
        changes.flush(tx, now).await?;
        Ok(done)
    }
}

async fn left(tx: &mut Tx, publication: &Publication) -> Result<u64, EngineError> {
    let counts = standing::counts(tx, &publication.from_versions).await?;
    Ok(counts.iter().map(|(_, people)| people).sum())
}

/// The calls of a batch of enrollments.
struct Calls {
    open: HashMap<EnrollmentId, Attempt>,
    /// Planned ones that nobody is claiming at this moment.
    free: HashMap<EnrollmentId, Attempt>,
}

impl Calls {
    async fn of(tx: &mut Tx, walks: &[&Walk]) -> Result<Self, EngineError> {
        let may_call = |walk: &&&Walk| walk.enrollment.state != EnrollmentState::Waiting;
        let ids: Vec<EnrollmentId> = walks.iter().filter(may_call).map(|walk| walk.enrollment.id).collect();
        let by_enrollment = |attempts: Vec<Attempt>| -> HashMap<EnrollmentId, Attempt> {
            attempts.into_iter().filter_map(|attempt| Some((attempt.enrollment_id?, attempt))).collect()
        };
        if ids.is_empty() {
            return Ok(Self { open: HashMap::new(), free: HashMap::new() });
        }
        let open = by_enrollment(attempt::open_of(tx, &ids).await?);
        let planned: Vec<_> =
            open.values().filter(|call| call.state == AttemptState::Planned).map(|call| call.id).collect();
        let free = by_enrollment(attempt::lock_planned(tx, &planned).await?);
        Ok(Self { open, free })
    }

    /// In a call, or about to be: the enrollment may not move.
    fn hold(&self, walk: &Walk) -> bool {
        let id = walk.enrollment.id;
        match (walk.enrollment.state, self.open.contains_key(&id)) {
            (_, true) => !self.free.contains_key(&id),
            (state, false) => state == EnrollmentState::Open,
        }
    }

    /// The planned call that is taken back when it moves.
    fn planned(&self, walk: &Walk) -> Option<&Attempt> {
        self.free.get(&walk.enrollment.id)
    }
}

struct Moving<'a> {
    engine: &'a Engine,
    publication: &'a mut Publication,
    new: Option<Arc<Version>>,
    now: Instant,
    routes: BTreeMap<String, Arc<Routes>>,
    changes: Changes,
    rows: Vec<MovedRow>,
    done: HashSet<EnrollmentId>,
}

impl Moving<'_> {
    fn one(&mut self, walk: &Walk, old: &OldVersion, planned: Option<&Attempt>) -> Result<(), EngineError> {
        let enrollment = &walk.enrollment;
        let routes = self.routes_from(&enrollment.version, old);
        let due_at = enrollment.due_at.or(planned.map(|call| call.due_at));
        let placed = match (&self.new, routes.from(&enrollment.position.step)) {
            (Some(new), Some(route)) => {
                let state = self.engine.walk_state(walk)?;
                let standing = Standing {
                    position: &enrollment.position,
                    due_at,
                    zone: &state.zone,
                    holidays: &state.holidays,
                };
                place(&new.bundle.cadence, route, &standing, self.publication.slot(0), self.now)
            }
            (None, Some(crate::decide::migrate::Route::End { result, .. })) => {
                Placed::Ended { result: result.clone() }
            }
            // A step that even the old version does not know: people have to look at it, as before.
            _ => return Ok(()),
        };
        if let Some(call) = planned {
            self.changes.step(call, AttemptState::Cancelled, self.now).detail =
                Some("moved to another version".to_owned());
        }
        self.done.insert(enrollment.id);
        match placed {
            Placed::Ended { result } => {
                self.publication.ended += 1;
                self.engine.end(&mut self.changes, walk, &result, self.now);
            }
            Placed::At(place) => {
                self.publication.moved += 1;
                self.publication.pulled += u64::from(place.at_once);
                self.moved(walk, place);
            }
        }
        Ok(())
    }

    fn routes_from(&mut self, version: &str, old: &OldVersion) -> Arc<Routes> {
        let (publication, new) = (&*self.publication, &self.new);
        let routes = self.routes.entry(version.to_owned()).or_insert_with(|| {
            Arc::new(match new {
                Some(new) if publication.mode != Mode::End => {
                    let (old, new) = (&old.bundle.cadence, &new.bundle.cadence);
                    Routes::of(old, new, publication.mode, &publication.steps)
                }
                _ => Routes::out(&old.bundle.cadence),
            })
        });
        Arc::clone(routes)
    }

    fn moved(&mut self, walk: &Walk, place: Place) {
        let enrollment = &walk.enrollment;
        let Some(to) = self.publication.version.clone() else { return };
        let position = place.position;
        let data = json!({
            "publicationId": self.publication.id, "from": enrollment.version, "to": to, "fromStep": enrollment.position.step,
            "step": position.step, "dueAt": place.due_at,
            "shift": match place.shift { Shift::Same => "same", Shift::Earlier => "earlier", Shift::Later => "later" },
        });
        let event = self.changes.event(self.engine, walk, "enrollment.migrated", self.now, data);
        event.version = Some(to.clone());
        // The same publication moves nobody twice; if it ever tried, nothing of the batch would be written.
        event.dedupe = Some(format!("{}:{}", self.publication.id, enrollment.id));
        let state = match enrollment.state {
            EnrollmentState::Open => EnrollmentState::Waiting,
            state => state,
        };
        self.rows.push(MovedRow {
            id: enrollment.id.to_string(),
            from: enrollment.version.clone(),
            to,
            state: state.as_str(),
            step: position.step,
            visit: i64::from(position.visit),
            attempt: i64::from(position.attempt),
            due_since: micros(position.due_since),
            promised: i64::from(position.promised),
            due_at: place.due_at.map(micros),
            wait_event: place.wait_event,
        });
    }
}

impl Engine {
    /// The part of a due batch that a publication moves is moved, and left out of the batch: it is looked at by its new version
    /// right afterwards.
    pub(in crate::engine) async fn move_first(
        &self,
        tx: &mut Tx,
        walks: Vec<Walk>,
        now: Instant,
    ) -> Result<Vec<Walk>, EngineError> {
        let mut rest = walks;
        for mut publication in publication::moving(tx).await? {
            let theirs: Vec<&Walk> =
                rest.iter().filter(|walk| publication.moves(&walk.enrollment.version)).collect();
            if theirs.is_empty() {
                continue;
            }
            let before = (publication.moved, publication.ended);
            let done = self.move_walks(tx, &mut publication, &theirs, now).await?;
            let (moved, ended) = (publication.moved - before.0, publication.ended - before.1);
            publication::add(tx, publication.id, moved, ended).await?;
            rest.retain(|walk| !done.contains(&walk.enrollment.id));
        }
        Ok(rest)
    }
}
