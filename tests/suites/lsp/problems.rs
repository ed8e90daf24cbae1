//! Problems as they arise: of unsaved text, in every file they concern, and gone when they are gone.

use serde_json::{Value, json};

use super::client::Client;
use super::workspace::{CADENCE, CADENCE_PATH, FLOW, FLOW_PATH, SCRIPT_PATH, workspace, write};

fn codes(problems: &[Value]) -> Vec<&str> {
    problems.iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

#[test]
fn an_unsaved_change_is_seen_in_the_files_that_depend_on_it_and_its_undoing_too() {
    let folder = workspace();
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.open(FLOW_PATH, FLOW);
    assert_eq!(client.problems(FLOW_PATH), Vec::<Value>::new());
    client.change(FLOW_PATH, json!({ "text": FLOW.replace("flow: hello", "flow: hallo\nscript: hello") }));
    let problems = client.problems(CADENCE_PATH);
    assert_eq!(codes(&problems), ["unknown-flow"]);
    assert!(
        problems[0]["message"].as_str().unwrap().ends_with("help: did you mean `hallo`?"),
        "{problems:?}"
    );
    assert_eq!(problems[0]["range"]["start"], json!({ "line": 6, "character": 10 }));
    client.change(FLOW_PATH, json!({ "text": FLOW }));
    assert_eq!(client.problems(CADENCE_PATH), Vec::<Value>::new());
}

#[test]
fn problems_of_files_nobody_opened_are_told_at_the_start() {
    let folder = workspace();
    write(folder.path(), CADENCE_PATH, &CADENCE.replace("call: hello", "call: helo"));
    let (mut client, _) = Client::start(folder.path(), json!({}));
    assert_eq!(codes(&client.problems(CADENCE_PATH)), ["unknown-flow"]);
}

#[test]
fn a_file_that_is_no_yaml_at_the_moment_breaks_only_itself() {
    let folder = workspace();
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.open(FLOW_PATH, FLOW);
    client.open(CADENCE_PATH, CADENCE);
    assert_eq!(client.problems(CADENCE_PATH), Vec::<Value>::new());
    client.change(FLOW_PATH, json!({ "text": format!("{FLOW}  more: [\n") }));
    let broken = loop {
        let problems = client.problems(FLOW_PATH);
        if !problems.is_empty() {
            break problems;
        }
    };
    assert_eq!(codes(&broken), ["yaml-syntax"]);
    client.change(CADENCE_PATH, json!({ "text": CADENCE }));
    assert_eq!(client.problems(CADENCE_PATH), Vec::<Value>::new());
}

#[test]
fn what_is_on_disk_counts_again_when_a_document_is_closed_or_files_change() {
    let folder = workspace();
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.open(CADENCE_PATH, &CADENCE.replace("call: hello", "call: helo"));
    assert_eq!(codes(&client.problems(CADENCE_PATH)), ["unknown-flow"]);
    let document = json!({ "textDocument": { "uri": client.uri(CADENCE_PATH) } });
    client.notify("textDocument/didClose", document);
    assert_eq!(client.problems(CADENCE_PATH), Vec::<Value>::new());
    std::fs::remove_file(folder.path().join(SCRIPT_PATH)).unwrap();
    client.notify("workspace/didChangeWatchedFiles", json!({ "changes": [] }));
    assert_eq!(codes(&client.problems(FLOW_PATH)), ["unknown-script"]);
}

#[test]
fn files_are_watched_where_the_client_can() {
    let folder = workspace();
    let capabilities = json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
    let (mut client, _) = Client::start(folder.path(), capabilities);
    let asked = client.receive();
    assert_eq!(asked["method"], "client/registerCapability");
    assert_eq!(asked["params"]["registrations"][0]["method"], "workspace/didChangeWatchedFiles");
}

#[test]
fn tests_and_foreign_files_are_left_alone() {
    let folder = workspace();
    let (mut client, _) = Client::start(folder.path(), json!({}));
    for path in ["flows/hello.test.yaml", "docker-compose.yaml"] {
        client.open(path, "services: {\n");
        assert_eq!(client.problems(path), Vec::<Value>::new(), "{path}");
        assert_eq!(client.at("textDocument/completion", path, 0, 3), json!([]));
        assert_eq!(client.at("textDocument/hover", path, 0, 3), Value::Null);
    }
}

#[test]
fn definitions_are_found_below_a_folder_of_the_workspace_and_around_a_document() {
    let folder = workspace();
    let inner = folder.path().join("outreach");
    std::fs::create_dir(&inner).unwrap();
    for name in ["flows", "cadences"] {
        std::fs::rename(folder.path().join(name), inner.join(name)).unwrap();
    }
    let broken = CADENCE.replace("call: hello", "call: helo");
    write(&inner, CADENCE_PATH, &broken);
    let (mut client, _) = Client::start(folder.path(), json!({}));
    assert_eq!(codes(&client.problems("outreach/cadences/hello.yaml")), ["unknown-flow"]);
    let far = tempfile::tempdir().unwrap();
    let (mut client, _) = Client::start(far.path(), json!({}));
    client.root = format!("file://{}", inner.display());
    client.open(CADENCE_PATH, &broken);
    assert_eq!(codes(&client.problems(CADENCE_PATH)), ["unknown-flow"]);
}

#[test]
fn hours_are_judged_by_the_operators_rules_too() {
    let folder = workspace();
    let evening = CADENCE.replace("09:00-18:00", "17:15-18:45");
    write(folder.path(), CADENCE_PATH, &evening);
    let (mut client, _) = Client::start(folder.path(), json!({}));
    client.open(CADENCE_PATH, &evening);
    assert_eq!(
        client.problems(CADENCE_PATH),
        Vec::<Value>::new(),
        "the law of every place leaves some of it"
    );
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let until_five = "jurisdiction: US-TX\ntitle: Texas, until five\nrules:\n  - id: ours-tx\n    \
                     effective: { from: 2020-01-01 }\n    hours: { spans: [{ days: daily, from: \"10:00\", until: \"17:00\" }] }\n    \
                     citation: house rule 12\n    grade: A\n    verified_on: 2026-11-20\n    vectors:\n      \
                     - { local: 2026-01-14T10:00, allowed: true }\n      - { local: 2026-01-14T17:00, allowed: false }\n";
    std::fs::write(rules.join("us-tx.yaml"), until_five).unwrap();
    let options = ["--rules", rules.to_str().unwrap()];
    let (mut client, _) = Client::start_with(&options, folder.path(), json!({}));
    let problems = client.problems(CADENCE_PATH);
    assert_eq!(codes(&problems), ["never-open"]);
    assert!(problems[0]["message"].as_str().unwrap().contains("Texas"), "{problems:?}");
}
