//! Where a number may be: candidate time zones and jurisdictions, from the number and what is known of its owner.
//!
//! All that remain possible are kept and every one must allow a call. What is known narrows the set only when it agrees
//! with the number; when it disagrees (a mobile taken along in a move) both sides are kept.

mod data;

use serde::{Deserialize, Serialize};

use super::number::PhoneNumber;
use crate::rules::Jurisdiction;
use crate::time::zone::{UnknownZone, Zone};
use data::Places;

/// What a lead's record says about where the person is. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadPlace {
    pub zone: Option<Zone>,
    /// Two letters or the full English name; counts only for leads in the United States.
    pub us_state: Option<String>,
    /// ISO 3166, two letters.
    pub country: Option<String>,
    /// Postal code; in the United States it tells the state when `us_state` does not.
    pub postal: Option<String>,
}

/// One thing the candidates rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Evidence {
    /// The lead's own zone.
    LeadZone,
    /// The lead's state, as given or by postal code.
    LeadState {
        place: Jurisdiction,
    },
    LeadCountry {
        place: Jurisdiction,
    },
    /// The number's North American area code; `overlay_of` is the older code it shares its area with.
    AreaCode {
        code: u16,
        overlay_of: Option<u16>,
    },
    /// The number's country.
    NumberCountry {
        place: Jurisdiction,
    },
}

/// Why nothing is known. Nobody is called then; a lead's zone or state settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoZone {
    /// Toll-free and other numbers without a place: ask for a zone or an address.
    NotGeographic,
    /// A region that the zone table does not have.
    UnknownRegion,
}

/// Everything a number may be, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// A call must be allowed on the clock of every one; empty means no call.
    pub zones: Vec<Zone>,
    /// The rules of every one apply; empty means no call.
    pub jurisdictions: Vec<Jurisdiction>,
    /// What they rest on, strongest first.
    pub evidence: Vec<Evidence>,
    /// Set when `zones` is empty.
    pub problem: Option<NoZone>,
}

impl Candidates {
    /// Zone names, the form in which they are stored with a number.
    pub fn zone_names(&self) -> impl Iterator<Item = &'static str> {
        self.zones.iter().map(Zone::name)
    }
}

/// Zones and jurisdictions in which the owner of `number` may be.
///
/// An explicit zone among the number's replaces them, one outside joins them; the same for jurisdictions. An area code
/// stands for the zones of all its exchanges, an overlay for those of the code it overlays, a foreign number for all
/// zones of its country.
pub fn candidates(number: PhoneNumber, lead: &LeadPlace) -> Candidates {
    let places = Places::embedded();
    let (mut found, problem) = match of_number(places, number) {
        Ok(found) => (found, None),
        Err(problem) => (Candidates::default(), Some(problem)),
    };
    if let Some(address) = of_address(places, lead, &found) {
        found = merge(found, address);
    }
    if let Some(zone) = &lead.zone {
        found = pin(places, found, zone);
    }
    found.zones.sort();
    found.zones.dedup();
    found.jurisdictions.sort();
    found.jurisdictions.dedup();
    found.problem = if found.zones.is_empty() { problem.or(Some(NoZone::UnknownRegion)) } else { None };
    found
}

/// Every geographic area code of the United States' states and federal district, with its state.
pub fn us_area_codes() -> impl Iterator<Item = (u16, Jurisdiction)> {
    const TERRITORIES: [&str; 5] = ["AS", "GU", "MP", "PR", "VI"];
    Places::embedded()
        .areas()
        .filter(|(_, place)| place.country_code() == "US")
        .filter(|(_, place)| place.subdivision().is_some_and(|state| !TERRITORIES.contains(&state)))
}

/// Every zone in which some number of the North American plan (+1) rings: where a toll-free number may be.
pub fn north_american_zones() -> Vec<Zone> {
    Places::embedded().north_american()
}

