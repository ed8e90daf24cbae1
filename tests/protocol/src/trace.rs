//! What happened in a run: a hash of every step always, the steps in words on request.

use callwright_core::clock::Instant;

/// Follows a run.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    steps: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub fn new(in_words: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, steps: 0, lines: in_words.then(Vec::new) }
    }

    /// One step: `what` happened at `at`, to or by `whom`.
    pub fn step(&mut self, at: Instant, what: &'static str, whom: usize, words: impl FnOnce() -> String) {
        self.steps += 1;
        let code = what.len() as u64 ^ u64::from(what.as_bytes()[what.len() / 2]) << 8 ^ (whom as u64) << 16;
        self.hash = (self.hash ^ code ^ at.timestamp_micros().cast_unsigned()).wrapping_mul(0x0100_0000_01b3);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{} {what} {whom} {}", at.format("%m-%d %H:%M:%S%.3f"), words()));
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
