//! Tests of the definitions as a whole: the shipped ones, files with every kind of mistake, versions and reloads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::bundle::Bundle;
use super::library::{Library, LibraryHandle};
use super::schema::{DefinitionKind, SchemaKind, schema};
use super::source::Source;
use super::template::RenderLimits;
use super::workspace::Workspace;
use super::{context, embedded, render};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn shipped_definitions_have_no_problems() {
    let (library, diagnostics) = Library::from_files(embedded::FILES.iter().copied());
    assert_eq!(render::terminal(&diagnostics, library.sources(), false), "");
    let keys: Vec<&str> = library.bundles().map(|bundle| bundle.cadence.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "new-lead",
            "outbound-caller",
            "price-drop",
            "promo",
            "qualification",
            "replay",
            "restock",
            "thank-you",
            "trial-nurture",
            "upgrade-offer"
        ]
    );
}

#[test]
fn embedded_definitions_are_exactly_the_files_of_the_folders() {
    let (library, diagnostics) = Library::load(&root().join("flows"), &root().join("cadences"));
    assert_eq!(diagnostics, []);
    for (path, text) in embedded::FILES {
        assert_eq!(library.sources().text(path), Some(*text), "{path}");
    }
    let definitions = library.sources().paths().filter(|path| !path.contains(".test."));
    assert_eq!(definitions.count(), embedded::FILES.len());
}

#[test]
fn every_shipped_text_is_there_in_english_hinglish_and_hindi() {
    for script in Library::embedded().scripts() {
        let texts = |code: &str| script.languages[code].texts.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(texts("en"), texts("hi-Latn"), "{}", script.key);
        assert_eq!(texts("en"), texts("hi"), "{}", script.key);
    }
}

#[test]
fn the_press_1_call_speaks_every_language_of_the_register() {
    let script = Library::embedded().script("outbound-caller").unwrap().clone();
    for code in ["en", "hi-Latn", "hi", "gu", "mr", "kn", "ta", "te", "bn"] {
        let words = &script.languages[code];
        for text in [
            "automated_call",
            "greeting",
            "connecting",
            "added_to_do_not_call",
            "no_input",
            "voicemail",
            "opted_out",
        ] {
            assert!(words.texts.contains_key(text), "{text} in {code}");
        }
        assert!(words.answers.contains_key("opt_out"), "{code}");
    }
}

/// Shipped definitions that the broken files refer to; reading all of them would only make the test slow.
const NEIGHBOURS: [&str; 7] =
    ["new-lead", "trial-", "price-drop", "missed-you", "common", "thank-you", "follow-up"];

#[test]
fn every_mistake_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/definitions/fixtures/err");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".yaml", ""))
        .collect();
    names.sort();
    assert!(names.len() >= 25);
    for name in names {
        let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let path = format!("{name}.yaml");
        let replaces_common = text.starts_with("script: common");
        let shipped = embedded::FILES.iter().copied().filter(|(path, _)| {
            let is_wanted = NEIGHBOURS.iter().any(|each| path.contains(each));
            is_wanted && !(replaces_common && path.ends_with("/common.yaml"))
        });
        let (library, mut diagnostics) = Library::from_files(shipped.chain([(path.as_str(), text.as_str())]));
        if replaces_common {
            diagnostics.truncate(2);
        } else {
            diagnostics.retain(|each| each.file == path);
        }
        assert!(!diagnostics.is_empty(), "{name} is found to be correct");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("err-{name}"), render::terminal(&diagnostics, library.sources(), false));
        });
    }
}

#[test]
fn diagnostics_have_a_form_for_machines_and_one_for_pull_requests() {
    let file = (
        "cadences/renewal.yaml",
        "cadence: renewal\ntitle: Renewal\nsteps:\n  - id: follow-up\n    call: trial-nurtur\n",
    );
    let (library, diagnostics) = Library::from_files(embedded::FILES.iter().copied().chain([file]));
    insta::assert_snapshot!(render::github(&diagnostics, library.sources()));
    insta::assert_json_snapshot!(render::json(&diagnostics, library.sources()));
}

