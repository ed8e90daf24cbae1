//! Reconciling before dialing (D2): a database restored from a backup has forgotten stops and calls that came after it. It is
//! marked, nothing is dialed while the mark stands, and the mark goes only when the journal of stops has been replayed
//! (`replay`) and the provider's own list of calls has been gone through (`adopt`). Every part may be repeated.
//!
//! Files, waiting and progress are the command line's.

mod adopt;
mod erasures;
mod group;
mod lists;
mod replay;

use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::json;

pub use adopt::Adopted;
pub use replay::Replayed;

use super::apply::FollowUps;
use super::apply::wait_at;
use super::changes::Changes;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::protocol::again::next_visit;
use crate::domain::attempt::AttemptState;
use crate::domain::event::Event;
use crate::id::{EnrollmentId, EventId};
use crate::provider::{CallsSince, ListedCall, Listing, Provider};
use crate::store::recovery::{self, Recovery};
use crate::store::{Tx, adopt as store, clock, event, walk};

/// Calls are asked for from this long before the backup: one that was asked for right then may be in the copy or not.
const CALLS_MARGIN: TimeDelta = TimeDelta::hours(1);
/// The journal is read from this long before the backup: a line is written before its transaction commits.
const JOURNAL_MARGIN: TimeDelta = TimeDelta::hours(1);
/// By the wall: a request that was on its way when the old processes ended has arrived by then, or never will.
const ARRIVES_WITHIN: TimeDelta = TimeDelta::seconds(10);
/// A provider that placed a call this shortly before the backup may have placed more after it.
const IN_USE: TimeDelta = TimeDelta::days(30);
/// Planned attempts per transaction.
const BATCH: u32 = 500;

/// What [`Engine::hold_back`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBack {
    /// Planned calls that may have been made after the backup: they are planned anew, later.
    pub taken_back: u64,
    /// Enrollments that would have been due before.
    pub enrollments: u64,
}

impl Engine {
    /// Marks a database whose last commits may be lost: since when stops (by the database's clock) and calls (by the engine's)
    /// may be missing.
    pub async fn mark_recovering(
        &self,
        journal_from: Instant,
        calls_from: Instant,
    ) -> Result<(), EngineError> {
        let mut tx = self.db.begin().await?;
        let marked_at = self.time.now(&mut tx).await?;
        let marked_real_at = clock::database_now(&mut tx).await?;
        let mark = Recovery { journal_from, calls_from, marked_at, marked_real_at };
        recovery::mark(&mut tx, mark).await?;
        let data = json!({"journalFrom": journal_from, "callsFrom": calls_from});
        self.note_recovery(&mut tx, "recovery.started", data, marked_at).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The mark, if it stands.
    pub async fn recovering(&self) -> Result<Option<Recovery>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let mark = recovery::current(&mut tx).await?;
        tx.rollback().await?;
        Ok(mark)
    }

