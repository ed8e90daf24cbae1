//! The command `simulate` as people run it: files, comparison, leads of the database; and pages that need nothing from elsewhere.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Context as _;
use serde_json::Value;

/// Runs `callwright ARGUMENTS` in a folder, on a database there.
fn callwright(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let output = Command::new(env!("CARGO_BIN_EXE_callwright-under-test"))
        .args(arguments)
        .current_dir(folder)
        .env("DATABASE_URL", "sqlite:leads.db")
        .env_remove("CALLWRIGHT_DEFINITIONS")
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

fn json(folder: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let all: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
    Ok(serde_json::from_slice(&callwright(folder, &all)?.stdout)?)
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

#[test]
fn all_counts_of_one_run_agree_with_each_other() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let args =
        ["simulate", "new-lead", "--leads", "60", "--days", "40", "--json", "all.json", "--csv", "leads.csv"];
    let value = json(folder.path(), &args)?;
    let (summary, story) = (&value["summary"], &value["story"]);
    let calls = summary["attempts"].as_u64().context("attempts")?;
    assert!(calls > 60, "{calls}");
    let hours: u64 = value["hours"].as_array().context("hours")?.iter().filter_map(Value::as_u64).sum();
    let of = |list: &str, field: &str| {
        story[list].as_array().into_iter().flatten().filter_map(|one| one[field].as_u64()).sum::<u64>()
    };
    assert_eq!(
        [hours, of("hours", "calls"), of("days", "calls"), sum(&story["outcomes"]), of("steps", "calls")],
        [calls; 5]
    );
    assert_eq!(
        [of("hours", "answered"), of("days", "answered")],
        [summary["answered"].as_u64().context("answered")?; 2]
    );
    let put_off: u64 = story["reasons"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|why| why["what"] == "put off")
        .filter_map(|why| why["times"].as_u64())
        .sum();
    assert_eq!(put_off, sum(&summary["deferred"]));
    let ended: u64 = story["results"].as_object().context("results")?.values().map(sum).sum();
    assert_eq!(ended, summary["enrolled"].as_u64().context("enrolled")?);
    for zero in ["double_dials", "outside_window", "suppressed_dials"] {
        assert_eq!(value[zero], 0, "{zero}");
    }
    let rows = std::fs::read_to_string(folder.path().join("leads.csv"))?;
    assert_eq!(rows.lines().filter(|line| line.contains(",called,")).count() as u64, calls);
    let phones = rows.lines().skip(1).filter_map(|line| line.split(',').nth(2));
    assert!(phones.into_iter().all(|phone| phone.contains('•')), "numbers are not shown in full");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("all.json"))?)?;
    assert_eq!(written["story"], *story);
    Ok(())
}

#[test]
fn what_if_moves_every_call_into_the_other_hours_and_says_what_changed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let args = [
        "simulate",
        "promo",
        "--leads",
        "60",
        "--variables",
        r#"{"offer":{"percent":10}}"#,
        "--hours",
        "13:00-15:00",
        "--weekdays",
        "tue-thu",
        "--per-day",
        "1",
        "--against",
        "what-if",
    ];
    let value = json(folder.path(), &args)?;
    let outside = |run: &Value| {
        let hours = run["hours"].as_array().into_iter().flatten().filter_map(Value::as_u64).enumerate();
        hours.filter(|(hour, _)| !(13..15).contains(hour)).map(|(_, calls)| calls).sum::<u64>()
    };
    assert!(outside(&value) > 0, "the cadence's own hours are wider: {}", value["hours"]);
    // A callee who names a time is called then: promises outweigh the cadence's hours, not the law's.
    let promised = value["against"]["summary"]["answered"].as_u64().unwrap_or(0);
    assert!(outside(&value["against"]) < promised, "{}", value["against"]["hours"]);
    let days: Vec<&str> = value["against"]["story"]["days"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|day| day["calls"].as_u64() > Some(3))
        .filter_map(|day| day["date"].as_str())
        .collect();
    assert_eq!(days.first(), Some(&"2026-03-03"), "a Tuesday");
    let calls = &value["differences"]["calls"];
    assert_eq!(
        calls["difference"].as_f64(),
        calls["against"].as_f64().zip(calls["base"].as_f64()).map(|(against, base)| against - base)
    );
    assert_eq!(calls["base"].as_f64().map(|calls| calls as u64), value["summary"]["attempts"].as_u64());
    assert_eq!(value["against"]["version"], "hours 13:00-15:00, days tue-thu, per_day 1");
    Ok(())
}

