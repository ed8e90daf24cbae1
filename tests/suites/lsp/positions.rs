//! Characters beyond ASCII: Devanagari takes three bytes and one unit, an emoji four bytes and two units.

use rstest::rstest;
use serde_json::{Value, json};

use super::client::Client;
use super::workspace::{SCRIPT, SCRIPT_PATH, workspace};

fn start(units: &Value) -> (Client, tempfile::TempDir, String) {
    let folder = workspace();
    let (client, answer) = Client::start(folder.path(), json!({ "general": { "positionEncodings": units } }));
    let agreed = answer["capabilities"]["positionEncoding"].as_str().unwrap().to_owned();
    (client, folder, agreed)
}

/// Length of the text before the variable in the Hindi greeting.
fn before(unit: &str) -> usize {
    let line = SCRIPT.lines().find(|line| line.contains('😀')).unwrap();
    let before = &line[..line.find("lead.firstName").unwrap()];
    match unit {
        "utf-8" => before.len(),
        "utf-32" => before.chars().count(),
        _ => before.encode_utf16().count(),
    }
}

fn line() -> usize {
    SCRIPT.lines().position(|line| line.contains('😀')).unwrap()
}

#[rstest]
#[case(json!(["utf-8", "utf-16"]), "utf-8")]
#[case(json!(["utf-32"]), "utf-32")]
#[case(json!(["utf-16"]), "utf-16")]
#[case(json!(["utf-7"]), "utf-16")]
#[case(json!([]), "utf-16")]
fn the_unit_is_agreed_and_kept(#[case] offered: Value, #[case] expected: &str) {
    let (mut client, _folder, agreed) = start(&offered);
    assert_eq!(agreed, expected);
    client.open(SCRIPT_PATH, SCRIPT);
    let start = before(&agreed);
    let hover = client.at("textDocument/hover", SCRIPT_PATH, line(), start + 5);
    assert!(hover["contents"]["value"].as_str().unwrap().contains("variable `lead.firstName`"), "{hover}");
    let range = &hover["range"];
    assert_eq!(range["start"], json!({ "line": line(), "character": start }));
    assert_eq!(range["end"]["character"], start + "lead.firstName".len());
}

#[rstest]
#[case("utf-8")]
#[case("utf-16")]
#[case("utf-32")]
fn edits_behind_an_emoji_land_where_they_were_made(#[case] unit: &str) {
    let (mut client, _folder, agreed) = start(&json!([unit]));
    client.open(SCRIPT_PATH, SCRIPT);
    assert_eq!(client.problems(SCRIPT_PATH), Vec::<Value>::new());
    let start = before(&agreed);
    let range = |from: usize, to: usize| json!({ "start": { "line": line(), "character": from }, "end": { "line": line(), "character": to } });
    client.change(SCRIPT_PATH, json!({ "range": range(start + 5, start + 14), "text": "frstName" }));
    let problems = client.problems(SCRIPT_PATH);
    assert_eq!(problems[0]["code"], "unknown-variable", "{problems:?}");
    client.change(SCRIPT_PATH, json!({ "range": range(start + 5, start + 13), "text": "firstName" }));
    assert_eq!(client.problems(SCRIPT_PATH), Vec::<Value>::new());
}
