//! Reading single fields of a lead, and of other nouns that have the same ones: limits and shapes, with a sentence for whoever has to correct the text.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::rules::Jurisdiction;

/// Numbers one lead may have.
pub(super) const MOST_PHONES: usize = 10;

const LONGEST_LINE: usize = 200;
const MOST_TAGS: usize = 50;
/// Bytes of all custom fields as JSON.
const LARGEST_CUSTOM: usize = 16 * 1024;

/// One line of text. Control characters are refused because PostgreSQL cannot store all of them and nobody can read them out.
pub(in crate::domain) fn line(text: &str) -> Result<Option<String>, String> {
    plain(text).map(|text| Some(text.to_owned()))
}

fn plain(text: &str) -> Result<&str, String> {
    if text.chars().count() > LONGEST_LINE {
        return Err(format!("is longer than {LONGEST_LINE} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("contains control characters; write one line of text".to_owned());
    }
    Ok(text)
}

/// An e-mail address, in lower case: `Bob@X.example` and `bob@x.example` are one lead.
pub(super) fn email(text: &str) -> Result<Option<String>, String> {
    let text = plain(text)?.to_lowercase();
    let is_address = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.contains('@')
            && host.split('.').count() > 1
            && host.split('.').all(|part| !part.is_empty())
    });
    if is_address && !text.chars().any(char::is_whitespace) {
        return Ok(Some(text));
    }
    Err("is not an e-mail address; write for example alice@example.com".to_owned())
}

pub(super) fn country(text: &str) -> Result<Option<String>, String> {
    Jurisdiction::country(text)
        .map(|place| Some(place.country_code().to_owned()))
        .map_err(|_| "is not a country code; write two letters such as US or IN".to_owned())
}

pub(super) fn language(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = (2..=16).contains(&text.len())
        && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("is not a language code; write for example en or hi-Latn".to_owned())
    }
}

/// Tags, trimmed, each once, in the order given.
pub(in crate::domain) fn tags(given: &[String]) -> Result<Vec<String>, String> {
    let mut tags: Vec<String> = Vec::with_capacity(given.len());
    for tag in given.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty()) {
        let tag = plain(tag)?;
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    if tags.len() > MOST_TAGS { Err(format!("has more than {MOST_TAGS} tags")) } else { Ok(tags) }
}

pub(in crate::domain) fn custom(fields: &BTreeMap<String, Value>) -> Result<(), String> {
    let size: usize = fields.iter().map(|(key, value)| key.len() + value.to_string().len()).sum();
    if size > LARGEST_CUSTOM { Err(format!("is larger than {LARGEST_CUSTOM} bytes")) } else { Ok(()) }
}
