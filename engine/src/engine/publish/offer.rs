//! Offering what the files say: published for new enrollments when its content is news, and never over the head of somebody
//! who decided otherwise since. The same content again, after a restart too, decides nothing.

use crate::clock::Instant;
use crate::definitions::bundle::Bundle;
use crate::domain::publication::{Mode, Publication, PublicationKind, PublicationState};
use crate::engine::publish::{DEFAULT_RATE, short};
use crate::engine::{Engine, EngineError};
use crate::id::PublicationId;
use crate::store::publication::{self, CadenceHead};
use crate::store::{Tx, definition};

impl Engine {
    /// Takes note of a cadence's files; answers what new enrollments get from now on.
    pub(in crate::engine) async fn offer(
        &self,
        tx: &mut Tx,
        bundle: &Bundle,
        now: Instant,
    ) -> Result<CadenceHead, EngineError> {
        let key = bundle.cadence.key.as_str();
        definition::publish(tx, &bundle.hash, key, &bundle.sources, now).await?;
        let head = publication::lock_head(tx, key).await?;
        if let Some(head) = head.as_ref().filter(|head| head.files == bundle.hash) {
            return Ok(head.clone());
        }
        let withdrawn =
            definition::like(tx, &bundle.hash).await?.iter().any(|found| found.withdrawn_at.is_some());
        let version = match head.and_then(|head| head.version) {
            before if withdrawn => {
                tracing::warn!(
                    cadence = key,
                    version = short(&bundle.hash),
                    "the files hold a version that was withdrawn: it is not published again; `callwright plan` and `apply` can"
                );
                before
            }
            Some(before) if before == bundle.hash => Some(before),
            _ => {
                let publication = self.files_published(bundle, now);
                publication::insert(tx, &publication).await?;
                self.published(tx, &publication, now).await?;
                publication.version
            }
        };
        let head = CadenceHead { version, files: bundle.hash.clone() };
        publication::set_head(tx, key, &head, now).await?;
        Ok(head)
    }

    fn files_published(&self, bundle: &Bundle, now: Instant) -> Publication {
        Publication {
            id: self.ids.next::<PublicationId>(now),
            cadence: bundle.cadence.key.clone(),
            kind: PublicationKind::Files,
            version: Some(bundle.hash.clone()),
            mode: Mode::Pin,
            steps: std::collections::BTreeMap::new(),
            rate: DEFAULT_RATE,
            from_versions: Vec::new(),
            state: PublicationState::Done,
            cursor: None,
            moved: 0,
            ended: 0,
            pulled: 0,
            published_at: now,
            finished_at: Some(now),
        }
    }
}
