//! A lead: a person we may call. A customer is a lead with purchases; a lead without a phone is kept but never called.

use std::collections::BTreeMap;

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::LeadId;
use crate::phone::number::PhoneNumber;
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;

text_enum! {
    /// Where a lead stands. `OptedOut` absorbs: only a manager with evidence reverses it.
    pub enum LeadStatus {
        Cold = "cold",
        Contacted = "contacted",
        Trial = "trial",
        Customer = "customer",
        Unresponsive = "unresponsive",
        OptedOut = "opted_out",
    }
}

text_enum! {
    /// Market segment.
    pub enum Segment {
        SoloDevs = "solo_devs",
        Agencies = "agencies",
        Enterprise = "enterprise",
    }
}

/// A lead as stored.
#[derive(Debug, Clone)]
pub struct Lead {
    pub id: LeadId,
    pub external_id: Option<String>,
    /// The household or company it belongs to, by the outside system's id: caps may count its calls together.
    pub account_id: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub segment: Option<Segment>,
    pub status: LeadStatus,
    /// Language code (`en`, `hi-Latn`, …).
    pub language: String,
    /// The zone the lead or the CRM named; narrows or widens the number's own set.
    pub zone: Option<Zone>,
    /// ISO 3166 alpha-2 country.
    pub country: Option<String>,
    /// US state or other subdivision, from an address.
    pub region: Option<String>,
    /// As written by the CRM, and as understood.
    pub preferred_text: Option<String>,
    pub preferred: Option<PreferredTime>,
    pub do_not_call: bool,
    pub do_not_email: bool,
    pub score: i64,
    pub tags: Vec<String>,
    pub custom: BTreeMap<String, serde_json::Value>,
    /// Made by demo or simulation: real providers refuse to dial it.
    pub synthetic: bool,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub last_contacted_at: Option<Instant>,
    pub phones: Vec<Phone>,
}

/// One number of a lead. At most one is primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// As given; kept so that an unreadable number can be corrected by people.
    pub given: String,
    /// `None` when the text is not a callable number; `invalid` says why (kebab-case).
    pub number: Option<PhoneNumber>,
    pub invalid: Option<String>,
    pub is_primary: bool,
}

impl Lead {
    /// The number calls go to: the primary one if it can be called, else the first that can.
    pub fn callable(&self) -> Option<&Phone> {
        let usable = |phone: &&Phone| phone.number.is_some() && phone.invalid.is_none();
        self.phones
            .iter()
            .filter(|phone| phone.is_primary)
            .find(usable)
            .or_else(|| self.phones.iter().find(usable))
    }

    pub fn full_name(&self) -> String {
        [self.first_name.as_deref(), self.last_name.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }
}
