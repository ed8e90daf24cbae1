//! One line: what was said, when, its number within the file, and the checksum over both.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Instant;
use crate::domain::consent::Purpose;
use crate::domain::emergency::Scope;
use crate::domain::registry::Described;
use crate::domain::suppression::Source;
use crate::id::{CampaignId, ConsentId, EmergencyStopId, LeadId, SuppressionId};
use crate::phone::number::PhoneNumber;

/// Numbers in one line at most: an import of millions is a few thousand lines, about 16 bytes a number.
pub const NUMBERS_PER_LINE: usize = 1_000;

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Word {
    /// The person said stop. Their numbers are in `Suppressed` lines of the same commit.
    OptedOut { lead: LeadId },
    /// Numbers that are not called; those of one commit that share everything else share a line.
    Suppressed {
        source: Source,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<CampaignId>,
        reason: String,
        created_at: Instant,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Instant>,
        numbers: Vec<PhoneNumber>,
    },
    /// One entry of the consent ledger no longer holds.
    ConsentRevoked { consent: ConsentId, revoked_at: Instant },
    /// Nothing that a lead agreed to for this purpose holds any longer.
    PurposeRevoked { lead: LeadId, purpose: Purpose, revoked_at: Instant },
    /// An entry was taken off the list by hand.
    Lifted {
        entry: SuppressionId,
        number: PhoneNumber,
        source: Source,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<CampaignId>,
    },
    /// An opt-out was taken back with evidence.
    Reinstated { lead: LeadId },
    /// A registry is in use: calls to its country need its data.
    RegistryDeclared { list: Described },
    /// Numbers of a registry's list, under the count of the full list that has them, or that came before the change.
    Listed { list: Described, generation: i64, numbers: Vec<PhoneNumber> },
    /// A full list has been read to its end: older numbers that it left out are no longer on it.
    ListCompleted {
        registry: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<u16>,
        generation: i64,
        data_at: Instant,
    },
    /// A registry's list of changes took numbers off.
    Unlisted {
        registry: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<u16>,
        numbers: Vec<PhoneNumber>,
    },
    /// A registry is not in use any more.
    RegistryWithdrawn { registry: String },
    /// Somebody stopped calls at once.
    EmergencyStopped { stop: EmergencyStopId, scope: Scope, reason: String, by: String, stopped_at: Instant },
    /// … and let them go on.
    EmergencyLifted { stop: EmergencyStopId, by: String, reason: String, lifted_at: Instant },
    /// A person was erased. What is left of their numbers are fingerprints, which mean something under this key only.
    Erased { lead: LeadId, by: String, reason: String, key: String, hashes: Vec<String> },
    /// Numbers of erased people may be called again.
    ErasureLifted { hashes: Vec<String> },
}

impl Word {
    /// Does it keep somebody from being called? Those lines are written before the commit, the others after it.
    pub const fn protects(&self) -> bool {
        !matches!(
            self,
            Self::Lifted { .. }
                | Self::Reinstated { .. }
                | Self::ListCompleted { .. }
                | Self::Unlisted { .. }
                | Self::RegistryWithdrawn { .. }
                | Self::EmergencyLifted { .. }
                | Self::ErasureLifted { .. }
        )
    }
}

/// A word and the database's own clock at its commit, by which lines of several processes have one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub at: Instant,
    #[serde(flatten)]
    pub word: Word,
}

#[derive(Debug, Serialize, Deserialize)]
struct Numbered<T> {
    /// From 1 within its file.
    n: u64,
    #[serde(flatten)]
    line: T,
}

/// Hex digits of the checksum.
const DIGITS: usize = 16;
const MARK: &str = ",\"sum\":\"";

fn checksum(text: &str) -> String {
    let mut sum = hex::encode(Sha256::digest(text.as_bytes()));
    sum.truncate(DIGITS);
    sum
}

/// The line as it stands in the file, with its line end.
pub(super) fn encode(n: u64, line: &Line) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(&Numbered { n, line })?;
    let sum = checksum(&text);
    text.pop();
    text.push_str(MARK);
    text.push_str(&sum);
    text.push_str("\"}\n");
    Ok(text)
}

/// Reads a line without its line end back; `n` is the number it must have.
pub(super) fn decode(text: &str, n: u64) -> Result<Line, String> {
    let ends_at = text.len().checked_sub(MARK.len() + DIGITS + 2).filter(|at| text.is_char_boundary(*at));
    let Some((body, tail)) = ends_at.map(|at| text.split_at(at)) else {
        return Err("is cut off".to_owned());
    };
    let sum = tail.strip_prefix(MARK).and_then(|rest| rest.strip_suffix("\"}"));
    let body = format!("{body}}}");
    if sum != Some(checksum(&body).as_str()) {
        return Err("does not match its checksum".to_owned());
    }
    let found: Numbered<Line> = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    if found.n != n {
        return Err(format!("is number {} where {n} was expected: lines are missing", found.n));
    }
    Ok(found.line)
}
