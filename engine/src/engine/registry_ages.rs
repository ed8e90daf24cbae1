//! How old the data of registries is, for people who ask how everything stands.

use serde::Serialize;

use super::EngineError;
use crate::clock::Instant;
use crate::domain::registry::RegistryList;
use crate::store::{Tx, registry};

/// One list of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryAge {
    pub registry: String,
    /// Area code that it covers; `None`: every number.
    pub area_code: Option<u16>,
    /// When the registry handed the data out; `None`: never loaded.
    pub data_at: Option<Instant>,
    pub age_days: Option<i64>,
    pub max_age_days: Option<u32>,
    /// Calls to its country are put off.
    pub is_stale: bool,
}

impl RegistryAge {
    fn of(list: RegistryList, now: Instant) -> Self {
        let is_needed = list.registry.country.is_some() && list.registry.max_age_days.is_some();
        Self {
            is_stale: is_needed && list.fresh_until().is_none_or(|end| end <= now),
            age_days: list.data_at.map(|at| (now - at).num_days()),
            registry: list.registry.key,
            area_code: list.part,
            data_at: list.data_at,
            max_age_days: list.registry.max_age_days,
        }
    }

    /// For people: `us-dnc (415): 40 days old, TOO OLD (at most 31)`.
    pub fn text(&self) -> String {
        let area = self.area_code.map(|area| format!(" ({area})")).unwrap_or_default();
        let age = self.age_days.map_or_else(|| "never loaded".to_owned(), |days| format!("{days} days old"));
        let verdict = match (self.is_stale, self.max_age_days) {
            (true, Some(most)) => format!(", TOO OLD (at most {most})"),
            (true, None) => ", TOO OLD".to_owned(),
            (false, _) => String::new(),
        };
        format!("{}{area}: {age}{verdict}", self.registry)
    }
}

/// Every list in use.
pub(super) async fn all(tx: &mut Tx, now: Instant) -> Result<Vec<RegistryAge>, EngineError> {
    Ok(registry::lists(tx).await?.into_iter().map(|list| RegistryAge::of(list, now)).collect())
}
