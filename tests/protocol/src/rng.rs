//! Randomness of a run: one stream per actor, all from the seed, so that one actor's draws never shift another's.

/// SplitMix64: a few operations per draw, and every seed a good one.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The stream of actor number `stream` in the run of `seed`. Both are mixed first: streams of neighbours must not be the same
    /// one, begun a few draws later.
    pub fn of(seed: u64, stream: u64) -> Self {
        Self(mixed(mixed(seed ^ 0xd134_2543_de82_ef95).wrapping_add(mixed(stream ^ 0x632b_e59b_d9b4_e019))))
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
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

fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
