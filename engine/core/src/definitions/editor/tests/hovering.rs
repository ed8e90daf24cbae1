//! What is said about a word, and the vocabulary it comes from.

use super::super::super::compile::flow::{GLOBAL_ANSWERS, RESERVED_ANSWERS, TRANSFER_RESULTS};
use super::super::super::{context, sandbox};
use super::super::preview::preview;
use super::super::{hover, vocabulary};
use super::bench;
use crate::domain::outcome::Outcome;

fn about(path: &str, text: &str) -> String {
    let bench = bench(&[(path, text)]);
    hover::hover(&bench.project, path, bench.offset).map(|hover| hover.markdown).unwrap_or_default()
}

#[test]
fn keys_show_what_the_schema_says() {
    assert!(about("flows/x.yaml", "flow: x\nvoice‸mail: { end: v }\n").contains("machine answers"));
    assert!(
        about("cadences/x.yaml", "cadence: x\nsteps:\n  - call: promo\n    valid_‸for: 2 days\n")
            .contains("skip the call")
    );
}

#[test]
fn a_spoken_text_shows_how_it_sounds_in_each_language() {
    let said =
        about("flows/x.yaml", "flow: x\nscript: restock\nsteps:\n  a: { say: greet‸ing, end: done }\n");
    assert!(
        said.contains("- en: Hi Alice, this is Rachel") && said.contains("- hi-Latn: Namaste Alice"),
        "{said}"
    );
}

#[test]
fn a_text_in_a_script_shows_how_it_sounds() {
    let text =
        "script: x\nlanguages:\n  hi:\n    texts:\n      a: \"नमस्ते 😀 {{ lead.firstName }}, ‸स्वागत\"\n";
    assert_eq!(about("flows/scripts/x.yaml", text), "- hi: नमस्ते 😀 Alice, स्वागत");
}

#[test]
fn variables_and_filters_say_what_they_are_with_an_example() {
    let text = |word: &str| {
        format!("script: x\nlanguages:\n  en:\n    texts:\n      a: \"नमस्ते {{{{ {word} }}}}\"\n")
    };
    let variable = about("flows/scripts/x.yaml", &text("lead.first‸Name"));
    assert!(variable.contains("First name") && variable.contains("\"Alice\""), "{variable}");
    assert!(about("flows/scripts/x.yaml", &text("lead.firstName | na‸me")).contains("shouting"));
    assert!(about("cadences/x.yaml", "cadence: x\nenter: { when: lead.sc‸ore > 3 }\n").contains("Points"));
}

#[test]
fn outcomes_say_when_they_happen_and_endings_how_they_count() {
    let text =
        |word: &str| format!("cadence: x\nsteps:\n  - call: restock\n    then: {{ {word}: {{ end: e }} }}\n");
    assert!(about("cadences/x.yaml", &text("no_ans‸wer")).contains("Nobody answered"));
    assert!(about("cadences/x.yaml", &text("decl‸ined")).contains("Counts as outcome `answered`"));
}

#[test]
fn a_called_flow_shows_its_title_and_endings() {
    let said = about("cadences/x.yaml", "cadence: x\nsteps:\n  - call: rest‸ock\n");
    assert!(said.contains("available again") && said.contains("`declined`"), "{said}");
}

#[test]
fn the_preview_of_a_step_is_all_it_says() {
    let text =
        "flow: x\nscript: restock\nsteps:\n  a: { sa‸y: [greeting, goodbye], next: b }\n  b: { end: done }\n";
    let bench = bench(&[("flows/x.yaml", text)]);
    let found = preview(&bench.project, "flows/x.yaml", bench.offset).expect("a preview");
    let english = found.texts.iter().filter(|text| text.language == "en").map(|text| text.name.as_str());
    assert_eq!(english.collect::<Vec<_>>(), ["greeting", "goodbye"]);
    assert!(found.texts.iter().any(|text| text.name == "greeting" && text.language == "hi-Latn"));
    assert_eq!(found.title, "step `a`");
    assert!(found.texts.iter().all(|text| text.text.is_ok()));
}

#[test]
fn asking_for_consent_shows_the_words_it_implies() {
    let said = about(
        "flows/x.yaml",
        "flow: x\nsteps:\n  a: { ask_consent: record‸ing, then: { granted: a, default: a } }\n",
    );
    assert!(said.contains("Is it okay if I record"), "{said}");
}

#[test]
fn the_vocabulary_names_what_exists_and_nothing_else() {
    let names = |table: &[vocabulary::Entry]| {
        let mut names: Vec<String> = table.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        names
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let with = |words: &[&str], more: &[&str]| {
        sorted(words.iter().chain(more).map(|word| (*word).to_owned()).collect())
    };
    assert_eq!(names(vocabulary::VARIABLES), sorted(context::paths()));
    assert_eq!(names(vocabulary::FILTERS), with(sandbox::filter_names(), &[]));
    let outcomes: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    assert_eq!(names(vocabulary::OUTCOMES), with(&outcomes, &["default", "hung_up"]));
    assert_eq!(names(vocabulary::RESERVED_ANSWERS), with(&RESERVED_ANSWERS, &[]));
    assert_eq!(names(vocabulary::GLOBAL_ANSWERS), with(&GLOBAL_ANSWERS, &[]));
    assert_eq!(names(vocabulary::TRANSFER_RESULTS), with(&TRANSFER_RESULTS, &["default"]));
}
