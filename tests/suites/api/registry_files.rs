//! Registries and stops as people and scripts work them from the command line.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a database and a manager.
fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let user = ["user", "create", "dana@example.com", "--name", "Dana", "--role", "manager"];
    assert!(callwright(folder.path(), &user).status.success());
    let agent = ["user", "create", "sam@example.com", "--name", "Sam"];
    assert!(callwright(folder.path(), &agent).status.success());
    folder
}

fn callwright(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"));
    command.args(arguments).current_dir(folder).env("DATABASE_URL", "sqlite:dialer.db");
    command.env_remove("CALLWRIGHT_DEFINITIONS").output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Imports `text` as a list of `us-dnc`.
fn import(folder: &Path, text: &str, more: &[&str]) -> Output {
    std::fs::write(folder.join("list.txt"), text).unwrap();
    let arguments =
        ["import", "list.txt", "--kind", "suppressions", "--registry", "us-dnc", "--format", "json"];
    callwright(folder, &[&arguments, more].concat())
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// Numbers on lists, as the export has them.
fn listed(folder: &Path) -> Vec<String> {
    let output = callwright(folder, &["export", "suppressions", "--format", "json", "--lists"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["phone"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_full_list_replaces_the_last_one_and_changes_change_it() {
    let place = place();
    let folder = place.path();
    let first = report(&import(folder, "202,5550101\r\n202,5550102\r\n202,5550103\r\n", &[]));
    assert_eq!((&first["created"], &first["rejected"]), (&Value::from(3), &Value::from(0)));
    assert_eq!(
        report(&import(folder, "202,5550101\r\n202,5550102\r\n202,5550103\r\n", &[]))["repeated"],
        true
    );
    report(&import(folder, "2025550102\n2025550103\n2025550104\n", &[]));
    assert_eq!(listed(folder), ["+12025550102", "+12025550103", "+12025550104"]);
    let changed = import(folder, "202,5550105,A\n202,5550102,D\n202,5550109\n", &["--change", "marked"]);
    assert_eq!(changed.status.code(), Some(1), "a row that says nothing is named: {}", said(&changed));
    assert_eq!(report(&changed)["errors"][0]["line"], 3);
    assert_eq!(listed(folder), ["+12025550103", "+12025550104", "+12025550105"]);
    report(&import(folder, "2025550103\n", &["--change", "deletes"]));
    assert_eq!(listed(folder), ["+12025550104", "+12025550105"]);
}

#[test]
fn a_file_that_was_cut_off_does_not_replace_a_whole_one() {
    let place = place();
    let folder = place.path();
    let whole = (0..100).map(|n| format!("2025550{n:03}\n")).collect::<Vec<_>>().concat();
    report(&import(folder, &whole, &[]));
    let cut = import(folder, "2025550001\n", &[]);
    assert!(!cut.status.success() && said(&cut).contains("--allow-fewer"), "{}", said(&cut));
    assert_eq!(listed(folder).len(), 100);
    report(&import(folder, "2025550001\n", &["--allow-fewer"]));
    assert_eq!(listed(folder), ["+12025550001"]);
}

#[test]
fn every_bad_row_is_named_and_a_list_of_area_codes_takes_no_others() {
    let place = place();
    let folder = place.path();
    let bad = (0..150).map(|n| format!("oops {n}\n")).collect::<Vec<_>>().concat();
    let text = format!("4155550101\n{bad}2025550102\n");
    let output = import(folder, &text, &["--area-codes", "415,628", "--rejected", "rejected.csv"]);
    let report = report(&output);
    assert_eq!((&report["created"], &report["rejected"]), (&Value::from(1), &Value::from(151)));
    let rejected = std::fs::read_to_string(folder.join("rejected.csv")).unwrap();
    assert_eq!(rejected.lines().count(), 151);
    assert!(rejected.contains("152,\"is of area code 202, which this list does not cover\""), "{rejected}");
    let list = callwright(folder, &["registry", "list", "--format", "json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let codes: Vec<_> = list.as_array().unwrap().iter().map(|list| list["areaCode"].as_u64()).collect();
    assert_eq!(codes, [Some(415), Some(628)]);
}

#[test]
fn old_data_is_told_everywhere_people_look() {
    let place = place();
    let folder = place.path();
    report(&import(folder, "2025550101\n", &["--as-of", "2026-01-01"]));
    for (arguments, code) in [(["registry", "list"], 1), (["why", "+12024561111"], 0)] {
        let output = callwright(folder, &arguments);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("TOO OLD") || text.contains("registry-stale"), "{text}");
    }
    for command in ["status", "doctor"] {
        let output = callwright(folder, &[command]);
        assert!(
            !output.status.success() && said(&output).to_lowercase().contains("too old"),
            "{}",
            said(&output)
        );
    }
    let withdrawn = ["registry", "withdraw", "us-dnc", "--reason", "not sold there", "--by"];
    assert!(!callwright(folder, &[&withdrawn[..], &["sam@example.com"]].concat()).status.success());
    assert!(callwright(folder, &[&withdrawn[..], &["dana@example.com"]].concat()).status.success());
    assert!(listed(folder).is_empty());
    assert!(callwright(folder, &["status"]).status.success());
}

#[test]
fn calls_are_stopped_by_anybody_and_go_on_by_a_manager() {
    let place = place();
    let folder = place.path();
    assert!(!callwright(folder, &["stop", "--reason", "x"]).status.success(), "it must say which calls");
    let stop = ["stop", "--jurisdiction", "US-DC", "--reason", "storm", "--by", "sam"];
    assert!(callwright(folder, &stop).status.success());
    let why = said(&callwright(folder, &["why", "+12024561111"]));
    assert!(why.contains("calls in US-DC are stopped") && why.contains("storm"), "{why}");
    let status = said(&callwright(folder, &["status"]));
    assert!(status.contains("calls in US-DC since"), "{status}");
    let resume = ["resume", "--jurisdiction", "US-DC", "--reason", "over", "--by"];
    let refused = callwright(folder, &[&resume[..], &["sam@example.com"]].concat());
    assert!(!refused.status.success() && said(&refused).contains("manager"), "{}", said(&refused));
    assert!(callwright(folder, &[&resume[..], &["dana@example.com"]].concat()).status.success());
    assert!(said(&callwright(folder, &["stop", "--list"])).contains("nothing is stopped"));
}

#[test]
fn an_opt_in_needs_a_manager_and_somebody_who_opted_out() {
    let place = place();
    let folder = place.path();
    std::fs::write(folder.join("leads.csv"), "id,phone,doNotCall\nann,+12024561111,yes\n").unwrap();
    assert!(callwright(folder, &["import", "leads.csv"]).status.success());
    let opt_in = ["opt-in", "ann", "--evidence", "form 4711", "--by"];
    assert!(!callwright(folder, &[&opt_in[..], &["sam@example.com"]].concat()).status.success());
    let done = callwright(folder, &[&opt_in[..], &["dana@example.com"]].concat());
    assert!(said(&done).contains("may be called again"), "{}", said(&done));
    assert!(!callwright(folder, &[&opt_in[..], &["dana@example.com"]].concat()).status.success());
}
