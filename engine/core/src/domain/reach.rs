//! Under which number a lead is called and where that number may be: resolved once when a lead is written, so that
//! decisions need not ask the numbering plans again.

use super::lead::Lead;
use crate::phone::number::PhoneNumber;
use crate::phone::zones::{LeadPlace, candidates};
use crate::rules::Jurisdiction;
use crate::time::zone::Zone;

/// The called number of a lead and everything the gates need to know of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    pub number: Option<PhoneNumber>,
    /// The lead has numbers but none that may be called: why not, in kebab-case.
    pub invalid: Option<String>,
    /// Empty fails closed.
    pub zones: Vec<Zone>,
    /// Empty fails closed.
    pub jurisdictions: Vec<Jurisdiction>,
}

impl Reach {
    pub fn of(lead: &Lead) -> Self {
        let Some(number) = lead.callable().and_then(|phone| phone.number) else {
            let asked = lead.phones.iter().find(|phone| phone.is_primary).or_else(|| lead.phones.first());
            return Self { invalid: asked.and_then(|phone| phone.invalid.clone()), ..Self::default() };
        };
        let place = LeadPlace {
            zone: lead.zone.clone(),
            us_state: lead.region.clone(),
            country: lead.country.clone(),
            postal: None,
        };
        let found = candidates(number, &place);
        Self { number: Some(number), invalid: None, zones: found.zones, jurisdictions: found.jurisdictions }
    }
}
