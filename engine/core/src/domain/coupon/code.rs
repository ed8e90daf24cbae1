//! The unguessable part of a coupon: ten random symbols and a check symbol, told in groups as `7K3Q-9XZM-TC4`.
//!
//! # Arithmetic
//!
//! The symbols are Crockford's base 32: no I, L, O or U, so that nothing is misread; `i` and `l` are read as 1, `o` as 0.
//!
//! * Ten symbols carry 50 random bits, one of 2⁵⁰ ≈ 1.13 · 10¹⁵ codes. The random bytes are the caller's: the operating system's
//!   in production, a seed in tests.
//! * Guessing: with 1,000,000 coupons open one guess hits one of them with a chance of 10⁶ / 2⁵⁰ ≈ 8.9 · 10⁻¹⁰, so that a hit
//!   takes 1.1 · 10⁹ guesses on average. A key may fail [`KEY_FAILURES`](super::allowance::KEY_FAILURES) times a
//!   minute, which makes that 21 years of trying without a pause, through one key, for one coupon of somebody.
//! * Collisions: among 1,000,000 codes n² / 2⁵¹ ≈ 0.0004 are expected. A collision is refused by the database and drawn anew.
//! * The check symbol keeps typing mistakes from the database; it is no secret and adds nothing against guessing. It is the sum of
//!   α¹⁰⁻ⁱ · dᵢ over GF(2⁵): α has order 31, so every single wrong symbol and every swap of two symbols is noticed, and
//!   31 of 32 other mistakes.

use std::fmt;
use std::str::FromStr;

/// Bytes of randomness that a code takes; 50 of their 56 bits are used.
pub const RANDOM_BYTES: usize = 7;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_SYMBOLS: usize = 10;
const LENGTH: usize = RANDOM_SYMBOLS + 1;

/// A code whose check symbol is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code([u8; LENGTH]);

/// Why a text cannot be a code; found without looking anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("a coupon code ends in {LENGTH} letters and digits such as 7K3Q-9XZM-TC4")]
    TooShort,
    #[error("`{0}` cannot be part of a coupon code")]
    Symbol(char),
    #[error("the code is mistyped: its last symbol does not fit the others")]
    Check,
}

/// A coupon as somebody typed it: the code, and the label if that was typed too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub code: Code,
    label: String,
}

impl Code {
    /// The code of these random bytes.
    pub fn from_random(bytes: [u8; RANDOM_BYTES]) -> Self {
        let mut number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let mut digits = [0; LENGTH];
        for digit in &mut digits[..RANDOM_SYMBOLS] {
            *digit = (number & 31) as u8;
            number >>= 5;
        }
        digits[RANDOM_SYMBOLS] = check(&digits[..RANDOM_SYMBOLS]);
        Self(digits)
    }

    /// The eleven symbols without dashes: how it is stored.
    pub fn plain(self) -> String {
        self.0.iter().map(|digit| char::from(SYMBOLS[usize::from(*digit)])).collect()
    }

    fn of_digits(digits: [u8; LENGTH]) -> Result<Self, CodeError> {
        if check(&digits[..RANDOM_SYMBOLS]) == digits[RANDOM_SYMBOLS] {
            Ok(Self(digits))
        } else {
            Err(CodeError::Check)
        }
    }
}

impl Given {
    /// Reads `PRICE_DROP-15-7K3Q-9XZM-TC4`, `7k3q9xzmtc4`, `price drop 15 7K3Q 9XZM TC4`: the last eleven letters and digits.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut symbols: Vec<char> = text.chars().filter(|c| !is_separator(*c)).collect();
        if symbols.len() < LENGTH {
            return Err(CodeError::TooShort);
        }
        let code = symbols.split_off(symbols.len() - LENGTH);
        let mut digits = [0; LENGTH];
        for (digit, symbol) in digits.iter_mut().zip(code) {
            *digit = value(symbol).ok_or(CodeError::Symbol(symbol))?;
        }
        Ok(Self {
            code: Code::of_digits(digits)?,
            label: symbols.iter().map(char::to_ascii_uppercase).collect(),
        })
    }

    /// Does the label that was typed, if any, belong to a coupon labelled `label`?
    pub fn fits(&self, label: &str) -> bool {
        let known = label.chars().filter(|c| !is_separator(*c)).map(|c| c.to_ascii_uppercase());
        self.label.is_empty() || known.eq(self.label.chars())
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || "-_.".contains(c)
}

