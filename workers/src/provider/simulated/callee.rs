//! The person or machine at the other end of a simulated call: wishes turned into what is said and pressed.

use callwright_engine::domain::call::AnsweredBy;
use callwright_engine::flow::callee::{self, Callee, ScriptedCallee, Wants};
use callwright_engine::flow::interpreter::{Expect, Input, Program, Prompt};
use callwright_engine::flow::session::{Conversation, Waiting};
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
    pub fn callee(self) -> SimulatedCallee {
        let wanting = |wants| SimulatedCallee::Wants(ScriptedCallee::wanting(wants));
        match self {
            Self::Machine => SimulatedCallee::Always(Input::Machine),
            Self::Person(Wish::Accept) => wanting(Wants::Accept),
            Self::Person(Wish::Decline) => wanting(Wants::Decline),
            Self::Person(Wish::OptOut) => wanting(Wants::OptOut),
            Self::Person(Wish::Agent) => wanting(Wants::Agent),
            Self::Person(Wish::Silent) => wanting(Wants::Silent),
            Self::Person(Wish::WrongNumber) => {
                SimulatedCallee::Always(Input::Said("wrong number".to_owned()))
            }
            Self::Person(Wish::CallBack) => SimulatedCallee::Later,
            Self::Person(Wish::HangUp) => SimulatedCallee::Always(Input::HungUp),
        }
    }
}

/// One callee on the line.
#[derive(Debug)]
pub enum SimulatedCallee {
    /// Whatever happens.
    Always(Input),
    /// Has no time now, but does not mind being recorded.
    Later,
    Wants(ScriptedCallee),
}

impl Callee for SimulatedCallee {
    fn answer(&mut self, prompts: &[Prompt], expect: &Expect) -> Input {
        match self {
            Self::Always(input) => input.clone(),
            Self::Later if expect.kind == Waiting::Answer => Input::Said("call me back tomorrow".to_owned()),
            Self::Later => ScriptedCallee::wanting(Wants::Decline).answer(prompts, expect),
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
    use callwright_engine::definitions::context;
    use callwright_engine::definitions::library::Library;
    use callwright_engine::domain::outcome::Outcome;
    use rstest::rstest;

    use super::*;

    pub fn prompt(text: &str) -> Prompt {
        Prompt::Say { text: text.to_owned(), language: "en".to_owned() }
    }

    pub fn expect_yes_or_no() -> Expect {
        Expect {
            kind: Waiting::Answer,
            answers: vec!["accept".to_owned(), "decline".to_owned()],
            keys: [('1', "accept".to_owned())].into(),
            timeout_s: 5,
        }
    }

    #[rstest]
    #[case(Answerer::Machine, Outcome::Voicemail)]
    #[case(Answerer::Person(Wish::Accept), Outcome::Converted)]
    #[case(Answerer::Person(Wish::Decline), Outcome::Answered)]
    #[case(Answerer::Person(Wish::OptOut), Outcome::OptedOut)]
    #[case(Answerer::Person(Wish::WrongNumber), Outcome::WrongNumber)]
    #[case(Answerer::Person(Wish::CallBack), Outcome::CallbackRequested)]
    #[case(Answerer::Person(Wish::Agent), Outcome::Answered)]
    #[case(Answerer::Person(Wish::Silent), Outcome::Answered)]
    #[case(Answerer::Person(Wish::HangUp), Outcome::Answered)]
    fn shipped_flows_understand_what_callees_want(#[case] answerer: Answerer, #[case] outcome: Outcome) {
        let library = Library::embedded();
        for flow in ["new-lead", "price-drop"] {
            let bundle = library.bundle(flow).unwrap();
            let variables = context::sample();
            let program = Program::new(&bundle, flow, &variables);
            let conversation = callee::converse(&program, "en", &mut answerer.callee());
            assert_eq!(conversation.outcome(), outcome, "{flow}: {:#?}", conversation.transcript);
        }
    }
}
