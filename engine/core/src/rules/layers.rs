//! Which rules there are: the shipped ones, then those of the operator, under a profile.
//!
//! An operator's files add and narrow. A rule of theirs with the id of a shipped one takes its place, and may ask less only in
//! a file that names the profile it belongs to: `definitions::rule_files` refuses it otherwise, before anything is built here.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};

use super::files::{Files, SHIPPED as TEXT};
use super::holidays::Holidays;
use super::jurisdiction::Jurisdiction;
use super::load::Rules;
use super::profile::Profile;
use super::schema::{HolidayFile, RuleFile};

static SHIPPED: LazyLock<Shipped> = LazyLock::new(|| {
    // The files are part of the program and a test reads every one, so this cannot fail in a tested build.
    Shipped::read(TEXT).expect("embedded rule files are valid")
});

static EMBEDDED: LazyLock<Arc<Rules>> = LazyLock::new(|| {
    let rules = SHIPPED.under(&OperatorRules::default(), &Profile::strict());
    Arc::new(rules.expect("embedded rule files are valid"))
});

/// A rule file that cannot be used; a mistake in the program's own data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct RulesError {
    pub file: String,
    pub problem: String,
}

/// The files of whoever runs the product, already found to be sound.
#[derive(Debug, Clone, Default)]
pub struct OperatorRules {
    pub files: Vec<RuleFile>,
    pub holidays: Vec<HolidayFile>,
    /// Their texts: what the version is made of.
    pub texts: Vec<String>,
}

impl OperatorRules {
    /// Names of the profiles that the files speak of.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|file| file.profile.as_deref())
    }
}

/// The program's own files.
struct Shipped {
    files: Vec<RuleFile>,
    holidays: HolidayFile,
    hash: Sha256,
}

impl Shipped {
    fn read(text: &str) -> Result<Self, RulesError> {
        let wrong = |file: &str, problem: String| RulesError { file: file.to_owned(), problem };
        let Files { files, holidays } =
            serde_json::from_str(text).map_err(|error| wrong("rules", error.to_string()))?;
        let mut read: Vec<RuleFile> = Vec::with_capacity(files.len());
        for (name, text) in files {
            let file: RuleFile =
                serde_json::from_str(text.get()).map_err(|error| wrong(name, error.to_string()))?;
            if read.iter().any(|known| known.jurisdiction == file.jurisdiction) {
                return Err(wrong(name, format!("a second file for {}", file.jurisdiction)));
            }
            read.push(file);
        }
        let holidays = serde_json::from_str(holidays.get())
            .map_err(|error| wrong("holidays.yaml", error.to_string()))?;
        Ok(Self { files: read, holidays, hash: Sha256::new_with_prefix(text) })
    }

    fn under(&self, operator: &OperatorRules, profile: &Profile) -> Result<Rules, RulesError> {
        let holidays = Holidays::new(&self.holidays, &operator.holidays)
            .map_err(|problem| RulesError { file: "holidays.yaml".to_owned(), problem })?;
        let mut files: BTreeMap<Jurisdiction, RuleFile> = BTreeMap::new();
        for file in &self.files {
            let mut file = file.clone();
            if profile.is_federal_only() && is_us_state(file.jurisdiction) {
                file.rules.clear();
            }
            files.insert(file.jurisdiction, file);
        }
        let is_wanted =
            |file: &&RuleFile| file.profile.as_deref().is_none_or(|name| name == profile.as_str());
        // What a profile changes comes last: it may take the place of what holds always.
        let (always, chosen): (Vec<_>, Vec<_>) =
            operator.files.iter().filter(is_wanted).partition(|file| file.profile.is_none());
        for file in always.into_iter().chain(chosen) {
            lay(&mut files, file);
        }
        let mut hash = self.hash.clone();
        if !operator.texts.is_empty() || !profile.is_strict() {
            hash.update(profile.as_str());
            operator.texts.iter().for_each(|text| hash.update(text));
        }
        let version = hex::encode(&hash.finalize()[..6]);
        Ok(Rules::new(files, holidays, version, profile.clone()))
    }
}

/// Lays a file over what is known of its place.
fn lay(files: &mut BTreeMap<Jurisdiction, RuleFile>, file: &RuleFile) {
    let Some(known) = files.get_mut(&file.jurisdiction) else {
        files.insert(file.jurisdiction, file.clone());
        return;
    };
    known.needs_subdivision |= file.needs_subdivision;
    let new = file.subdivisions.iter().filter(|part| !known.subdivisions.contains(part));
    let new: Vec<String> = new.cloned().collect();
    known.subdivisions.extend(new);
    for rule in &file.rules {
        match known.rules.iter_mut().find(|other| other.id == rule.id) {
            Some(other) => *other = rule.clone(),
            None => known.rules.push(rule.clone()),
        }
    }
}

fn is_us_state(place: Jurisdiction) -> bool {
    place.country_code() == "US" && place.subdivision().is_some()
}

impl Rules {
    /// The rules that ship with the program, in the strict reading.
    pub fn embedded() -> &'static Rules {
        &EMBEDDED
    }

    /// The same, to keep.
    pub fn shipped() -> Arc<Rules> {
        Arc::clone(&EMBEDDED)
    }

    /// The shipped rules and the operator's, under a profile.
    pub fn under(operator: &OperatorRules, profile: &Profile) -> Result<Rules, RulesError> {
        SHIPPED.under(operator, profile)
    }

    /// Rules of a text that is no part of the program.
    #[cfg(test)]
    pub(super) fn read(text: &str) -> Result<Rules, RulesError> {
        Shipped::read(text)?.under(&OperatorRules::default(), &Profile::strict())
    }
}

#[cfg(test)]
mod tests;
