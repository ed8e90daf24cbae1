//! Cadences: the list of steps with its splits becomes one flat list; names become indexes; the following step becomes
//! `next`.

use super::super::diagnostic::{Findings, Place};
use super::super::expression::Expression;
use super::super::model::cadence::{Cadence, CadenceHours, CadenceStep, ExitRule, Limits, Reentry};
use super::super::raw::cadence::{RawCadence, RawHolidays, RawHours, RawLimits, RawNeed};
use super::cadence_step::Compiler;
use super::layout::{flatten, report_duplicates};
use super::{condition, day_set, exact, item, parse};
use crate::domain::cap::{Cap, CapError};
use crate::domain::priority::Priority;
use crate::rules::Jurisdiction;
use crate::time::zone::Zone;
use crate::time::{DaySet, HolidayRule, Hours, LocalSpan};

/// A compiled cadence and where each of its steps stands in the file.
#[derive(Debug)]
pub struct Compiled {
    pub cadence: Cadence,
    /// JSON pointer of each step, by index.
    pub pointers: Vec<String>,
}

pub fn compile(raw: &RawCadence, findings: &mut Findings<'_>) -> Compiled {
    let mut flat = Vec::new();
    flatten(&raw.steps, "/steps", "", None, &mut flat);
    report_duplicates(&flat, findings);
    let mut compiler = Compiler { flat: &flat, findings };
    let compiled =
        (0..flat.len()).filter_map(|index| Some((compiler.step(index)?, flat[index].pointer.clone())));
    let (steps, pointers): (Vec<CadenceStep>, Vec<String>) = compiled.unzip();
    let (enter_when, reentry) = enter(findings, raw);
    let cadence = Cadence {
        key: raw.cadence.clone(),
        title: raw.title.clone(),
        targets: targets(findings, raw),
        enter_when,
        reentry,
        exits: exits(findings, raw),
        hours: raw.hours.as_ref().and_then(|raw| hours(findings, raw)),
        limits: raw.limits.as_ref().map(|raw| limits(findings, raw)).unwrap_or_default(),
        caps: raw.limits.as_ref().map(|raw| caps(findings, raw)).unwrap_or_default().into(),
        priority: raw.priority.unwrap_or(Priority::Medium),
        variables: raw
            .variables
            .iter()
            .flatten()
            .map(|(name, need)| (name.clone(), *need == RawNeed::Required))
            .collect(),
        steps,
    };
    Compiled { cadence, pointers }
}

fn targets(findings: &mut Findings<'_>, raw: &RawCadence) -> Vec<Jurisdiction> {
    let written = raw.targets.iter().flatten().enumerate();
    written
        .filter_map(|(index, text)| parse(findings, "unknown-place", &format!("/targets/{index}"), text))
        .collect()
}

fn enter(findings: &mut Findings<'_>, raw: &RawCadence) -> (Option<Expression>, Reentry) {
    let Some(enter) = &raw.enter else { return (None, Reentry::Never) };
    let when = condition(findings, "/enter/when", enter.when.as_deref());
    let reentry = match enter.again_after.as_deref() {
        None | Some("never") => Reentry::Never,
        Some("at_end") => Reentry::AfterEnd,
        Some(text) => exact(findings, "/enter/again_after", text).map_or(Reentry::Never, Reentry::After),
    };
    (when, reentry)
}

fn exits(findings: &mut Findings<'_>, raw: &RawCadence) -> Vec<ExitRule> {
    let rules = raw.exit.iter().flatten().enumerate().map(|(index, rule)| {
        if rule.when_event.is_none() && rule.condition.is_none() {
            findings
                .error(
                    "empty-exit",
                    Place::key(format!("/exit/{index}")),
                    "this exit rule would end every enrollment at once",
                )
                .help("add `when_event: EVENT` or `if: CONDITION`");
        }
        ExitRule {
            event: rule.when_event.clone(),
            condition: condition(findings, &format!("/exit/{index}/if"), rule.condition.as_deref()),
            result: rule.result.clone(),
            enroll: rule.enroll.clone(),
        }
    });
    rules.collect()
}

fn hours(findings: &mut Findings<'_>, raw: &RawHours) -> Option<CadenceHours> {
    let days = match &raw.days {
        Some(days) => day_set(findings, "/hours/days", days)?,
        None => DaySet::WEEKDAYS,
    };
    let spans = raw.between.as_slice().iter().enumerate().map(|(index, text)| {
        let at = item(&raw.between, "/hours/between", index);
        let span: LocalSpan = parse(findings, "bad-hours", &at, text)?;
        Some((days, span.from(), span.until()))
    });
    let spans: Option<Vec<_>> = spans.collect();
    let holidays = match raw.holidays {
        Some(RawHolidays::Call) => HolidayRule::Call,
        _ => HolidayRule::Skip,
    };
    let zone = match raw.zone.as_deref() {
        None | Some("lead") => None,
        Some(name) => match Zone::find(name) {
            Ok(zone) => Some(zone),
            Err(error) => {
                findings.error("unknown-zone", Place::value("/hours/zone"), error.to_string());
                return None;
            }
        },
    };
    match Hours::new(&spans?, holidays) {
        Ok(hours) => Some(CadenceHours { hours, zone }),
        Err(error) => {
            findings.error("bad-hours", Place::value("/hours/between"), error.to_string());
            None
        }
    }
}

fn limits(findings: &mut Findings<'_>, raw: &RawLimits) -> Limits {
    let gap = raw.gap.as_deref().and_then(|text| exact(findings, "/limits/gap", text));
    Limits { per_day: raw.per_day, per_week: raw.per_week, total: raw.total, gap }
}

fn caps(findings: &mut Findings<'_>, raw: &RawLimits) -> Vec<Cap> {
    let written = raw.caps.iter().flatten().enumerate();
    written
        .filter_map(|(index, written)| {
            let CapError { field, message } = match written.read() {
                Ok(cap) => return Some(cap),
                Err(error) => error,
            };
            let at = format!("/limits/caps/{index}");
            let is_there = match field {
                "calls" => true,
                "within" => written.within.is_some(),
                _ => written.each.is_some(),
            };
            let place = if is_there { Place::value(format!("{at}/{field}")) } else { Place::value(at) };
            findings
                .error("bad-cap", place, if is_there { message } else { format!("`{field}` {message}") })
                .help("write `{ calls: 3, within: 24 hours, per: account }` or `{ calls: 1, each: day, per: lead }`");
            None
        })
        .collect()
}
