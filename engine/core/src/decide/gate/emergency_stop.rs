//! Keeps calls from going out while somebody has stopped them: everywhere, in a place, of a campaign, or from a caller number.
//! The operator's own rule, and nothing passes it: no promise, no consent. It holds for messages too. Only people end it, so
//! it puts off and ends nothing; a search ahead looks at what would bind afterwards. A campaign with several caller numbers
//! goes on with those that are not stopped.

use chrono::TimeDelta;

use super::look::Moment;
use crate::decide::snapshot::PhoneFacts;
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::domain::emergency::{EmergencyStop, Scope};

/// How often it is looked whether people have lifted a stop; lifting one frees at once whom it put off.
const RECHECK: TimeDelta = TimeDelta::minutes(5);

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let stops = &moment.snapshot.emergency_stops;
    if moment.look.assume_cleared || stops.is_empty() {
        return GateReport::pass(Gate::EmergencyStop);
    }
    let Some(stop) = stops.iter().find(|stop| holds(moment, stop, stops)) else {
        return GateReport::pass(Gate::EmergencyStop);
    };
    let words = moment.facts(|| {
        let since = stop.stopped_at.format("%Y-%m-%d %H:%M UTC");
        format!("calls {} are stopped since {since} by {}: {}", stop.scope, stop.stopped_by, stop.reason)
    });
    GateReport::defer(Gate::EmergencyStop, Reason::EmergencyStopped, moment.now + RECHECK).because(words)
}

fn holds(moment: &Moment<'_>, stop: &EmergencyStop, all: &[EmergencyStop]) -> bool {
    let campaign = moment.snapshot.campaign.as_ref().map(|facts| &facts.campaign);
    match &stop.scope {
        Scope::Everywhere => true,
        Scope::Jurisdiction(_) => match &moment.snapshot.phone {
            PhoneFacts::Callable { jurisdictions, .. } => stop.scope.is_in(jurisdictions),
            PhoneFacts::None | PhoneFacts::Invalid(_) => false,
        },
        Scope::Campaign(id) => campaign.is_some_and(|campaign| campaign.id == *id),
        // A message shows no caller number.
        Scope::Caller(number) if moment.look.message.is_none() => campaign.is_some_and(|campaign| {
            let number = number.e164();
            campaign.caller_ids.contains(&number)
                && campaign.caller_ids.iter().all(|caller| is_stopped(caller, all))
        }),
        Scope::Caller(_) => false,
    }
}

/// Is this caller number (E.164) stopped by one of `stops`?
pub fn is_stopped(caller: &str, stops: &[EmergencyStop]) -> bool {
    stops.iter().any(|stop| matches!(&stop.scope, Scope::Caller(number) if number.e164() == caller))
}
