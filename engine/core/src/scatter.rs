//! Numbers that look as if they were drawn, and are the same wherever and whenever they are asked for.

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014): every bit of the argument reaches every bit of the answer.
pub const fn scatter(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
