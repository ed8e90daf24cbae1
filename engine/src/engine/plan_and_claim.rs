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
use crate::store::number_lock;

impl Engine {
    /// [`Engine::plan`] and [`Engine::claim`], both or neither.
    pub async fn plan_and_claim(
        &self,
        limit: u32,
        provider: &dyn Provider,
        owner: &str,
    ) -> Result<(PlanReport, Claimed), EngineError> {
        let wanting = Wanting { limit, provider, owner };
        let both = || unless_deadlocked("plan and claim", || Box::pin(self.both(wanting)));
        match self.unless_unreadable(both).await? {
            (planned, Some(claimed)) => Ok((planned, claimed)),
            // The claim waits in line for the import to end, with empty hands.
            (planned, None) => Ok((planned, Box::pin(self.claim(limit, provider, owner)).await?)),
        }
    }

    /// No claim: an import keeps claims out, and was not waited for.
    async fn both(&self, wanting: Wanting<'_>) -> Result<(PlanReport, Option<Claimed>), EngineError> {
        let mut tx = self.db.begin().await?;
        let at = self.time.now_and_speed(&mut tx).await?;
        let (planned, of_plan) = self.plan_in(&mut tx, wanting.limit, at.0).await?;
        if of_plan.is_none() {
            number_lock::share_all(&mut tx).await?;
        } else if !number_lock::try_share_all(&mut tx).await? {
            // It may be waiting for a row that was just planned.
            tx.commit().await?;
            self.count(of_plan, "");
            return Ok((planned, None));
        }
        let (claimed, of_claim) = self.claim_in(&mut tx, wanting, at).await?;
        if of_plan.is_none() && of_claim.is_none() {
            tx.rollback().await?;
            return Ok((planned, Some(claimed)));
        }
        tx.commit().await?;
        self.count(of_plan, "");
        self.count(of_claim, wanting.provider.name());
        Ok((planned, Some(claimed)))
    }

    fn count(&self, tally: Option<Tally>, provider: &str) {
        if let Some(tally) = tally {
            self.metrics.committed(&tally, provider);
        }
    }
}
