//! What is left of a number whose owner was erased: a keyed hash, by which the number is recognised when it comes again and
//! cannot be read back. There are so few phone numbers that whoever has the key can try them all: the key is as secret as
//! the numbers were.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key of an installation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NumberKey([u8; 32]);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits")]
pub struct NumberKeyError;

impl NumberKey {
    /// The fingerprint of an E.164 number: HMAC-SHA-256, 64 hexadecimal digits.
    pub fn fingerprint(&self, e164: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&self.block());
        mac.update(e164.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// The key in hexadecimal digits, to be kept.
    pub fn digits(&self) -> String {
        hex::encode(self.0)
    }

    /// A key shorter than a block is filled up with zeros (RFC 2104).
    fn block(&self) -> hmac::digest::Key<Hmac<Sha256>> {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block[..self.0.len()].copy_from_slice(&self.0);
        block
    }
}

impl FromStr for NumberKey {
    type Err = NumberKeyError;

    fn from_str(text: &str) -> Result<Self, NumberKeyError> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).map_err(|_| NumberKeyError)?;
        Ok(Self(key))
    }
}

impl fmt::Debug for NumberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NumberKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_hmac_sha_256() {
        // Worked out with `openssl dgst -sha256 -mac HMAC -macopt hexkey:…`.
        let key: NumberKey =
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".parse().unwrap();
        assert_eq!(
            key.fingerprint("+12024561111"),
            "a95798d6a9824d18322a9d1442b3bbf5d930e10685110652937dd3a585ce0a3e"
        );
        assert_eq!(key.digits().parse(), Ok(key));
    }

    #[test]
    fn another_key_gives_another_fingerprint_and_no_key_is_shown() {
        let key = |digit: &str| digit.repeat(64).parse::<NumberKey>().unwrap();
        assert_ne!(key("a").fingerprint("+12024561111"), key("b").fingerprint("+12024561111"));
        assert_eq!(format!("{:?}", key("a")), "NumberKey(…)");
        assert_eq!("a".repeat(63).parse::<NumberKey>(), Err(NumberKeyError));
        assert_eq!("x".repeat(64).parse::<NumberKey>(), Err(NumberKeyError));
    }
}
