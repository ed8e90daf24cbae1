//! The shipped definitions: their own tests pass and go through everything, and what is taken out of them is missed.

use std::path::Path;
use std::sync::LazyLock;

use callwright_engine::definitions::library::Library;
use callwright_engine::definitions::render;
use callwright_engine::testing::mutate::{mutants, survives};
use callwright_engine::testing::{self, shading};

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let (library, problems) = Library::load(&root.join("flows"), &root.join("cadences"));
    assert!(problems.is_empty(), "{}", render::terminal(&problems, library.sources(), false));
    library
});

#[test]
fn every_shipped_case_passes_and_together_they_go_through_every_step_and_outcome() {
    let report = testing::run(&LIBRARY, |_, _| true);
    for file in &report.files {
        for case in &file.cases {
            assert_eq!(case.failure, None, "{}: {}", file.path, case.name);
        }
    }
    assert!(report.passed() >= 500, "only {} cases", report.passed());
    for figures in report.coverage.figures(&LIBRARY) {
        assert_eq!(figures.missing, [], "{}", figures.path);
    }
}

#[test]
fn a_picture_shaded_by_the_tests_shows_every_step_and_arrow_as_gone_through() {
    let report = testing::run(&LIBRARY, |file, _| file.path.starts_with("flows/"));
    for flow in LIBRARY.flows() {
        let shading = shading::of_flow(&report.coverage, flow);
        assert!(shading.steps.values().chain(shading.edges.values()).all(|covered| *covered), "{}", flow.key);
        assert!(shading.steps.len() >= flow.steps.len());
    }
}

/// Every thirteenth line here; `callwright test --mutate` takes them all.
#[test]
fn a_line_that_is_taken_out_of_a_shipped_flow_or_cadence_is_missed() {
    const EVERY: usize = 13;
    let lines = mutants(&LIBRARY, |_| true);
    assert!(lines.len() >= 500, "only {} lines", lines.len());
    let tried: Vec<_> = lines.iter().skip(4).step_by(EVERY).collect();
    let survivors: Vec<_> = tried.iter().filter(|line| survives(&LIBRARY, line)).collect();
    assert!(survivors.len() * 20 <= tried.len(), "of {} lines nobody misses {survivors:#?}", tried.len());
}

#[test]
fn a_line_that_does_nothing_is_found_to_be_missed_by_nobody() {
    let flow = "flow: x\ntitle: X\nscript: common\nsteps:\n  bye:\n    say: goodbye\n    end: over\n";
    let test = "test: X\nflow: x\ncases:\n  - { case: it ends, talk: [], expect: { end: over } }\n";
    let (library, problems) = Library::from_files([("flows/x.yaml", flow), ("flows/x.test.yaml", test)]);
    assert_eq!(problems, []);
    let survivors: Vec<String> = mutants(&library, |path| path == "flows/x.yaml")
        .into_iter()
        .filter(|line| survives(&library, line))
        .map(|line| line.text)
        .collect();
    assert_eq!(survivors, ["say: goodbye"]);
}
