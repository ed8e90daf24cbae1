//! Planning and claiming in one transaction: where little is due, whoever is goes out one commit later, not two.
//!
//! All that a claim promises holds: every gate is asked again behind the locks of the numbers, and nobody may be asked before
//! the intent has committed. A crash in between leaves neither plan nor intent.

use super::again::unless_deadlocked;
use super::claim::{Claimed, Wanting};
use super::plan::PlanReport;
use super::{Engine, EngineError};
use crate::metrics::Tally;
use crate::provider::Provider;

impl Engine {
    /// [`Engine::plan`] and [`Engine::claim`], both or neither.
    pub async fn plan_and_claim(
        &self,
        limit: u32,
        provider: &dyn Provider,
        owner: &str,
    ) -> Result<(PlanReport, Claimed), EngineError> {
        let wanting = Wanting { limit, provider, owner, holds_rows: true };
        let both = || unless_deadlocked("plan and claim", || Box::pin(self.both(wanting)));
        self.unless_unreadable(both).await
    }

    async fn both(&self, wanting: Wanting<'_>) -> Result<(PlanReport, Claimed), EngineError> {
        let mut tx = self.db.begin().await?;
        let at = self.time.now_and_speed(&mut tx).await?;
        let (planned, of_plan) = self.plan_in(&mut tx, wanting.limit, at.0).await?;
        let (claimed, of_claim) = self.claim_in(&mut tx, wanting, at).await?;
        if of_plan.is_none() && of_claim.is_none() {
            tx.rollback().await?;
            return Ok((planned, claimed));
        }
        tx.commit().await?;
        let count = |tally: Option<Tally>, provider| {
            if let Some(tally) = tally {
                self.metrics.committed(&tally, provider);
            }
        };
        count(of_plan, "");
        count(of_claim, wanting.provider.name());
        Ok((planned, claimed))
    }
}
