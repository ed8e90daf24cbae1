//! The rule files that are part of the program: one per jurisdiction, in `engine/rules/`, and the holidays.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What `build.rs` made of them.
pub(super) const SHIPPED: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.json"));

/// The shape of that text.
#[derive(Debug, Deserialize)]
pub(super) struct Files<'t> {
    /// By name of the file.
    #[serde(borrow)]
    pub files: BTreeMap<&'t str, &'t RawValue>,
    #[serde(borrow)]
    pub holidays: &'t RawValue,
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::path::Path;

    use serde::de::DeserializeOwned;

    use super::super::schema::{HolidayFile, RuleFile};
    use super::*;

    fn says_the_same<T: Debug + DeserializeOwned>(name: &str, held: &RawValue) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let written: T = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let held: T = serde_json::from_str(held.get()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(format!("{held:?}"), format!("{written:?}"), "{name}");
    }

    #[test]
    fn the_program_holds_what_the_files_say() {
        let held: Files<'_> = serde_json::from_str(SHIPPED).unwrap();
        assert!(held.files.len() > 30);
        for (name, file) in held.files {
            says_the_same::<RuleFile>(name, file);
        }
        says_the_same::<HolidayFile>("holidays.yaml", held.holidays);
    }
}
