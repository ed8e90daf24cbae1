//! Respects when a person likes to be called (GATE-6), on the clock they named, else on every clock they may have. Their own
//! wish, so a later one wins: a call back at the time they asked for in a call passes. No wish on file passes; without a
//! known clock the gate stops.

use super::GUARD;
use super::look::Moment;
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::time::holiday::HolidayCalendar;
use crate::time::window::Position;

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let Some(wish) = moment.snapshot.lead.preferred.as_deref().filter(|_| !moment.snapshot.promised) else {
        return GateReport::pass(Gate::PreferredTime);
    };
    let zones = wish.zone.as_ref().map_or(moment.zones(), std::slice::from_ref);
    if zones.is_empty() {
        return GateReport::stop(Gate::PreferredTime, Reason::ZoneUnknown);
    }
    match wish.hours.position(zones, &HolidayCalendar::none(), moment.now, GUARD) {
        Position::Inside { closes } => GateReport::pass(Gate::PreferredTime).valid_until(closes),
        Position::Outside { opens } => {
            GateReport::defer(Gate::PreferredTime, Reason::OutsidePreferredTime, opens)
                .because(moment.facts(|| wish.to_string()))
        }
        Position::Never => GateReport::stop(Gate::PreferredTime, Reason::NoCommonWindow)
            .because(moment.facts(|| wish.to_string())),
    }
}
