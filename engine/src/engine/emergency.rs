//! Emergency stops and their end. A stop commits behind every claim in flight; from then on nothing is claimed for its scope,
//! and what was claimed before is held back at the second look. Calls that people are talking in go on.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::again::unless_deadlocked;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::domain::emergency::{EmergencyStop, Lifted, Scope};
use crate::domain::event::Event;
use crate::id::{AttemptId, EmergencyStopId, EventId};
use crate::provider::PlaceRequest;
use crate::rules::Jurisdiction;
use crate::store::{Tx, emergency_stop as store, event};

impl Engine {
    /// Stops new calls of this scope at once, until somebody lifts it. Of a scope that is stopped already the stop in force is
    /// answered, unchanged.
    pub async fn stop_calls(
        &self,
        scope: Scope,
        reason: &str,
        by: &str,
    ) -> Result<EmergencyStop, EngineError> {
        said("reason", reason)?;
        unless_deadlocked("stop_calls", || self.stop_calls_once(scope, reason, by)).await
    }

    async fn stop_calls_once(
        &self,
        scope: Scope,
        reason: &str,
        by: &str,
    ) -> Result<EmergencyStop, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let (reason, stopped_by) = (reason.trim().to_owned(), by.to_owned());
        let id = self.ids.next::<EmergencyStopId>(now);
        let stop = EmergencyStop { id, scope, reason, stopped_by, stopped_at: now, lifted: None };
        if !store::add(&mut tx, &stop).await? {
            let known = store::of_scope(&mut tx, &scope).await?;
            tx.rollback().await?;
            return known.ok_or_else(|| EngineError::missing("emergency stop", scope));
        }
        self.note(&mut tx, "emergency.stopped", &stop, by, &stop.reason, now).await?;
        tx.commit().await?;
        tracing::warn!(stop = %stop.id, scope = %stop.scope, by, "calls are stopped");
        Ok(stop)
    }

    /// Lets calls go on. Whom the stop put off is looked at again at once; every other rule still holds.
    pub async fn resume_calls(
        &self,
        id: EmergencyStopId,
        reason: &str,
        by: &str,
    ) -> Result<EmergencyStop, EngineError> {
        said("reason", reason)?;
        unless_deadlocked("resume_calls", || self.resume_calls_once(id, reason, by)).await
    }

    async fn resume_calls_once(
        &self,
        id: EmergencyStopId,
        reason: &str,
        by: &str,
    ) -> Result<EmergencyStop, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let stop = store::find(&mut tx, id).await?;
        let stop = stop.ok_or_else(|| EngineError::missing("emergency stop", id))?;
        let lifted = Lifted { by: by.to_owned(), reason: reason.trim().to_owned(), at: now };
        if !store::lift(&mut tx, id, &lifted).await? {
            let message = "this stop has been lifted already".to_owned();
            return Err(EngineError::Conflict { code: "stop-lifted", message });
        }
        store::free(&mut tx, now).await?;
        self.note(&mut tx, "emergency.lifted", &stop, by, &lifted.reason, now).await?;
        tx.commit().await?;
        tracing::warn!(stop = %id, scope = %stop.scope, by, "calls may go on");
        Ok(EmergencyStop { lifted: Some(lifted), ..stop })
    }

    /// Stops in force, the oldest first.
    pub async fn emergency_stops(&self) -> Result<Vec<EmergencyStop>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let stops = store::in_force(&mut tx).await?;
        tx.rollback().await?;
        Ok(stops)
    }

    /// Those of these requests that a stop holds back.
    pub(super) async fn stopped(
        &self,
        tx: &mut Tx,
        requests: &[PlaceRequest],
    ) -> Result<HashSet<AttemptId>, EngineError> {
        let stops = store::in_force(tx).await?;
        if stops.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<AttemptId> = requests.iter().map(|request| request.attempt_id).collect();
        let mut places: HashMap<AttemptId, std::sync::Arc<[Jurisdiction]>> = HashMap::new();
        for (id, text) in store::places(tx, &ids).await? {
            places.insert(id, self.interned.jurisdictions_in(&text, id)?);
        }
        let holds = |request: &&PlaceRequest| {
            stops.iter().any(|stop| match &stop.scope {
                Scope::Everywhere => true,
                // Somebody whose place cannot be told may be there.
                Scope::Jurisdiction(_) => {
                    places.get(&request.attempt_id).is_none_or(|places| stop.scope.is_in(places))
                }
                Scope::Campaign(id) => request.campaign_id == *id,
                Scope::Caller(number) => request.from == Some(*number),
            })
        };
        Ok(requests.iter().filter(holds).map(|request| request.attempt_id).collect())
    }

    async fn note(
        &self,
        tx: &mut Tx,
        kind: &str,
        stop: &EmergencyStop,
        by: &str,
        reason: &str,
        now: Instant,
    ) -> Result<(), EngineError> {
        let campaign_id = match stop.scope {
            Scope::Campaign(id) => Some(id),
            _ => None,
        };
        let event = Event {
            id: self.ids.next::<EventId>(now),
            kind: kind.to_owned(),
            lead_id: None,
            enrollment_id: None,
            attempt_id: None,
            campaign_id,
            at: now,
            version: None,
            data: json!({
                "stopId": stop.id, "scope": stop.scope.kind(), "target": stop.scope.target(), "by": by, "reason": reason,
            }),
            dedupe: None,
        };
        Ok(event::append(tx, &[event], now).await?)
    }
}

/// Words that must be there, for whoever asks later.
pub(super) fn said(field: &str, text: &str) -> Result<(), EngineError> {
    if text.trim().is_empty() {
        let message = "say why; it is kept for whoever asks later".to_owned();
        return Err(EngineError::Invalid { field: field.to_owned(), message });
    }
    Ok(())
}
