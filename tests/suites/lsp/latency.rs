//! How long an author waits for problems after a keystroke. The figures are printed, not judged: machines differ, and a build for
//! debugging is many times slower than the one that is shipped.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, place};
use super::workspace::workspace;

const KEYSTROKES: usize = 20;

/// A script of about 500 lines beside the shipped definitions.
fn long_script() -> String {
    let mut text = "script: hello\nfallback: [en]\nlanguages:\n".to_owned();
    for language in ["en", "hi"] {
        let _ = write!(
            text,
            "  {language}:\n    answers:\n      accept: [\"yes\", sure]\n      opt_out: [stop]\n    texts:\n      greeting: Hi\n      good_time: Good time?\n      opted_out: Done\n"
        );
        for index in 0..121 {
            let _ = write!(
                text,
                "      text_{index}: >-\n        नमस्ते {{{{ lead.firstName | default(\"ji\") | name }}}}, {{{{ agent.name }}}} here, number {index}.\n"
            );
        }
    }
    text
}

fn measure(path: &str, text: &str) -> Vec<Duration> {
    let folder = workspace();
    for (path, text) in callwright_engine::definitions::embedded::FILES {
        super::workspace::write(folder.path(), path, text);
    }
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.open(path, text);
    client.problems(path);
    let (line, character) = place(text, "number 60");
    let at = json!({ "line": line, "character": character });
    let mut times = Vec::new();
    for _ in 0..KEYSTROKES {
        let began = Instant::now();
        client.change(path, json!({ "range": { "start": at, "end": at }, "text": "x" }));
        // Texts that no flow speaks are warned of; there are no errors.
        assert!(client.problems(path).iter().all(|problem| problem["severity"] != 1));
        times.push(began.elapsed());
    }
    times.sort();
    times
}

#[test]
fn problems_follow_a_keystroke_in_a_long_file() {
    let text = long_script();
    let times = measure("flows/scripts/hello.yaml", &text);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!(
        "{} lines, {build} build: problems after a keystroke in {:?} (median), {:?} (slowest of {KEYSTROKES})",
        text.lines().count(),
        times[KEYSTROKES / 2],
        times[KEYSTROKES - 1],
    );
}