#[test]
fn a_broken_file_is_left_out_and_the_rest_stays_usable() {
    let broken = ("flows/price-drop.yaml", "flow: price-drop\ntitle: Broken\n");
    let others = embedded::FILES.iter().copied().filter(|(path, _)| *path != broken.0);
    let (library, diagnostics) = Library::from_files(others.chain([broken]));
    assert!(diagnostics.iter().all(|each| each.file == broken.0), "{diagnostics:?}");
    assert!(library.flow("price-drop").is_none());
    assert!(library.bundle("price-drop").is_none());
    assert!(library.bundle("new-lead").is_some());
}

#[test]
fn reload_keeps_the_last_good_version_of_a_broken_file() {
    let handle = LibraryHandle::new(Library::embedded());
    let before = handle.current().bundle("price-drop").unwrap();
    let broken = ("flows/price-drop.yaml", "flow: [");
    let others = || embedded::FILES.iter().copied().filter(|(path, _)| *path != broken.0);
    handle.reload(Library::from_files(others().chain([broken])).0);
    assert_eq!(handle.current().bundle("price-drop").unwrap().hash, before.hash);
    assert!(handle.current().flow_bundle("price-drop").is_some());

    handle.reload(Library::from_files(others().filter(|(path, _)| *path != "cadences/price-drop.yaml")).0);
    assert!(handle.current().bundle("price-drop").is_none(), "a deleted cadence is gone");
}

#[test]
fn hash_ignores_comments_layout_and_file_names_and_nothing_else() {
    let original = Library::embedded().bundle("price-drop").unwrap();
    let rewritten: Vec<(String, String)> = original
        .sources
        .iter()
        .map(|(path, text)| {
            (
                format!("elsewhere/{path}"),
                format!("# a comment\n{text}\n\n# another\n").replace("{ say: ", "{  say:  "),
            )
        })
        .collect();
    let same = Bundle::from_sources("price-drop", &rewritten.iter().cloned().collect()).unwrap();
    assert_eq!(same.hash, original.hash);

    for (path, text) in &original.sources {
        let mut changed: BTreeMap<String, String> = original.sources.clone();
        changed.insert(path.clone(), text.replacen("title: ", "title: New: ".trim_end_matches(": "), 1));
        let other = Bundle::from_sources("price-drop", &changed).unwrap();
        assert_ne!(other.hash, original.hash, "{path}");
    }
}

#[test]
fn bundles_come_back_from_their_own_sources() {
    let library = Library::embedded();
    let singles = library.flows().filter_map(|flow| library.flow_bundle(&flow.key));
    for bundle in library.bundles().cloned().chain(singles) {
        let again = Bundle::from_sources(&bundle.cadence.key, &bundle.sources).unwrap();
        assert_eq!(again.hash, bundle.hash);
        assert_eq!(again.sources, bundle.sources);
        assert_eq!(format!("{:?}", again.cadence), format!("{:?}", bundle.cadence));
        assert_eq!(format!("{:?}", again.flows), format!("{:?}", bundle.flows));
        assert_eq!(format!("{:?}", again.scripts), format!("{:?}", bundle.scripts));
    }
}

#[test]
fn incomplete_sources_are_refused_with_a_reason() {
    let bundle = Library::embedded().bundle("new-lead").unwrap();
    let mut sources = bundle.sources.clone();
    sources.remove("flows/new-lead.yaml");
    let problems = Bundle::from_sources("new-lead", &sources).unwrap_err();
    assert_eq!(problems[0].code, "incomplete");
}

#[test]
fn schemas_accept_every_shipped_file_and_are_valid_themselves() {
    for kind in DefinitionKind::ALL.iter().copied() {
        jsonschema::meta::validate(schema(kind)).unwrap();
        let validator = jsonschema::validator_for(schema(kind)).unwrap();
        for (path, text) in embedded::FILES {
            let source = Source::parse(path, text).unwrap();
            if source.root().entries()[0].key != kind.as_str() {
                continue;
            }
            let value = source.root().to_json();
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{path}");
        }
    }
}

