//! `callwright why NUMBER` and `callwright check RULES` as people and programs call them: one line of JSON, no database needed and
//! none made.

use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use super::reader::OPERATOR;

fn callwright(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .env_remove("CALLWRIGHT_RULES")
        .output()
        .unwrap()
}

fn why(folder: &Path, arguments: &[&str]) -> std::process::Output {
    callwright(folder, &[&["why"], arguments].concat())
}

/// Where the operator's rules of these tests are.
fn operator() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(OPERATOR).to_string_lossy().into_owned()
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

#[test]
fn an_operators_rule_and_the_profile_show_in_the_answer() {
    let folder = operator();
    // 09:30 in Dallas on a Wednesday: the law allows it, house rule 12 does not.
    let asked = ["+12145550123", "--at", "2026-01-14T15:30:00Z", "--voice", "live"];
    let shipped = answer(&asked);
    assert_eq!((&shipped["verdict"], &shipped["profile"]), (&"proceed".into(), &"strict".into()));
    let ours = answer(&[&asked[..], &["--rules", &folder]].concat());
    assert_eq!((&ours["verdict"], &ours["reasons"][0]["rule"]), (&"defer".into(), &"ours-tx".into()));
    assert_ne!(ours["rules"], shipped["rules"]);
}

#[test]
fn a_profile_loosens_only_when_it_is_named() {
    let folder = operator();
    // Sunday noon in Providence.
    let asked = ["+14012345678", "--at", "2026-11-22T17:00:00Z", "--voice", "live", "--rules", &folder];
    assert_eq!(answer(&asked)["verdict"], "defer");
    for profile in ["existing-customers", "federal-only"] {
        let named = answer(&[&asked[..], &["--rules-profile", profile]].concat());
        assert_eq!((&named["verdict"], &named["profile"]), (&"proceed".into(), &profile.into()));
    }
    let here = tempfile::tempdir().unwrap();
    let output = why(here.path(), &["+14012345678", "--rules-profile", "federal-onyl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `federal-only`?"));
}

#[test]
fn rules_with_a_mistake_are_shown_and_not_used() {
    let here = tempfile::tempdir().unwrap();
    let rules = here.path().join("our-rules");
    std::fs::create_dir(&rules).unwrap();
    let text = std::fs::read_to_string(Path::new(&operator()).join("us-tx.yaml")).unwrap();
    std::fs::write(rules.join("us-tx.yaml"), text.replace("ours-tx", "us-tx-hours")).unwrap();
    let output = why(here.path(), &["+12145550123", "--rules", "our-rules"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    // House rule 12 is in force later than the law it would replace.
    assert!(told.contains("error[loosens-law]") && told.contains("our-rules/us-tx.yaml:6:"), "{told}");
    let checked = callwright(here.path(), &["check", "our-rules", "--format", "json"]);
    assert_eq!(checked.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&found[0]["code"], &found[0]["line"]), (&"loosens-law".into(), &6.into()));
}

#[test]
fn sound_rules_are_counted() {
    let here = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/rules");
    let output = callwright(here.path(), &["check", &shipped.to_string_lossy(), "--strict"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("rule files with"), "{said}");
    let output = callwright(here.path(), &["check", &operator(), "--strict"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.starts_with("5 rule files with 4 rules and 9 examples"),
        "{said}"
    );
}
