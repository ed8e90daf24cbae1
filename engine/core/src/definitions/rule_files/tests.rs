//! The shipped files are silent under the checks that operators' files meet, and what is wrong is said all at once.

use std::path::Path;

use super::*;
use crate::definitions::render;
use crate::definitions::schema::schema;

fn shipped() -> Vec<(String, String)> {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")).unwrap()
}

fn reviewed(files: &[(&str, &str)]) -> RuleReview {
    review(files.iter().copied())
}

fn codes(review: &RuleReview) -> Vec<&'static str> {
    review.diagnostics.iter().map(|each| each.code).collect()
}

#[test]
fn the_shipped_files_are_silent() {
    let files = shipped();
    let review = review(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    assert_eq!(render::terminal(&review.diagnostics, &review.sources, false), "");
    assert!(review.files >= 36 && review.rules >= 50 && review.vectors >= 150, "{review:?}");
}

#[test]
fn the_schemas_accept_the_shipped_files() {
    for (path, text) in shipped() {
        let kind = if text.contains("\ncalendars:") { SchemaKind::Holidays } else { SchemaKind::Rules };
        let value = Source::parse(&path, &text).unwrap().root().to_json();
        let validator = jsonschema::validator_for(schema(kind)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{path}");
    }
}

const SOUND: &str = "jurisdiction: US-TX
title: Texas, our way
rules:
  - id: ours-tx
    effective: { from: 2026-01-01 }
    hours: { spans: [{ days: mon-fri, from: \"10:00\", until: \"18:00\" }] }
    citation: our own counsel
    grade: B
    verified_on: 2026-11-20
    vectors:
      - { local: 2026-01-14T10:00, allowed: true }
      - { local: 2026-01-14T18:00, allowed: false }
";

#[test]
fn a_sound_file_becomes_rules() {
    let review = reviewed(&[("rules/us-tx.yaml", SOUND)]);
    assert_eq!(render::terminal(&review.diagnostics, &review.sources, false), "");
    let rules = review.rules(&Profile::strict()).unwrap();
    assert!(rules.rules().any(|(_, rule)| rule.id == "ours-tx"));
    let unknown = review.rules(&"federal-onyl".parse().unwrap()).unwrap_err();
    assert_eq!(unknown, "there is no profile `federal-onyl`; did you mean `federal-only`?");
}

#[test]
fn several_mistakes_of_several_rules_are_said_at_once() {
    let text = SOUND
        .replace("citation: our own counsel", "citatoin: our own counsel")
        .replace("2026-11-20", "2026-11-31")
        .replace("until: \"18:00\"", "until: \"8:00 pm\"")
        + "  - id: us-tx-hours
    effective: { from: 2000-01-01 }
    hours: { spans: [{ days: daily, from: \"08:00\", until: \"21:00\" }] }
    citation: hearsay
    grade: C
    verified_on: 2026-11-20
    vectors: [{ local: 2026-01-14T07:00, allowed: true }]
";
    let review = reviewed(&[("rules/us-tx.yaml", &text)]);
    let mut found = codes(&review);
    found.sort_unstable();
    let expected = [
        "bad-date",
        "bad-hours",
        "example-fails",
        "loosens-law",
        "loosens-law",
        "missing-example",
        "missing-key",
        "unknown-key",
        "unverified-rule",
    ];
    assert_eq!(found, expected, "{}", render::terminal(&review.diagnostics, &review.sources, false));
}

#[test]
fn a_profile_may_loosen_and_strict_may_not() {
    let wide = SOUND
        .replace("from: 2026-01-01", "from: 2000-01-01")
        .replace("ours-tx", "us-tx-hours")
        .replace("\"18:00\"", "\"22:00\"")
        .replace("T18:00", "T22:00");
    let named = |profile: &str| wide.replace("title: ", &format!("profile: {profile}\ntitle: "));
    assert_eq!(codes(&reviewed(&[("a.yaml", &wide)])), ["loosens-law"]);
    assert_eq!(codes(&reviewed(&[("a.yaml", &named("strict"))])), ["loosens-law"]);
    let review = reviewed(&[("a.yaml", &named("customers"))]);
    assert_eq!(codes(&review), [""; 0]);
    assert!(review.rules(&"customers".parse().unwrap()).is_ok());
}

#[test]
fn names_are_unique_across_files_and_places() {
    let other = SOUND.replace("US-TX", "US-FL");
    let review = reviewed(&[("rules/a.yaml", SOUND), ("rules/b.yaml", &other)]);
    assert_eq!(codes(&review), ["duplicate-rule"]);
    let taken = SOUND.replace("ours-tx", "us-fl-hours");
    assert_eq!(codes(&reviewed(&[("rules/a.yaml", &taken)])), ["duplicate-rule"]);
}

#[test]
fn holidays_of_the_operator_count_in_examples() {
    let with_holiday = SOUND
        .replace(" }] }\n", " }], holidays: skip }\n")
        .replace("    vectors:\n", "    vectors:\n      - { local: 2026-03-02T12:00, allowed: false }\n");
    let calendar = "calendars:\n  US-TX: { Texas Independence Day: [2026-03-02] }\n";
    assert_eq!(codes(&reviewed(&[("a.yaml", &with_holiday)])), ["example-fails"]);
    assert_eq!(codes(&reviewed(&[("a.yaml", &with_holiday), ("holidays.yaml", calendar)])), [""; 0]);
    let wrong = calendar.replace("2026-03-02", "2026-02-30").replace("US-TX", "Texas");
    assert_eq!(codes(&reviewed(&[("holidays.yaml", &wrong)])), ["unknown-place", "bad-date"]);
}