    /// How long to wait, by the wall, until the provider's list is conclusive: calls that the old processes asked for last
    /// have reached it by then. `None`: the mark does not stand.
    pub async fn conclusive_in(&self, provider: &dyn Provider) -> Result<Option<Duration>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let mark = recovery::current(&mut tx).await?;
        let (now, speed) = self.time.now_and_speed(&mut tx).await?;
        let real = clock::database_now(&mut tx).await?;
        tx.rollback().await?;
        let Some(mark) = mark else { return Ok(None) };
        let by_engine = (mark.marked_at + provider.capabilities().conclusive_after - now).as_seconds_f64();
        // A clock that stands still would never get there.
        let by_engine = if speed > 0.0 { by_engine / speed } else { 0.0 };
        let by_wall = (mark.marked_real_at + ARRIVES_WITHIN - real).as_seconds_f64();
        Ok(Some(Duration::from_secs_f64(by_engine.max(by_wall).max(0.0))))
    }

    /// Every call that the provider took since the backup, an hour earlier to be sure; `None`: it cannot list calls. `tell`
    /// hears how many there are so far. The whole list is in memory: about 300 bytes a call.
    pub async fn listed_calls(
        &self,
        provider: &dyn Provider,
        mut tell: impl FnMut(usize),
    ) -> Result<Option<Vec<ListedCall>>, EngineError> {
        let Some(mark) = self.recovering().await? else { return Err(not_recovering()) };
        let mut query = CallsSince { since: mark.calls_from - CALLS_MARGIN, after: None };
        let mut found = Vec::new();
        loop {
            match provider.calls_since(&query).await? {
                Listing::NotOffered => return Ok(None),
                Listing::Page { calls, next } => {
                    found.extend(calls);
                    tell(found.len());
                    if next.is_none() || next == query.after {
                        return Ok(Some(found));
                    }
                    query.after = next;
                }
            }
        }
    }

    /// Other providers that placed calls in the month before the backup: what they called since, this one cannot say.
    pub async fn other_providers(&self, provider: &dyn Provider) -> Result<Vec<String>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let Some(mark) = recovery::current(&mut tx).await? else { return Err(not_recovering()) };
        let names = store::other_providers(&mut tx, provider.name(), mark.calls_from - IN_USE).await?;
        tx.rollback().await?;
        Ok(names)
    }

    /// For a provider that cannot say what it called: everybody is treated as called just before now. Planned calls are taken
    /// back and nobody is due within `hold`.
    pub async fn hold_back(&self, hold: TimeDelta) -> Result<HeldBack, EngineError> {
        let mut held = HeldBack::default();
        loop {
            let mut tx = self.db.begin().await?;
            let now = self.time.now(&mut tx).await?;
            let planned = store::planned(&mut tx, BATCH).await?;
            if planned.is_empty() {
                held.enrollments = store::hold_back(&mut tx, now + hold).await?;
                tx.commit().await?;
                return Ok(held);
            }
            let enrollments: Vec<EnrollmentId> =
                planned.iter().filter_map(|attempt| attempt.enrollment_id).collect();
            let walks = walk::by_ids(&mut tx, &enrollments).await?;
            let mut changes = Changes::default();
            for attempt in &planned {
                held.taken_back += 1;
                changes.step(attempt, AttemptState::Cancelled, now).detail = Some("recovering".to_owned());
                let walk = walks.iter().find(|walk| Some(walk.enrollment.id) == attempt.enrollment_id);
                if let Some(walk) = walk {
                    wait_at(
                        &mut changes,
                        walk,
                        &next_visit(&walk.enrollment.position),
                        Some(now + hold),
                        None,
                        now,
                    );
                }
            }
            let tally = self.finish(&mut tx, changes, FollowUps::new(), now).await?;
            tx.commit().await?;
            self.metrics.committed(&tally, "none");
        }
    }

    /// Takes the mark away, with the event that says what was done. Answers whether it stood.
    pub async fn finish_recovery(&self, done: serde_json::Value) -> Result<bool, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let stood = recovery::clear(&mut tx).await?;
        if stood {
            self.note_recovery(&mut tx, "recovery.finished", done, now).await?;
        }
        tx.commit().await?;
        Ok(stood)
    }

    async fn note_recovery(
        &self,
        tx: &mut Tx,
        kind: &str,
        data: serde_json::Value,
        now: Instant,
    ) -> Result<(), EngineError> {
        let event = Event {
            id: self.ids.next::<EventId>(now),
            kind: kind.to_owned(),
            lead_id: None,
            enrollment_id: None,
            attempt_id: None,
            campaign_id: None,
            at: now,
            version: None,
            data,
            dedupe: None,
        };
        Ok(event::append(tx, &[event], now).await?)
    }
}

fn not_recovering() -> EngineError {
    let message = "the database is not marked as restored; there is nothing to reconcile".to_owned();
    EngineError::Conflict { code: "not-recovering", message }
}
