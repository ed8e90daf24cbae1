//! Seeded draws: a pure function of a seed, what is drawn for, and a word. No generator state, so that the order in which
//! calls arrive, restarts and replays cannot change what a callee does.

use callwright_engine::scatter::scatter;

/// Accumulates what a draw is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(u64);

/// FNV-1a: stable across releases and machines, which `std`'s hashers do not promise.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Draw {
    pub fn seeded(seed: u64) -> Self {
        Self(FNV_OFFSET).number(seed)
    }

    #[must_use]
    pub fn text(self, text: &str) -> Self {
        // The closing byte keeps ("ab", "c") apart from ("a", "bc").
        let hash = text
            .bytes()
            .chain([0xff])
            .fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        Self(hash)
    }

    #[must_use]
    pub fn number(self, number: u64) -> Self {
        Self(
            number
                .to_le_bytes()
                .iter()
                .fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)),
        )
    }

    /// Uniform in `[0, 1)`; each `about` is an independent draw.
    pub fn unit(self, about: &str) -> f64 {
        // FNV alone leaves neighbouring keys correlated.
        let bits = scatter(self.text(about).0);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn chance(self, about: &str, rate: f64) -> bool {
        // A rate of zero must never fire, and costs nothing.
        rate > 0.0 && self.unit(about) < rate
    }

    /// A whole number in `from..=to`.
    pub fn between(self, about: &str, from: u32, to: u32) -> u32 {
        if to <= from {
            return from;
        }
        from + (self.unit(about) * f64::from(to - from + 1)) as u32
    }

    /// Index of the weight that was drawn; the last positive one when rounding leaves a rest.
    pub fn weighted(self, about: &str, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut rest = self.unit(about) * total;
        for (index, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return index;
            }
            rest -= weight;
        }
        weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_uniform_and_differ_by_word() {
        let mut buckets = [0_u32; 10];
        for number in 0..10_000 {
            let draw = Draw::seeded(7).number(number);
            buckets[(draw.unit("a") * 10.0) as usize] += 1;
            assert!((draw.unit("a") - draw.unit("b")).abs() > f64::EPSILON);
        }
        assert!(buckets.iter().all(|count| (900..1_100).contains(count)), "{buckets:?}");
    }

    #[test]
    fn keys_are_not_confused_by_where_one_word_ends() {
        let draw = Draw::seeded(1);
        assert!(
            (draw.text("ab").text("c").unit("x") - draw.text("a").text("bc").unit("x")).abs() > f64::EPSILON
        );
    }

    #[test]
    fn a_rate_of_zero_never_fires_and_one_always_does() {
        assert!((0..1_000).all(|n| !Draw::seeded(n).chance("x", 0.0) && Draw::seeded(n).chance("x", 1.0)));
    }
}
