//! When a person says they like to be called: `9am-5pm EST`, `weekday mornings`, `after 6`.
//!
//! Read once, when the lead is written; from then on only hours and a zone exist. A word that is not understood is an
//! error, never skipped: dropping the "not" from "not mornings" would turn the wish into its opposite.

mod grammar;
mod token;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hours::Hours;
use super::zone::{UnknownZone, Zone};

/// Hours a person asked for, on their own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferredTime {
    /// Never empty.
    pub hours: Hours,
    /// The clock meant, when the text (or the caller's default) names one; else the lead's own zones apply.
    pub zone: Option<Zone>,
}

/// Why a preferred time was not understood. The message says what is accepted and repeats at most one word of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreferredTimeError {
    #[error("the preferred time is empty; {ACCEPTED}")]
    Empty,
    #[error("the preferred time is longer than 200 characters; {ACCEPTED}")]
    TooLong,
    #[error("the preferred time contains `{word}`, which is not understood; {ACCEPTED}")]
    UnknownWord { word: String },
    #[error("the preferred time contains `{text}`, which is not a time of day; {ACCEPTED}")]
    NotATime { text: String },
    #[error("the preferred time is incomplete after `{word}`; {ACCEPTED}")]
    Incomplete { word: String },
    #[error("the preferred time starts and ends at {at}; {ACCEPTED}")]
    SameEnds { at: String },
    #[error("the preferred time names two time zones, {first} and {second}; name one")]
    TwoZones { first: Zone, second: Zone },
    #[error("the preferred time names no hours or days; {ACCEPTED}")]
    NothingSaid,
    #[error("the preferred time names a zone that is not usable: {0}")]
    Zone(#[from] UnknownZone),
}

const ACCEPTED: &str = "write for example `9am-5pm EST`, `09:00-17:00 Asia/Kolkata`, `weekday mornings`, `after 6pm`, \
                        `mon-fri 9-5, sat 10-2` or `anytime`";

impl PreferredTime {
    /// Reads `text` as people of `country` (ISO 3166 two letters) mean it.
    ///
    /// Hours without am or pm are read as waking hours: `9-5` is 09:00–17:00 and `after 6` is the evening. Ranges past
    /// midnight are split at midnight. `default_zone` is the clock meant when the text names none.
    pub fn parse(
        text: &str,
        country: Option<&str>,
        default_zone: Option<&Zone>,
    ) -> Result<PreferredTime, PreferredTimeError> {
        if text.trim().is_empty() {
            return Err(PreferredTimeError::Empty);
        }
        if text.chars().count() > 200 {
            return Err(PreferredTimeError::TooLong);
        }
        let tokens = token::tokens(text, country)?;
        let (hours, zone) = grammar::read(&tokens)?;
        Ok(PreferredTime { hours, zone: zone.or_else(|| default_zone.cloned()) })
    }
}

impl fmt::Display for PreferredTime {
    /// A form that [`PreferredTime::parse`] reads back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.hours)?;
        self.zone.iter().try_for_each(|zone| write!(f, " {zone}"))
    }
}

#[cfg(test)]
mod tests;