/// A folder of rules that let people in the United States be called from eleven to three only.
fn narrow_rules(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(folder.join("rules"))?;
    std::fs::write(
        folder.join("rules/us.yaml"),
        "jurisdiction: US\ntitle: House hours\nrules:\n  - id: ours\n    effective: { from: 2020-01-01 }\n    \
         hours: { spans: [{ days: daily, from: \"11:00\", until: \"15:00\" }] }\n    citation: house rule 7\n    \
         grade: A\n    verified_on: 2026-11-20\n    vectors:\n      - { local: 2026-01-14T11:00, allowed: true }\n      \
         - { local: 2026-01-14T15:00, allowed: false }\n",
    )?;
    Ok(())
}

fn calls_outside_of_eleven_to_three(run: &Value) -> u64 {
    let hours = run["hours"].as_array().into_iter().flatten().filter_map(Value::as_u64).enumerate();
    hours.filter(|(hour, _)| !(11..15).contains(hour)).map(|(_, calls)| calls).sum()
}

#[test]
fn the_operators_rules_hold_in_virtual_time_for_cadences_and_recordings() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    narrow_rules(folder.path())?;
    let rows = (0..20).map(|contact| format!("{contact},2,{},no\n", if contact % 3 == 0 { 40 } else { 0 }));
    let recording: String =
        std::iter::once("contact,attempts,duration_s,subscribed\n".to_owned()).chain(rows).collect();
    std::fs::write(folder.path().join("campaign.csv"), recording)?;
    std::fs::write(
        folder.path().join("leads.csv"),
        "externalId,firstName,phone,language,country,region\nlead_1,Alice,+12125550143,en,US,NY\n\
         lead_2,Bob,+13125550144,en,US,IL\nlead_3,Nora,+12065550145,en,US,WA\n",
    )?;
    for arguments in [
        &["simulate", "new-lead", "--population", "leads.csv"][..],
        &["simulate", "--replay", "campaign.csv"],
    ] {
        let shipped = json(folder.path(), arguments)?;
        assert!(calls_outside_of_eleven_to_three(&shipped) > 0, "{}", shipped["hours"]);
        let narrow = json(folder.path(), &[arguments, &["--rules", "rules"]].concat())?;
        assert_eq!(calls_outside_of_eleven_to_three(&narrow), 0, "{}", narrow["hours"]);
        let calls = narrow["hours"].as_array().into_iter().flatten().filter_map(Value::as_u64).sum::<u64>();
        assert!(calls > 0, "{narrow}");
    }
    Ok(())
}

#[test]
fn the_same_definitions_against_themselves_show_no_difference() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    callwright(folder.path(), &["init", "mine"])?;
    let args = ["simulate", "hello", "--definitions", "mine", "--against", "mine", "--leads", "40"];
    let value = json(folder.path(), &args)?;
    let differences = value["differences"].as_object().context("differences")?;
    assert!(differences.len() > 5);
    for (figure, pair) in differences {
        assert_eq!(pair["difference"].as_f64(), Some(0.0), "{figure}");
    }
    assert_eq!(value["story"], value["against"]["story"]);
    Ok(())
}

