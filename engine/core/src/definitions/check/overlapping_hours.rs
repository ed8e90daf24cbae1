//! Protects from hours that contradict themselves: two stretches of one day that overlap are a typing mistake.

use super::super::diagnostic::{Findings, Place};
use super::{CadenceFile, Scope};
use crate::time::LocalSpan;

pub fn cadence(_: &Scope<'_>, file: &CadenceFile, findings: &mut Findings<'_>) {
    let Some(hours) = &file.raw.hours else { return };
    let spans: Vec<LocalSpan> =
        hours.between.as_slice().iter().filter_map(|text| text.parse().ok()).collect();
    for (index, span) in spans.iter().enumerate() {
        if spans[..index].iter().any(|other| other.from() < span.until() && span.from() < other.until()) {
            findings
                .error(
                    "overlapping-hours",
                    Place::value(format!("/hours/between/{index}")),
                    format!("{span} overlaps with another stretch"),
                )
                .label("already covered in part");
        }
    }
    if file.model.hours.as_ref().is_some_and(|hours| hours.hours.is_never()) {
        findings.error("empty-hours", Place::key("/hours"), "with these hours nobody is ever called");
    }
}
