//! From the written shape to the checked model: names become indexes, texts become templates, lengths become times.
//! Every problem of a file is reported; a file with errors yields no model.

pub mod cadence;
pub mod flow;
pub mod script;

use std::str::FromStr;

use super::diagnostic::{Findings, Place};
use super::expression::Expression;
use crate::time::duration::Delay;

/// Compiles a condition or value; a problem is reported at `pointer`.
fn expression(findings: &mut Findings<'_>, pointer: &str, source: &str) -> Option<Expression> {
    match Expression::compile(source) {
        Ok(expression) => Some(expression),
        Err(error) => {
            findings
                .error(
                    "bad-expression",
                    Place::value(pointer),
                    format!("this is not an expression: {}", error.message),
                )
                .help("write for example: lead.score >= 70 and lead.status == \"cold\"");
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
