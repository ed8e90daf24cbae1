//! Randomness of a run: one stream per actor, all from the seed, so that one actor's draws never shift another's.

/// SplitMix64: a few operations per draw, and every seed a good one.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The stream of actor number `stream` in the run of `seed`.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut rng =
            Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        rng.draw();
        rng
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to and without `high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(1).cast_unsigned();
        low + (self.draw() % span).cast_signed()
    }

    pub fn index(&mut self, length: usize) -> usize {
        (self.draw() % length.max(1) as u64) as usize
    }

    /// True in `permille` of a thousand draws.
    pub fn chance(&mut self, permille: u16) -> bool {
        permille > 0 && self.draw() % 1_000 < u64::from(permille)
    }
}
