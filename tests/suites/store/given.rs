//! Leads, campaigns and enrollments with sensible defaults; tests state only what matters to them.

use std::collections::BTreeMap;

use anyhow::Context as _;
use callwright_engine::clock::{Instant, micros};
use callwright_engine::domain::campaign::{Campaign, CampaignStatus, Pacing, VoiceClass};
use callwright_engine::domain::lead::Lead;
use callwright_engine::domain::new_lead::{NewLead, prepare};
use callwright_engine::domain::priority::Priority;
use callwright_engine::id::{AttemptId, CampaignId, EnrollmentId, IdSource, LeadId};
use callwright_engine::store::{Tx, attempt, campaign, definition, enrollment, lead};
use callwright_engine::time::Zone;
use chrono::{DateTime, TimeDelta};

pub const ALICE: &str = "+12024561111";
pub const BOB: &str = "+13034441234";

static IDS: std::sync::LazyLock<IdSource> = std::sync::LazyLock::new(|| IdSource::seeded(7));

/// 2026-09-21T13:46:40Z, a Monday.
pub fn now() -> Instant {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default()
}

pub fn after(seconds: i64) -> Instant {
    now() + TimeDelta::seconds(seconds)
}

pub fn ids() -> &'static IdSource {
    &IDS
}

pub fn id<T: From<uuid::Uuid>>() -> T {
    IDS.next(now())
}

pub fn described(external_id: &str, phone: &str) -> NewLead {
    NewLead {
        external_id: external_id.into(),
        phone: phone.into(),
        first_name: "Alice".into(),
        ..NewLead::default()
    }
}

/// Stores a lead as described.
pub async fn lead(tx: &mut Tx, new: &NewLead) -> anyhow::Result<Lead> {
    let lead = prepare(new, id(), now()).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
    lead::insert_many(tx, std::slice::from_ref(&lead)).await?;
    Ok(lead)
}

pub fn campaign(key: &str) -> anyhow::Result<Campaign> {
    Ok(Campaign {
        id: id(),
        key: key.to_owned(),
        name: "New leads".to_owned(),
        status: CampaignStatus::Active,
        zone: Zone::find("America/New_York")?,
        starts_on: None,
        ends_on: None,
        schedule: None,
        pacing: Pacing::default(),
        voice: VoiceClass::Artificial,
        consent_basis: None,
        priority: Priority::Medium,
        caller_ids: vec!["+12025550100".to_owned()],
        caller_pacing: Pacing::default(),
        caps: Vec::new(),
        agent_name: "Ava".to_owned(),
        company: "Acme".to_owned(),
        agent_number: None,
        continue_unrecorded: false,
        created_at: now(),
        updated_at: now(),
    })
}

/// A lead walking a cadence of a campaign, waiting since [`now`].
#[expect(clippy::struct_field_names, reason = "they are ids of three nouns")]
pub struct Walking {
    pub lead_id: LeadId,
    pub campaign_id: CampaignId,
    pub enrollment_id: EnrollmentId,
}

pub async fn walking(tx: &mut Tx, name: &str, phone: &str) -> anyhow::Result<Walking> {
    let lead_id = lead(tx, &described(name, phone)).await?.id;
    let campaign = campaign(name)?;
    campaign::create(tx, &campaign).await?;
    definition::publish(tx, "v1", "welcome", &BTreeMap::new(), now()).await?;
    let enrollment_id: EnrollmentId = id();
    let row = enrollment::NewRow {
        id: enrollment_id.to_string(),
        lead_id: lead_id.to_string(),
        campaign_id: campaign.id.to_string(),
        cadence: "welcome".to_owned(),
        entry_key: String::new(),
        version: "v1".to_owned(),
        step: "first".to_owned(),
        due_at: micros(now()),
        priority: Priority::Medium.rank(),
        variables: "{}".to_owned(),
        started_at: micros(now()),
    };
    let started = enrollment::insert_many(tx, &[row]).await?;
    started.first().context("the enrollment started")?;
    Ok(Walking { lead_id, campaign_id: campaign.id, enrollment_id })
}

/// A planned attempt of a walking lead, due at [`now`].
pub async fn planned(tx: &mut Tx, walking: &Walking, number: &str) -> anyhow::Result<AttemptId> {
    let attempt_id: AttemptId = id();
    let row = attempt::NewRow {
        id: attempt_id.to_string(),
        enrollment_id: walking.enrollment_id.to_string(),
        lead_id: walking.lead_id.to_string(),
        campaign_id: walking.campaign_id.to_string(),
        number: number.to_owned(),
        flow: "welcome".to_owned(),
        version: "v1".to_owned(),
        step: "first".to_owned(),
        visit: 1,
        attempt: 1,
        priority: Priority::Medium.rank(),
        due_at: micros(now()),
        valid_until: None,
        created_at: micros(now()),
    };
    attempt::insert_many(tx, &[row]).await?;
    Ok(attempt_id)
}