fn value(symbol: char) -> Option<u8> {
    let symbol = match symbol.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    SYMBOLS.iter().position(|each| char::from(*each) == symbol).map(|at| at as u8)
}

/// Horner's rule over GF(2⁵): ((d₀ · α + d₁) · α + …) · α.
fn check(digits: &[u8]) -> u8 {
    digits.iter().fold(0, |sum, digit| times_alpha(sum ^ digit))
}

/// Times α = x, modulo x⁵ + x² + 1, which is primitive: α has order 31.
const fn times_alpha(element: u8) -> u8 {
    let shifted = element << 1;
    if shifted & 0b10_0000 == 0 { shifted } else { shifted ^ 0b10_0101 }
}

/// `7K3Q-9XZM-TC4`
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.plain();
        write!(f, "{}-{}-{}", &plain[..4], &plain[4..8], &plain[8..])
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Given::parse(text).map(|given| given.code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn code(seed: u64) -> Code {
        // A fixed mixing of the seed: neighbouring seeds must not make neighbouring codes.
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mut bytes = [0; RANDOM_BYTES];
        bytes.copy_from_slice(&mixed.to_be_bytes()[..RANDOM_BYTES]);
        Code::from_random(bytes)
    }

    #[test]
    fn a_million_codes_differ() {
        let codes: HashSet<Code> = (0..1_000_000).map(code).collect();
        assert_eq!(codes.len(), 1_000_000);
    }

    #[test]
    fn every_code_reads_back_however_it_is_typed() {
        for seed in 0..1_000 {
            let code = code(seed);
            let told = format!("PRICE_DROP-15-{code}");
            for text in [told.clone(), told.to_lowercase(), code.plain(), told.replace(['-', '_'], " ")] {
                let given = Given::parse(&text).unwrap();
                assert_eq!(given.code, code, "{text}");
                assert!(given.fits("PRICE_DROP-15"));
            }
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_read_as_those() {
        let code = Code::from_random([0; RANDOM_BYTES]);
        assert_eq!(code.plain(), "00000000000");
        assert_eq!(Given::parse("OoOo-0000-ooo").unwrap().code, code);
    }

    #[test]
    fn another_label_does_not_fit() {
        let given = Given::parse(&format!("PRICE_DROP-51-{}", code(7))).unwrap();
        assert!(!given.fits("PRICE_DROP-15"));
    }

    #[test]
    fn every_single_mistake_is_noticed() {
        let digits = code(42).0;
        for at in 0..LENGTH {
            for wrong in (0..32).filter(|wrong| *wrong != digits[at]) {
                let mut changed = digits;
                changed[at] = wrong;
                assert_eq!(Code::of_digits(changed), Err(CodeError::Check));
            }
        }
    }

    #[test]
    fn every_swap_of_two_symbols_is_noticed() {
        for seed in 0..200 {
            let digits = code(seed).0;
            for (one, other) in (0..LENGTH).flat_map(|one| (one + 1..LENGTH).map(move |other| (one, other))) {
                let mut swapped = digits;
                swapped.swap(one, other);
                assert!(swapped == digits || Code::of_digits(swapped).is_err(), "{one} {other}");
            }
        }
    }

    #[test]
    fn what_cannot_be_a_code_says_why() {
        assert_eq!(Given::parse("PRICE-15"), Err(CodeError::TooShort));
        assert_eq!(Given::parse("7K3Q-9XZM-TU4"), Err(CodeError::Symbol('U')));
        let mut mistyped = code(3).plain();
        let last = mistyped.pop().unwrap();
        mistyped.push(if last == '7' { '8' } else { '7' });
        assert_eq!(Given::parse(&mistyped), Err(CodeError::Check));
    }
}
