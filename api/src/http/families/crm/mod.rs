//! The CRM family: leads, events, cadences, enrollments, campaigns, consents, suppressions, imports (CRM-1 … CRM-6).
//! Bare JSON objects, camelCase. Ids are ours or the CRM's own, wherever one is asked for.
#![expect(unused_qualifications, reason = "utoipa's macro spells out the paths of parameter types")]

pub mod cadences;
pub mod campaign_body;
pub mod campaigns;
pub mod consents;
pub mod enrollments;
pub mod event_fields;
pub mod events;
pub mod imports;
pub mod lead_body;
pub mod leads;
pub mod opt_in;
pub mod person;
pub mod records;
pub mod suppressions;

use callwright_engine::id::{CampaignId, LeadId};
use callwright_engine::store::{Tx, campaign, lead};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::error::{Answer, ApiError};

/// A lead by our id or the CRM's.
pub(in crate::http) async fn lead_id(tx: &mut Tx, id: &str) -> Answer<LeadId> {
    lead::resolve(tx, id).await?.ok_or_else(|| ApiError::not_found("lead", id))
}

/// A campaign by our id or its key.
pub(in crate::http) async fn campaign_id(tx: &mut Tx, id: &str) -> Answer<CampaignId> {
    campaign::resolve(tx, id).await?.ok_or_else(|| {
        let error = ApiError::not_found("campaign", id);
        error.with_details(serde_json::json!({ "help": "`callwright campaign create KEY` or POST /api/v1/crm/campaigns makes one" }))
    })
}

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Rows per page, 1 to 100.
    pub limit: Option<u32>,
    /// `next` of the previous page.
    pub cursor: Option<String>,
}

/// Rows per page when nothing is said, and at most.
pub const PAGE: (u32, u32) = (20, 100);

pub(in crate::http) fn limit(asked: Option<u32>) -> Answer<u32> {
    match asked.unwrap_or(PAGE.0) {
        limit if (1..=PAGE.1).contains(&limit) => Ok(limit),
        _ => Err(ApiError::field("limit", format!("a page has 1 to {} rows", PAGE.1))),
    }
}

pub(in crate::http) fn cursor(text: Option<&str>) -> Answer<Option<callwright_engine::store::page::Cursor>> {
    text.map(|text| text.parse().map_err(|error| ApiError::field("cursor", format!("`{text}` {error}"))))
        .transpose()
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// `cursor` of the next page; `null` on the last.
    pub next: Option<String>,
}

impl<T> Listed<T> {
    pub(in crate::http) fn of<R>(
        page: callwright_engine::store::page::Page<R>,
        shape: impl FnMut(R) -> T,
    ) -> Self {
        let next = page.next.map(|next| next.to_string());
        Self { items: page.items.into_iter().map(shape).collect(), next }
    }
}
