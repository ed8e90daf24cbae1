//! Under which reading of the law calls are placed. Recorded with every decision.

use std::fmt;
use std::str::FromStr;

/// A named choice among the rules: one of the product's own, or one that an operator's files name.
///
/// Whoever wants less than the strict reading has to name it, and the name is kept with every decision made under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile(String);

/// A text that cannot name a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a profile: write lower-case letters, digits, `-` and `_`, beginning with a letter"
)]
pub struct ProfileError(String);

impl Profile {
    /// Every rule of grades A and B. The default.
    pub const STRICT: &str = "strict";
    /// In the United States only the federal rules; everywhere else as `strict`.
    pub const FEDERAL_ONLY: &str = "federal-only";
    /// The product's own.
    pub const BUILT_IN: [&str; 2] = [Self::STRICT, Self::FEDERAL_ONLY];

    pub fn strict() -> Self {
        Self(Self::STRICT.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_strict(&self) -> bool {
        self.0 == Self::STRICT
    }

    /// Whether shipped rules of the states of the United States are left out.
    pub(super) fn is_federal_only(&self) -> bool {
        self.0 == Self::FEDERAL_ONLY
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::strict()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        if is_name { Ok(Self(text.to_owned())) } else { Err(ProfileError(text.chars().take(40).collect())) }
    }
}

impl serde::Serialize for Profile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