#[test]
fn leads_of_the_database_are_copied_and_nothing_is_written_there() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("leads.csv"),
        "externalId,firstName,phone,language,country,region\nlead_1,Alice,+12125550143,en,US,NY\n\
         lead_2,Bob,+13125550144,en,US,IL\nlead_3,Nora,+12065550145,en,US,WA\n",
    )?;
    callwright(folder.path(), &["import", "leads.csv"])?;
    let database = |folder: &Path| {
        let mut all: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            // The index of the log is the readers' own.
            .filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"))
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    std::fs::read(entry.path()).unwrap_or_default(),
                )
            })
            .collect();
        // Readers of a log that was written back make it anew, empty.
        all.retain(|(name, bytes)| !(name.ends_with("-wal") && bytes.is_empty()));
        all.sort();
        all
    };
    let before = database(folder.path());
    let args = ["simulate", "new-lead", "--from-database", "--start", "2026-03-02T06:00:00Z"];
    let value = json(folder.path(), &args)?;
    assert_eq!(value["summary"]["leads"], 3);
    assert!(value["summary"]["attempts"].as_u64() > Some(0), "{}", value["summary"]);
    assert!(database(folder.path()) == before, "the database has changed");
    let missing = json(folder.path(), &["simulate", "new-lead", "--from-database", "--campaign", "nothing"]);
    assert!(missing.unwrap_err().to_string().contains("there is no campaign `nothing`"));
    Ok(())
}

#[test]
fn a_report_is_one_page_that_loads_nothing_and_escapes_what_it_shows() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("leads.csv"),
        "externalId,firstName,phone,language,country,region\n<script>alert(1)</script>,A,+12125550143,en,US,NY\n",
    )?;
    let path = folder.path().join("report.html");
    let args = [
        "simulate",
        "new-lead",
        "--population",
        "leads.csv",
        "--report",
        "report.html",
        "--against",
        "what-if",
        "--total",
        "2",
    ];
    callwright(folder.path(), &args)?;
    let page = std::fs::read_to_string(path)?;
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"),
        "the lead's name is not there, or not escaped"
    );
    let rest = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in
        ["http:", "https:", "<script", "@import", "url(", " src=", "<iframe", "<object", "<img", "onclick"]
    {
        assert!(!rest.contains(foreign), "the page contains {foreign}");
    }
    let links = rest.match_indices("href=\"").map(|(at, _)| &rest[at + 6..at + 7]);
    assert!(links.into_iter().all(|first| first == "#" || first == "d"), "a link leads away");
    assert_eq!(rest.matches("<table>").count(), rest.matches("<caption>").count());
    assert_eq!(rest.matches("<svg").count(), rest.matches("role=\"img\"").count());
    let mut ids: Vec<&str> =
        rest.match_indices(" id=\"").filter_map(|(at, _)| rest[at + 5..].split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "every id stands once");
    Ok(())
}

#[test]
fn render_shows_the_very_body_that_the_carrier_reads() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let shown = json(folder.path(), &["render", "price-drop", "--variables", r#"{"offer":{"percent":25}}"#])?;
    let batch: callwright_workers::provider::wire::CallBatch =
        serde_json::from_value(shown["request"]["body"].clone()).context("the carrier's own type")?;
    assert_eq!(batch.calls.len(), 1);
    assert_eq!(serde_json::to_value(&batch)?, shown["request"]["body"]);
    assert_eq!(shown["request"]["url"], "http://127.0.0.1:4010/calls");
    assert_eq!(shown["package"]["variables"]["offer"]["percent"], 25);
    assert!(shown["script"]["en"]["offer"].as_str().context("the offer")?.contains("25 percent"));
    assert!(shown["script"].as_object().context("languages")?.len() > 1);
    Ok(())
}

#[test]
fn every_shipped_flow_and_cadence_can_be_drawn() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for arguments in [
        &["graph", "price-drop"][..],
        &["graph", "price-drop", "--kind", "cadence"],
        &["graph", "property-inquiry"],
    ] {
        let svg = String::from_utf8(callwright(folder.path(), arguments)?.stdout)?;
        assert!(svg.starts_with("<svg xmlns=") && svg.trim_end().ends_with("</svg>"), "{arguments:?}");
    }
    let graph = json(folder.path(), &["graph", "price-drop"])?;
    assert!(graph["nodes"].as_array().context("nodes")?.len() > 5);
    callwright(folder.path(), &["graph", "new-lead", "--format", "mermaid", "-o", "new-lead.mmd"])?;
    assert!(std::fs::read_to_string(folder.path().join("new-lead.mmd"))?.contains("flowchart TD"));
    let missing = callwright(folder.path(), &["graph", "nothing"]);
    assert!(missing.unwrap_err().to_string().contains("there is no `nothing`"));
    Ok(())
}
