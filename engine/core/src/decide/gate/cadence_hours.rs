//! Keeps a cadence to the hours its author chose, on the lead's clocks or in a fixed zone. The author's rule, so a promised
//! call back passes. A cadence without hours leaves it to the law and the campaign; without a known clock the gate stops.

use super::GUARD;
use super::look::{Moment, names};
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::time::holiday::HolidayCalendar;
use crate::time::window::Position;

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let Some(cadence) = moment.snapshot.cadence_hours.as_deref().filter(|_| !moment.snapshot.promised) else {
        return GateReport::pass(Gate::CadenceHours);
    };
    let zones = cadence.zone.as_ref().map_or(moment.zones(), std::slice::from_ref);
    if zones.is_empty() {
        return GateReport::stop(Gate::CadenceHours, Reason::ZoneUnknown);
    }
    let holidays = if cadence.hours.minds_holidays() { moment.holidays() } else { HolidayCalendar::none() };
    let words = || moment.facts(|| format!("{} in {}", cadence.hours, names(zones)));
    match cadence.hours.position(zones, &holidays, moment.now, GUARD) {
        Position::Inside { closes } => GateReport::pass(Gate::CadenceHours).valid_until(closes),
        Position::Outside { opens } => {
            GateReport::defer(Gate::CadenceHours, Reason::OutsideCadenceHours, opens).because(words())
        }
        Position::Never => GateReport::stop(Gate::CadenceHours, Reason::NoCommonWindow).because(words()),
    }
}
