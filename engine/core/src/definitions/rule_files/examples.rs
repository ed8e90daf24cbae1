//! Protects from hours that mean something else than their author thinks: every rule with hours brings examples just inside and
//! just outside of them, and they come true.

use super::super::diagnostic::{Findings, Place};
use super::{RulesOf, Scope};
use crate::time::zone::Zone;

pub(super) fn check(scope: &Scope<'_>, file: &RulesOf<'_>, findings: &mut Findings<'_>) {
    // Examples are times on a wall; any zone without gaps reads them alike.
    let Ok(zone) = Zone::find("UTC") else { return };
    let holidays = scope.shipped.holidays(file.place);
    for (pointer, rule) in file.rules() {
        let Some(hours) = &rule.hours else {
            if !rule.vectors.is_empty() {
                findings
                    .error(
                        "example-fails",
                        Place::key(format!("{pointer}/vectors")),
                        format!("rule `{}` has no hours on which its examples could be tried", rule.id),
                    )
                    .help("add `hours`, or take the examples out");
            }
            continue;
        };
        for (index, vector) in rule.vectors.iter().enumerate() {
            let allows = hours.contains(&zone, &holidays, vector.local.and_utc());
            if allows == vector.allowed {
                continue;
            }
            let day = holidays.name_on(vector.local.date()).map(|name| format!(", which is {name}"));
            let when = vector.local.format("%A %Y-%m-%d %H:%M");
            findings
                .error(
                    "example-fails",
                    Place::value(format!("{pointer}/vectors/{index}/allowed")),
                    format!(
                        "rule `{}` {} call on {when}{}",
                        rule.id,
                        if allows { "allows a" } else { "allows no" },
                        day.unwrap_or_default()
                    ),
                )
                .label(format!("says {}", vector.allowed))
                .help(format!("its hours are {hours}"));
        }
        let sides = [(true, "just inside"), (false, "just outside")];
        let always = hours.is_always();
        for (side, words) in sides {
            let is_there = rule.vectors.iter().any(|vector| vector.allowed == side);
            if !is_there && (!always || side) {
                findings
                    .error(
                        "missing-example",
                        Place::value(format!("{pointer}/id")),
                        format!("rule `{}` has no example {words} of its hours", rule.id),
                    )
                    .help(format!("add `vectors: [{{ local: 2026-01-14T09:00, allowed: {side} }}]`"));
            }
        }
    }
}
