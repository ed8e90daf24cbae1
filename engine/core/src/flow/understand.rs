//! What spoken words mean: phrases of the script, and a small built-in vocabulary for what must always be understood.
//!
//! Matching is by whole words. A phrase beside a negation ("not okay", "theek nahi") does not count, an opt-out outweighs every
//! other reading, and a consent needs a yes with no "no" left beside it: doubt is never read as agreement.

use super::revocation;
use crate::definitions::compile::script::plain;
use crate::definitions::model::flow::Ask;
use crate::definitions::model::script::Script;

/// Words of the current flow, in the callee's language and the script's fallbacks: people mix languages.
pub(super) struct Vocabulary<'a> {
    pub script: &'a Script,
    pub language: &'a str,
}

/// What the callee meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    Answer(String),
    /// Free speech, where the question allows it.
    Free(String),
    OptOut,
    Agent,
    WrongNumber,
    Silence,
    Nothing,
}

/// What an answer to a consent question amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consented {
    Granted,
    Refused,
    Unclear,
}

/// Understood in every flow, whatever its script says, like the words of [`revocation`]: English, Hindi, Hinglish.
const AGENT: [&str; 16] = [
    "agent",
    "operator",
    "representative",
    "a human",
    "real person",
    "a person",
    "speak to someone",
    "talk to someone",
    "talk to a person",
    "kisi insaan se",
    "kisi se baat",
    "manager se baat",
    "एजेंट",
    "ऑपरेटर",
    "किसी इंसान से",
    "किसी से बात",
];
const WRONG_NUMBER: [&str; 9] = [
    "wrong number",
    "wrong person",
    "nobody by that name",
    "no one by that name",
    "galat number",
    "galat aadmi",
    "is naam ka koi nahi",
    "गलत नंबर",
    "इस नाम का कोई नहीं",
];
const YES: [&str; 9] = ["yes", "yeah", "yep", "sure", "okay", "haan", "haan ji", "हाँ", "जी हाँ"];
const NO: [&str; 41] = [
    "no",
    "not",
    "nope",
    "dont",
    "never",
    "cant",
    "cannot",
    "wont",
    "without",
    "nahi",
    "nahin",
    "mat",
    "na",
    "नहीं",
    "मत",
    "ना",
    "नही",
    "ના",
    "નહીં",
    "નહિ",
    "નથી",
    "ન",
    "नाही",
    "नको",
    "नका",
    "ಇಲ್ಲ",
    "ಬೇಡ",
    "ಬೇಡಿ",
    "இல்லை",
    "இல்ல",
    "வேண்டாம்",
    "வேணாம்",
    "లేదు",
    "వద్దు",
    "కాదు",
    "না",
    "নয়",
    "নেই",
    "stop",
    "band",
    "बंद",
];
/// Negations that follow what they negate.
const NO_BEHIND: [&str; 19] = [
    "nahi",
    "nahin",
    "mat",
    "नहीं",
    "नही",
    "मत",
    "નહીં",
    "નથી",
    "ના",
    "नाही",
    "नको",
    "ಇಲ್ಲ",
    "ಬೇಡ",
    "இல்லை",
    "வேண்டாம்",
    "లేదు",
    "వద్దు",
    "না",
    "নেই",
];
/// Short answers to open questions are searched for the answers they name.
const SHORT: usize = 6;
/// Answers to open questions are long; a keyword deep inside one is part of the story.
const LONGEST_COMMAND: usize = 10;

/// Makes sense of `text` as an answer to `ask`; without a question only what every flow understands is heard.
pub(super) fn hear(words: &Vocabulary<'_>, ask: Option<&Ask>, text: &str) -> Heard {
    let said = Utterance::of(text);
    if said.word_count() == 0 {
        return Heard::Silence;
    }
    let is_open = ask.is_some_and(|ask| ask.open);
    let is_command = !is_open || said.word_count() <= LONGEST_COMMAND;
    if is_command && opts_out(words, &said) {
        return Heard::OptOut;
    }
    if is_command && said.best(words.phrases("wrong_number").chain(WRONG_NUMBER)).is_some() {
        return Heard::WrongNumber;
    }
    let mut best: Option<(Strength, Heard)> = None;
    if is_command && let Some(strength) = said.best(words.phrases("agent").chain(AGENT)) {
        best = Some((strength, Heard::Agent));
    }
    // The story of an open question is not searched for answers, a short reply is.
    let answers = ask.filter(|ask| !ask.open || said.word_count() <= SHORT).map(|ask| ask.answers.as_slice());
    for answer in answers.unwrap_or_default() {
        let own_name = answer.replace('_', " ");
        let found = said.best(words.phrases(answer).chain([own_name.as_str()]));
        if let Some(strength) = found
            && best.as_ref().is_none_or(|(known, _)| strength > *known)
        {
            best = Some((strength, Heard::Answer(answer.clone())));
        }
    }
    match best {
        Some((_, heard)) => heard,
        // "Cancel" answers a question that knows it; otherwise it is one of the law's words for a stop.
        None if revocation::keyword(&said).is_some() => Heard::OptOut,
        None if is_open => Heard::Free(text.trim().to_owned()),
        None => Heard::Nothing,
    }
}

