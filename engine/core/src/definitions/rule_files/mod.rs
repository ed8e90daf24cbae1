//! Files of calling rules, checked as definitions are: everything wrong at once, with its place and what to do.
//!
//! ```text
//! texts ─source─▶ trees ─schema─▶ words (dates, times, places) ─▶ rules ─checks─▶ OperatorRules ─▶ rules::Rules
//! ```
//!
//! Each check stands in a file of its own that says what it protects. What rules mean is [`crate::rules`]' matter.

mod duplicate_rule;
mod examples;
mod loosens_law;
mod unknown_place;
mod unverified;
mod words;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::diagnostic::{Diagnostic, Findings, Place, suggestion};
use super::library::collect;
use super::render::Sources;
use super::schema::SchemaKind;
use super::schema_errors;
use super::source::Source;
use crate::rules::{HolidayFile, Jurisdiction, OperatorRules, Profile, Rule, RuleFile, Rules};

/// What was found in a set of files.
#[derive(Debug, Default)]
pub struct RuleReview {
    /// By file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into.
    pub sources: Sources,
    pub files: usize,
    pub rules: usize,
    /// Examples that were tried.
    pub vectors: usize,
    /// The files, as far as they are sound.
    pub operator: OperatorRules,
}

impl RuleReview {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The shipped rules with these files over them. A profile that neither the product nor the files know is refused.
    pub fn rules(&self, profile: &Profile) -> Result<Rules, String> {
        let mut known: BTreeSet<&str> = Profile::BUILT_IN.into();
        known.extend(self.operator.profiles());
        if !known.contains(profile.as_str()) {
            let help = suggestion(profile.as_str(), known).unwrap_or_default();
            return Err(format!("there is no profile `{profile}`; {help}"));
        }
        Rules::under(&self.operator, profile).map_err(|error| error.to_string())
    }
}

/// A rule file as far as it could be read, for the checks.
struct RulesOf<'s> {
    source: &'s Source,
    place: Jurisdiction,
    file: RuleFile,
    /// Where each rule stands in the file: rules with mistakes of their own are not among them.
    indexes: Vec<usize>,
}

impl RulesOf<'_> {
    /// Rules with the pointer of each.
    fn rules(&self) -> impl Iterator<Item = (String, &Rule)> {
        self.indexes.iter().zip(&self.file.rules).map(|(index, rule)| (format!("/rules/{index}"), rule))
    }
}

/// All files together.
struct Scope<'s> {
    files: Vec<RulesOf<'s>>,
    /// The shipped rules, with the holidays of these files.
    shipped: Rules,
}

type Check = fn(&Scope<'_>, &RulesOf<'_>, &mut Findings<'_>);

const CHECKS: [Check; 5] =
    [duplicate_rule::check, unknown_place::check, examples::check, unverified::check, loosens_law::check];

/// Whether a text is a rule or holiday file by its first key.
pub fn is_one(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with(['#', '-', '%']));
    let key = first.and_then(|line| line.trim_start_matches('\u{feff}').split(':').next());
    key.is_some_and(|key| ["jurisdiction", "calendars", "covers"].contains(&key.trim()))
}

/// Reads the files below a folder as (path, text).
pub fn read_folder(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let shown = folder.file_name().map_or_else(|| folder.to_string_lossy(), |name| name.to_string_lossy());
    let mut files = Vec::new();
    collect(folder, &shown, &mut files)?;
    files.sort();
    Ok(files)
}