#[test]
fn schemas_carry_stable_ids_and_a_description_of_every_key() {
    for kind in SchemaKind::ALL.iter().copied() {
        let schema = schema(kind);
        jsonschema::meta::validate(schema).unwrap();
        assert_eq!(schema["$id"], format!("https://callwright.dev/schema/{kind}.schema.json"));
        let definitions = schema["$defs"].as_object().into_iter().flatten().map(|(_, definition)| definition);
        for owner in definitions.chain([schema]) {
            for (key, property) in owner["properties"].as_object().into_iter().flatten() {
                assert!(property.get("description").is_some(), "{kind}: {key} has no description");
            }
        }
    }
}

/// What the schema refuses, `check` refuses too: patterns are explained by the compiler instead of the schema.
#[test]
fn nothing_the_schema_refuses_passes_unnoticed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/definitions/fixtures/err");
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let Ok(source) = Source::parse("x.yaml", &text) else { continue };
        let value = source.root().to_json();
        let Some(kind) = DefinitionKind::ALL.iter().copied().find(|kind| value.get(kind.as_str()).is_some())
        else {
            continue;
        };
        let refused = !jsonschema::validator_for(schema(kind)).unwrap().is_valid(&value);
        let workspace = Workspace::read([("x.yaml", text.as_str())]);
        assert!(!refused || workspace.broken.contains("x.yaml"), "{value}");
    }
}

/// A live call must never fail for a field that a lead or an optional offer does not have.
#[test]
fn shipped_texts_can_be_spoken_to_a_lead_about_whom_nothing_is_known() {
    let mut variables = serde_json::json!({
        "campaign": { "company": "Acme" }, "agent": { "name": "Rachel" }, "product": { "name": "Lamp" },
        "property": { "name": "Palm Grove", "location": "Baner", "priceFrom": 8_500_000 },
    });
    context::complete(&mut variables);
    let variables = context::value(&variables);
    for script in Library::embedded().scripts() {
        for (code, words) in &script.languages {
            for (name, text) in &words.texts {
                let spoken = text.render(&variables, RenderLimits::default());
                let spoken = spoken.unwrap_or_else(|error| panic!("{} {code} {name}: {error}", script.key));
                let is_clean = !spoken.contains("  ") && !spoken.contains(" ,") && !spoken.contains(" .");
                assert!(is_clean, "{} {code} {name}: {spoken:?}", script.key);
            }
        }
    }
}

/// Whatever an editor sends while somebody types: answers, never a panic, and every place lies inside its file.
mod while_typing {
    use proptest::prelude::*;

    use super::super::library::Library;
    use super::super::{embedded, render};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn half_written_files_are_answered_without_panic(
            file in 0..embedded::FILES.len(),
            cut in 0.0..1.0_f64,
            drop in 0_usize..40,
            insert in "[ \\n:{}\\[\\]\"'|>&*%é-]{0,6}",
        ) {
            let (path, text) = embedded::FILES[file];
            let at = text.floor_char_boundary((text.len() as f64 * cut) as usize);
            let rest = text.floor_char_boundary(at + drop);
            let changed = format!("{}{insert}{}", &text[..at], &text[rest.max(at)..]);
            let (library, diagnostics) = Library::from_files([(path, changed.as_str())]);
            let lines = changed.lines().count() + 1;
            for diagnostic in diagnostics.iter().filter(|each| each.file == path) {
                prop_assert!(library.sources().position(diagnostic).line <= lines);
            }
            render::terminal(&diagnostics, library.sources(), false);
        }
    }
}

