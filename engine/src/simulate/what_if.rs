//! What if the hours or the limits were others? The cadence's own source is written anew with them and read like any other, so
//! that the same checks and gates judge it.

use serde_json::{Map, Value, json};

use crate::definitions::diagnostic::Diagnostic;
use crate::definitions::library::{Bundle, Library};
use crate::definitions::source::Source;

/// What is to be different. `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhatIf {
    /// `10:00-16:00`, or several.
    pub hours: Vec<String>,
    /// `mon-fri`.
    pub weekdays: Option<String>,
    pub per_day: Option<u32>,
    pub per_week: Option<u32>,
    pub total: Option<u32>,
    /// `4 hours`.
    pub gap: Option<String>,
}

/// Why there is no such version.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    #[error("there is no cadence `{0}`")]
    NoCadence(String),
    #[error("cadence `{0}` says nothing about hours: say which with --hours as well")]
    NoHours(String),
    /// What reading the changed cadence says.
    #[error("the changed cadence is not sound:\n{0}")]
    Unsound(String),
}

impl WhatIf {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The changes in a few words: `hours 10:00-16:00, per_day 1`.
    pub fn describe(&self) -> String {
        let mut words = Vec::new();
        if !self.hours.is_empty() {
            words.push(format!("hours {}", self.hours.join(" and ")));
        }
        words.extend(self.weekdays.iter().map(|days| format!("days {days}")));
        words.extend(self.per_day.map(|number| format!("per_day {number}")));
        words.extend(self.per_week.map(|number| format!("per_week {number}")));
        words.extend(self.total.map(|number| format!("total {number}")));
        words.extend(self.gap.iter().map(|gap| format!("gap {gap}")));
        words.join(", ")
    }

    /// The library in which the cadence has these hours and limits; everything else is the same. As with a version that was
    /// published long ago, only its shape is read: a limit that cuts retries short is a mistake in a file and a fair question
    /// here.
    pub fn applied(&self, library: &Library, cadence: &str) -> Result<Library, WhatIfError> {
        let missing = || WhatIfError::NoCadence(cadence.to_owned());
        let mut sources = library.bundle(cadence).ok_or_else(missing)?.sources.clone();
        let (path, mut definition) = sources
            .iter()
            .find_map(|(path, text)| {
                let root = Source::parse(path, text).ok()?.root().to_json();
                (root.get("cadence").and_then(Value::as_str) == Some(cadence)).then(|| (path.clone(), root))
            })
            .ok_or_else(missing)?;
        self.rewrite(definition.as_object_mut().ok_or_else(missing)?, cadence)?;
        // JSON is YAML.
        sources.insert(path, definition.to_string());
        let bundle = Bundle::from_sources(cadence, &sources).map_err(|problems| {
            let said: Vec<String> = problems.iter().map(sentence).collect();
            WhatIfError::Unsound(said.join("\n"))
        })?;
        Ok(library.with_bundle(bundle))
    }

    fn rewrite(&self, cadence: &mut Map<String, Value>, key: &str) -> Result<(), WhatIfError> {
        if self.weekdays.is_some() && self.hours.is_empty() && !cadence.contains_key("hours") {
            return Err(WhatIfError::NoHours(key.to_owned()));
        }
        if !self.hours.is_empty() {
            put(cadence, "hours", "between", json!(self.hours));
        }
        if let Some(days) = &self.weekdays {
            put(cadence, "hours", "days", json!(days));
        }
        for (name, limit) in [("per_day", self.per_day), ("per_week", self.per_week), ("total", self.total)] {
            if let Some(limit) = limit {
                put(cadence, "limits", name, json!(limit));
            }
        }
        if let Some(gap) = &self.gap {
            put(cadence, "limits", "gap", json!(gap));
        }
        Ok(())
    }
}

/// Puts a value into a mapping of the cadence, which is made if it is not there.
fn put(cadence: &mut Map<String, Value>, section: &str, name: &str, value: Value) {
    let slot = cadence.entry(section.to_owned()).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = json!({});
    }
    slot[name] = value;
}

/// A diagnostic without its place: nobody wrote that line.
fn sentence(problem: &Diagnostic) -> String {
    match &problem.help {
        Some(help) => format!("  {} ({help})", problem.message),
        None => format!("  {}", problem.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_different_and_the_version_is_another() {
        let library = Library::embedded();
        let changes = WhatIf {
            hours: vec!["10:00-16:00".to_owned()],
            per_day: Some(1),
            gap: Some("20 hours".to_owned()),
            ..WhatIf::default()
        };
        let fresh = changes.applied(&library, "price-drop").unwrap();
        let (before, after) = (library.bundle("price-drop").unwrap(), fresh.bundle("price-drop").unwrap());
        assert_ne!(before.hash, after.hash);
        let hours = |bundle: &Bundle| bundle.cadence.hours.as_ref().unwrap().hours.to_string();
        assert_eq!(hours(&before), "mon-sat 10:00-18:00, not on holidays");
        assert_eq!(hours(&after), "mon-sat 10:00-16:00, not on holidays");
        assert_eq!((after.cadence.limits.per_day, after.cadence.limits.per_week), (Some(1), Some(4)));
        assert_eq!(after.cadence.limits.gap, Some(chrono::TimeDelta::hours(20)));
        assert_eq!(library.bundle("promo").unwrap().hash, fresh.bundle("promo").unwrap().hash);
        let short = WhatIf { total: Some(1), ..WhatIf::default() }.applied(&library, "price-drop").unwrap();
        let total = short.bundle("price-drop").unwrap().cadence.limits.total;
        assert_eq!(total, Some(1), "less than its retries want");
        assert_eq!(changes.describe(), "hours 10:00-16:00, per_day 1, gap 20 hours");
    }

    #[test]
    fn hours_that_cannot_be_are_refused_in_the_words_authors_know() {
        let changes = WhatIf { hours: vec!["18:00-10:00".to_owned()], ..WhatIf::default() };
        let error = changes.applied(&Library::embedded(), "promo").unwrap_err().to_string();
        assert!(error.contains("18:00"), "{error}");
        let changes = WhatIf { weekdays: Some("mon-fri".to_owned()), ..WhatIf::default() };
        let error = changes.applied(&Library::embedded(), "replay").unwrap_err().to_string();
        assert!(error.contains("--hours"), "{error}");
        let error = WhatIf::default().applied(&Library::embedded(), "nothing").unwrap_err().to_string();
        assert_eq!(error, "there is no cadence `nothing`");
    }
}
