//! Protects rest. The law's rule (GATE-5): the calling hours of every jurisdiction that may apply, on the clock of every zone
//! the called person may be in, and for a minute longer than now. Nothing overrides it, a promised call back neither. Unknown
//! zone, unknown law, or holidays beyond the calendar: the gate stops.

use super::GUARD;
use super::look::{Moment, names};
use crate::clock::Instant;
use crate::decide::snapshot::PhoneFacts;
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::phone::number::LineType;
use crate::rules::LegalRule;
use crate::time::window::Position;
use crate::time::zone::Zone;

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let zones = moment.zones();
    if zones.is_empty() {
        return nowhere(moment);
    }
    let (mut closes, mut opens): (Option<Instant>, Option<Instant>) = (None, None);
    let mut facts = String::new();
    for legal in moment.legal() {
        let rule = match legal {
            Ok(rule) => rule,
            Err(problem) => return missing(moment, || problem.to_string()),
        };
        if rule.hours.minds_holidays()
            && !moment.look.rules.knows_holidays_on(zones[0].local(moment.now).date)
        {
            return missing(moment, || "holidays are not listed that far ahead".to_owned());
        }
        match rule.hours.position(zones, &rule.holidays, moment.now, GUARD) {
            Position::Inside { closes: end } => closes = Some(closes.map_or(end, |known| known.min(end))),
            Position::Outside { opens: start } => {
                opens = opens.max(Some(start));
                facts = moment.facts(|| words(rule, zones));
            }
            Position::Never => {
                return GateReport::stop(Gate::LegalHours, Reason::NoCommonWindow)
                    .because(moment.facts(|| words(rule, zones)));
            }
        }
    }
    match (opens, closes) {
        (Some(opens), _) => {
            GateReport::defer(Gate::LegalHours, Reason::OutsideLegalHours, opens).because(facts)
        }
        (None, Some(closes)) => GateReport::pass(Gate::LegalHours).valid_until(closes),
        (None, None) => GateReport::stop(Gate::LegalHours, Reason::RuleMissing),
    }
}

/// A toll-free number may ring anywhere in its numbering plan, and no hour is a calling hour everywhere.
fn nowhere(moment: &Moment<'_>) -> GateReport {
    let is_toll_free = matches!(&moment.snapshot.phone,
        PhoneFacts::Callable { number, .. } if number.line_type() == LineType::TollFree);
    let (reason, words) = if is_toll_free {
        (
            Reason::NoCommonWindow,
            "a toll-free number may ring anywhere; the lead's zone or address settles it",
        )
    } else {
        (Reason::ZoneUnknown, "neither the number nor the lead says where the person is")
    };
    GateReport::stop(Gate::LegalHours, reason).because(moment.facts(|| words.to_owned()))
}

fn missing(moment: &Moment<'_>, why: impl FnOnce() -> String) -> GateReport {
    GateReport::stop(Gate::LegalHours, Reason::RuleMissing).because(moment.facts(why))
}

fn words(rule: &LegalRule, zones: &[Zone]) -> String {
    let cited: Vec<String> =
        rule.citations.iter().map(|cited| format!("{} ({})", cited.rule_id, cited.citation)).collect();
    format!("{} in {}; {}", rule.hours, names(zones), cited.join("; "))
}