/// Checks files given as (path, text) against each other and against the shipped rules.
pub fn review<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> RuleReview {
    let mut review = RuleReview::default();
    let (mut sources, mut holidays) = (Vec::new(), Vec::new());
    for (path, text) in files {
        review.files += 1;
        review.operator.texts.push(text.to_owned());
        match Source::parse(path, text) {
            Ok(source) => sources.push(source),
            Err(problem) => {
                review.sources.insert_text(path, text);
                review.diagnostics.push(*problem);
            }
        }
    }
    if review.files == 0 {
        return review;
    }
    let mut read = Vec::new();
    for source in &sources {
        let mut findings = Findings::new(source);
        match kind_of(source, &mut findings) {
            Some(SchemaKind::Holidays) => holidays.extend(read_holidays(source, &mut findings)),
            Some(_) => read.extend(read_rules(source, &mut findings)),
            None => {}
        }
        review.diagnostics.append(&mut findings.list);
    }
    review.rules = read.iter().map(|file| file.file.rules.len()).sum();
    review.vectors = read.iter().flat_map(|file| &file.file.rules).map(|rule| rule.vectors.len()).sum();
    let dates = OperatorRules { holidays: holidays.clone(), ..OperatorRules::default() };
    if let Ok(shipped) = Rules::under(&dates, &Profile::strict()) {
        let scope = Scope { files: read, shipped };
        for file in &scope.files {
            let mut findings = Findings::new(file.source);
            for check in CHECKS {
                check(&scope, file, &mut findings);
            }
            review.diagnostics.append(&mut findings.list);
        }
        review.operator.files = scope.files.into_iter().map(|file| file.file).collect();
    }
    review.operator.holidays = holidays;
    for source in sources {
        review.sources.insert(source);
    }
    review.sources.sort(&mut review.diagnostics);
    review
}

fn kind_of(source: &Source, findings: &mut Findings<'_>) -> Option<SchemaKind> {
    let has = |key: &str| source.root().get(key).is_some();
    if has("jurisdiction") || has("rules") {
        return Some(SchemaKind::Rules);
    }
    if has("calendars") {
        return Some(SchemaKind::Holidays);
    }
    let first = source.root().entries().first().map(|entry| entry.key.as_str());
    let nearest = first.and_then(|key| suggestion(key, ["jurisdiction", "calendars"]));
    findings
        .error("unknown-kind", Place::Bytes(0..0), "this file holds neither calling rules nor holidays")
        .help(nearest.filter(|help| help.starts_with("did")).unwrap_or_else(|| {
            "begin with `jurisdiction: US-TX`, or with `calendars:` for holidays".to_owned()
        }));
    None
}

fn read_rules<'s>(source: &'s Source, findings: &mut Findings<'_>) -> Option<RulesOf<'s>> {
    let written = source.root().to_json();
    schema_errors::report(SchemaKind::Rules, &mut written.clone(), findings);
    words::rules(&written, findings);
    let place: Jurisdiction = serde_json::from_value(written.get("jurisdiction")?.clone()).ok()?;
    // What is sound of the file is checked further, so that everything is said at once.
    let mut head = written.clone();
    head.as_object_mut()?.insert("rules".to_owned(), Value::Array(Vec::new()));
    let keys = ["jurisdiction", "title", "profile", "needs_subdivision", "subdivisions", "rules"];
    head.as_object_mut()?.retain(|key, _| keys.contains(&key.as_str()));
    head.as_object_mut()?.entry("title").or_insert_with(|| Value::from(place.to_string()));
    let mut file: RuleFile = serde_json::from_value(head).ok()?;
    let mut indexes = Vec::new();
    for (index, rule) in written.get("rules").and_then(Value::as_array).into_iter().flatten().enumerate() {
        match serde_json::from_value(rule.clone()) {
            Ok(rule) => {
                file.rules.push(rule);
                indexes.push(index);
            }
            // The schema and the words have said it better; if they did not, this is all there is to say.
            Err(error) if !findings.has_errors() => {
                findings.error("schema", Place::value(format!("/rules/{index}")), error.to_string());
            }
            Err(_) => {}
        }
    }
    Some(RulesOf { source, place, file, indexes })
}

fn read_holidays(source: &Source, findings: &mut Findings<'_>) -> Option<HolidayFile> {
    let mut written = source.root().to_json();
    words::holidays(&written, findings);
    schema_errors::report(SchemaKind::Holidays, &mut written, findings);
    if findings.has_errors() {
        return None;
    }
    match serde_json::from_value(written) {
        Ok(file) => Some(file),
        Err(error) => {
            findings.error("schema", Place::value(""), error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests;
