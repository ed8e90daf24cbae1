//! Differences in the words of the file, and steps that keep their identity when numbers shift.

use super::super::library::{Bundle, Library};
use super::pairing::Pairing;
use super::{Change, diff};
use std::sync::Arc;

const FLOW: &str =
    "flow: hi\ntitle: Hi\nscript: hi\nstart: greet\nsteps:\n  greet: { say: hello, end: done }\n";
const SCRIPT: &str =
    "script: hi\ntitle: Hi\nfallback: [en]\nlanguages:\n  en:\n    texts:\n      hello: Hello.\n";
const CADENCE: &str = "cadence: c\ntitle: C\nhours: { days: mon-fri, between: 09:00-18:00, zone: lead }\nlimits: { per_day: 2 }\nsteps:\n  - id: first\n    call: hi\n    then: { no_answer: { retry: 1, after: 1 hour } }\n  - wait: 2 business days\n  - id: second\n    call: hi\n  - wait: 1 week\n  - id: last\n    call: hi\n";

fn bundle(cadence: &str, flow: &str, script: &str) -> Arc<Bundle> {
    let files = [("cadences/c.yaml", cadence), ("flows/hi.yaml", flow), ("flows/scripts/hi.yaml", script)];
    let (library, problems) = Library::from_files(files);
    library.bundle("c").unwrap_or_else(|| panic!("{problems:?}"))
}

fn edited(from: &str, to: &str) -> Vec<String> {
    assert!(CADENCE.contains(from), "`{from}` is not in the file");
    let changes = diff(&bundle(CADENCE, FLOW, SCRIPT), &bundle(&CADENCE.replace(from, to), FLOW, SCRIPT));
    changes.iter().map(Change::to_string).collect()
}

#[test]
fn comments_layout_key_order_and_file_names_change_nothing() {
    let other = "# a comment\ntitle:   C\ncadence: c\nlimits:\n  per_day: 2\nhours:\n  zone: lead\n  between: 09:00-18:00\n  days: mon-fri\n\nsteps:\n  - call: hi\n    id: first\n    then: { no_answer: { after: 1 hour, retry: 1 } }\n  - wait: 2 business days # wait\n  - {id: second, call: hi}\n  - wait: 7 days\n  - id: last\n    call: hi\n";
    let files = [("cadences/other.yaml", other), ("flows/a.yaml", FLOW), ("flows/scripts/b.yaml", SCRIPT)];
    let new = Library::from_files(files).0.bundle("c").unwrap();
    assert_eq!(diff(&bundle(CADENCE, FLOW, SCRIPT), &new), []);
}

#[test]
fn a_changed_wait_is_told_in_the_words_of_the_file() {
    assert_eq!(
        edited("2 business days", "1 business day"),
        ["step wait-2: wait: 2 business days -> 1 business day"]
    );
}

#[test]
fn rules_hours_and_limits_are_told_field_by_field() {
    assert_eq!(
        edited("retry: 1, after: 1 hour", "retry: 2, after: 30 minutes"),
        [
            "step first: then.no_answer: retry 1 after 1 hour, then go on -> retry 2 after 30 minutes, then go on"
        ]
    );
    assert_eq!(
        edited("09:00-18:00", "10:00-17:00"),
        ["cadence c: hours: mon-fri 09:00-18:00, not on holidays -> mon-fri 10:00-17:00, not on holidays"]
    );
    assert_eq!(edited("limits: { per_day: 2 }\n", ""), ["cadence c: limits.per_day removed: 2"]);
}

#[test]
fn a_step_put_in_front_does_not_rename_those_behind_it() {
    let changes = edited("  - wait: 2 business days\n", "  - task: Look at it\n  - wait: 2 business days\n");
    assert_eq!(changes, ["step task-2: added (task: Look at it)"]);
    let gone = edited("  - wait: 2 business days\n", "");
    assert_eq!(gone, ["step wait-2: removed (wait: 2 business days)"]);
}

#[test]
fn a_named_step_that_changes_places_is_moved() {
    let swapped = CADENCE
        .replace("id: second\n    call: hi", "id: x\n    call: hi")
        .replace("id: last", "id: second")
        .replace("id: x", "id: last");
    let changes = diff(&bundle(CADENCE, FLOW, SCRIPT), &bundle(&swapped, FLOW, SCRIPT));
    assert!(changes.iter().all(|change| change.kind == super::ChangeKind::Moved), "{changes:?}");
    assert!(changes.iter().any(|change| change.name == "second"), "{changes:?}");
}

#[test]
fn flows_and_texts_are_told_by_step_and_language() {
    let flow = FLOW.replace("end: done", "end: finished");
    let script = SCRIPT.replace("Hello.", "Good day.");
    let changes = diff(&bundle(CADENCE, FLOW, SCRIPT), &bundle(CADENCE, &flow, &script));
    let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
    assert_eq!(
        lines,
        ["flow step hi/greet: end: end done -> end finished", "text hi/en/hello: words: Hello. -> Good day."]
    );
}

#[test]
fn unnamed_steps_are_paired_by_what_they_do() {
    let old = bundle(CADENCE, FLOW, SCRIPT);
    let new = bundle(&CADENCE.replace("  - wait: 2 business days\n", ""), FLOW, SCRIPT);
    let pairing = Pairing::of(&old.cadence, &new.cadence);
    let pairs: Vec<Option<usize>> = (0..5).map(|index| pairing.new_of(index)).collect();
    // The week's wait is `wait-4` before and `wait-3` after.
    assert_eq!(pairs, [Some(0), None, Some(1), Some(2), Some(3)]);
}
