//! Every ability through Neovim's own client, without a screen: one editor does everything once (`neovim.lua`), and each test
//! looks at one thing it saw. Without Neovim the tests say so; with `CALLWRIGHT_REQUIRE_NEOVIM=1` that is an error, so that no
//! run is silently half a run.

use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::workspace::{CADENCE_PATH, FLOW_PATH, SCRIPT_PATH, workspace};

static SEEN: LazyLock<Option<Value>> = LazyLock::new(run);

#[expect(clippy::print_stderr, reason = "a missing editor is said aloud, never silently green")]
fn run() -> Option<Value> {
    if Command::new("nvim").arg("--version").stdout(Stdio::null()).status().is_err() {
        let required = std::env::var("CALLWRIGHT_REQUIRE_NEOVIM").is_ok_and(|value| value == "1");
        assert!(!required, "Neovim is required by CALLWRIGHT_REQUIRE_NEOVIM but `nvim` cannot be started");
        eprintln!("skipped: Neovim not installed (apt-get install neovim)");
        return None;
    }
    let folder = workspace();
    let seen = folder.path().join("seen.json");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/lsp/neovim.lua");
    let output = Command::new("nvim")
        .args(["--headless", "--clean", "-n", "-c"])
        .arg(format!("luafile {script}"))
        .env("SERVER", env!("CARGO_BIN_EXE_callwright-under-test"))
        .env("WORK", folder.path())
        .env("SEEN", &seen)
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let text =
        std::fs::read_to_string(seen).unwrap_or_else(|error| panic!("Neovim saw nothing: {error}\n{said}"));
    Some(serde_json::from_str(&text).unwrap())
}

/// What the editor saw under a name; `None` without an editor.
fn seen(name: &str) -> Option<Value> {
    let value = SEEN.as_ref()?.get(name).cloned();
    Some(value.unwrap_or_else(|| panic!("the editor did not get to {name}: {:?}", SEEN.as_ref())))
}

fn holds(list: &Value, words: &[&str]) {
    for word in words {
        assert!(list.as_array().unwrap().contains(&json!(word)), "{word} is not among {list}");
    }
}

macro_rules! seen {
    ($name:literal) => {
        match seen($name) {
            Some(value) => value,
            None => return,
        }
    };
}

#[test]
fn problems_appear_as_one_types_and_go_away() {
    let problems = seen!("problems");
    assert_eq!(problems["at_first"], json!([]));
    assert_eq!(problems["misspelt"][0]["line"], 3);
    assert!(problems["misspelt"][0]["message"].as_str().unwrap().contains("there is no step `questio`"));
    assert_eq!(problems["undone"], json!([]));
}

#[test]
fn problems_appear_in_the_other_file() {
    let problems = seen!("problems_elsewhere");
    assert!(
        problems[0]["message"].as_str().unwrap().contains("calls flow `hello`, which does not exist"),
        "{problems}"
    );
}

#[test]
fn completion_offers_keys_names_outcomes_variables_and_filters() {
    let offered = seen!("completion");
    holds(&offered["keys"], &["say", "ask", "transfer"]);
    holds(&offered["steps"], &["greet", "question", "done"]);
    holds(&offered["texts"], &["greeting", "goodbye"]);
    holds(&offered["outcomes"], &["busy", "voicemail", "finished", "default"]);
    holds(&offered["flows"], &["hello"]);
    holds(&offered["fields"], &["firstName", "status"]);
    holds(&offered["filters"], &["money", "default"]);
    holds(&offered["statuses"], &["cold", "customer"]);
}

#[test]
fn a_chosen_completion_lands_behind_devanagari_and_emoji() {
    assert_eq!(seen!("completed"), json!("      late: \"नमस्ते 😀 {{ lead.firstName }}\""));
}

#[test]
fn hover_shows_documentation_and_how_a_text_sounds() {
    let hover = seen!("hover");
    assert!(hover["key"].as_str().unwrap().contains("Text of the script that asks a question"), "{hover}");
    assert!(hover["text"].as_str().unwrap().contains("- hi: नमस्ते 😀 Alice, मैं Rachel"), "{hover}");
    assert!(hover["outcome"].as_str().unwrap().contains("Nobody answered"), "{hover}");
}

#[test]
fn definitions_are_gone_to_across_files() {
    let places = seen!("definition");
    assert_eq!(places["flow"], json!([[FLOW_PATH, 0]]));
    assert_eq!(places["text"], json!([[SCRIPT_PATH, 5], [SCRIPT_PATH, 11]]));
    assert_eq!(places["step"], json!([[FLOW_PATH, 4]]));
    assert_eq!(places["ending"], json!([[FLOW_PATH, 8]]));
}

#[test]
fn references_are_found_across_files() {
    assert_eq!(seen!("references"), json!([[CADENCE_PATH, 6], [FLOW_PATH, 0]]));
}

#[test]
fn a_step_is_renamed_wherever_it_is_named() {
    let lines = seen!("renamed_step");
    assert_eq!(lines[3], "  greet: { say: greeting, next: pose }");
    assert_eq!(lines[4], "  pose:");
}

#[test]
fn a_text_is_renamed_in_the_flow_and_in_every_language() {
    let files = seen!("renamed_text");
    assert_eq!(files["flow"], "  greet: { say: welcome, next: pose }");
    assert!(files["hindi"].as_str().unwrap().starts_with("      welcome: \"नमस्ते 😀"), "{files}");
}

#[test]
fn what_may_not_be_renamed_says_why() {
    assert!(seen!("refused").as_str().unwrap().contains("cannot be a name here"));
}

#[test]
fn the_outline_shows_steps_and_the_search_finds_them() {
    assert_eq!(
        seen!("outline"),
        json!([
            ["greet", "say greeting, next question"],
            ["question", "ask good_time"],
            ["done", "end finished"]
        ])
    );
    holds(&seen!("search"), &["question"]);
}

#[test]
fn a_suggestion_is_taken_over() {
    assert_eq!(seen!("fixed"), json!("    call: hello"));
}

#[test]
fn a_place_is_heard() {
    let preview = seen!("preview");
    assert_eq!(preview["title"], "step `greet`");
    assert!(preview["texts"][1]["text"].as_str().unwrap().starts_with("नमस्ते 😀 Alice"), "{preview}");
}

#[test]
fn the_server_ends_with_the_editor() {
    assert_eq!(seen!("exit"), json!({ "code": 0, "signal": 0 }));
}
