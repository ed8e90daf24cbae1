//! Definitions, references, outline, search and fixes.

use super::super::super::diagnostic::Diagnostic;
use super::super::super::embedded;
use super::super::super::library::Library;
use super::super::fixes::fixes;
use super::super::outline::{outline, search};
use super::super::project::Project;
use super::super::symbol;
use super::{bench, words};

/// `path:word` of every place, definitions first.
fn places(path: &str, text: &str) -> Vec<String> {
    let bench = bench(&[(path, text)]);
    let found = symbol::at(&bench.project, path, bench.offset).expect("a name at the cursor");
    symbol::all(&bench.project, &found.symbol)
        .into_iter()
        .map(|each| {
            format!(
                "{}{}:{}",
                if each.is_definition { "=" } else { "" },
                each.path,
                words(&bench.project, &each.path, &each.span)
            )
        })
        .collect()
}

#[test]
fn a_call_leads_to_its_flow_and_back() {
    let found = places("cadences/promo.yaml", "cadence: promo\nsteps:\n  - call: pro‸mo\n");
    assert_eq!(found[0], "=flows/promo.yaml:promo");
    assert!(found.contains(&"cadences/promo.yaml:promo".to_owned()), "{found:?}");
}

#[test]
fn a_spoken_text_leads_to_every_language_and_shared_words_to_their_own_file() {
    let flow =
        |text: &str| format!("flow: x\nscript: price-drop\nsteps:\n  a: {{ say: {text}, end: done }}\n");
    let found = places("flows/x.yaml", &flow("refund_d‸one"));
    let definitions = found.iter().filter(|each| *each == "=flows/scripts/price-drop.yaml:refund_done");
    assert!(definitions.count() > 1, "{found:?}");
    let found = places("flows/x.yaml", &flow("good‸bye"));
    assert!(found[0].starts_with("=flows/scripts/common.yaml"), "{found:?}");
}

#[test]
fn steps_answers_events_endings_and_learned_values_are_linked() {
    let flow = "flow: x\nscript: price-drop\nstart: as‸k\nsteps:\n  ask:\n    ask: offer\n    save_as: choice\n    \
                then: { accept: yes, default: ask }\n  yes:\n    branch: [{ if: answers.choice == \"accept\", go: ask }]\n    otherwise: ask\n";
    let steps = places("flows/x.yaml", flow);
    assert_eq!(steps.len(), 5, "{steps:?}");
    let moved = |from: &str, to: &str| flow.replace('‸', "").replacen(from, to, 1);
    let learned = places("flows/x.yaml", &moved("answers.choice", "answers.cho‸ice"));
    assert_eq!(learned, ["=flows/x.yaml:choice", "flows/x.yaml:choice"]);
    let answers = places("flows/x.yaml", &moved("accept: yes", "acc‸ept: yes"));
    assert!(answers[0].starts_with("=flows/scripts/price-drop.yaml"), "{answers:?}");
    let events =
        places("cadences/x.yaml", "cadence: x\nexit:\n  - { when_event: OFFER_ACC‸EPTED, result: won }\n");
    assert!(events.iter().any(|each| each == "=flows/restock.yaml:OFFER_ACCEPTED"), "{events:?}");
    let endings = places(
        "cadences/x.yaml",
        "cadence: x\nsteps:\n  - call: restock\n    then: { declin‸ed: { end: no } }\n",
    );
    assert!(endings[0].starts_with("=flows/restock.yaml:declined"), "{endings:?}");
}

#[test]
fn a_step_in_an_arm_is_found_by_its_short_and_its_full_name() {
    let text = "cadence: x\nsteps:\n  - id: s\n    split:\n      - { arm: one, share: 50, steps: [{ id: i‸, task: t, next: i }] }\n      \
                - { arm: two, share: 50, steps: [{ id: i, task: t, next: s/one/i }] }\n";
    assert_eq!(
        places("cadences/x.yaml", text),
        ["=cadences/x.yaml:i", "cadences/x.yaml:i", "cadences/x.yaml:i"]
    );
    let split = text.replace('‸', "").replacen("next: s/", "next: s‸/", 1);
    assert_eq!(places("cadences/x.yaml", &split), ["=cadences/x.yaml:s", "cadences/x.yaml:s"]);
}

#[test]
fn an_included_text_leads_to_its_words() {
    let text =
        "script: x\nlanguages:\n  en:\n    texts:\n      a: '{% include \"b‸b\" %}'\n      bb: hello\n";
    assert_eq!(places("flows/scripts/x.yaml", text), ["=flows/scripts/x.yaml:bb", "flows/scripts/x.yaml:bb"]);
}

#[test]
fn names_are_found_in_a_file_that_is_no_yaml() {
    let text = "flow: x\nscript: price-drop\nsteps:\n  a: { say: gree‸ting, next: [\n  b: { end: done }\n";
    assert!(places("flows/x.yaml", text)[0].starts_with("=flows/scripts/price-drop.yaml"));
}

