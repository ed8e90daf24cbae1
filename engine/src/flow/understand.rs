//! Understanding: what was said or pressed, as one of the expected answers. Plain phrases, whole words, any language of the script.

use super::interpreter::Input;
use crate::definitions::model::flow::Ask;
use crate::definitions::model::script::Script;

/// What an input means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Understood {
    Answer(String),
    OptOut,
    Agent,
    WrongNumber,
    Silence,
    Nothing,
}

/// Words that stop calls in every flow and language, whatever the script lists (47 CFR 64.1200(a)(10), CRM-5). A script may add
/// phrases under `opt_out`, never take these away.
const STOP_WORDS: &[&str] = &[
    "stop", "remove", "remove me", "unsubscribe", "quit", "opt out", "revoke", "do not call", "don't call", "dont call",
    "take me off", "mat karo call", "call mat karo", "call mat karna", "phone mat karo", "number hatao", "number hata do",
    "कॉल मत करो", "फोन मत करो", "बंद करो", "हटा दो",
];

/// Answers that every question understands, in the order in which they win.
const GLOBAL: &[(&str, Understood)] =
    &[("opt_out", Understood::OptOut), ("wrong_number", Understood::WrongNumber), ("agent", Understood::Agent)];

/// An answer to a question.
pub fn answer(script: Option<&Script>, language: &str, question: &Ask, input: &Input) -> Understood {
    match input {
        Input::Pressed(key) => match question.keys.get(key).map(String::as_str) {
            Some("opt_out") => Understood::OptOut,
            Some("agent") => Understood::Agent,
            Some(answer) => Understood::Answer(answer.to_owned()),
            None => Understood::Nothing,
        },
        Input::Said(text) => {
            let words = normalise(text);
            if words.is_empty() {
                return Understood::Silence;
            }
            if let Some(found) = global(script, &words) {
                return found;
            }
            let mut names: Vec<&str> = question.answers.iter().map(String::as_str).collect();
            names.extend(question.keys.values().map(String::as_str));
            names.extend(question.then.keys().map(String::as_str));
            match best(script, language, &words, &names) {
                Some(answer) => Understood::Answer(answer.to_owned()),
                None if question.open => Understood::Answer("said".to_owned()),
                None => Understood::Nothing,
            }
        }
        _ => Understood::Silence,
    }
}

/// A yes to a consent question, or not. Only a clear yes is a yes.
pub fn consent(script: Option<&Script>, language: &str, input: &Input) -> Understood {
    match input {
        Input::Pressed('1') => Understood::Answer("granted".to_owned()),
        Input::Said(text) => {
            let words = normalise(text);
            if let Some(found) = global(script, &words) {
                return found;
            }
            match best(script, language, &words, &["granted", "decline"]) {
                Some("granted") => Understood::Answer("granted".to_owned()),
                _ => Understood::Nothing,
            }
        }
        _ => Understood::Nothing,
    }
}

fn global(script: Option<&Script>, words: &str) -> Option<Understood> {
    if STOP_WORDS.iter().any(|phrase| contains(words, phrase)) {
        return Some(Understood::OptOut);
    }
    let script = script?;
    GLOBAL
        .iter()
        .find(|(name, _)| {
            // In any language: people change languages in mid-call, above all when they are annoyed.
            let lists = script.languages.values().filter_map(|words| words.answers.get(*name));
            lists.flatten().any(|phrase| contains(words, &normalise(phrase)))
        })
        .map(|(_, understood)| understood.clone())
}

/// The answer with the longest phrase that was said, in the best language first.
fn best<'n>(script: Option<&Script>, language: &str, said: &str, names: &[&'n str]) -> Option<&'n str> {
    let script = script?;
    let own = script.language_for(language).map(|(code, _)| code);
    let others = script.languages.keys().map(String::as_str).filter(|code| Some(*code) != own);
    for code in own.into_iter().chain(others) {
        let Some(words) = script.languages.get(code) else { continue };
        let mut longest: Option<(&str, usize)> = None;
        for name in names {
            for phrase in words.answers.get(*name).into_iter().flatten() {
                let phrase = normalise(phrase);
                if contains(said, &phrase) && longest.is_none_or(|(_, length)| phrase.len() > length) {
                    longest = Some((name, phrase.len()));
                }
            }
        }
        if let Some((name, _)) = longest {
            return Some(name);
        }
    }
    None
}

/// Lower case, letters and digits and apostrophes, single spaces.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() || is_mark(letter) {
            out.extend(letter.to_lowercase());
        } else if matches!(letter, '\'' | '’') {
            out.push('\'');
        } else if !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Vowel signs and viramas of Indian scripts belong to their word.
fn is_mark(letter: char) -> bool {
    matches!(u32::from(letter), 0x0900..=0x0DFF)
}

/// Is the phrase there as whole words?
fn contains(words: &str, phrase: &str) -> bool {
    !phrase.is_empty()
        && words.match_indices(phrase).any(|(at, found)| {
            let before = words[..at].chars().next_back();
            let after = words[at + found.len()..].chars().next();
            before.is_none_or(|c| c == ' ') && after.is_none_or(|c| c == ' ')
        })
}
