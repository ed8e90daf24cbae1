//! Registries: lists of numbers that are not called, handed out by authorities and vendors, millions at a time (GATE-2). An
//! entry about one person is a [`super::suppression`].

use serde::{Deserialize, Serialize};

use super::suppression::Source;
use crate::clock::Instant;

/// What a registry is, beside its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Such as `us-dnc`.
    pub key: String,
    pub source: Source,
    /// Two letters: calls to this country need the registry, and need it fresh.
    pub country: Option<String>,
    /// Nobody may rely on data older than this; `None`: it does not age.
    pub max_age_days: Option<u32>,
}

/// `(key, country, days)` of registries whose law says how old the data may be.
const KNOWN: &[(&str, &str, u32)] = &[
    // 16 CFR 310.4(b)(3)(iv): a version obtained no more than 31 days before the call.
    ("us-dnc", "US", 31),
    // CRTC Unsolicited Telecommunications Rules, Part II: no older than 31 days.
    ("ca-dncl", "CA", 31),
    // PECR reg. 21(3): a registration binds from the 28th day on.
    ("gb-tps", "GB", 28),
    ("gb-ctps", "GB", 28),
];
/// Of a national registry that is not among those: the strictest of them.
const STRICTEST_DAYS: u32 = 28;

/// What is wrong with the description of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error("`{0}` is no name for a registry: use lower-case letters, digits and dashes, such as `us-dnc`")]
    Key(String),
    #[error("`{0}` is no country: write two letters, such as `US`")]
    Country(String),
    #[error(
        "a national registry needs its country (two letters, such as `US`): calls there are put off when its data is too old"
    )]
    NoCountry,
    #[error(
        "opt-outs are kept one by one and never taken back by a newer list: import them without a registry"
    )]
    OptOuts,
}

impl Registry {
    /// Describes a registry; what is known of it by its key need not be said.
    pub fn new(
        key: &str,
        source: Option<Source>,
        country: Option<&str>,
        max_age_days: Option<u32>,
    ) -> Result<Self, RegistryError> {
        let is_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if key.is_empty() || key.len() > 64 || !key.chars().all(is_key) {
            return Err(RegistryError::Key(key.chars().take(64).collect()));
        }
        let known = KNOWN.iter().find(|(name, ..)| *name == key);
        let source = source.or(known.map(|_| Source::NationalRegistry)).unwrap_or(Source::Internal);
        if source == Source::OptOut {
            return Err(RegistryError::OptOuts);
        }
        let country = country.or(known.map(|(_, country, _)| *country)).map(str::to_ascii_uppercase);
        if let Some(country) = country.as_deref().filter(|code| !is_country(code)) {
            return Err(RegistryError::Country(country.to_owned()));
        }
        let is_national = source == Source::NationalRegistry;
        if is_national && country.is_none() {
            return Err(RegistryError::NoCountry);
        }
        let by_law = known.map(|(.., days)| *days).or(is_national.then_some(STRICTEST_DAYS));
        // A shorter life may be asked for, a longer one than the law's not.
        let max_age_days = match (max_age_days, by_law) {
            (Some(asked), Some(law)) => Some(asked.min(law)),
            (asked, law) => asked.or(law),
        };
        let country = country.filter(|_| max_age_days.is_some());
        Ok(Self { key: key.to_owned(), source, country, max_age_days })
    }
}

fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// One list of a registry: all of it, or one area code of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryList {
    /// Of this database; the journal and people know the list by registry and part.
    pub id: i64,
    pub registry: Registry,
    /// Area code whose numbers it has; `None`: every number.
    pub part: Option<u16>,
    /// The full list in force.
    pub in_force: i64,
    /// The newest full list that was begun.
    pub generation: i64,
    /// The import that is loading it.
    pub loading: Option<String>,
    /// When the data was handed out; `None`: nothing was loaded yet.
    pub data_at: Option<Instant>,
    pub numbers: u64,
}

impl RegistryList {
    /// From when on it is too old; `None`: never, or there is no data whose age could count.
    pub fn fresh_until(&self) -> Option<Instant> {
        Some(self.data_at? + chrono::TimeDelta::days(i64::from(self.registry.max_age_days?)))
    }

    /// For messages: `us-dnc`, `us-dnc (415)`.
    pub fn name(&self) -> String {
        match self.part {
            Some(area) => format!("{} ({area})", self.registry.key),
            None => self.registry.key.clone(),
        }
    }
}

/// A registry's description as it travels in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    pub registry: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u16>,
    pub source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
}

impl Described {
    pub fn of(registry: &Registry, part: Option<u16>) -> Self {
        let Registry { key, source, country, max_age_days } = registry.clone();
        Self { registry: key, part, source, country, max_age_days }
    }

    pub fn registry(&self) -> Registry {
        let Self { registry, source, country, max_age_days, .. } = self.clone();
        Registry { key: registry, source, country, max_age_days }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_of_a_known_registry_need_not_be_said_and_cannot_be_stretched() {
        let us = Registry::new("us-dnc", None, None, None).unwrap();
        assert_eq!(
            (us.source, us.country.as_deref(), us.max_age_days),
            (Source::NationalRegistry, Some("US"), Some(31))
        );
        assert_eq!(Registry::new("us-dnc", None, None, Some(90)).unwrap().max_age_days, Some(31));
        assert_eq!(Registry::new("us-dnc", None, None, Some(7)).unwrap().max_age_days, Some(7));
    }

    #[test]
    fn a_national_registry_says_where_it_binds_and_others_do_not_age() {
        let unknown = Registry::new("robinson", Some(Source::NationalRegistry), None, None);
        assert_eq!(unknown, Err(RegistryError::NoCountry));
        let austrian = Registry::new("robinson", Some(Source::NationalRegistry), Some("at"), None).unwrap();
        assert_eq!((austrian.country.as_deref(), austrian.max_age_days), (Some("AT"), Some(STRICTEST_DAYS)));
        let vendor = Registry::new("litigators", Some(Source::Litigator), None, None).unwrap();
        assert_eq!((vendor.country, vendor.max_age_days), (None, None));
    }

    #[test]
    fn opt_outs_are_no_registry() {
        assert_eq!(Registry::new("stops", Some(Source::OptOut), None, None), Err(RegistryError::OptOuts));
        assert!(matches!(Registry::new("US DNC", None, None, None), Err(RegistryError::Key(_))));
    }
}
