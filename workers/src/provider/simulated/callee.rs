//! The person or machine at the other end of a simulated call: wishes turned into what is said and pressed.

use callwright_engine::domain::call::AnsweredBy;
use callwright_engine::flow::callee::{self, Callee, ScriptedCallee, Wants};
use callwright_engine::flow::interpreter::{Input, Program};
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
    pub fn callee(self) -> ScriptedCallee {
        let Self::Person(wish) = self else { return ScriptedCallee::inputs([Input::Machine]) };
        ScriptedCallee::wants(match wish {
            Wish::Accept => Wants::Accept,
            Wish::Decline => Wants::Decline,
            Wish::OptOut => Wants::OptOut,
            Wish::WrongNumber => Wants::WrongNumber,
            Wish::CallBack => Wants::Later,
            Wish::Agent => Wants::Agent,
            Wish::Silent => Wants::Silent,
            Wish::HangUp => Wants::HangUp,
        })
    }
}

/// Plays the whole conversation of an answered call in memory.
pub fn converse(request: &PlaceRequest, answerer: Answerer) -> Conversation {
    let program = Program::new(&request.bundle, &request.flow, &request.variables);
    play(&program, &request.language, answerer)
}

fn play(program: &Program<'_>, language: &str, answerer: Answerer) -> Conversation {
    match answerer {
        Answerer::Machine => callee::leave_message(program, language),
        Answerer::Person(_) => callee::converse(program, language, &mut answerer.callee() as &mut dyn Callee),
    }
}

#[cfg(test)]
mod tests {
    use callwright_engine::definitions::context;
    use callwright_engine::definitions::library::Library;
    use callwright_engine::domain::outcome::Outcome;
    use rstest::rstest;

    use super::*;

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
            let conversation = play(&program, "en", answerer);
            assert_eq!(conversation.outcome(), outcome, "{flow}: {:#?}", conversation.transcript);
        }
    }
}
