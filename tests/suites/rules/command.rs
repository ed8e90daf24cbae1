//! `callwright why NUMBER` as people and programs call it: one line of JSON, no database needed and none made.

use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

fn why(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
        .arg("why")
        .args(arguments)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .output()
        .unwrap()
}

fn answer(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = why(folder.path(), &[arguments, &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a question writes nothing");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn the_panhandle_of_florida_opens_in_its_later_zone() {
    let answer = answer(&["+18502345678", "--at", "2026-01-14T13:30:00Z"]);
    assert_eq!(answer["verdict"], "defer");
    assert_eq!(answer["until"], "2026-01-14T14:00:00Z");
    assert_eq!(answer["zones"], serde_json::json!(["America/Chicago", "America/New_York"]));
    assert_eq!(answer["reasons"][0]["rule"], "us-fl-hours");
    assert!(answer["reasons"][0]["citation"].as_str().unwrap().contains("501.616"));
    assert!(answer["tzdata"].as_str().unwrap().starts_with("202"));
    assert!(!answer.to_string().contains("8502345678"), "the number is redacted");
}

#[rstest]
#[case::toll_free(&["+18002345678"], "stop", "no-common-window")]
#[case::no_calls_on_saturday(
    &["+16052345678", "--at", "2026-11-21T18:00:00Z", "--voice", "artificial"], "defer", "outside-legal-hours"
)]
#[case::fourth_attempt(
    &["+13052345678", "--at", "2026-01-14T20:00:00Z", "--attempt", "2026-01-14T15:00:00Z", "--attempt",
      "2026-01-14T17:00:00Z", "--attempt", "2026-01-14T19:00:00Z"], "defer", "legal-cap"
)]
#[case::no_number(&["+1911"], "stop", "phone-invalid")]
fn the_verdict_and_its_reason(#[case] arguments: &[&str], #[case] verdict: &str, #[case] code: &str) {
    let answer = answer(arguments);
    assert_eq!(
        (answer["verdict"].as_str(), answer["reasons"][0]["code"].as_str()),
        (Some(verdict), Some(code))
    );
}

#[test]
fn questions_about_numbers_are_not_asked_of_leads() {
    let folder = tempfile::tempdir().unwrap();
    let output = why(folder.path(), &["lead_123", "--voice", "live"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bare numbers"));
}
