//! A campaign: purpose, schedule, limits, caller numbers and agent settings, shared by many enrollments.

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::cap::Cap;
use super::consent::Form;
use super::priority::Priority;
use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::CampaignId;
use crate::time::hours::Hours;
use crate::time::zone::Zone;

text_enum! {
    /// `Draft → Active ⇄ Paused → Ended`. Paused stops new dials within a second; calls in progress finish.
    pub enum CampaignStatus {
        Draft = "draft",
        Active = "active",
        Paused = "paused",
        Ended = "ended",
    }
}

text_enum! {
    /// Whose voice the called person hears: the law differs. A synthetic voice is artificial however natural it sounds (FCC 24-17).
    pub enum VoiceClass {
        Live = "live",
        Artificial = "artificial",
    }
}

/// A campaign as stored.
#[derive(Debug, Clone)]
pub struct Campaign {
    pub id: CampaignId,
    /// The outside system's own id (`campaign_new_lead`).
    pub key: String,
    pub name: String,
    pub status: CampaignStatus,
    /// Zone of the schedule, the dates and "per day".
    pub zone: Zone,
    pub starts_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    /// Hours in the campaign's zone; `None`: any hour the law allows.
    pub schedule: Option<Hours>,
    pub pacing: Pacing,
    pub voice: VoiceClass,
    pub consent_basis: Option<ConsentBasis>,
    pub priority: Priority,
    /// Numbers shown to the called person.
    pub caller_ids: Vec<String>,
    /// Limits of each of these numbers; calls that other campaigns make with it count too.
    pub caller_pacing: Pacing,
    /// Caps that hold for its calls beside those of the cadence.
    pub caps: Vec<Cap>,
    pub agent_name: String,
    pub company: String,
    /// Number to which a transfer to `agent` connects.
    pub agent_number: Option<String>,
    /// Go on without recording when recording consent is refused, instead of ending the call.
    pub continue_unrecorded: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Pacing limits. `None` means unlimited by the campaign.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Pacing {
    pub calls_per_second: Option<f64>,
    pub max_concurrent: Option<u32>,
    pub max_per_day: Option<u32>,
    /// Seconds between two calls of the campaign; fractions allowed.
    pub min_interval_s: Option<f64>,
    /// Agents to whom flows may hand people over: the campaign is throttled to them before too many are left alone (GATE-10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<u32>,
}

/// A manager's word that the campaign's leads agreed to be called (GATE-3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsentBasis {
    pub form: Form,
    /// Does it cover an artificial voice?
    pub covers_ai_voice: bool,
    /// What was attested, in words.
    pub statement: String,
    pub attested_by: String,
    pub attested_at: Instant,
}

impl Pacing {
    pub fn min_interval(&self) -> Option<TimeDelta> {
        self.min_interval_s.map(|s| TimeDelta::microseconds((s * 1e6) as i64))
    }
}
