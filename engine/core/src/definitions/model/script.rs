//! The words of a flow or message, per language: texts to speak and phrases to understand.

use std::collections::BTreeMap;

use crate::definitions::template::Template;

/// One script: texts and phrases in several languages.
#[derive(Debug, Clone)]
pub struct Script {
    pub key: String,
    /// Languages by code (`en`, `hi-Latn`, …).
    pub languages: BTreeMap<String, Words>,
    /// Order in which other languages are tried when the lead's is missing (at most four).
    pub fallback: Vec<String>,
}

/// One language of a script.
#[derive(Debug, Clone, Default)]
pub struct Words {
    pub texts: BTreeMap<String, Template>,
    /// Answer name → phrases that mean it, lower case, without punctuation.
    pub answers: BTreeMap<String, Vec<String>>,
}

impl Script {
    /// The first language among the lead's own, then the fallback order, then any other.
    pub fn language_for<'a>(&'a self, wanted: &str) -> Option<(&'a str, &'a Words)> {
        std::iter::once(wanted)
            .chain(self.fallback.iter().map(String::as_str))
            .find_map(|code| self.languages.get_key_value(code))
            .or_else(|| self.languages.iter().next())
            .map(|(code, words)| (code.as_str(), words))
    }

    /// A text in the best language for `wanted`.
    pub fn text<'a>(&'a self, wanted: &str, name: &str) -> Option<&'a Template> {
        self.text_with_language(wanted, name).map(|(_, text)| text)
    }

    /// The same with the language it is in; falls back text by text, so a half-translated script still speaks.
    pub fn text_with_language<'a>(&'a self, wanted: &str, name: &str) -> Option<(&'a str, &'a Template)> {
        let order = std::iter::once(wanted)
            .chain(self.fallback.iter().map(String::as_str))
            .chain(self.languages.keys().map(String::as_str));
        let mut words = order.filter_map(|code| self.languages.get_key_value(code));
        words.find_map(|(code, words)| Some((code.as_str(), words.texts.get(name)?)))
    }
}
