//! Publishing: which version of a cadence new enrollments get, and what becomes of those under way (DEF-4, DEF-5, I13).
//!
//! ```text
//! offer   changed files: new enrollments only, nobody is moved
//! plan    read-only: who would go where, and a token that stands for these numbers
//! apply   the same again; if the numbers still hold, one record: new enrollments at once, the others in batches
//! moving  the batches. A call under way is waited for; whoever comes due meanwhile is moved before anything is decided
//! withdraw, history
//! ```

mod apply;
mod history;
mod moving;
mod needs;
mod offer;
mod plan;
mod token;
mod withdraw;

use std::sync::Arc;

use serde_json::json;

pub use history::{CadenceHistory, PublicationView, VersionView};
pub use moving::MoveReport;
pub use plan::{EmptyVariable, PublicationPlan, Repeat, StepPlan, VersionPeople};
pub use withdraw::Withdrawal;

use super::versions::Version;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::definitions::bundle::Bundle;
use crate::domain::event::Event;
use crate::domain::publication::{Mode, Publication, StepMap};
use crate::id::EventId;
use crate::store::{Tx, definition, event};

/// People a minute who may become due at once because their wait is over under a new version, unless said otherwise.
pub const DEFAULT_RATE: u32 = 60;
/// The most that makes sense to ask for: beyond it everybody is due within the first seconds.
const HIGHEST_RATE: u32 = 1_000_000;
/// Shortest beginning of a hash that may stand for it.
const SHORTEST_HASH: usize = 6;

/// What to publish, and what it does to enrollments under way.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    pub cadence: String,
    /// A version by (the beginning of) its hash; `None`: what the files say.
    pub to: Option<String>,
    pub mode: Mode,
    /// For `migrate`: where the people on removed steps go.
    pub steps: StepMap,
    pub rate: u32,
}

impl PublishRequest {
    fn check(&self) -> Result<(), EngineError> {
        let invalid = |field: &str, message: &str| {
            Err(EngineError::Invalid { field: field.to_owned(), message: message.to_owned() })
        };
        if self.mode == Mode::End {
            return invalid(
                "mode",
                "people end only when a version is withdrawn; use pin, follow or migrate",
            );
        }
        if self.mode != Mode::Migrate && !self.steps.is_empty() {
            return invalid("map", "a map of steps belongs to the mode `migrate`");
        }
        if !(1..=HIGHEST_RATE).contains(&self.rate) {
            return invalid("rate", "the rate is 1 to 1000000 people a minute");
        }
        Ok(())
    }
}

impl Engine {
    /// What a request wants to publish: from the files, or a version that was published before.
    async fn wanted(&self, tx: &mut Tx, cadence: &str, to: Option<&str>) -> Result<Arc<Bundle>, EngineError> {
        let files = self.library.current().bundle(cadence);
        let Some(to) = to else {
            return files.ok_or_else(|| EngineError::missing("cadence", cadence));
        };
        if let Some(bundle) = files.filter(|bundle| bundle.hash == to) {
            return Ok(bundle);
        }
        let head = self.version_like(tx, to).await?;
        if head.cadence != cadence {
            let message = format!("version {to} is one of cadence `{}`, not of `{cadence}`", head.cadence);
            return Err(EngineError::Invalid { field: "version".to_owned(), message });
        }
        Ok(Arc::clone(&self.version(tx, &head.hash).await?.bundle))
    }

    /// A published version by the beginning of its hash.
    pub async fn version_like(&self, tx: &mut Tx, prefix: &str) -> Result<definition::Head, EngineError> {
        let is_hash = prefix.len() >= SHORTEST_HASH && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            let message = format!(
                "`{prefix}` is no version: give at least the first {SHORTEST_HASH} digits of its hash"
            );
            return Err(EngineError::Invalid { field: "version".to_owned(), message });
        }
        let mut found = definition::like(tx, &prefix.to_ascii_lowercase()).await?;
        if found.len() > 1 {
            let message = format!("several versions begin with {prefix}; give more digits");
            return Err(EngineError::Invalid { field: "version".to_owned(), message });
        }
        found.pop().ok_or_else(|| EngineError::missing("version", prefix))
    }

    /// The bundle of a published version, for comparing and showing.
    pub async fn published_bundle(&self, cadence: &str, version: &str) -> Result<Arc<Bundle>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let bundle = self.wanted(&mut tx, cadence, Some(version)).await;
        tx.rollback().await?;
        bundle
    }

    /// Hash of what new enrollments of a cadence get.
    pub async fn head_version(&self, cadence: &str) -> Result<Option<String>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let head = crate::store::publication::peek_head(&mut tx, cadence).await?;
        tx.rollback().await?;
        Ok(head.and_then(|head| head.version))
    }

    /// What new enrollments of a cadence get; `None` before the first publication, or when every version is withdrawn.
    pub async fn head_bundle(&self, cadence: &str) -> Result<Option<Arc<Bundle>>, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let version =
            crate::store::publication::peek_head(&mut tx, cadence).await?.and_then(|head| head.version);
        let bundle = match version {
            Some(hash) => Some(Arc::clone(&self.version(&mut tx, &hash).await?.bundle)),
            None => None,
        };
        tx.rollback().await?;
        Ok(bundle)
    }

    async fn published(
        &self,
        tx: &mut Tx,
        publication: &Publication,
        now: Instant,
    ) -> Result<(), EngineError> {
        let data = json!({
            "publicationId": publication.id, "cadenceId": publication.cadence, "kind": publication.kind, "mode": publication.mode,
            "map": publication.steps, "rate": publication.rate, "fromVersions": publication.from_versions,
        });
        let event = Event {
            id: self.ids.next::<EventId>(now),
            kind: "definition.published".to_owned(),
            lead_id: None,
            enrollment_id: None,
            attempt_id: None,
            campaign_id: None,
            at: now,
            version: publication.version.clone(),
            data,
            dedupe: None,
        };
        Ok(event::append(tx, &[event], now).await?)
    }
}

/// A hash as people read it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A version that people are still on.
type OldVersion = Arc<Version>;
