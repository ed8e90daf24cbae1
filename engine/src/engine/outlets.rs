//! Where messages and endpoint calls may go, and what exactly is sent. A step without its outlet is skipped with a reason:
//! nothing is queued for nobody.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::batch::Batch;
use super::{Engine, EngineError, context};
use crate::clock::Instant;
use crate::decide::gate;
use crate::decide::verdict::Verdict;
use crate::definitions::context::in_language;
use crate::definitions::template::RenderLimits;
use crate::domain::consent::Purpose;
use crate::domain::lead::LeadStatus;
use crate::id::EnrollmentId;
use crate::store::{campaign, walk};

/// What this process is configured to reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlets {
    /// A message provider is there.
    pub messages: bool,
    /// Endpoints that `webhook` steps may name.
    pub endpoints: BTreeSet<String>,
}

/// Set once, before anything is planned.
#[derive(Debug, Default)]
pub(super) struct Configured(OnceLock<Outlets>);

/// A message that a cadence wants sent; the payload of its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageOrder {
    pub enrollment_id: EnrollmentId,
    pub step: String,
    /// Pinned version whose script holds the words.
    pub version: String,
    pub channel: String,
    pub script: String,
    pub text: String,
}

/// An endpoint that a cadence wants called; the payload of its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointOrder {
    pub enrollment_id: EnrollmentId,
    pub step: String,
    pub endpoint: String,
}

/// A message ready to be sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingMessage {
    pub enrollment_id: EnrollmentId,
    pub lead_id: crate::id::LeadId,
    pub step: String,
    pub channel: String,
    /// E.164 number, or an e-mail address.
    pub to: String,
    pub language: String,
    pub text: String,
}

/// What has become of a message when it is about to be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Composed {
    Ready(Box<OutgoingMessage>),
    /// Not at this hour, or not while the campaign is paused.
    NotBefore(Instant),
    /// The lead has opted out, is suppressed or has no address any more.
    NotAnyMore,
}

impl Engine {
    /// Says what this process can reach. The first word counts.
    pub fn set_outlets(&self, outlets: Outlets) {
        if self.outlets.0.set(outlets).is_err() {
            tracing::warn!("outlets were set already; the first ones stay");
        }
    }

    pub(super) fn outlets(&self) -> &Outlets {
        self.outlets.0.get_or_init(Outlets::default)
    }

    /// The words and the address of a message, right before it is sent. Whatever protects people from messages is asked again:
    /// the job may have waited for hours, and somebody may have said stop meanwhile.
    pub async fn compose(&self, order: &MessageOrder) -> Result<Composed, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let walk = walk::find(&mut tx, order.enrollment_id).await?;
        let walk = walk.ok_or_else(|| EngineError::missing("enrollment", order.enrollment_id))?;
        let campaign = campaign::by_ids(&mut tx, &[walk.enrollment.campaign_id]).await?.pop();
        let version = self.version(&mut tx, &order.version).await?;
        let batch = Batch::load(self, &mut tx, std::slice::from_ref(&walk), now).await?;
        tx.rollback().await?;
        let purpose = if order.channel == "email" { Purpose::Email } else { Purpose::Sms };
        let snapshot = batch.snapshot(self, &walk, &version)?;
        match gate::decide_contact(&snapshot, &self.rules, purpose, now).verdict {
            Verdict::Proceed(_) => {}
            Verdict::Defer { until, .. } => return Ok(Composed::NotBefore(until)),
            Verdict::Stop { .. } => return Ok(Composed::NotAnyMore),
        }
        let to = if order.channel == "email" { walk.lead.email.clone() } else { walk.lead.phone.clone() };
        let Some(to) = to.filter(|_| !walk.lead.do_not_call && walk.lead.status != LeadStatus::OptedOut)
        else {
            return Ok(Composed::NotAnyMore);
        };
        let script = version.bundle.scripts.get(&order.script);
        let found = script.and_then(|script| script.text_with_language(&walk.lead.language, &order.text));
        let (language, template) =
            found.ok_or_else(|| EngineError::missing("text", format!("{}/{}", order.script, order.text)))?;
        let variables = context::variables(&walk, campaign.as_ref());
        let values = in_language(&crate::definitions::context::value(&variables), language);
        let text = template
            .render(&values, RenderLimits::default())
            .map_err(|e| EngineError::Invalid { field: order.text.clone(), message: e.to_string() })?;
        Ok(Composed::Ready(Box::new(OutgoingMessage {
            enrollment_id: order.enrollment_id,
            lead_id: walk.lead.id,
            step: order.step.clone(),
            channel: order.channel.clone(),
            to,
            language: language.to_owned(),
            text,
        })))
    }

    /// What an endpoint is told: the enrollment's variables as they are now.
    pub async fn endpoint_body(&self, order: &EndpointOrder) -> Result<Value, EngineError> {
        let mut tx = self.db.begin().await?;
        let walk = walk::by_ids(&mut tx, &[order.enrollment_id]).await?.pop();
        let walk = walk.ok_or_else(|| EngineError::missing("enrollment", order.enrollment_id))?;
        let campaign = campaign::by_ids(&mut tx, &[walk.enrollment.campaign_id]).await?.pop();
        tx.rollback().await?;
        let mut body = context::variables(&walk, campaign.as_ref());
        if let Value::Object(fields) = &mut body {
            fields.insert("enrollmentId".to_owned(), serde_json::json!(order.enrollment_id));
            fields.insert("step".to_owned(), serde_json::json!(order.step));
        }
        Ok(body)
    }
}