/// Is `text` a clear yes? Whatever is left beside the words of agreement must not be a no.
pub(super) fn consent(words: &Vocabulary<'_>, text: &str) -> Consented {
    let said = Utterance::of(text);
    let mut rest = said.padded.clone();
    let mut agreed = false;
    let mut phrases: Vec<&str> = words.phrases("granted").chain(YES).collect();
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    for phrase in phrases {
        let needle = format!(" {phrase} ");
        while let Some(at) = rest.find(&needle) {
            agreed = true;
            rest.replace_range(at..at + needle.len(), " ");
        }
    }
    let denies = rest.split_whitespace().any(|word| NO.contains(&word));
    match (agreed, denies) {
        (_, true) => Consented::Refused,
        (true, false) => Consented::Granted,
        (false, false) => Consented::Unclear,
    }
}

fn opts_out(words: &Vocabulary<'_>, said: &Utterance) -> bool {
    revocation::is_said(words.phrases("opt_out"), said)
}

impl<'a> Vocabulary<'a> {
    /// Phrases that mean `answer`.
    fn phrases(&self, answer: &str) -> impl Iterator<Item = &'a str> {
        let fallback = self.script.fallback.iter().map(String::as_str).filter(|code| *code != self.language);
        let languages = std::iter::once(self.language).chain(fallback);
        let found: Vec<&'a str> = languages
            .filter_map(|code| self.script.languages.get(code)?.answers.get(answer))
            .flatten()
            .map(String::as_str)
            .collect();
        found.into_iter()
    }
}

/// How much of an utterance a phrase explains: words first, then letters.
type Strength = (usize, usize);

/// An utterance in the form phrases have, with a space at both ends.
pub(super) struct Utterance {
    padded: String,
    /// Where its words begin. Hundreds of phrases are asked of a few words, so they are looked for here and nowhere else.
    starts: Vec<usize>,
}

impl Utterance {
    pub(super) fn of(text: &str) -> Self {
        let padded = format!(" {} ", plain(text));
        let starts = padded.match_indices(' ').map(|(space, _)| space + 1);
        Self { starts: starts.filter(|at| !padded[*at..].trim_start().is_empty()).collect(), padded }
    }

    /// How many words were said.
    pub(super) fn word_count(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn contains(&self, phrase: &str) -> bool {
        self.find(phrase).is_some()
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.padded.split_whitespace()
    }

    /// The word before the first `phrase`.
    pub(super) fn before(&self, phrase: &str) -> Option<&str> {
        last_word(&self.padded[..self.find(phrase)?])
    }

    /// Where the first `phrase` begins, as whole words.
    fn find(&self, phrase: &str) -> Option<usize> {
        let is_here =
            |at: &usize| self.padded[*at..].strip_prefix(phrase).is_some_and(|rest| rest.starts_with(' '));
        self.starts.iter().copied().find(is_here)
    }

    /// The strongest of `phrases` that is said and not denied.
    fn best<'p>(&self, phrases: impl Iterator<Item = &'p str>) -> Option<Strength> {
        phrases
            .filter(|phrase| self.affirms(phrase))
            .map(|phrase| (phrase.split(' ').count(), phrase.len()))
            .max()
    }

    fn affirms(&self, phrase: &str) -> bool {
        let Some(at) = self.find(phrase) else { return false };
        let before = last_word(&self.padded[..at]);
        let after = self.padded[at + phrase.len()..].split_whitespace().next();
        let is_denied = before.is_some_and(|word| NO.contains(&word))
            || after.is_some_and(|word| NO_BEHIND.contains(&word));
        // "no no" is still a no; only agreement can be denied.
        !is_denied || phrase.split(' ').any(|word| NO.contains(&word))
    }
}

