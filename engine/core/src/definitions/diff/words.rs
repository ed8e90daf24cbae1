//! Differences of scripts: languages, texts, phrases. Words of `common` are part of every script and are told once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::model::script::Script;
use super::parts::{Fields, by_name};
use super::{Change, Part};

const TEXT: &str = "words";

pub fn scripts(old: &BTreeMap<String, Arc<Script>>, new: &BTreeMap<String, Arc<Script>>) -> Vec<Change> {
    let wholes = |scripts: &BTreeMap<String, Arc<Script>>| {
        scripts.iter().map(|(key, script)| (key.clone(), whole(script))).collect::<BTreeMap<_, _>>()
    };
    let mut changes = by_name(Part::Script, &wholes(old), &wholes(new));
    let mut told: Vec<Change> = Vec::new();
    for (key, script) in new {
        let Some(before) = old.get(key) else { continue };
        let texts = by_name(Part::Text, &texts(before), &texts(script));
        for change in texts.into_iter().chain(by_name(Part::Answer, &answers(before), &answers(script))) {
            if !told.contains(&change) {
                told.push(change.clone());
                changes.push(Change { name: format!("{key}/{}", change.name), ..change });
            }
        }
    }
    changes
}

fn whole(script: &Script) -> Fields {
    let languages: Vec<&str> = script.languages.keys().map(String::as_str).collect();
    Fields::from([
        ("languages".to_owned(), languages.join(", ")),
        ("fallback".to_owned(), script.fallback.join(", ")),
    ])
}

fn texts(script: &Script) -> BTreeMap<String, Fields> {
    let all = script.languages.iter().flat_map(|(code, words)| {
        words.texts.iter().map(move |(name, text)| {
            (format!("{code}/{name}"), Fields::from([(TEXT.to_owned(), text.source().trim_end().to_owned())]))
        })
    });
    all.collect()
}

fn answers(script: &Script) -> BTreeMap<String, Fields> {
    let all = script.languages.iter().flat_map(|(code, words)| {
        words.answers.iter().map(move |(name, phrases)| {
            (format!("{code}/{name}"), Fields::from([("phrases".to_owned(), phrases.join(", "))]))
        })
    });
    all.collect()
}
