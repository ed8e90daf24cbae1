//! The distribution simulated callees are drawn from, as an operator writes it.

use serde::{Deserialize, Serialize};

use super::behaviour::{Behaviour, End, Wish};
use super::draw::Draw;

/// Weights of how calls end, of what answering people want, and the lengths of it all. Weights need not sum to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Profile {
    /// A person answers.
    pub answer: f64,
    pub no_answer: f64,
    pub busy: f64,
    /// A machine answers.
    pub voicemail: f64,
    /// The network gives up: unreachable, not in service.
    pub failed: f64,
    /// Of those who answer: say yes to what is offered.
    pub accept: f64,
    pub decline: f64,
    pub opt_out: f64,
    pub wrong_number: f64,
    pub callback: f64,
    /// Ask for a person.
    pub agent: f64,
    pub silent: f64,
    pub hang_up: f64,
    /// Seconds of ringing, shortest and longest, uniform.
    pub ring_s: (u32, u32),
    /// Seconds of talk, shortest and longest; short calls are the more frequent.
    pub talk_s: (u32, u32),
    pub voicemail_s: (u32, u32),
}

/// Why a profile cannot be drawn from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    #[error("`{0}` must be a number of at least 0")]
    Weight(&'static str),
    #[error("{0} are all 0: give at least one of them a weight")]
    NothingToDraw(&'static str),
    #[error("`{0}` must be written [shortest, longest] in seconds")]
    Range(&'static str),
}

impl Default for Profile {
    /// Cold consumer calls on a weekday: about one in four is answered by a person.
    fn default() -> Self {
        Self {
            answer: 0.25,
            no_answer: 0.43,
            busy: 0.05,
            voicemail: 0.24,
            failed: 0.03,
            accept: 0.18,
            decline: 0.46,
            opt_out: 0.05,
            wrong_number: 0.04,
            callback: 0.08,
            agent: 0.04,
            silent: 0.05,
            hang_up: 0.10,
            ring_s: (4, 30),
            talk_s: (15, 240),
            voicemail_s: (10, 30),
        }
    }
}

impl Profile {
    /// Everybody answers and wants the same: for tests and demos.
    pub fn everybody(wants: Wish) -> Self {
        let weight = |wish: Wish| if wish == wants { 1.0 } else { 0.0 };
        Self {
            answer: 1.0,
            no_answer: 0.0,
            busy: 0.0,
            voicemail: 0.0,
            failed: 0.0,
            accept: weight(Wish::Accept),
            decline: weight(Wish::Decline),
            opt_out: weight(Wish::OptOut),
            wrong_number: weight(Wish::WrongNumber),
            callback: weight(Wish::CallBack),
            agent: weight(Wish::Agent),
            silent: weight(Wish::Silent),
            hang_up: weight(Wish::HangUp),
            ..Self::default()
        }
    }

    /// Names the first field that makes no sense.
    pub fn check(&self) -> Result<(), ProfileError> {
        let ends = [
            ("answer", self.answer),
            ("noAnswer", self.no_answer),
            ("busy", self.busy),
            ("voicemail", self.voicemail),
            ("failed", self.failed),
        ];
        let wishes = [
            ("accept", self.accept),
            ("decline", self.decline),
            ("optOut", self.opt_out),
            ("wrongNumber", self.wrong_number),
            ("callback", self.callback),
            ("agent", self.agent),
            ("silent", self.silent),
            ("hangUp", self.hang_up),
        ];
        for (name, weight) in ends.iter().chain(&wishes) {
            if !weight.is_finite() || *weight < 0.0 {
                return Err(ProfileError::Weight(name));
            }
        }
        if ends.iter().all(|(_, weight)| *weight <= 0.0) {
            return Err(ProfileError::NothingToDraw("the ways a call can end"));
        }
        if self.answer > 0.0 && wishes.iter().all(|(_, weight)| *weight <= 0.0) {
            return Err(ProfileError::NothingToDraw("the wishes of those who answer"));
        }
        for (name, (from, to)) in
            [("ringS", self.ring_s), ("talkS", self.talk_s), ("voicemailS", self.voicemail_s)]
        {
            if from > to {
                return Err(ProfileError::Range(name));
            }
        }
        Ok(())
    }

    pub(super) fn draw(&self, draw: Draw) -> Behaviour {
        let ring_s = draw.between("ring", self.ring_s.0, self.ring_s.1);
        let ends = [self.answer, self.no_answer, self.busy, self.voicemail, self.failed];
        let end = match draw.weighted("end", &ends) {
            0 => End::Answered { wants: self.wish(draw), talk_s: self.talk(draw) },
            1 => End::NoAnswer,
            2 => End::Busy,
            3 => End::Voicemail { talk_s: draw.between("voicemail", self.voicemail_s.0, self.voicemail_s.1) },
            _ => End::Failed,
        };
        Behaviour { ring_s, end }
    }

    fn wish(&self, draw: Draw) -> Wish {
        let wishes = [
            (self.accept, Wish::Accept),
            (self.decline, Wish::Decline),
            (self.opt_out, Wish::OptOut),
            (self.wrong_number, Wish::WrongNumber),
            (self.callback, Wish::CallBack),
            (self.agent, Wish::Agent),
            (self.silent, Wish::Silent),
            (self.hang_up, Wish::HangUp),
        ];
        let weights = wishes.map(|(weight, _)| weight);
        wishes[draw.weighted("wish", &weights)].1
    }

    fn talk(&self, draw: Draw) -> u32 {
        // The square of a uniform draw leans towards the short end, as talk times do.
        let (from, to) = self.talk_s;
        from + (draw.unit("talk").powi(2) * f64::from(to - from)).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_weights() {
        let profile = Profile::default();
        let answered = (0..20_000)
            .filter(|n| matches!(profile.draw(Draw::seeded(*n)).end, End::Answered { .. }))
            .count();
        assert!((4_700..5_300).contains(&answered), "{answered}");
    }

    #[test]
    fn lengths_stay_in_their_ranges() {
        let profile = Profile::default();
        for n in 0..5_000 {
            let behaviour = profile.draw(Draw::seeded(n));
            assert!((4..=30).contains(&behaviour.ring_s));
            if let End::Answered { talk_s, .. } = behaviour.end {
                assert!((15..=240).contains(&talk_s));
            }
        }
    }

    #[test]
    fn everybody_wants_the_same() {
        let profile = Profile::everybody(Wish::OptOut);
        assert_eq!(profile.check(), Ok(()));
        for n in 0..100 {
            assert!(matches!(profile.draw(Draw::seeded(n)).end, End::Answered { wants: Wish::OptOut, .. }));
        }
    }

    #[test]
    fn impossible_profiles_say_what_is_wrong() {
        let check = |change: fn(&mut Profile)| {
            let mut profile = Profile::default();
            change(&mut profile);
            profile.check().unwrap_err().to_string()
        };
        assert_eq!(check(|p| p.busy = -1.0), "`busy` must be a number of at least 0");
        assert_eq!(check(|p| p.opt_out = f64::NAN), "`optOut` must be a number of at least 0");
        assert_eq!(check(|p| p.talk_s = (9, 3)), "`talkS` must be written [shortest, longest] in seconds");
    }

    #[test]
    fn a_profile_is_written_in_camel_case_and_misspellings_are_refused() {
        let profile: Profile =
            serde_json::from_str(r#"{"answer": 1, "noAnswer": 0, "talkS": [5, 6]}"#).unwrap();
        assert_eq!((profile.no_answer, profile.talk_s), (0.0, (5, 6)));
        assert!(serde_json::from_str::<Profile>(r#"{"no_answr": 1}"#).is_err());
    }
}
