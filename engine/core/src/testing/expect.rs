//! Comparing what was expected with what happened. Only what is named is compared; every difference is shown at once.

use serde_json::{Map, Value};

use super::suite::Failure;
use crate::definitions::raw::test::{RawEvent, RawNumber};

/// Differences of one case, line by line.
#[derive(Debug, Default)]
pub(super) struct Differences {
    first: Option<&'static str>,
    expected: Vec<String>,
    found: Vec<String>,
}

impl Differences {
    /// Compares when something is expected.
    pub fn compare<T: PartialEq + std::fmt::Display>(
        &mut self,
        key: &'static str,
        expected: Option<T>,
        found: T,
    ) {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            self.add(key, expected.to_string(), found.to_string());
        }
    }

    pub fn add(&mut self, key: &'static str, expected: impl Into<String>, found: impl Into<String>) {
        self.first.get_or_insert(key);
        self.expected.push(format!("{key}: {}", expected.into()));
        self.found.push(format!("{key}: {}", found.into()));
    }

    /// Compares the given fields only.
    pub fn fields(
        &mut self,
        key: &'static str,
        expected: Option<&Map<String, Value>>,
        found: impl Fn(&str) -> Value,
    ) {
        for (name, wanted) in expected.into_iter().flatten() {
            let is = found(name);
            if !same(wanted, &is) {
                self.add(key, format!("{name} = {wanted}"), format!("{name} = {is}"));
            }
        }
    }

    /// Events by type, in order, with the fields that are given.
    pub fn events(&mut self, expected: Option<&Vec<RawEvent>>, found: &[(String, Value)]) {
        let Some(expected) = expected else { return };
        let kind = |event: &RawEvent| match event {
            RawEvent::Kind(kind) => kind.clone(),
            RawEvent::Full(event) => event.kind.clone(),
        };
        let wanted: Vec<String> = expected.iter().map(kind).collect();
        let are: Vec<String> = found.iter().map(|(kind, _)| kind.clone()).collect();
        if wanted != are {
            self.add("events", list(&wanted), list(&are));
            return;
        }
        for (event, (_, data)) in expected.iter().zip(found) {
            if let RawEvent::Full(event) = event {
                self.fields("events", Some(&event.with), |name| {
                    data.get(name).cloned().unwrap_or(Value::Null)
                });
            }
        }
    }

    pub fn result(self) -> Result<(), Failure> {
        let Some(first) = self.first else { return Ok(()) };
        let message = if self.expected.len() == 1 {
            "the end is not as expected".to_owned()
        } else {
            format!("{} things at the end are not as expected", self.expected.len())
        };
        Err(Failure::between(
            format!("/expect/{first}"),
            message,
            self.expected.join("\n"),
            self.found.join("\n"),
        ))
    }
}

/// `[a, b]`.
pub(super) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

pub(super) fn number(raw: &RawNumber) -> Option<i64> {
    match raw {
        RawNumber::Number(number) => Some(*number),
        RawNumber::OfRow(text) => text.trim().parse().ok(),
    }
}

/// Numbers are equal whatever way they are written.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() < f64::EPSILON,
        _ => one == other,
    }
}