#[test]
fn texts_include_pieces_of_their_own_language_and_of_the_shared_words() {
    let files = [
        (
            "flows/scripts/common.yaml",
            "script: common\nlanguages:\n  en: { texts: { hello: 'Hi {{ lead.firstName }}{% include \"comma\" %}', comma: ',' } }\n",
        ),
        (
            "flows/scripts/a.yaml",
            "script: a\nlanguages:\n  en: { texts: { own: friend, greeting: '{% include \"hello\" %} my {%- include \"own\" -%}!' } }\n",
        ),
    ];
    let (library, diagnostics) = Library::from_files(files);
    assert!(!diagnostics.iter().any(super::diagnostic::Diagnostic::is_error), "{diagnostics:?}");
    let script = library.script("a").unwrap();
    let text = script.text("en", "greeting").unwrap();
    let spoken = text.render(&context::value(&context::sample()), RenderLimits::default()).unwrap();
    assert_eq!(spoken, "Hi Alice, my friend!");
}

#[test]
fn pieces_that_include_each_other_are_refused() {
    let file = (
        "flows/scripts/a.yaml",
        "script: a\nlanguages:\n  en: { texts: { one: '{% include \"two\" %}', two: '{% include \"one\" %}' } }\n",
    );
    let (_, diagnostics) = Library::from_files([file]);
    let codes: BTreeSet<&str> = diagnostics.iter().map(|each| each.code).collect();
    assert_eq!(codes, BTreeSet::from(["endless-include"]));
}

#[test]
fn a_flow_that_runs_one_that_records_needs_consent_first() {
    let flow = |first: &str| {
        format!(
            "flow: a\ntitle: A\nscript: common\nsteps:\n{first}  inner: {{ run: taped, then: {{ done: bye }} }}\n  bye: {{ end: over }}\n"
        )
    };
    let taped = (
        "flows/taped.yaml",
        "flow: taped\ntitle: T\nscript: common\nsteps:\n  on: { recording: start, end: done }\n",
    );
    let problems = |text: &str| {
        let (_, problems) = Library::from_files([taped, ("flows/a.yaml", text)]);
        problems.into_iter().map(|each| each.message).collect::<Vec<_>>()
    };
    let asked = flow("  ask: { ask_consent: recording, then: { granted: inner, default: bye } }\n");
    assert_eq!(problems(&asked), Vec::<String>::new());
    assert_eq!(
        problems(&flow("")),
        [
            "step `inner` runs flow `taped`, which starts recording, and can be reached without consent",
            "step `on` starts recording, and nothing in this flow asks for consent",
        ]
    );
    let shared = flow("  ask: { run: recording-consent, then: { go_on: inner, no: bye } }\n");
    let consent =
        embedded::FILES.iter().copied().find(|(path, _)| path.ends_with("recording-consent.yaml")).unwrap();
    let (_, problems) = Library::from_files([taped, consent, ("flows/a.yaml", &shared)]);
    let codes: BTreeSet<&str> = problems.iter().map(|each| each.code).collect();
    // It also goes on unrecorded where the campaign says so.
    assert_eq!(codes, BTreeSet::from(["recording-without-consent", "unknown-answer"]));
}

#[test]
fn places_of_broken_files_are_widened_to_whole_characters() {
    let text = "script: x\nlanguages:\n  mr:\n    texts:\n      a: >-\n        कॉ\nल यादीत: [\n";
    let (library, diagnostics) = Library::from_files([("flows/scripts/x.yaml", text)]);
    assert!(!diagnostics.is_empty());
    for diagnostic in &diagnostics {
        let span = library.sources().span(diagnostic);
        assert!(diagnostic.file != "flows/scripts/x.yaml" || text.get(span).is_some(), "{diagnostic:?}");
    }
    let all: Vec<super::diagnostic::Diagnostic> = (0..text.len())
        .map(|at| {
            let place = super::diagnostic::Place::Bytes(at..at + 1);
            super::diagnostic::Diagnostic::error("schema", "flows/scripts/x.yaml", place, "here")
        })
        .collect();
    assert!(render::terminal(&all, library.sources(), false).contains("here"));
}