/// Zones stored by name with a number. A name the bundled database no longer has is an error, not a smaller set.
pub fn candidates_from_names<S: AsRef<str>>(
    names: impl IntoIterator<Item = S>,
) -> Result<Vec<Zone>, UnknownZone> {
    names.into_iter().map(|name| Zone::find(name.as_ref())).collect()
}

fn of_number(places: &Places, number: PhoneNumber) -> Result<Candidates, NoZone> {
    if let Some(code) = number.us_area_code() {
        let area = places.area(code).ok_or(NoZone::NotGeographic)?;
        return Ok(Candidates {
            zones: area.zones.clone(),
            jurisdictions: vec![area.place],
            evidence: vec![Evidence::AreaCode { code, overlay_of: places.overlaid(code) }],
            problem: None,
        });
    }
    let region = number.region().ok_or(NoZone::NotGeographic)?;
    let place = Jurisdiction::country(&region).map_err(|_| NoZone::UnknownRegion)?;
    let zones = places.country(&region).ok_or(NoZone::UnknownRegion)?;
    Ok(Candidates {
        zones,
        jurisdictions: vec![place],
        evidence: vec![Evidence::NumberCountry { place }],
        problem: None,
    })
}

/// The lead's state, else the lead's country where it says more than the number does.
fn of_address(places: &Places, lead: &LeadPlace, number: &Candidates) -> Option<Candidates> {
    let country = lead.country.as_deref().map(str::trim).filter(|code| !code.is_empty());
    let is_american = country.is_none_or(|code| code.eq_ignore_ascii_case("US"));
    let state = if is_american {
        let named = lead.us_state.as_deref().and_then(|state| places.state(state));
        named.or_else(|| lead.postal.as_deref().and_then(|code| places.state_of_postal(code)))
    } else {
        country.and_then(|code| places.territory(code))
    };
    if let Some(place) = state {
        let evidence = vec![Evidence::LeadState { place }];
        return Some(Candidates {
            zones: places.zones_of(place),
            jurisdictions: vec![place],
            evidence,
            problem: None,
        });
    }
    let code = country?.to_ascii_uppercase();
    let place = Jurisdiction::country(&code).ok()?;
    let is_known = number.jurisdictions.iter().any(|known| known.whole_country() == place);
    // "Somewhere in the United States" does not settle a toll-free number: hours and clocks differ by state.
    if is_known || (is_american && number.jurisdictions.is_empty()) {
        return None;
    }
    let evidence = vec![Evidence::LeadCountry { place }];
    Some(Candidates { zones: places.country(&code)?, jurisdictions: vec![place], evidence, problem: None })
}

/// Address and number: the address narrows the number when both name the same place, and joins it when they differ.
fn merge(number: Candidates, address: Candidates) -> Candidates {
    let evidence = address.evidence.into_iter().chain(number.evidence).collect();
    let agrees = number.jurisdictions.iter().any(|place| address.jurisdictions.contains(place));
    if !agrees {
        let zones = number.zones.into_iter().chain(address.zones).collect();
        let jurisdictions = number.jurisdictions.into_iter().chain(address.jurisdictions).collect();
        return Candidates { zones, jurisdictions, evidence, problem: None };
    }
    let common: Vec<Zone> = number.zones.iter().filter(|zone| has(&address.zones, zone)).cloned().collect();
    let zones = if common.is_empty() { number.zones } else { common };
    Candidates { zones, jurisdictions: address.jurisdictions, evidence, problem: None }
}

fn pin(places: &Places, mut found: Candidates, zone: &Zone) -> Candidates {
    if found.zones.is_empty() || has(&found.zones, zone) {
        found.zones = vec![zone.clone()];
    } else {
        found.zones.push(zone.clone());
    }
    if found.jurisdictions.is_empty() {
        // A zone without a place: the law of every place that keeps this clock, so that nothing is widened.
        found.jurisdictions = places.places_in(zone);
    }
    found.evidence.insert(0, Evidence::LeadZone);
    found
}

fn has(zones: &[Zone], wanted: &Zone) -> bool {
    zones.iter().any(|zone| zone.same_clock(wanted))
}

#[cfg(test)]
mod tests;
