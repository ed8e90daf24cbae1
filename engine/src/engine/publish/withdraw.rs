//! Withdrawing a version: nobody gets it any more, and whoever has it stays, goes on in what takes its place, or ends.

use super::{DEFAULT_RATE, PublicationView, short};
use crate::definitions::diagnostic::suggestion;
use crate::definitions::model::cadence::Cadence;
use crate::domain::publication::{MapTo, Mode, Publication, PublicationKind, PublicationState, StepMap};
use crate::engine::{Engine, EngineError};
use crate::id::PublicationId;
use crate::store::publication::CadenceHead;
use crate::store::{definition, publication, standing};

/// What to withdraw, and what becomes of its people.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// (The beginning of) its hash.
    pub version: String,
    /// `pin`: they stay; `follow`, `migrate`: they go on in the version that takes its place; `end`: they end.
    pub running: Mode,
    pub steps: StepMap,
    pub rate: u32,
}

impl Withdrawal {
    pub fn new(version: impl Into<String>, running: Mode) -> Self {
        Self { version: version.into(), running, steps: StepMap::new(), rate: DEFAULT_RATE }
    }
}

impl Engine {
    /// Withdraws a version. New enrollments get the newest one that is left, or are refused when there is none.
    pub async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<PublicationView, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let version = self.version_like(&mut tx, &withdrawal.version).await?;
        let head = publication::lock_head(&mut tx, &version.cadence).await?;
        definition::set_withdrawn(&mut tx, &version.hash, Some(now)).await?;
        let head = match head {
            Some(head) if head.version.as_ref() == Some(&version.hash) => {
                let left = definition::versions(&mut tx, &version.cadence).await?;
                let newest =
                    left.into_iter().find(|other| other.withdrawn_at.is_none()).map(|other| other.hash);
                CadenceHead { version: newest, ..head }
            }
            Some(head) => head,
            None => CadenceHead { version: None, files: version.hash.clone() },
        };
        let moves = matches!(withdrawal.running, Mode::Follow | Mode::Migrate);
        if moves && head.version.is_none() {
            let message = format!(
                "version {} is the only one of cadence `{}`: its people can stay or end, but not move",
                short(&version.hash),
                version.cadence
            );
            return Err(EngineError::Conflict { code: "nothing-left", message });
        }
        if let (Mode::Migrate, Some(hash)) = (withdrawal.running, &head.version) {
            let new = self.version(&mut tx, hash).await?;
            check_targets(&new.bundle.cadence, &withdrawal.steps)?;
        }
        publication::set_head(&mut tx, &version.cadence, &head, now).await?;
        for other in publication::moving(&mut tx).await? {
            // Nobody is moved into a version that is withdrawn.
            if other.version.as_ref() == Some(&version.hash)
                && let Some(mut other) = publication::lock(&mut tx, other.id).await?
            {
                (other.state, other.finished_at) = (PublicationState::Superseded, Some(now));
                publication::progress(&mut tx, &other).await?;
            }
        }
        let people = standing::counts(&mut tx, std::slice::from_ref(&version.hash)).await?;
        let is_over = withdrawal.running == Mode::Pin || people.iter().all(|(_, people)| *people == 0);
        let publication = Publication {
            id: self.ids.next::<PublicationId>(now),
            cadence: version.cadence.clone(),
            kind: PublicationKind::Withdraw,
            version: head.version,
            mode: withdrawal.running,
            steps: withdrawal.steps.clone(),
            rate: withdrawal.rate.max(1),
            from_versions: vec![version.hash.clone()],
            state: if is_over { PublicationState::Done } else { PublicationState::Moving },
            cursor: None,
            moved: 0,
            ended: 0,
            pulled: 0,
            published_at: now,
            finished_at: is_over.then_some(now),
        };
        publication::insert(&mut tx, &publication).await?;
        self.published(&mut tx, &publication, now).await?;
        tx.commit().await?;
        Ok(PublicationView::from(publication))
    }
}

fn check_targets(new: &Cadence, steps: &StepMap) -> Result<(), EngineError> {
    let unknown = steps.values().filter_map(MapTo::step).find(|step| new.step(step).is_none());
    let Some(step) = unknown else { return Ok(()) };
    let known = new.steps.iter().map(|step| step.id.as_str());
    let help = suggestion(step, known).unwrap_or_default();
    let message = format!("the version that takes its place has no step `{step}`; {help}");
    Err(EngineError::Invalid { field: "map".to_owned(), message })
}
