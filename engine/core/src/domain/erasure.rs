//! Erasing a person: what the law wants kept for a while all the same, and until when. Everything else goes at once.
//!
//! A seller who calls people in the United States keeps, for five years, a record of each call with the number called, of
//! each consent and of each request not to be called (16 CFR 310.5(a) and (b), as amended in 2024). Laws that give a
//! right to be forgotten leave such records alone (GDPR Art. 17(3)(b) and (e); Cal. Civ. Code 1798.145(a)(1)). So of numbers of
//! the United States call records keep the number, and the ledger its evidence, and of nobody else's.

use chrono::Months;

use crate::clock::Instant;
use crate::id::LeadId;
use crate::phone::number::PhoneNumber;

/// 16 CFR 310.5(b): five years from the date the record is produced.
const KEPT: Months = Months::new(5 * 12);

/// Does the law want records of calls to this number kept?
pub fn is_kept(number: PhoneNumber) -> bool {
    number.region().as_deref() == Some("US")
}

/// Until when a record of that instant is kept.
pub fn kept_until(record_at: Instant) -> Instant {
    record_at.checked_add_months(KEPT).unwrap_or(Instant::MAX_UTC)
}

/// A person who was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    pub lead_id: LeadId,
    pub erased_at: Instant,
    pub by: String,
    pub reason: String,
    /// What the law wants kept goes then; `None`: nothing is kept.
    pub kept_until: Option<Instant>,
    /// When what came in since is to be removed; `None`: never.
    pub next_at: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_of_numbers_of_the_united_states_are_kept() {
        let number = |text: &str| PhoneNumber::e164_only(text).unwrap();
        assert!(is_kept(number("+12024561111")));
        for elsewhere in ["+14165550123", "+442079460000", "+919876543210", "+61291234567"] {
            assert!(!is_kept(number(elsewhere)), "{elsewhere}");
        }
    }

    #[test]
    fn a_record_is_kept_for_five_years() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        assert_eq!(kept_until(at("2026-07-15T16:00:00Z")), at("2031-07-15T16:00:00Z"));
        assert_eq!(kept_until(at("2024-02-29T00:00:00Z")), at("2029-02-28T00:00:00Z"));
    }
}
