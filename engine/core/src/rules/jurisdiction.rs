//! Places that make calling law: a country, or a state or province of one.

use std::fmt;
use std::str::FromStr;

/// `US-FL`, `IN`: an ISO 3166 country, with the ISO 3166-2 part behind the dash where one is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction {
    country: [u8; 2],
    /// Upper-case letters and digits, padded with zeros; all zeros for a whole country.
    subdivision: [u8; 3],
}

/// A text that names no jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no jurisdiction; write a country such as `IN` or a state such as `US-FL`")]
pub struct JurisdictionError(String);

impl Jurisdiction {
    /// A whole country by its two letters.
    pub fn country(code: &str) -> Result<Self, JurisdictionError> {
        Self::new(code, "")
    }

    /// A state of the United States by its two letters.
    pub fn us_state(code: &str) -> Result<Self, JurisdictionError> {
        Self::new("US", code)
    }

    fn new(country: &str, subdivision: &str) -> Result<Self, JurisdictionError> {
        let dash = if subdivision.is_empty() { "" } else { "-" };
        let wrong = || JurisdictionError(format!("{country}{dash}{subdivision}").chars().take(20).collect());
        let fits = country.len() == 2
            && subdivision.len() <= 3
            && country.bytes().all(|b| b.is_ascii_alphabetic())
            && subdivision.bytes().all(|b| b.is_ascii_alphanumeric());
        if !fits {
            return Err(wrong());
        }
        let mut this = Jurisdiction { country: [0; 2], subdivision: [0; 3] };
        this.country.copy_from_slice(country.to_ascii_uppercase().as_bytes());
        this.subdivision[..subdivision.len()].copy_from_slice(subdivision.to_ascii_uppercase().as_bytes());
        Ok(this)
    }

    /// The country's two letters.
    pub fn country_code(&self) -> &str {
        str::from_utf8(&self.country).unwrap_or("??")
    }

    /// The part behind the dash, if any.
    pub fn subdivision(&self) -> Option<&str> {
        let length = self.subdivision.iter().take_while(|byte| **byte != 0).count();
        str::from_utf8(&self.subdivision[..length]).ok().filter(|part| !part.is_empty())
    }

    /// The country it belongs to, itself for a country.
    #[must_use]
    pub fn whole_country(self) -> Self {
        Jurisdiction { subdivision: [0; 3], ..self }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.country_code())?;
        self.subdivision().map_or(Ok(()), |part| write!(f, "-{part}"))
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jurisdiction({self})")
    }
}

impl FromStr for Jurisdiction {
    type Err = JurisdictionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().split_once('-') {
            Some((_, "")) => Err(JurisdictionError(text.chars().take(20).collect())),
            Some((country, part)) => Self::new(country, part),
            None => Self::country(text.trim()),
        }
    }
}

impl serde::Serialize for Jurisdiction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Jurisdiction {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Jurisdiction".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "A country, or a state or province of one", "pattern": "^[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?$",
            "examples": ["IN", "US-FL"],
        })
    }
}

impl<'de> serde::Deserialize<'de> for Jurisdiction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
