//! Protects from limits that do not do what they say: a limit that can never be reached, or that leaves steps uncalled.

use chrono::{TimeDelta, Weekday};

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepAction;
use super::{CadenceFile, Scope};
use crate::domain::cap::{CalendarSpan, Cap, CapScope, CapSpan};
use crate::time::DaySet;

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let limits = file.model.limits;
    if let (Some(day), Some(week)) = (limits.per_day, limits.per_week)
        && day > week
    {
        findings
            .error(
                "impossible-cap",
                Place::value("/limits/per_day"),
                format!("{day} calls a day are never reached with {week} a week"),
            )
            .label("more than `per_week`");
    }
    if let (Some(week), Some(total)) = (limits.per_week, limits.total)
        && week > total
    {
        findings
            .warning(
                "impossible-cap",
                Place::value("/limits/per_week"),
                format!("{week} calls a week are never reached with {total} in all"),
            )
            .label("more than `total`");
    }
    if let (Some(day), Some(gap)) = (limits.per_day, limits.gap)
        && let Some(needed) = i32::try_from(day.saturating_sub(1)).ok().and_then(|gaps| gap.checked_mul(gaps))
        && needed >= TimeDelta::days(1)
    {
        findings
            .error(
                "impossible-cap",
                Place::value("/limits/per_day"),
                format!("{day} calls a day do not fit with this `gap` between them"),
            )
            .label("never reached")
            .help("lower `per_day`, or shorten `gap`");
    }
    against_hours(file, findings);
    further_caps(file, findings);
    let Some(total) = limits.total else { return };
    let retries =
        file.model.steps.iter().zip(&file.pointers).filter_map(|(step, pointer)| match &step.action {
            StepAction::Call(call) => Some((pointer, call)),
            _ => None,
        });
    for (pointer, call) in retries {
        for (outcome, rule) in call.outcomes.iter().filter(|(_, rule)| rule.retry >= total) {
            findings
                .error(
                    "impossible-cap",
                    Place::value(format!("{pointer}/then/{outcome}/retry")),
                    format!("{} calls of this step never fit into `total: {total}`", rule.retry + 1),
                )
                .label("more than `limits.total` allows")
                .help("lower `retry`, or raise `total`");
        }
    }
}

/// Further caps that another one of the cadence, or its `per_day` and `per_week`, always comes before.
fn further_caps(file: &CadenceFile, findings: &mut Findings<'_>) {
    let limits = file.model.limits;
    let for_lead = |calls, span| Cap { calls, span, per: CapScope::Lead };
    let own = [
        limits.per_day.map(|calls| for_lead(calls, CapSpan::Rolling(TimeDelta::days(1)))),
        limits.per_week.map(|calls| for_lead(calls, CapSpan::Rolling(TimeDelta::days(7)))),
    ];
    // From the file rather than the model, which leaves out what cannot be read: places count what is written.
    let written = file.raw.limits.iter().flat_map(|limits| limits.caps.iter().flatten()).enumerate();
    let caps: Vec<(usize, Cap)> =
        written.filter_map(|(index, written)| Some((index, written.read().ok()?))).collect();
    for (index, cap) in &caps {
        let others = caps.iter().filter(|(other, _)| other != index).map(|(_, other)| *other);
        let Some(first) = own.into_iter().flatten().chain(others).find(|other| comes_before(other, cap))
        else {
            continue;
        };
        findings
            .warning(
                "impossible-cap",
                Place::value(format!("/limits/caps/{index}")),
                format!("`{cap}` is never reached beside `{first}`"),
            )
            .label("never reached");
    }
}

/// Is `cap` never reached because of `other`: as few calls of the same people, in as long a time or a longer one?
fn comes_before(other: &Cap, cap: &Cap) -> bool {
    let is_longer = match (other.span, cap.span) {
        (CapSpan::Rolling(other), CapSpan::Rolling(own)) => other >= own,
        (CapSpan::Calendar(other), CapSpan::Calendar(own)) => other >= own,
        // Any 25 hours hold every calendar day, also the one on which clocks are set back.
        (CapSpan::Rolling(other), CapSpan::Calendar(CalendarSpan::Day)) => other >= TimeDelta::hours(25),
        (CapSpan::Rolling(other), CapSpan::Calendar(CalendarSpan::Week)) => other >= TimeDelta::hours(169),
        (CapSpan::Calendar(_), CapSpan::Rolling(_)) => false,
    };
    // Not every lead has an account, so a cap for accounts comes before no other.
    other.per == cap.per && is_longer && other != cap && other.calls <= cap.calls
}

/// Limits that the cadence's own hours are too short for.
fn against_hours(file: &CadenceFile, findings: &mut Findings<'_>) {
    let (limits, Some(hours)) = (file.model.limits, &file.model.hours) else { return };
    let spans = hours.hours.spans();
    let days: Vec<DaySet> = spans.iter().map(|span| span.days).collect();
    let week = (0..7_u8).filter_map(|day| Weekday::try_from(day).ok());
    let open_days = week.filter(|day| days.iter().any(|set| set.contains(*day))).count() as u32;
    if let (Some(day), Some(gap)) = (limits.per_day, limits.gap)
        && gap < TimeDelta::days(1)
    {
        let first = spans.iter().map(|span| span.from.minutes()).min().unwrap_or(0);
        let last = spans.iter().map(|span| span.until.minutes()).max().unwrap_or(0);
        let needed = gap.num_minutes() * i64::from(day.saturating_sub(1));
        if needed >= i64::from(last.saturating_sub(first)) && needed < 24 * 60 {
            findings
                .warning(
                    "impossible-cap",
                    Place::value("/limits/per_day"),
                    format!("{day} calls a day do not fit into these hours with this `gap` between them"),
                )
                .label("never reached")
                .help("lower `per_day`, shorten `gap`, or widen `hours`");
        }
    }
    if let (Some(day), Some(week)) = (limits.per_day, limits.per_week)
        && open_days > 0
        && week > day.saturating_mul(open_days)
    {
        let days = if open_days == 1 { "1 day".to_owned() } else { format!("{open_days} days") };
        findings
            .warning(
                "impossible-cap",
                Place::value("/limits/per_week"),
                format!("{week} calls a week are never reached with {day} a day on {days}"),
            )
            .label("never reached");
    }
}