fn last_word(text: &str) -> Option<&str> {
    text.split_whitespace().next_back()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::definitions::model::script::Words;

    fn script() -> Script {
        let words = |answers: &[(&str, &[&str])]| Words {
            texts: BTreeMap::new(),
            answers: answers
                .iter()
                .map(|(name, phrases)| {
                    ((*name).to_owned(), phrases.iter().map(|phrase| (*phrase).to_owned()).collect())
                })
                .collect(),
        };
        let en = words(&[
            ("accept", &["yes", "sure", "okay", "sounds good"]),
            ("decline", &["no", "no thanks", "not interested"]),
            ("later", &["later", "call me later", "not a good time"]),
            ("granted", &["yes", "okay", "no problem", "i dont mind", "go ahead"]),
        ]);
        let hinglish = words(&[
            ("accept", &["haan", "theek hai", "chalo"]),
            ("decline", &["nahi", "nahi chahiye"]),
            ("granted", &["haan", "theek hai", "koi baat nahi"]),
        ]);
        Script {
            key: "test".to_owned(),
            languages: [("en".to_owned(), en), ("hi-Latn".to_owned(), hinglish)].into(),
            fallback: vec!["en".to_owned()],
        }
    }

    fn ask(open: bool) -> Ask {
        Ask {
            text: "offer".to_owned(),
            keys: BTreeMap::new(),
            answers: ["accept", "decline", "later"].map(str::to_owned).to_vec(),
            save_as: None,
            open,
            tries: 2,
            timeout_s: 5,
            then: BTreeMap::new(),
            otherwise: 0,
        }
    }

    #[rstest]
    #[case::plain_yes("Yes!", Heard::Answer("accept".to_owned()))]
    #[case::longest_phrase_wins("yes, but call me later", Heard::Answer("later".to_owned()))]
    #[case::not_okay("that is not okay", Heard::Nothing)]
    #[case::no_thanks("No, thanks.", Heard::Answer("decline".to_owned()))]
    #[case::hinglish("theek hai ji", Heard::Answer("accept".to_owned()))]
    #[case::hinglish_denied("theek nahi hai, nahi chahiye", Heard::Answer("decline".to_owned()))]
    #[case::english_fallback("sounds good", Heard::Answer("accept".to_owned()))]
    #[case::stop("STOP", Heard::OptOut)]
    #[case::remove("please remove me", Heard::OptOut)]
    #[case::quit("quit", Heard::OptOut)]
    #[case::cancel_please("cancel, please", Heard::OptOut)]
    #[case::tamil_in_a_hinglish_flow("போன் பண்ணாதீங்க", Heard::OptOut)]
    #[case::opt_out_outweighs("yes yes, just don't call me again", Heard::OptOut)]
    #[case::hindi_opt_out("मुझे कॉल मत करो", Heard::OptOut)]
    #[case::hinglish_opt_out("arre bhai call mat karo", Heard::OptOut)]
    #[case::hinglish_opt_out_turned_round("mat karo call yaar", Heard::OptOut)]
    #[case::stop_the_recording("stop recording", Heard::Nothing)]
    #[case::stop_the_recording_in_hinglish("recording band karo", Heard::Nothing)]
    #[case::stop_calling_and_recording("stop recording and don't call me again", Heard::OptOut)]
    #[case::hold_on("एक मिनट रुको", Heard::Nothing)]
    #[case::stop_in_a_story("I will stop by the office and then see", Heard::Nothing)]
    #[case::agent("can I talk to a person", Heard::Agent)]
    #[case::agent_outweighs_yes("yes, an agent", Heard::Agent)]
    #[case::wrong_number("sorry, wrong number", Heard::WrongNumber)]
    #[case::own_name("decline", Heard::Answer("decline".to_owned()))]
    #[case::nonsense("purple elephants", Heard::Nothing)]
    #[case::only_punctuation("…", Heard::Silence)]
    fn hears(#[case] text: &str, #[case] expected: Heard) {
        let script = script();
        let words = Vocabulary { script: &script, language: "hi-Latn" };
        assert_eq!(hear(&words, Some(&ask(false)), text), expected);
    }

    #[test]
    fn open_questions_take_a_story_whole() {
        let script = script();
        let words = Vocabulary { script: &script, language: "en" };
        let story = "well we never stop calling people back later and yes that takes an agent two hours";
        assert_eq!(hear(&words, Some(&ask(true)), story), Heard::Free(story.to_owned()));
        assert_eq!(hear(&words, Some(&ask(true)), "call me later"), Heard::Answer("later".to_owned()));
    }

    #[rstest]
    #[case("yes", Consented::Granted)]
    #[case("Sure, go ahead.", Consented::Granted)]
    #[case("no problem", Consented::Granted)]
    #[case("I don't mind", Consented::Granted)]
    #[case("koi baat nahi", Consented::Granted)]
    #[case("no", Consented::Refused)]
    #[case("no, that is not okay", Consented::Refused)]
    #[case("okay, but not recorded", Consented::Refused)]
    #[case("haan nahi", Consented::Refused)]
    #[case("stop recording", Consented::Refused)]
    #[case("recording band karo", Consented::Refused)]
    #[case("yes நான் சம்மதிக்கிறேன் இல்லை", Consented::Refused)]
    #[case("okay, રેકોર્ડ ન કરો", Consented::Refused)]
    #[case("what is this about", Consented::Unclear)]
    fn only_a_clear_yes_is_consent(#[case] text: &str, #[case] expected: Consented) {
        let script = script();
        assert_eq!(consent(&Vocabulary { script: &script, language: "hi-Latn" }, text), expected);
    }

    proptest! {
        /// Looking at the beginnings of words finds what a search of the whole text finds.
        #[test]
        fn phrases_are_found_where_the_text_has_them_as_whole_words(
            text in "[abक ]{0,12}",
            phrase in "[abक]{1,2}( [abक]{1,2}){0,2}",
        ) {
            let said = Utterance::of(&text);
            let found = said.padded.find(&format!(" {phrase} ")).map(|space| space + 1);
            prop_assert_eq!(said.find(&phrase), found);
            prop_assert_eq!(said.word_count(), text.split_whitespace().count());
        }
    }
}
