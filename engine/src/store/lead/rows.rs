//! The rows of `leads` and `phones`, both ways.

use sqlx_macros::FromRow;

use crate::clock::{instant_from_micros, micros};
use crate::domain::lead::{Lead, Phone, Segment};
use crate::domain::reach::Reach;
use crate::phone::number::PhoneNumber;
use crate::store::bulk::bulk_row;
use crate::store::error::StoreError;
use crate::time::zone::Zone;

macro_rules! lead_row {
    ($rest:literal) => {
        concat!(
            "SELECT l.id, l.external_id, l.email, l.first_name, l.last_name, l.company, l.segment, l.status, l.language, l.zone,
                    l.country, l.region, l.preferred_text, l.preferred, l.do_not_call, l.do_not_email, l.score, l.tags, l.custom,
                    l.synthetic, l.created_at, l.updated_at, l.last_contacted_at, l.account_id ",
            $rest
        )
    };
}
pub(super) use lead_row;

#[derive(Debug, FromRow)]
pub(super) struct LeadRow {
    pub id: String,
    external_id: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    company: Option<String>,
    segment: Option<String>,
    status: String,
    language: String,
    zone: Option<String>,
    country: Option<String>,
    region: Option<String>,
    preferred_text: Option<String>,
    preferred: Option<String>,
    do_not_call: i64,
    do_not_email: i64,
    score: i64,
    tags: String,
    custom: String,
    synthetic: i64,
    created_at: i64,
    pub updated_at: i64,
    last_contacted_at: Option<i64>,
    account_id: Option<String>,
}

#[derive(Debug, FromRow)]
pub(super) struct PhoneRow {
    pub lead_id: String,
    given: String,
    number: Option<String>,
    invalid: Option<String>,
    is_primary: i64,
}

bulk_row! {
    /// A lead as written, with what its called number resolves to.
    pub struct LeadWrite {
        id: String,
        external_id: Option<String>,
        email: Option<String>,
        first_name: Option<String>,
        last_name: Option<String>,
        company: Option<String>,
        segment: Option<&'static str>,
        status: &'static str,
        language: String,
        zone: Option<&'static str>,
        country: Option<String>,
        region: Option<String>,
        preferred_text: Option<String>,
        preferred: Option<String>,
        do_not_call: i64,
        do_not_email: i64,
        score: i64,
        tags: String,
        custom: String,
        synthetic: i64,
        phone: Option<String>,
        phone_invalid: Option<String>,
        phone_zones: String,
        phone_jurisdictions: String,
        created_at: i64,
        updated_at: i64,
        last_contacted_at: Option<i64>,
        account_id: Option<String>,
    }
}

bulk_row! {
    pub struct PhoneWrite {
        lead_id: String,
        position: i64,
        given: String,
        number: Option<String>,
        invalid: Option<String>,
        is_primary: i64,
    }
}

impl LeadWrite {
    pub fn of(lead: &Lead) -> Result<Self, StoreError> {
        let bad = |column, problem: serde_json::Error| StoreError::bad_row("leads", column, lead.id, problem);
        let reach = Reach::of(lead);
        let zones: Vec<&str> = reach.zones.iter().map(Zone::name).collect();
        let preferred = lead.preferred.as_ref().map(serde_json::to_string).transpose();
        Ok(Self {
            id: lead.id.to_string(),
            external_id: lead.external_id.clone(),
            email: lead.email.clone(),
            first_name: lead.first_name.clone(),
            last_name: lead.last_name.clone(),
            company: lead.company.clone(),
            segment: lead.segment.map(Segment::as_str),
            status: lead.status.as_str(),
            language: lead.language.clone(),
            zone: lead.zone.as_ref().map(Zone::name),
            country: lead.country.clone(),
            region: lead.region.clone(),
            preferred_text: lead.preferred_text.clone(),
            preferred: preferred.map_err(|e| bad("preferred", e))?,
            do_not_call: i64::from(lead.do_not_call),
            do_not_email: i64::from(lead.do_not_email),
            score: lead.score,
            tags: serde_json::to_string(&lead.tags).map_err(|e| bad("tags", e))?,
            custom: serde_json::to_string(&lead.custom).map_err(|e| bad("custom", e))?,
            synthetic: i64::from(lead.synthetic),
            phone: reach.number.map(PhoneNumber::e164),
            phone_invalid: reach.invalid,
            phone_zones: serde_json::to_string(&zones).map_err(|e| bad("phone_zones", e))?,
            phone_jurisdictions: serde_json::to_string(&reach.jurisdictions)
                .map_err(|e| bad("phone_jurisdictions", e))?,
            created_at: micros(lead.created_at),
            updated_at: micros(lead.updated_at),
            last_contacted_at: lead.last_contacted_at.map(micros),
            account_id: lead.account_id.clone(),
        })
    }
}

/// The numbers of a lead as rows.
pub(super) fn phone_writes(lead: &Lead) -> impl Iterator<Item = PhoneWrite> {
    lead.phones.iter().zip(0_i64..).map(|(phone, position)| PhoneWrite {
        lead_id: lead.id.to_string(),
        position,
        given: phone.given.clone(),
        number: phone.number.map(PhoneNumber::e164),
        invalid: phone.invalid.clone(),
        is_primary: i64::from(phone.is_primary),
    })
}

impl TryFrom<LeadRow> for Lead {
    type Error = StoreError;

    fn try_from(row: LeadRow) -> Result<Self, StoreError> {
        let id = &row.id;
        let bad = |column, problem: &dyn std::fmt::Display| StoreError::bad_row("leads", column, id, problem);
        let zone = row.zone.as_deref().map(Zone::find).transpose().map_err(|e| bad("zone", &e))?;
        let preferred = row.preferred.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id: id.parse().map_err(|e| bad("id", &e))?,
            segment: row.segment.as_deref().map(str::parse).transpose().map_err(|e| bad("segment", &e))?,
            status: row.status.parse().map_err(|e| bad("status", &e))?,
            zone,
            preferred: preferred.map_err(|e| bad("preferred", &e))?,
            do_not_call: row.do_not_call != 0,
            do_not_email: row.do_not_email != 0,
            tags: serde_json::from_str(&row.tags).map_err(|e| bad("tags", &e))?,
            custom: serde_json::from_str(&row.custom).map_err(|e| bad("custom", &e))?,
            synthetic: row.synthetic != 0,
            created_at: instant_from_micros(row.created_at),
            updated_at: instant_from_micros(row.updated_at),
            last_contacted_at: row.last_contacted_at.map(instant_from_micros),
            external_id: row.external_id,
            account_id: row.account_id,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            company: row.company,
            language: row.language,
            country: row.country,
            region: row.region,
            preferred_text: row.preferred_text,
            score: row.score,
            phones: Vec::new(),
        })
    }
}

impl TryFrom<PhoneRow> for Phone {
    type Error = StoreError;

    fn try_from(row: PhoneRow) -> Result<Self, StoreError> {
        let number = row.number.as_deref().map(PhoneNumber::e164_only).transpose();
        Ok(Self {
            number: number.map_err(|e| StoreError::bad_row("phones", "number", &row.lead_id, e))?,
            given: row.given,
            invalid: row.invalid,
            is_primary: row.is_primary != 0,
        })
    }
}
