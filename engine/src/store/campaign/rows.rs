//! The row of `campaigns`, both ways.

use chrono::NaiveDate;
use sqlx_macros::FromRow;

use crate::clock::{instant_from_micros, micros};
use crate::domain::campaign::Campaign;
use crate::domain::priority::Priority;
use crate::store::bulk::bulk_row;
use crate::store::error::StoreError;
use crate::time::zone::Zone;

macro_rules! campaign_row {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.key, c.name, c.status, c.zone, c.starts_on, c.ends_on, c.schedule, c.pacing, c.voice, c.consent_basis,
                    c.priority, c.caller_ids, c.agent_name, c.company, c.agent_number, c.continue_unrecorded, c.created_at,
                    c.updated_at, c.caller_pacing, c.caps ",
            $rest
        )
    };
}
pub(super) use campaign_row;

#[derive(Debug, FromRow)]
pub(super) struct CampaignRow {
    id: String,
    key: String,
    name: String,
    status: String,
    zone: String,
    starts_on: Option<String>,
    ends_on: Option<String>,
    schedule: Option<String>,
    pacing: String,
    voice: String,
    consent_basis: Option<String>,
    priority: i64,
    caller_ids: String,
    agent_name: String,
    company: String,
    agent_number: Option<String>,
    continue_unrecorded: i64,
    created_at: i64,
    updated_at: i64,
    caller_pacing: String,
    caps: String,
}

impl CampaignRow {
    /// Where it stands in a list.
    pub fn position(&self) -> (i64, &str) {
        (self.created_at, &self.id)
    }
}

bulk_row! {
    pub struct CampaignWrite {
        id: String,
        key: String,
        name: String,
        status: &'static str,
        zone: &'static str,
        starts_on: Option<NaiveDate>,
        ends_on: Option<NaiveDate>,
        schedule: Option<String>,
        pacing: String,
        voice: &'static str,
        consent_basis: Option<String>,
        priority: i64,
        caller_ids: String,
        agent_name: String,
        company: String,
        agent_number: Option<String>,
        continue_unrecorded: i64,
        created_at: i64,
        updated_at: i64,
        caller_pacing: String,
        caps: String,
    }
}

impl CampaignWrite {
    pub fn of(campaign: &Campaign) -> Result<Self, StoreError> {
        let bad = |column, e: serde_json::Error| StoreError::bad_row("campaigns", column, campaign.id, e);
        let schedule = campaign.schedule.as_ref().map(serde_json::to_string).transpose();
        let consent_basis = campaign.consent_basis.as_ref().map(serde_json::to_string).transpose();
        Ok(Self {
            id: campaign.id.to_string(),
            key: campaign.key.clone(),
            name: campaign.name.clone(),
            status: campaign.status.as_str(),
            zone: campaign.zone.name(),
            starts_on: campaign.starts_on,
            ends_on: campaign.ends_on,
            schedule: schedule.map_err(|e| bad("schedule", e))?,
            pacing: serde_json::to_string(&campaign.pacing).map_err(|e| bad("pacing", e))?,
            voice: campaign.voice.as_str(),
            consent_basis: consent_basis.map_err(|e| bad("consent_basis", e))?,
            priority: campaign.priority.rank(),
            caller_ids: serde_json::to_string(&campaign.caller_ids).map_err(|e| bad("caller_ids", e))?,
            agent_name: campaign.agent_name.clone(),
            company: campaign.company.clone(),
            agent_number: campaign.agent_number.clone(),
            continue_unrecorded: i64::from(campaign.continue_unrecorded),
            created_at: micros(campaign.created_at),
            updated_at: micros(campaign.updated_at),
            caller_pacing: serde_json::to_string(&campaign.caller_pacing)
                .map_err(|e| bad("caller_pacing", e))?,
            caps: serde_json::to_string(&campaign.caps).map_err(|e| bad("caps", e))?,
        })
    }
}

impl TryFrom<CampaignRow> for Campaign {
    type Error = StoreError;

    fn try_from(row: CampaignRow) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad =
            |column, problem: &dyn std::fmt::Display| StoreError::bad_row("campaigns", column, id, problem);
        let date = |text: &Option<String>| text.as_deref().map(str::parse::<NaiveDate>).transpose();
        let schedule = row.schedule.as_deref().map(serde_json::from_str).transpose();
        let consent_basis = row.consent_basis.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            status: row.status.parse().map_err(|e| bad("status", &e))?,
            zone: Zone::find(&row.zone).map_err(|e| bad("zone", &e))?,
            starts_on: date(&row.starts_on).map_err(|e| bad("starts_on", &e))?,
            ends_on: date(&row.ends_on).map_err(|e| bad("ends_on", &e))?,
            schedule: schedule.map_err(|e| bad("schedule", &e))?,
            pacing: serde_json::from_str(&row.pacing).map_err(|e| bad("pacing", &e))?,
            voice: row.voice.parse().map_err(|e| bad("voice", &e))?,
            consent_basis: consent_basis.map_err(|e| bad("consent_basis", &e))?,
            priority: Priority::from_rank(row.priority),
            caller_ids: serde_json::from_str(&row.caller_ids).map_err(|e| bad("caller_ids", &e))?,
            caller_pacing: serde_json::from_str(&row.caller_pacing).map_err(|e| bad("caller_pacing", &e))?,
            caps: serde_json::from_str(&row.caps).map_err(|e| bad("caps", &e))?,
            continue_unrecorded: row.continue_unrecorded != 0,
            created_at: instant_from_micros(row.created_at),
            updated_at: instant_from_micros(row.updated_at),
            key: row.key,
            name: row.name,
            agent_name: row.agent_name,
            company: row.company,
            agent_number: row.agent_number,
        })
    }
}
