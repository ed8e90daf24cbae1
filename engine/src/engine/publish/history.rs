//! The versions of a cadence, who is on them, and what was done when.

use serde::Serialize;

use crate::clock::Instant;
use crate::domain::publication::{Mode, Publication, PublicationKind, PublicationState, StepMap};
use crate::engine::{Engine, EngineError};
use crate::id::PublicationId;
use crate::store::{definition, publication, standing};

/// Publications shown.
const SHOWN: u32 = 50;

/// Everything there was of a cadence.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CadenceHistory {
    pub cadence_id: String,
    /// What new enrollments get; none: nobody may enroll.
    pub head: Option<String>,
    /// The newest first.
    pub versions: Vec<VersionView>,
    /// The newest first, at most fifty.
    pub publications: Vec<PublicationView>,
}

/// A version and its people.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    pub version: String,
    pub first_published_at: Instant,
    pub withdrawn_at: Option<Instant>,
    /// New enrollments get this one.
    pub is_head: bool,
    /// People under way in it.
    pub running: u64,
}

/// What was published, and how far its people have been moved.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicationView {
    pub publication_id: PublicationId,
    pub cadence_id: String,
    pub kind: PublicationKind,
    /// What new enrollments got from then on.
    pub version: Option<String>,
    pub mode: Mode,
    pub map: StepMap,
    /// People a minute who became due at once.
    pub rate: u32,
    pub from_versions: Vec<String>,
    pub state: PublicationState,
    pub moved: u64,
    pub ended: u64,
    /// Whose wait was over by the new version.
    pub at_once: u64,
    pub published_at: Instant,
    pub finished_at: Option<Instant>,
}

impl From<Publication> for PublicationView {
    fn from(of: Publication) -> Self {
        Self {
            publication_id: of.id,
            cadence_id: of.cadence,
            kind: of.kind,
            version: of.version,
            mode: of.mode,
            map: of.steps,
            rate: of.rate,
            from_versions: of.from_versions,
            state: of.state,
            moved: of.moved,
            ended: of.ended,
            at_once: of.pulled,
            published_at: of.published_at,
            finished_at: of.finished_at,
        }
    }
}

impl Engine {
    /// Versions and publications of a cadence.
    pub async fn history(&self, cadence: &str) -> Result<CadenceHistory, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let found = definition::versions(&mut tx, cadence).await?;
        if found.is_empty() {
            return Err(EngineError::missing("published cadence", cadence));
        }
        let head = publication::peek_head(&mut tx, cadence).await?.and_then(|head| head.version);
        let hashes: Vec<String> = found.iter().map(|version| version.hash.clone()).collect();
        let counts = standing::counts(&mut tx, &hashes).await?;
        let publications = publication::of_cadence(&mut tx, cadence, SHOWN).await?;
        tx.rollback().await?;
        let running = |hash: &str| counts.iter().find(|(of, _)| of == hash).map_or(0, |(_, people)| *people);
        let versions = found.into_iter().map(|version| VersionView {
            is_head: head.as_ref() == Some(&version.hash),
            running: running(&version.hash),
            version: version.hash,
            first_published_at: version.published_at,
            withdrawn_at: version.withdrawn_at,
        });
        Ok(CadenceHistory {
            cadence_id: cadence.to_owned(),
            versions: versions.collect(),
            head,
            publications: publications.into_iter().map(PublicationView::from).collect(),
        })
    }

    /// How far a publication has come.
    pub async fn publication(&self, id: PublicationId) -> Result<PublicationView, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let found = publication::find(&mut tx, id).await?;
        tx.rollback().await?;
        found.map(PublicationView::from).ok_or_else(|| EngineError::missing("publication", id))
    }
}
