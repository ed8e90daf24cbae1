//! Emergency stops: somebody ends all new calls at once: everywhere, in a place, of a campaign, or from a caller number.

use serde::{Deserialize, Serialize};

use super::text_enum::text_enum;
use crate::clock::Instant;
use crate::id::{CampaignId, EmergencyStopId};
use crate::phone::number::PhoneNumber;
use crate::rules::Jurisdiction;

text_enum! {
    /// What kind of calls a stop ends.
    pub enum ScopeKind {
        Everywhere = "everywhere",
        Jurisdiction = "jurisdiction",
        Campaign = "campaign",
        Caller = "caller",
    }
}

/// Which calls a stop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", content = "target", rename_all = "snake_case")]
pub enum Scope {
    Everywhere,
    /// Calls to whoever may be there: a country's stop holds for its states.
    Jurisdiction(Jurisdiction),
    Campaign(CampaignId),
    /// Calls that show this number.
    Caller(PhoneNumber),
}

impl Scope {
    pub const fn kind(&self) -> ScopeKind {
        match self {
            Self::Everywhere => ScopeKind::Everywhere,
            Self::Jurisdiction(_) => ScopeKind::Jurisdiction,
            Self::Campaign(_) => ScopeKind::Campaign,
            Self::Caller(_) => ScopeKind::Caller,
        }
    }

    /// As stored: `US-FL`, a campaign's id, an E.164 number; empty for everywhere.
    pub fn target(&self) -> String {
        match self {
            Self::Everywhere => String::new(),
            Self::Jurisdiction(place) => place.to_string(),
            Self::Campaign(id) => id.to_string(),
            Self::Caller(number) => number.e164(),
        }
    }

    /// Reads [`Scope::target`] back; the error says what is wrong with it.
    pub fn parse(kind: ScopeKind, target: &str) -> Result<Self, String> {
        Ok(match kind {
            ScopeKind::Everywhere if target.is_empty() => Self::Everywhere,
            ScopeKind::Everywhere => return Err("a stop everywhere has no target".to_owned()),
            ScopeKind::Jurisdiction => Self::Jurisdiction(target.parse().map_err(|e| format!("{e}"))?),
            ScopeKind::Campaign => {
                Self::Campaign(target.parse().map_err(|e| format!("`{target}` is no campaign id: {e}"))?)
            }
            ScopeKind::Caller => {
                Self::Caller(PhoneNumber::e164_only(target).map_err(|e| format!("the caller number {e}"))?)
            }
        })
    }

    /// Does it end a call to whoever may be in `places`? Where a state is not known, the stop of one of the country's holds.
    pub fn is_in(&self, places: &[Jurisdiction]) -> bool {
        let Self::Jurisdiction(stopped) = self else { return false };
        places.iter().any(|place| {
            place == stopped
                || place.whole_country() == *stopped
                || (place.subdivision().is_none() && *place == stopped.whole_country())
        })
    }
}

impl std::fmt::Display for Scope {
    /// For people; a caller number is redacted.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Jurisdiction(place) => write!(f, "in {place}"),
            Self::Campaign(id) => write!(f, "for campaign {id}"),
            Self::Caller(number) => write!(f, "from {number}"),
        }
    }
}

/// One stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyStop {
    pub id: EmergencyStopId,
    pub scope: Scope,
    pub reason: String,
    pub stopped_by: String,
    pub stopped_at: Instant,
    pub lifted: Option<Lifted>,
}

/// How a stop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifted {
    pub by: String,
    pub reason: String,
    pub at: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &[&str]) -> Vec<Jurisdiction> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_stop_holds_for_its_place_for_what_is_inside_and_where_nobody_knows_better() {
        let florida = Scope::parse(ScopeKind::Jurisdiction, "US-FL").unwrap();
        assert!(florida.is_in(&places(&["US-GA", "US-FL"])));
        assert!(florida.is_in(&places(&["US"])), "somewhere in the United States may be Florida");
        assert!(!florida.is_in(&places(&["US-GA"])) && !florida.is_in(&places(&["CA"])));
        let country = Scope::parse(ScopeKind::Jurisdiction, "us").unwrap();
        assert!(country.is_in(&places(&["US-GA"])) && !country.is_in(&places(&["IN"])));
        assert!(!Scope::Everywhere.is_in(&places(&["US"])), "it needs no place");
    }

    #[test]
    fn a_scope_reads_back_as_it_was_written() {
        for (kind, target) in [
            (ScopeKind::Everywhere, ""),
            (ScopeKind::Jurisdiction, "US-FL"),
            (ScopeKind::Caller, "+12025550100"),
        ] {
            let scope = Scope::parse(kind, target).unwrap();
            assert_eq!((scope.kind(), scope.target().as_str()), (kind, target));
        }
        assert!(Scope::parse(ScopeKind::Everywhere, "US").is_err());
        assert!(Scope::parse(ScopeKind::Campaign, "welcome").is_err());
    }
}
