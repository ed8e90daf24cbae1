//! Which arm of a split a lead takes: always the same one, and in the given shares over many leads.

use sha2::{Digest, Sha256};

use crate::definitions::model::cadence::SplitArm;
use crate::id::LeadId;

/// The arm of `lead` in `step` of `cadence`; nothing when no arm has a share.
///
/// Lead, cadence and step are hashed together, so that one split says nothing about the next.
pub fn arm<'a>(arms: &'a [SplitArm], lead: LeadId, cadence: &str, step: &str) -> Option<&'a SplitArm> {
    let total: u64 = arms.iter().map(|arm| u64::from(arm.share)).sum();
    let mut hash = Sha256::new();
    hash.update(lead.0.as_bytes());
    hash.update([0]);
    hash.update(cadence);
    hash.update([0]);
    hash.update(step);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    let mut point = u64::from_be_bytes(first).checked_rem(total)?;
    for arm in arms {
        let share = u64::from(arm.share);
        if point < share {
            return Some(arm);
        }
        point -= share;
    }
    None
}
