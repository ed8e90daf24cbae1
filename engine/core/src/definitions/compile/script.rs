//! Scripts: texts to templates, phrases to the form in which answers are compared.

use super::super::diagnostic::{Findings, Place};
use super::super::language::Mistake;
use super::super::model::script::{Script, Words};
use super::super::raw::script::{RawScript, RawWords};
use super::super::source::escape;
use super::super::template::{Template, TemplateError};
use super::include::Pieces;

/// The script every other one falls back to.
pub const COMMON: &str = "common";

/// `common` holds the shared words, which texts may include; `None` for the shared words themselves.
pub fn compile(raw: &RawScript, common: Option<&RawScript>, findings: &mut Findings<'_>) -> Script {
    let languages = raw.languages.iter().map(|(code, words)| {
        if !is_language(code) {
            findings
                .error(
                    "bad-language",
                    Place::key(format!("/languages/{}", escape(code))),
                    format!("`{code}` is no language code"),
                )
                .help("write a code such as en, hi, hi-Latn (Hinglish), gu, mr");
        }
        let shared = common.and_then(|common| common.languages.get(code)).map(|words| &words.texts);
        let pieces = Pieces { own: &words.texts, shared };
        (code.clone(), words_of(code, words, pieces, findings))
    });
    let languages = languages.collect();
    for (index, code) in raw.fallback.iter().flatten().enumerate() {
        if !raw.languages.contains_key(code) {
            findings
                .error(
                    "unknown-language",
                    Place::value(format!("/fallback/{index}")),
                    format!("`{code}` has no words in this script"),
                )
                .suggest(code, raw.languages.keys().map(String::as_str));
        }
    }
    let fallback = raw.fallback.clone().unwrap_or_else(|| vec!["en".to_owned()]);
    Script { key: raw.script.clone(), languages, fallback }
}

fn words_of(code: &str, raw: &RawWords, pieces: Pieces<'_>, findings: &mut Findings<'_>) -> Words {
    let mut words = Words::default();
    for (name, source) in &raw.texts {
        let pointer = format!("/languages/{}/texts/{}", escape(code), escape(name));
        let whole = pieces.expand(source, &pointer, findings);
        let template = whole.and_then(|whole| {
            let broken = |error: TemplateError| {
                let everything = || Mistake::error("bad-text", 0..source.len(), error.message.clone());
                // Places in a text that includes others are those of what they came to, not of what is written.
                let own = error.mistake.filter(|_| whole == *source);
                let mistake = own.map_or_else(everything, |mistake| *mistake);
                let message = format!("text `{name}` is broken: {}", mistake.message);
                findings.mistake(&pointer, Mistake { message, ..mistake });
            };
            Template::compile(name, &whole).map_err(broken).ok()
        });
        // An empty text in place of a broken one: nobody needs to hear as well that it is missing.
        words.texts.insert(name.clone(), template.unwrap_or_else(|| Template::plain(name)));
    }
    for (name, phrases) in &raw.answers {
        let plain: Vec<String> =
            phrases.iter().map(|phrase| plain(phrase)).filter(|phrase| !phrase.is_empty()).collect();
        if plain.is_empty() {
            let pointer = format!("/languages/{}/answers/{}", escape(code), escape(name));
            findings
                .error("empty", Place::key(pointer), format!("answer `{name}` has no phrases"))
                .label("needs a phrase");
        }
        words.answers.insert(name.clone(), plain);
    }
    words
}

/// A phrase as answers are compared: lower case, without punctuation, single spaces. In one go over the letters: the shared
/// words alone are hundreds of phrases, read by every `check`.
pub fn plain(phrase: &str) -> String {
    let mut plain = String::with_capacity(phrase.len());
    let mut is_apart = false;
    // Apostrophes join a word ("don't").
    for c in phrase.chars().filter(|c| !matches!(c, '\'' | '’')) {
        if separates(c) {
            is_apart = true;
            continue;
        }
        if std::mem::take(&mut is_apart) && !plain.is_empty() {
            plain.push(' ');
        }
        if c.is_ascii() {
            plain.push(c.to_ascii_lowercase());
        } else {
            plain.extend(c.to_lowercase());
        }
    }
    plain
}

/// Everything that is no letter or digit separates words. Vowel signs of Indian scripts are not alphabetic everywhere, but
/// never ASCII.
fn separates(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric();
    }
    matches!(c, '।' | '॥' | '…' | '–' | '—' | '“' | '”' | '‘' | '¿' | '¡') || c.is_whitespace()
}

fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.chars().all(|c| c.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::plain;

    /// The same in as many goes as there are rules.
    fn step_by_step(phrase: &str) -> String {
        let letters = |c: char| {
            let separates =
                c.is_whitespace() || "।॥…–—“”‘¿¡".contains(c) || (c.is_ascii() && !c.is_alphanumeric());
            if separates { ' ' } else { c }
        };
        let joined: String = phrase.chars().filter(|c| !"'’".contains(*c)).map(letters).collect();
        joined.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn phrases_lose_case_punctuation_and_spare_spaces() {
        assert_eq!(plain("  Don't — call… ME,  again! "), "dont call me again");
        assert_eq!(plain("मुझे फ़ोन मत कीजिए।"), "मुझे फ़ोन मत कीजिए");
        assert_eq!(plain("?!"), "");
    }

    proptest! {
        #[test]
        fn one_go_says_the_same_as_many(phrase in "[ \\t'’A-Za-zÀ-ÿ0-9.,!?।॥–—“”क-हा-ौ़்ﷺ]{0,40}") {
            prop_assert_eq!(plain(&phrase), step_by_step(&phrase));
        }
    }
}
