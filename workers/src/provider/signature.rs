//! Signatures of callbacks, and of what is sent to voice platforms: `X-Callwright-Signature: t=SECONDS,v1=HEX`, an HMAC-SHA256 over
//! `SECONDS.BODY`. Signed and checked by *wall* time on both ends: a virtual clock may jump hours between the two.

use callwright_engine::clock::Instant;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Name of the header.
pub const HEADER: &str = "x-callwright-signature";
/// A signature older or newer than this is refused: a recorded callback cannot be played back later.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Why a callback is not believed. The caller is told no more than "not authorised".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature header is missing")]
    Missing,
    #[error("the signature header is not of the form t=SECONDS,v1=HEX")]
    Malformed,
    #[error("the signature is more than five minutes from now")]
    Stale,
    #[error("the signature does not match")]
    Wrong,
}

/// Header value for `body`, sent at wall time `now`.
pub fn sign(secret: &[u8], now: Instant, body: &[u8]) -> String {
    let seconds = now.timestamp();
    format!("t={seconds},v1={}", hex::encode(digest(secret, seconds, body)))
}

/// Checks a header value; `now` is wall time. Takes the same time for every wrong signature.
pub fn verify(secret: &[u8], now: Instant, header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
    let (seconds, given) = read(header.ok_or(SignatureError::Missing)?).ok_or(SignatureError::Malformed)?;
    if (now.timestamp() - seconds).abs() > TOLERANCE.num_seconds() {
        return Err(SignatureError::Stale);
    }
    if digest(secret, seconds, body).ct_eq(&given).into() { Ok(()) } else { Err(SignatureError::Wrong) }
}

fn read(header: &str) -> Option<(i64, Vec<u8>)> {
    let (time, digest) = header.split_once(',')?;
    let seconds: i64 = time.trim().strip_prefix("t=")?.parse().ok()?;
    // The bounds keep the subtraction above from overflowing.
    (0..=i64::from(u32::MAX) * 4).contains(&seconds).then_some(())?;
    Some((seconds, hex::decode(digest.trim().strip_prefix("v1=")?).ok()?))
}

fn digest(secret: &[u8], seconds: i64, body: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length; the error cannot occur.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC accepts keys of any length");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SECRET: &[u8] = b"a secret of the carrier";
    const BODY: &[u8] = br#"{"event":"ringing"}"#;

    fn now() -> Instant {
        "2026-07-01T16:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_was_signed_is_believed_for_five_minutes() {
        let header = sign(SECRET, now(), BODY);
        let at = |delta| verify(SECRET, now() + delta, Some(&header), BODY);
        assert_eq!(at(TimeDelta::zero()), Ok(()));
        assert_eq!(at(TOLERANCE), Ok(()));
        assert_eq!(at(-TOLERANCE), Ok(()));
        assert_eq!(at(TOLERANCE + TimeDelta::seconds(1)), Err(SignatureError::Stale));
        assert_eq!(at(-TOLERANCE - TimeDelta::seconds(1)), Err(SignatureError::Stale));
    }

    #[test]
    fn another_body_secret_or_time_is_not_believed() {
        let header = sign(SECRET, now(), BODY);
        assert_eq!(verify(SECRET, now(), Some(&header), b"{}"), Err(SignatureError::Wrong));
        assert_eq!(verify(b"guess", now(), Some(&header), BODY), Err(SignatureError::Wrong));
        let moved = header.replace(&now().timestamp().to_string(), &(now().timestamp() + 1).to_string());
        assert_eq!(verify(SECRET, now(), Some(&moved), BODY), Err(SignatureError::Wrong));
    }

    #[rstest]
    #[case(None, SignatureError::Missing)]
    #[case(Some(""), SignatureError::Malformed)]
    #[case(Some("t=1"), SignatureError::Malformed)]
    #[case(Some("t=x,v1=00"), SignatureError::Malformed)]
    #[case(Some("t=-9223372036854775808,v1=00"), SignatureError::Malformed)]
    #[case(Some("t=1782921600,v1=zz"), SignatureError::Malformed)]
    #[case(Some("t=1782921600,v1=00"), SignatureError::Wrong)]
    fn nonsense_is_refused(#[case] header: Option<&str>, #[case] expected: SignatureError) {
        assert_eq!(verify(SECRET, now(), header, BODY), Err(expected));
    }
}
