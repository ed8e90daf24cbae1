//! Dates, times, days and places: texts whose schema only knows that they are texts.

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::Value;

use super::super::diagnostic::{Findings, Place};
use super::super::source::escape;
use crate::rules::{Jurisdiction, MINUTE};
use crate::time::{DaySet, LocalTime};

/// The words of a rule file. Values of the wrong type are the schema's matter.
pub(super) fn rules(file: &Value, findings: &mut Findings<'_>) {
    place(file.get("jurisdiction"), Place::value("/jurisdiction"), findings);
    for (index, rule) in list(file.get("rules")) {
        let here = format!("/rules/{index}");
        effective(&rule["effective"], &format!("{here}/effective"), findings);
        date(&rule["verified_on"], format!("{here}/verified_on"), findings);
        spans(&rule["hours"]["spans"], &format!("{here}/hours/spans"), findings);
        spans(&rule["hours"]["holidays"]["only"], &format!("{here}/hours/holidays/only"), findings);
        for (at, vector) in list(rule.get("vectors")) {
            minute(&vector["local"], format!("{here}/vectors/{at}/local"), findings);
        }
    }
}

/// The words of a file of holidays.
pub(super) fn holidays(file: &Value, findings: &mut Findings<'_>) {
    effective(&file["covers"], "/covers", findings);
    for (name, days) in file["calendars"].as_object().into_iter().flatten() {
        let here = format!("/calendars/{}", escape(name));
        place(Some(&Value::from(name.as_str())), Place::key(&here), findings);
        for (holiday, dates) in days.as_object().into_iter().flatten() {
            for (index, each) in list(Some(dates)) {
                date(each, format!("{here}/{}/{index}", escape(holiday)), findings);
            }
        }
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    value.and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn place(written: Option<&Value>, place: Place, findings: &mut Findings<'_>) {
    let Some(text) = written.and_then(Value::as_str) else { return };
    if let Err(error) = text.parse::<Jurisdiction>() {
        findings
            .error("unknown-place", place, error.to_string())
            .label("two letters of a country, a dash and its part where there is one");
    }
}

fn effective(written: &Value, pointer: &str, findings: &mut Findings<'_>) {
    let from = date(&written["from"], format!("{pointer}/from"), findings);
    let until = date(&written["until"], format!("{pointer}/until"), findings);
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        findings
            .error("bad-date", Place::value(format!("{pointer}/until")), "this ends before it has begun")
            .label(format!("must be after {from}"))
            .help("`until` is the first day on which it no longer holds");
    }
}

fn date(written: &Value, pointer: String, findings: &mut Findings<'_>) -> Option<NaiveDate> {
    let text = written.as_str()?;
    if let Ok(date) = text.parse() {
        Some(date)
    } else {
        findings
            .error("bad-date", Place::value(pointer), format!("`{text}` is no day of the calendar"))
            .label("expected year-month-day")
            .help("write a date such as 2026-11-20");
        None
    }
}

fn minute(written: &Value, pointer: String, findings: &mut Findings<'_>) {
    let Some(text) = written.as_str() else { return };
    if NaiveDateTime::parse_from_str(text, MINUTE).is_err() {
        findings
            .error("bad-time", Place::value(pointer), format!("`{text}` is no day and time"))
            .label("expected a day, `T` and a time")
            .help("write the time on the called person's clock such as 2026-01-14T08:00");
    }
}

fn spans(written: &Value, pointer: &str, findings: &mut Findings<'_>) {
    for (index, span) in list(Some(written)) {
        let here = format!("{pointer}/{index}");
        days(&span["days"], &format!("{here}/days"), findings);
        let from = clock(&span["from"], format!("{here}/from"), findings);
        let until = clock(&span["until"], format!("{here}/until"), findings);
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            let message = format!("these hours end at {until}, which is not after their start at {from}");
            findings.error("bad-hours", Place::value(format!("{here}/until")), message).help(format!(
                "hours past midnight are two lines, {from}-24:00 and 00:00-{until} on the next day"
            ));
        }
    }
}

fn days(written: &Value, pointer: &str, findings: &mut Findings<'_>) {
    let mut one = |text: &str, pointer: String| {
        if let Err(error) = text.parse::<DaySet>() {
            findings.error("bad-days", Place::value(pointer), error.to_string());
        }
    };
    match written {
        Value::String(text) => one(text, pointer.to_owned()),
        Value::Array(texts) => {
            for (index, text) in texts.iter().enumerate() {
                one(text.as_str().unwrap_or_default(), format!("{pointer}/{index}"));
            }
        }
        _ => {}
    }
}

fn clock(written: &Value, pointer: String, findings: &mut Findings<'_>) -> Option<LocalTime> {
    let text = written.as_str()?;
    match text.parse() {
        Ok(time) => Some(time),
        Err(error) => {
            let error: crate::time::LocalTimeError = error;
            findings.error("bad-hours", Place::value(pointer), error.to_string());
            None
        }
    }
}
