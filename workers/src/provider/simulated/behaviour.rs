//! What one simulated call does, and where that comes from: a seeded profile or a script of known outcomes.
//! What is said in an answered call is the flow's business; here stands only what the callee wants from it.

use std::collections::HashMap;

use callwright_engine::phone::number::PhoneNumber;
use serde::{Deserialize, Serialize};

use super::draw::Draw;
pub use super::profile::{Profile, ProfileError};

/// Which call of a cadence this is. The same key always meets the same behaviour, also in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey<'a> {
    pub number: PhoneNumber,
    pub step: &'a str,
    pub visit: u32,
    /// Try of this visit, from 1.
    pub attempt: u32,
}

impl CallKey<'_> {
    pub(super) fn draw(&self, seed: u64) -> Draw {
        Draw::seeded(seed)
            .text(&self.number.e164())
            .text(self.step)
            .number(u64::from(self.visit))
            .number(u64::from(self.attempt))
    }
}

/// What one call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Behaviour {
    /// Seconds from acceptance to the answer, the busy tone or giving up.
    pub ring_s: u32,
    #[serde(flatten)]
    pub end: End,
}

/// How a call goes once it has rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum End {
    NoAnswer,
    Busy,
    Failed,
    /// A machine answers; the flow's voicemail text is left in `talk_s` seconds.
    Voicemail {
        talk_s: u32,
    },
    Answered {
        wants: Wish,
        /// Seconds from answer to hang-up, unless the call's own limit is shorter.
        talk_s: u32,
    },
}

/// What an answering person is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    Accept,
    Decline,
    OptOut,
    WrongNumber,
    CallBack,
    Agent,
    /// Says nothing.
    Silent,
    /// Hangs up at the first question.
    HangUp,
}

/// Where behaviours come from. Pure: no clock, no state that a call could change.
pub trait BehaviourSource: Send + Sync + std::fmt::Debug {
    fn of(&self, key: &CallKey<'_>) -> Behaviour;
}

/// A seeded profile.
#[derive(Debug, Clone)]
pub struct Seeded {
    pub seed: u64,
    pub profile: Profile,
}

impl BehaviourSource for Seeded {
    fn of(&self, key: &CallKey<'_>) -> Behaviour {
        self.profile.draw(key.draw(self.seed))
    }
}

/// Known outcomes per number: replays of recorded campaigns, demos, tests. Numbers without a script follow `otherwise`.
#[derive(Debug, Clone)]
pub struct Scripted {
    scripts: HashMap<PhoneNumber, Script>,
    otherwise: Behaviour,
}

/// One number's story: unanswered some times, then the same end for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// Tries that ring out before `then`.
    pub unanswered: u32,
    pub then: Behaviour,
}

impl Default for Scripted {
    fn default() -> Self {
        Self { scripts: HashMap::new(), otherwise: Self::RINGS_OUT }
    }
}

impl Scripted {
    /// Nobody picks up for 25 seconds.
    pub const RINGS_OUT: Behaviour = Behaviour { ring_s: 25, end: End::NoAnswer };

    pub fn otherwise(otherwise: Behaviour) -> Self {
        Self { otherwise, ..Self::default() }
    }

    /// Every try of `number` meets `behaviour`.
    pub fn always(&mut self, number: PhoneNumber, behaviour: Behaviour) {
        self.scripts.insert(number, Script { unanswered: 0, then: behaviour });
    }

    pub fn script(&mut self, number: PhoneNumber, script: Script) {
        self.scripts.insert(number, script);
    }

    /// A contact of a recorded campaign: `attempts` calls were made, the last was answered for `talk_s` seconds and ended
    /// in a yes or a no.
    pub fn replay(&mut self, number: PhoneNumber, attempts: u32, talk_s: u32, accepted: bool) {
        let wants = if accepted { Wish::Accept } else { Wish::Decline };
        let then = Behaviour { ring_s: 8, end: End::Answered { wants, talk_s } };
        self.scripts.insert(number, Script { unanswered: attempts.saturating_sub(1), then });
    }

    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }
}

impl BehaviourSource for Scripted {
    fn of(&self, key: &CallKey<'_>) -> Behaviour {
        match self.scripts.get(&key.number) {
            Some(script) if key.attempt <= script.unanswered => Self::RINGS_OUT,
            Some(script) => script.then,
            None => self.otherwise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::e164_only(text).unwrap()
    }

    fn key(attempt: u32) -> CallKey<'static> {
        CallKey { number: number("+12025550143"), step: "first", visit: 1, attempt }
    }

    #[test]
    fn the_same_key_meets_the_same_behaviour_in_another_process() {
        let carrier = || Seeded { seed: 42, profile: Profile::default() };
        for attempt in 1..50 {
            assert_eq!(carrier().of(&key(attempt)), carrier().of(&key(attempt)));
        }
    }

    #[test]
    fn another_try_or_seed_is_another_draw() {
        let of = |seed, attempt| Seeded { seed, profile: Profile::default() }.of(&key(attempt));
        assert!((1..50).any(|attempt| of(1, attempt) != of(1, attempt + 1)));
        assert!((1..50).any(|seed| of(seed, 1) != of(seed + 1, 1)));
    }

    #[test]
    fn a_replayed_contact_answers_on_its_recorded_attempt() {
        let mut scripted = Scripted::default();
        scripted.replay(key(1).number, 3, 217, true);
        assert_eq!(scripted.of(&key(1)), Scripted::RINGS_OUT);
        assert_eq!(scripted.of(&key(2)), Scripted::RINGS_OUT);
        assert_eq!(scripted.of(&key(3)).end, End::Answered { wants: Wish::Accept, talk_s: 217 });
    }

    #[test]
    fn numbers_without_a_script_ring_out() {
        let scripted = Scripted::default();
        assert_eq!(scripted.of(&key(1)).end, End::NoAnswer);
    }
}
