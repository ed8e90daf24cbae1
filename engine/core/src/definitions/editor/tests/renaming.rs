//! New names, everywhere at once: what is renamed still means the same.

use super::super::rename::{Edit, prepare, rename};
use super::{Bench, bench};

/// Applies the edits and answers the errors that the project has afterwards.
fn errors_after(bench: &mut Bench, edits: &[Edit]) -> Vec<String> {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    for edit in edits {
        let mut text = bench.project.text(&edit.path).expect("a file").to_owned();
        text.replace_range(edit.span, &edit.text);
        bench.project.set(&edit.path, &text);
    }
    bench.project.refresh();
    let problems = bench.project.problems().values().flatten().map(|problem| &problem.diagnostic);
    problems.filter(|each| each.is_error()).map(|each| format!("{}: {}", each.file, each.message)).collect()
}

fn renamed(files: &[(&str, &str)], name: &str) -> (Bench, usize) {
    let mut bench = bench(files);
    let edits = rename(&bench.project, &bench.path, bench.offset, name).expect("may be renamed");
    assert_eq!(errors_after(&mut bench, &edits), Vec::<String>::new());
    (bench, edits.len())
}

fn refused(path: &str, text: &str, name: &str) -> String {
    let bench = bench(&[(path, text)]);
    rename(&bench.project, path, bench.offset, name).expect_err("may not be renamed")
}

const FLOW: &str = "flow: x\ntitle: X\nscript: restock\nsteps:\n  greet: { say: greeting, next: \"off‸er\" }\n  offer:\n    ask: offer\n    \
                    then: { accept: greet, default: offer, decline: bye }\n  bye: { say: goodbye, end: over }\n";

#[test]
fn a_step_is_renamed_where_it_stands_and_where_others_lead_to_it() {
    let (bench, edits) = renamed(&[("flows/x.yaml", FLOW)], "question");
    assert_eq!(edits, 3);
    let text = bench.project.text("flows/x.yaml").expect("a file");
    assert!(text.contains("next: \"question\"") && text.contains("ask: offer"), "{text}");
}

#[test]
fn a_step_in_a_split_is_renamed_in_short_and_full_paths() {
    let text = "cadence: x\ntitle: X\nsteps:\n  - id: s\n    split:\n      - { arm: one, share: 50, steps: [{ task: t, next: i }, { id: i‸, task: t }] }\n      \
                - { arm: two, share: 50, steps: [{ id: k, task: t, next: s/one/i }] }\n";
    let (bench, edits) = renamed(&[("cadences/x.yaml", text)], "first");
    assert_eq!(edits, 3);
    assert!(bench.project.text("cadences/x.yaml").is_some_and(|text| text.contains("next: s/one/first")));
    let split = text.replace("i‸", "i").replace("id: s\n", "id: s‸\n");
    let (bench, edits) = renamed(&[("cadences/x.yaml", &split)], "halves");
    assert_eq!(edits, 2);
    assert!(bench.project.text("cadences/x.yaml").is_some_and(|text| text.contains("next: halves/one/i")));
}

#[test]
fn a_flow_that_speaks_its_own_script_names_it_afterwards() {
    let (bench, _) = renamed(
        &[("cadences/restock.yaml", "cadence: restock\ntitle: R\nsteps:\n  - call: rest‸ock\n")],
        "back-again",
    );
    let flow = bench.project.text("flows/restock.yaml").expect("a file");
    assert!(flow.contains("flow: back-again\nscript: restock\n"), "{flow}");
}

#[test]
fn a_script_is_renamed_for_the_flows_that_speak_it_by_default() {
    let text = "flow: x\ntitle: X\nscript: restoc‸k\nsteps:\n  a: { say: goodbye, end: over }\n";
    let (bench, _) = renamed(&[("flows/x.yaml", text)], "again");
    assert!(
        bench
            .project
            .text("flows/restock.yaml")
            .is_some_and(|flow| flow.contains("flow: restock\nscript: again\n"))
    );
    assert!(
        bench
            .project
            .text("flows/scripts/restock.yaml")
            .is_some_and(|script| script.contains("\nscript: again\n"))
    );
}

#[test]
fn texts_answers_endings_and_learned_values_are_renamed_across_files() {
    let flow = "flow: restock\ntitle: R\nsteps:\n  a: { say: acce‸pted, next: b }\n  b: { ask: offer, save_as: choice, then: { accept: c, default: c } }\n  \
                c:\n    branch: [{ if: answers.choice == \"accept\", go: d }]\n    otherwise: d\n  d: { end: declined }\n";
    let (bench, edits) = renamed(&[("flows/restock.yaml", flow)], "reserved");
    assert!(edits > 2, "{edits}");
    assert!(
        bench.project.text("flows/scripts/restock.yaml").is_some_and(|script| !script.contains("accepted:"))
    );
    let moved = |from: &str, to: &str| flow.replace('‸', "").replacen(from, to, 1);
    let (bench, _) = renamed(&[("flows/restock.yaml", &moved("declined", "decl‸ined"))], "refused");
    assert!(bench.project.text("cadences/restock.yaml").is_some_and(|text| !text.contains("declined:")));
    let (bench, edits) =
        renamed(&[("flows/restock.yaml", &moved("answers.choice", "answers.cho‸ice"))], "picked");
    assert_eq!(edits, 2);
    assert!(bench.project.text("flows/restock.yaml").is_some_and(|text| text.contains("answers.picked")));
}

#[test]
fn names_that_others_rely_on_are_kept() {
    assert!(
        refused("cadences/x.yaml", "cadence: x\nexit: [{ when_event: OFFER_ACC‸EPTED, result: r }]\n", "Y")
            .contains("other systems")
    );
    assert!(
        refused("flows/x.yaml", "flow: x\nsteps:\n  a: { say: good‸bye, end: done }\n", "y")
            .contains("shared words")
    );
    assert!(refused("flows/x.yaml", "flow: x\nsteps:\n  a: { end: conv‸erted }\n", "y").contains("counts"));
    assert!(refused("flows/x.yaml", FLOW, "greet").contains("taken"));
    assert!(refused("flows/x.yaml", FLOW, "two words").contains("cannot be a name"));
    let bench = bench(&[("flows/x.yaml", "flow: x\ntit‸le: X\nsteps: {}\n")]);
    assert_eq!(prepare(&bench.project, "flows/x.yaml", bench.offset), Ok(None));
}
