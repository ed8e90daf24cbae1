//! Protects from limits that do not do what they say: a limit that can never be reached, or that leaves steps uncalled.

use chrono::TimeDelta;

use super::super::diagnostic::{Findings, Place};
use super::super::model::cadence::StepAction;
use super::super::workspace::Workspace;
use super::CadenceFile;

pub fn cadence(_: &Workspace, file: &CadenceFile, findings: &mut Findings<'_>) {
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
