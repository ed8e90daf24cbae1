//! The person or machine at the other end of a simulated call: wishes turned into what is said and pressed.

use callwright_engine::domain::call::AnsweredBy;
use callwright_engine::flow::callee::{self, Callee, ScriptedCallee, Wants};
use callwright_engine::flow::interpreter::{Expect, Input, Program, Prompt};
use callwright_engine::flow::session::Conversation;
use callwright_engine::provider::PlaceRequest;

use super::behaviour::Wish;

/// Who picks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    Machine,
    Person(Wish),
}

impl Answerer {
    pub const fn answered_by(self) -> AnsweredBy {
        match self {
            Self::Machine => AnsweredBy::Machine,
            Self::Person(_) => AnsweredBy::Human,
        }
    }

    /// A callee that keeps its mind for one whole call.
    pub fn callee(self) -> Caller {
        match self {
            Self::Machine => Caller::Always(Input::Machine),
            Self::Person(Wish::Accept) => Caller::Wants(ScriptedCallee::wanting(Wants::Accept)),
            Self::Person(Wish::Decline) => Caller::Wants(ScriptedCallee::wanting(Wants::Decline)),
            Self::Person(Wish::OptOut) => Caller::Wants(ScriptedCallee::wanting(Wants::OptOut)),
            Self::Person(Wish::Agent) => Caller::Wants(ScriptedCallee::wanting(Wants::Agent)),
            Self::Person(Wish::WrongNumber) => Caller::Always(Input::Said("wrong number".to_owned())),
            Self::Person(Wish::CallBack) => Caller::Always(Input::Said("call me back tomorrow".to_owned())),
            Self::Person(Wish::Silent) => Caller::Always(Input::Silence),
            Self::Person(Wish::HangUp) => Caller::Always(Input::HungUp),
        }
    }
}

/// One callee on the line.
#[derive(Debug)]
pub enum Caller {
    Always(Input),
    Wants(ScriptedCallee),
}

impl Callee for Caller {
    fn answer(&mut self, prompts: &[Prompt], expect: &Expect) -> Input {
        match self {
            Self::Always(input) => input.clone(),
            Self::Wants(callee) => callee.answer(prompts, expect),
        }
    }
}

/// Plays the whole conversation of an answered call in memory.
pub fn converse(request: &PlaceRequest, answerer: Answerer) -> Conversation {
    let program = Program::new(&request.bundle, &request.flow, &request.variables);
    callee::converse(&program, &request.language, &mut answerer.callee())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn prompt(text: &str) -> Prompt {
        Prompt::Say { text: text.to_owned(), language: "en".to_owned() }
    }

    pub fn expect_yes_or_no() -> Expect {
        Expect { answers: vec!["accept".to_owned(), "decline".to_owned()] }
    }

    #[test]
    fn a_machine_is_a_machine_whatever_it_is_asked() {
        let mut machine = Answerer::Machine.callee();
        assert_eq!(machine.answer(&[prompt("Hello?")], &expect_yes_or_no()), Input::Machine);
        assert_eq!(Answerer::Machine.answered_by(), AnsweredBy::Machine);
    }

    #[test]
    fn wishes_are_said_so_that_a_flow_understands_them() {
        let mut lost = Answerer::Person(Wish::WrongNumber).callee();
        assert_eq!(lost.answer(&[], &expect_yes_or_no()), Input::Said("wrong number".to_owned()));
        let mut gone = Answerer::Person(Wish::HangUp).callee();
        assert_eq!(gone.answer(&[], &expect_yes_or_no()), Input::HungUp);
    }
}