#[test]
fn a_file_that_is_no_yaml_still_exists_for_its_users() {
    let bench = bench(&[("flows/promo.yaml", "flow: promo‸\nsteps: { [\n")]);
    let problems = bench.project.problems();
    assert_eq!(problems["flows/promo.yaml"].len(), 1);
    assert!(problems["cadences/promo.yaml"].is_empty(), "{:?}", problems["cadences/promo.yaml"]);
}

#[test]
fn the_outline_shows_steps_with_what_they_do_and_arms_below_their_split() {
    let bench = bench(&[(
        "flows/x.yaml",
        "flow: x‸\ntitle: Short\nsteps:\n  a: { say: hi, next: b }\n  b: { end: done }\n",
    )]);
    let root = outline(bench.project.file("flows/x.yaml").expect("a file")).expect("an outline");
    let parts: Vec<(&str, &str)> =
        root.parts.iter().map(|part| (part.name.as_str(), part.detail.as_str())).collect();
    assert_eq!(parts, [("a", "say hi, next b"), ("b", "end done")]);
    let nested =
        outline(bench.project.file("cadences/trial-nurture.yaml").expect("a file")).expect("an outline");
    let split = nested.parts.iter().find(|part| part.name == "nurture").expect("the split");
    let arms: Vec<(&str, &str)> =
        split.parts.iter().map(|arm| (arm.name.as_str(), arm.parts[0].name.as_str())).collect();
    assert_eq!(arms, [("call", "upgrade-call"), ("message", "upgrade-text")]);
}

#[test]
fn the_search_finds_steps_of_all_files() {
    let bench = bench(&[("flows/x.yaml", "flow: x‸\nsteps: {}\n")]);
    let hits = search(&bench.project, "Upgrade-C");
    assert_eq!(hits.iter().map(|hit| hit.path.as_str()).collect::<Vec<_>>(), ["cadences/trial-nurture.yaml"]);
}

#[test]
fn a_misspelt_name_is_fixed_at_its_word() {
    let text = "flow: x\ntitle: X\nscript: price-drop\nsteps:\n  a: { say: greetin‸, next: \"bb\" }\n  b: { end: done }\n";
    let bench = bench(&[("flows/x.yaml", text)]);
    let fix = |word: &str| {
        let at = bench.project.text("flows/x.yaml").and_then(|text| text.find(word)).expect("the word");
        let found = fixes(&bench.project, "flows/x.yaml", &(at..at));
        found
            .into_iter()
            .map(|fix| (words(&bench.project, "flows/x.yaml", &fix.edit.span).to_owned(), fix.edit.text))
            .collect::<Vec<_>>()
    };
    assert_eq!(fix("greetin"), [("greetin".to_owned(), "greeting".to_owned())]);
    assert_eq!(fix("bb"), [("bb".to_owned(), "b".to_owned())]);
}

/// What a check of all files from nothing says.
fn from_nothing(project: &Project) -> Vec<Diagnostic> {
    let all: Vec<(&str, &str)> = project.files().map(|(path, file)| (path, file.text.as_str())).collect();
    Library::from_files(all).1
}

#[test]
fn after_every_change_the_problems_are_those_of_a_check_from_nothing() {
    let few = |path: &str| ["promo", "restock", "common", "shared/"].iter().any(|name| path.contains(name));
    let mut project = Project::of(embedded::FILES.iter().copied().filter(|(path, _)| few(path)));
    project.refresh();
    let changes: [(&str, &str, &str); 14] = [
        ("flows/promo.yaml", "flow: promo", "flow: promotion\nscript: promo"),
        ("flows/promo.yaml", "flow: promotion\nscript: promo", "flow: promo"),
        ("flows/scripts/promo.yaml", "lead.firstName", "lead.fristName"),
        ("flows/scripts/promo.yaml", "lead.fristName", "lead.firstName"),
        ("flows/promo.yaml", "next: ", "next: nowhere_"),
        ("flows/promo.yaml", "next: nowhere_", "next: "),
        ("flows/scripts/promo.yaml", "greeting:", "greting:"),
        ("flows/scripts/promo.yaml", "greting:", "greeting:"),
        ("flows/scripts/common.yaml", "opted_out:", "optedout:"),
        ("flows/scripts/common.yaml", "optedout:", "opted_out:"),
        ("cadences/promo.yaml", "offer: required", "offer: optional"),
        ("cadences/promo.yaml", "offer: optional", "offer: required"),
        ("flows/scripts/promo.yaml", "title:", "title: [{"),
        ("flows/restock.yaml", "save_as", "save_it_as"),
    ];
    for (path, from, to) in changes {
        let text = project.text(path).expect("a file").replacen(from, to, 1);
        project.set(path, &text);
        project.refresh();
        let mut kept: Vec<Diagnostic> =
            project.problems().values().flatten().map(|problem| problem.diagnostic.clone()).collect();
        let mut fresh = from_nothing(&project);
        // Users of a file that is no YAML are spared here; everything else is the same.
        if fresh.iter().any(|each| each.code == "yaml-syntax") {
            for list in [&mut kept, &mut fresh] {
                list.retain(|each| !matches!(each.code, "unknown-script" | "unknown-flow"));
            }
        }
        assert_eq!(kept, fresh, "{path}: {from} → {to}");
    }
}
