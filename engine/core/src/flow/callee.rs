//! The other side of a call, in memory: callees for simulation and tests, and [`converse`], which plays a whole call.

use super::interpreter::{self, Expect, Expected, Input, Program, Prompt, TransferResult};
use super::session::Conversation;

/// Turns of one conversation; a callee who is still talking then hangs up.
const MOST_TURNS: usize = 200;

/// Somebody, or something, that answers.
pub trait Callee {
    /// What is done after hearing `prompts`, when `expect` is waited for.
    fn answer(&mut self, prompts: &[Prompt], expect: &Expect) -> Input;
}

/// What a simulated person is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wants {
    Accept,
    Decline,
    OptOut,
    Agent,
    Later,
    WrongNumber,
    /// Says nothing.
    Silent,
    HangUp,
}

/// A callee with a script of inputs, or with a wish.
#[derive(Debug, Clone)]
pub enum ScriptedCallee {
    /// Does these in order, and hangs up when they are used up.
    Inputs(std::collections::VecDeque<Input>),
    /// Gives whatever answer comes closest to the wish, and agrees to being recorded.
    Wishes(Wants),
}

impl ScriptedCallee {
    pub fn inputs(inputs: impl IntoIterator<Item = Input>) -> Self {
        Self::Inputs(inputs.into_iter().collect())
    }

    pub const fn wants(wish: Wants) -> Self {
        Self::Wishes(wish)
    }
}

impl Callee for ScriptedCallee {
    fn answer(&mut self, _: &[Prompt], expect: &Expect) -> Input {
        match self {
            Self::Inputs(inputs) => inputs.pop_front().unwrap_or(Input::HungUp),
            Self::Wishes(wish) => wish.answer(expect),
        }
    }
}

impl Wants {
    fn answer(self, expect: &Expect) -> Input {
        match (&expect.kind, self) {
            (_, Self::HangUp) => Input::HungUp,
            (Expected::Transfer { .. }, _) => Input::Transfer(TransferResult::Bridged.into()),
            (Expected::Webhook { .. }, _) => Input::WebhookAnswer(serde_json::Value::Null),
            (_, Self::Silent) => Input::Silence,
            (_, Self::WrongNumber) => said("sorry, wrong number"),
            (Expected::Consent { .. } | Expected::Answer, Self::OptOut) => said("please stop calling me"),
            (Expected::Consent { .. }, _) => said("yes"),
            (Expected::Answer, Self::Agent) => said("I want to talk to a person"),
            (Expected::Answer, wish) => wish.choose(expect),
        }
    }

    /// The key or the words of the best answer on offer.
    fn choose(self, expect: &Expect) -> Input {
        let preferences: &[&str] = match self {
            Self::Accept => &["accept", "granted", "approved", "decides", "soon", "well"],
            Self::Decline => &["decline", "none", "other", "unclear", "no"],
            _ => &["later", "call_back"],
        };
        let offered = |wanted: &&&str| expect.answers.iter().any(|answer| answer == **wanted);
        let Some(answer) = preferences.iter().find(offered) else {
            return match self {
                _ if expect.open => said("we lose too much time on follow-ups"),
                Self::Accept => said("yes"),
                Self::Decline => said("no"),
                _ => said("call me later"),
            };
        };
        let key = expect.keys.iter().find(|(_, means)| means == answer).map(|(key, _)| *key);
        key.map_or_else(|| said(&answer.replace('_', " ")), Input::Pressed)
    }
}

fn said(words: &str) -> Input {
    Input::Said(words.to_owned())
}

/// Plays a whole call with a person who has answered.
pub fn converse(program: &Program<'_>, language: &str, callee: &mut dyn Callee) -> Conversation {
    let mut turn = interpreter::start(program, language);
    for _ in 0..MOST_TURNS {
        let Some(expect) = turn.expect.take() else { return turn.session.conversation };
        let input = callee.answer(&turn.prompts, &expect);
        turn = interpreter::resume(program, turn.session, input);
    }
    interpreter::resume(program, turn.session, Input::HungUp).session.conversation
}

/// Plays a call that a machine has answered.
pub fn leave_message(program: &Program<'_>, language: &str) -> Conversation {
    interpreter::voicemail(program, language).session.conversation
}
