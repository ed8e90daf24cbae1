//! What a call is made of: put together in one place, for the claim that has a permit and for people who only want to look.

use std::sync::Arc;

use super::{Engine, EngineError, context};
use crate::definitions::library::Bundle;
use crate::domain::campaign::Campaign;
use crate::domain::enrollment::{Enrollment, EnrollmentState, Position};
use crate::domain::priority::Priority;
use crate::id::{AttemptId, CampaignId, EnrollmentId, LeadId};
use crate::phone::number::PhoneNumber;
use crate::provider::Package;
use crate::store::walk::{self, LeadOnFile, Walk};
use crate::store::{Tx, campaign};

/// Longest call when the flow does not say.
const LONGEST_S: u32 = 300;

/// Which try of which step it is, and between which numbers.
#[derive(Debug, Clone)]
pub struct Call {
    pub attempt_id: AttemptId,
    pub flow: String,
    pub step: String,
    pub visit: u32,
    pub attempt: u32,
    pub from: Option<PhoneNumber>,
    pub to: PhoneNumber,
}

/// Everything the provider is to know about a call. Reads nothing but its arguments.
pub fn of(call: Call, walk: &Walk, campaign: Option<&Campaign>, bundle: &Arc<Bundle>) -> Package {
    Package {
        attempt_id: call.attempt_id,
        enrollment_id: Some(walk.enrollment.id),
        campaign_id: walk.enrollment.campaign_id,
        to: call.to,
        from: call.from,
        max_duration_s: bundle.flows.get(&call.flow).map_or(LONGEST_S, |flow| flow.max_duration_s),
        flow: call.flow,
        bundle: Arc::clone(bundle),
        language: walk.lead.language.clone(),
        variables: context::variables(walk, campaign),
        synthetic: walk.lead.synthetic,
        step: call.step,
        visit: call.visit,
        attempt: call.attempt,
        complete: None,
    }
}

impl Engine {
    /// The package of the next call with `flow` to a lead, without calling, claiming or writing anything. A lead that is
    /// walking a cadence with this flow is shown with its enrollment, in its version; any other as if called once.
    /// Ids that only a real call would have are zero.
    pub async fn preview(
        &self,
        lead: LeadId,
        flow: &str,
        campaign: Option<CampaignId>,
    ) -> Result<Package, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let package = self.preview_in(&mut tx, lead, flow, campaign).await;
        tx.rollback().await?;
        package
    }

    async fn preview_in(
        &self,
        tx: &mut Tx,
        lead: LeadId,
        flow: &str,
        campaign: Option<CampaignId>,
    ) -> Result<Package, EngineError> {
        let on_file =
            walk::leads(tx, &[lead]).await?.pop().ok_or_else(|| EngineError::missing("lead", lead))?;
        let to = number(&on_file)?;
        for walk in walk::all_of_lead(tx, lead).await?.into_iter().rev() {
            let is_wanted = campaign.is_none_or(|wanted| wanted == walk.enrollment.campaign_id);
            if walk.enrollment.state == EnrollmentState::Ended || !is_wanted {
                continue;
            }
            let version = self.version(tx, &walk.enrollment.version).await?;
            if version.bundle.flows.contains_key(flow) {
                let campaign = campaign::find(tx, walk.enrollment.campaign_id).await?;
                return Ok(preview(to, flow, &walk, campaign.as_ref(), &version.bundle));
            }
        }
        let bundle =
            self.library.current().flow_bundle(flow).ok_or_else(|| EngineError::missing("flow", flow))?;
        let campaign = match campaign {
            Some(id) => campaign::find(tx, id).await?,
            None => None,
        };
        let walk = made_up(on_file, &bundle, campaign.as_ref());
        Ok(preview(to, flow, &walk, campaign.as_ref(), &bundle))
    }
}

fn number(lead: &LeadOnFile) -> Result<PhoneNumber, EngineError> {
    let phone = lead.phone.as_deref().and_then(|phone| PhoneNumber::e164_only(phone).ok());
    phone.ok_or_else(|| EngineError::Invalid {
        field: "lead".to_owned(),
        message: "the lead has no number that can be called".to_owned(),
    })
}

fn preview(
    to: PhoneNumber,
    flow: &str,
    walk: &Walk,
    campaign: Option<&Campaign>,
    bundle: &Arc<Bundle>,
) -> Package {
    let position = &walk.enrollment.position;
    let callers = campaign.iter().flat_map(|campaign| &campaign.caller_ids);
    let call = Call {
        attempt_id: AttemptId::default(),
        flow: flow.to_owned(),
        step: position.step.clone(),
        visit: position.visit,
        attempt: position.attempt,
        from: callers.into_iter().find_map(|number| PhoneNumber::e164_only(number).ok()),
        to,
    };
    of(call, walk, campaign, bundle)
}

/// As the lead would stand at the single step of a single call.
fn made_up(lead: LeadOnFile, bundle: &Bundle, campaign: Option<&Campaign>) -> Walk {
    let step = bundle.cadence.steps.first().map(|step| step.id.clone()).unwrap_or_default();
    let enrollment = Enrollment {
        id: EnrollmentId::default(),
        lead_id: lead.id,
        campaign_id: campaign.map(|campaign| campaign.id).unwrap_or_default(),
        cadence: bundle.cadence.key.clone(),
        version: bundle.hash.clone(),
        state: EnrollmentState::Waiting,
        position: Position {
            step,
            visit: 1,
            attempt: 1,
            due_since: crate::clock::Instant::UNIX_EPOCH,
            promised: false,
        },
        due_at: None,
        wait_event: None,
        priority: Priority::Medium,
        variables: serde_json::json!({}),
        placed: 0,
        started_at: crate::clock::Instant::UNIX_EPOCH,
    };
    Walk { enrollment, lead, verdict: None, hold: None, result: None, entry_key: String::new() }
}
