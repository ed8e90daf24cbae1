//! Applying a plan: one record, at once for new enrollments; the others are moved in batches (`moving`).

use super::plan::PublicationPlan;
use super::token::{NONE, Token};
use super::{PublicationView, PublishRequest, short};
use crate::clock::Instant;
use crate::definitions::bundle::Bundle;
use crate::domain::publication::{Mode, Publication, PublicationKind, PublicationState};
use crate::engine::{Engine, EngineError};
use crate::id::PublicationId;
use crate::store::publication::CadenceHead;
use crate::store::{Tx, definition, publication};

impl Engine {
    /// Publishes what the token's plan planned, unless things are no longer as they were then.
    pub async fn apply_publication(&self, token: &str) -> Result<PublicationView, EngineError> {
        let token = Token::read(token)?;
        let request = token.request();
        request.check()?;
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        // Whoever enrolls meanwhile waits for us, and gets the new version.
        let head = publication::lock_head(&mut tx, &request.cadence).await?;
        let bundle = self.to_apply(&mut tx, &token).await?;
        if request.mode != Mode::Pin {
            publication::supersede(&mut tx, &request.cadence, now).await?;
        }
        let (plan, from_versions) = self.planned(&mut tx, &request, &bundle, now).await?;
        still_as_planned(&token, &plan)?;
        let files = head.map_or_else(|| bundle.hash.clone(), |head| head.files);
        let publication = self.publish_now(
            &mut tx,
            &request,
            &bundle,
            CadenceHead { version: None, files },
            from_versions,
            now,
        );
        let publication = publication.await?;
        tx.commit().await?;
        Ok(PublicationView::from(publication))
    }

    async fn to_apply(&self, tx: &mut Tx, token: &Token) -> Result<std::sync::Arc<Bundle>, EngineError> {
        match self.wanted(tx, &token.cadence, Some(&token.version)).await {
            Err(EngineError::Missing { .. }) => Err(EngineError::Conflict {
                code: "plan-outdated",
                message: format!(
                    "the files no longer hold version {}, and it was never published: plan again",
                    short(&token.version)
                ),
            }),
            other => other,
        }
    }

    async fn publish_now(
        &self,
        tx: &mut Tx,
        request: &PublishRequest,
        bundle: &Bundle,
        head: CadenceHead,
        from_versions: Vec<String>,
        now: Instant,
    ) -> Result<Publication, EngineError> {
        definition::publish(tx, &bundle.hash, &request.cadence, &bundle.sources, now).await?;
        // Who publishes a withdrawn version by hand means it.
        definition::set_withdrawn(tx, &bundle.hash, None).await?;
        let version = Some(bundle.hash.clone());
        publication::set_head(tx, &request.cadence, &CadenceHead { version: version.clone(), ..head }, now)
            .await?;
        let is_over = from_versions.is_empty();
        let publication = Publication {
            id: self.ids.next::<PublicationId>(now),
            cadence: request.cadence.clone(),
            kind: PublicationKind::Apply,
            version,
            mode: request.mode,
            steps: request.steps.clone(),
            rate: request.rate,
            from_versions,
            state: if is_over { PublicationState::Done } else { PublicationState::Moving },
            cursor: None,
            moved: 0,
            ended: 0,
            pulled: 0,
            published_at: now,
            finished_at: is_over.then_some(now),
        };
        publication::insert(tx, &publication).await?;
        self.published(tx, &publication, now).await?;
        Ok(publication)
    }
}

fn still_as_planned(token: &Token, plan: &PublicationPlan) -> Result<(), EngineError> {
    let head = plan.head.as_deref().map_or(NONE, short);
    let mut differences = Vec::new();
    if head != token.head {
        differences
            .push(format!("new enrollments got version {} when planned, and get {head} now", token.head));
    }
    differences.extend(plan.problems.iter().cloned());
    differences.extend(token.numbers.differences(plan.numbers()));
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!("things have changed since the plan: {}; plan again", differences.join("; "));
    Err(EngineError::Conflict { code: "plan-outdated", message })
}
