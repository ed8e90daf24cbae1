//! From the written shape to the checked model: names become indexes, texts become templates, lengths become times.
//! Every problem of a file is reported; a file with errors yields no model.

pub mod cadence;
mod cadence_step;
pub mod flow;
pub mod include;
mod layout;
pub mod script;
pub mod test;

pub(super) use cadence_step::ACTIONS;

use std::str::FromStr;

use super::diagnostic::{Findings, Place};
use super::expression::Expression;
use super::language::Mistake;
use super::raw::OneOrMany;
use crate::time::DaySet;
use crate::time::duration::Delay;

/// Compiles a condition or value; a problem is reported at `pointer`.
fn expression(findings: &mut Findings<'_>, pointer: &str, source: &str) -> Option<Expression> {
    match Expression::compile(source) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let whole = || Mistake::error("bad-expression", 0..source.len(), error.message.clone());
            let found = findings.mistake(pointer, error.mistake.map_or_else(whole, |mistake| *mistake));
            if found.help.is_none() {
                found.help("write for example: lead.score >= 70 and lead.status == \"cold\"");
            }
            Expression::never()
        }
    }
}

/// Reads a text as `T`, whose own error explains itself.
fn parse<T: FromStr<Err: std::fmt::Display>>(
    findings: &mut Findings<'_>,
    code: &'static str,
    pointer: &str,
    text: &str,
) -> Option<T> {
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            findings.error(code, Place::value(pointer), error.to_string());
            None
        }
    }
}

/// A length of time.
fn delay(findings: &mut Findings<'_>, pointer: &str, text: &str) -> Option<Delay> {
    parse(findings, "bad-length", pointer, text)
}

/// A length that a clock can measure without a calendar.
fn exact(findings: &mut Findings<'_>, pointer: &str, text: &str) -> Option<chrono::TimeDelta> {
    match delay(findings, pointer, text)? {
        Delay::Exact(length) => Some(length),
        Delay::BusinessDays(_) => {
            findings
                .error("bad-length", Place::value(pointer), "business days cannot be used here")
                .help("write hours or days, such as `24 hours`");
            None
        }
    }
}

/// What "when asked" falls back to when nobody named a time.
const CALL_BACK_LATER: Delay = Delay::BusinessDays(1);

/// An optional condition.
fn condition(findings: &mut Findings<'_>, pointer: &str, source: Option<&str>) -> Option<Expression> {
    expression(findings, pointer, source?)
}

/// Weekdays, as one text or a list.
fn day_set(findings: &mut Findings<'_>, pointer: &str, days: &OneOrMany) -> Option<DaySet> {
    let sets = days
        .as_slice()
        .iter()
        .enumerate()
        .map(|(index, text)| parse::<DaySet>(findings, "bad-days", &item(days, pointer, index), text));
    let sets: Vec<Option<DaySet>> = sets.collect();
    sets.into_iter().try_fold(DaySet::NONE, |all, set| Some(all | set?))
}

/// Pointer of one entry of a key that may hold one value or a list.
fn item(texts: &OneOrMany, pointer: &str, index: usize) -> String {
    match texts {
        OneOrMany::One(_) => pointer.to_owned(),
        OneOrMany::Many(_) => format!("{pointer}/{index}"),
    }
}
