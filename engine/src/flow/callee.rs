//! Simulated callees, and whole calls played in memory: for the simulated carrier, tests and previews.

use std::collections::VecDeque;

use super::interpreter::{self, Expect, Input, Program, Prompt};
use super::session::{Conversation, Waiting};

/// Somebody who answers.
pub trait Callee {
    fn answer(&mut self, prompts: &[Prompt], expect: &Expect) -> Input;
}

/// What a simulated person wants from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    Accept,
    Decline,
    OptOut,
    Agent,
    Silent,
}

/// A callee with a list of inputs, a wish, or both: first the list, then the wish.
#[derive(Debug, Clone)]
pub struct ScriptedCallee {
    inputs: VecDeque<Input>,
    wants: Wants,
}

/// Turns a call may take before the callee hangs up: no call goes on for ever.
const MOST_TURNS: usize = 100;

impl ScriptedCallee {
    pub fn saying(inputs: impl IntoIterator<Item = Input>) -> Self {
        Self { inputs: inputs.into_iter().collect(), wants: Wants::Silent }
    }

    pub fn wanting(wants: Wants) -> Self {
        Self { inputs: VecDeque::new(), wants }
    }

    /// Words that the wish looks for among the expected answers, best first.
    fn preferred(self_wants: Wants) -> &'static [&'static str] {
        match self_wants {
            Wants::Accept => &["accept", "approved", "decides", "soon", "said", "yes"],
            Wants::Decline => &["decline", "none", "other", "unclear", "no"],
            Wants::OptOut => &["opt_out"],
            Wants::Agent => &["agent"],
            Wants::Silent => &[],
        }
    }
}

impl Callee for ScriptedCallee {
    fn answer(&mut self, _prompts: &[Prompt], expect: &Expect) -> Input {
        if let Some(input) = self.inputs.pop_front() {
            return input;
        }
        match (expect.kind, self.wants) {
            (_, Wants::Silent) => Input::Silence,
            (Waiting::Transfer, _) => Input::Transfer("bridged".to_owned()),
            (Waiting::Webhook, _) => Input::WebhookAnswer(serde_json::Value::Null),
            (_, Wants::OptOut) => Input::Said("stop calling me".to_owned()),
            // Somebody who means to talk lets the call be recorded.
            (Waiting::Consent, _) => Input::Said("yes".to_owned()),
            (Waiting::Answer, wants) => {
                let wish = Self::preferred(wants).iter().find(|name| expect.answers.iter().any(|known| known == *name));
                match wish {
                    Some(name) => match expect.keys.iter().find(|(_, answer)| answer == name) {
                        Some((key, _)) => Input::Pressed(*key),
                        None if *name == "said" => Input::Said("we lose too many customers to slow replies".to_owned()),
                        None => Input::Said(name.replace('_', " ")),
                    },
                    None => Input::Silence,
                }
            }
        }
    }
}

/// Plays a whole call. A callee who never lets it end hangs up after a hundred turns.
pub fn converse(program: &Program<'_>, language: &str, callee: &mut dyn Callee) -> Conversation {
    let mut turn = interpreter::start(program, language);
    for _ in 0..MOST_TURNS {
        let Some(expect) = turn.expect.take() else { return turn.session.conversation };
        let input = callee.answer(&turn.prompts, &expect);
        turn = interpreter::resume(program, turn.session, input);
    }
    interpreter::resume(program, turn.session, Input::HungUp).session.conversation
}
