//! From stored rows to the pure core's view of an enrollment, and back from its faults.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::advance::{Fault, WalkState};
use crate::rules::Jurisdiction;
use crate::store::standing::Waiting;
use crate::store::walk::{LeadOnFile, Walk};
use crate::time::holiday::HolidayCalendar;
use crate::time::preferred::PreferredTime;
use crate::time::window::Position;
use crate::time::zone::Zone;

impl Engine {
    /// The enrollment as cadence advance sees it. The display zone serves dates and "wait until".
    pub(super) fn walk_state(&self, walk: &Walk) -> Result<WalkState, EngineError> {
        Ok(WalkState {
            lead_id: walk.lead.id,
            position: walk.enrollment.position.clone(),
            waiting_event: walk.enrollment.wait_event.clone(),
            placed: walk.enrollment.placed,
            zone: self.display_zone(walk)?,
            holidays: self.holidays(walk),
        })
    }

    /// The same zone and holidays for somebody of whom no more was read.
    pub(super) fn place_of(&self, waiting: &Waiting) -> Result<(Zone, HolidayCalendar), EngineError> {
        let zone = zone_of(waiting.zone.as_deref(), || self.interned.zones_in(&waiting.phone_zones, "?"))?;
        let places = self.interned.jurisdictions_in(&waiting.phone_jurisdictions, "?").unwrap_or_default();
        Ok((zone, self.holidays_of(&places)))
    }

    /// The zone the lead or the CRM named, else the first candidate of its number, else UTC.
    fn display_zone(&self, walk: &Walk) -> Result<Zone, EngineError> {
        self.zone_of_lead(&walk.lead)
    }

    pub(super) fn zone_of_lead(&self, lead: &LeadOnFile) -> Result<Zone, EngineError> {
        zone_of(lead.zone.as_deref(), || self.interned.zones(lead))
    }

    /// When the lead likes to be called.
    pub(super) fn preferred_of(&self, lead: &LeadOnFile) -> Result<Option<Arc<PreferredTime>>, EngineError> {
        self.interned.preferred(lead)
    }

    /// Public holidays of the lead's first jurisdiction: days that are no business days.
    fn holidays(&self, walk: &Walk) -> HolidayCalendar {
        self.holidays_of(&self.interned.jurisdictions(&walk.lead).unwrap_or_default())
    }

    fn holidays_of(&self, places: &[Jurisdiction]) -> HolidayCalendar {
        places.first().map_or_else(HolidayCalendar::none, |place| self.rules.holidays(*place))
    }

    /// When a callee who asked for a call back is called again: the time they named, read in their zone, else the flow's delay.
    pub(super) fn call_back_at(
        &self,
        walk: &Walk,
        after_s: Option<i64>,
        said: Option<&str>,
        ended_at: Instant,
    ) -> Option<Instant> {
        let zone = self.display_zone(walk).ok()?;
        let named = said.and_then(|text| {
            let preferred = PreferredTime::parse(text, walk.lead.country.as_deref(), Some(&zone)).ok()?;
            let zones = [preferred.zone.clone().unwrap_or_else(|| zone.clone())];
            match preferred.hours.position(&zones, &self.holidays(walk), ended_at, TimeDelta::zero()) {
                Position::Outside { opens } => Some(opens),
                // They are talking to us inside the time they named: they mean the next one.
                Position::Inside { closes } => {
                    match preferred.hours.position(&zones, &self.holidays(walk), closes, TimeDelta::zero()) {
                        Position::Outside { opens } => Some(opens),
                        _ => None,
                    }
                }
                Position::Never => None,
            }
        });
        named.or_else(|| after_s.map(|seconds| ended_at + TimeDelta::seconds(seconds)))
    }
}

fn zone_of(
    named: Option<&str>,
    candidates: impl FnOnce() -> Result<Arc<[Zone]>, EngineError>,
) -> Result<Zone, EngineError> {
    if let Some(zone) = named.and_then(|name| Zone::find(name).ok()) {
        return Ok(zone);
    }
    Ok(candidates()?.first().cloned().unwrap_or(
        Zone::find("UTC")
            .map_err(|e| EngineError::Invalid { field: "zone".to_owned(), message: e.to_string() })?,
    ))
}

/// A fault of the pinned definition, as an error of the shell.
pub(super) fn fault(walk: &Walk, fault: &Fault) -> EngineError {
    EngineError::Version { version: walk.enrollment.version.clone(), problem: fault.to_string() }
}
