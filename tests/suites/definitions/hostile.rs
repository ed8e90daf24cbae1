//! Hostile definitions stop early and cheaply. Each runs in a process of its own, whose processor time and peak memory the
//! kernel has counted: 250 ms and 64 MB, times a factor for unoptimised builds.

use std::fmt::Write;
use std::process::Command;

use callwright_engine::definitions::context;
use callwright_engine::definitions::expression::Expression;
use callwright_engine::definitions::review::Review;
use callwright_engine::definitions::template::{RenderLimits, Template};
use rstest::rstest;

/// Names the case for the child process.
const CASE: &str = "CALLWRIGHT_HOSTILE_CASE";
const MILLISECONDS: u64 = 250;
const MEGABYTES: u64 = 64;
/// Unoptimised code takes this much longer; memory is the same.
const SLOWNESS: u64 = if cfg!(debug_assertions) { 20 } else { 1 };

/// Runs the case; a clear refusal or a bounded result is fine, whatever else is not.
fn attack(case: &str) {
    match case {
        "nothing" => {}
        "alias-bomb" => file(&alias_bomb()),
        "deep-flow-lists" => file(&"[".repeat(20_000)),
        "deep-flow-maps" => file(&format!("flow: a\nuses: {}", "{a: ".repeat(20_000))),
        "deep-blocks" => file(&deep_blocks()),
        "ten-megabytes" => file(&"a".repeat(10 << 20)),
        "many-keys" => file(&many_keys()),
        "many-anchors" => file(&(0..10_000).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "k{n}: &a{n} x");
            text
        })),
        "long-scalar" => file(&format!("flow: a\ntitle: {}\n", "x".repeat(900_000))),
        "brackets" => expression(&"(".repeat(4_000)),
        "nots" => expression(&format!("{}true", "not ".repeat(1_000))),
        "filters" => expression(&format!("lead.firstName{}", " | upper".repeat(500))),
        "joins" => expression(&format!("'a'{}", " ~ 'a'".repeat(600))),
        "repeat" => expression("'a' * 1000000000"),
        "range" => expression("range(1000000000) | length"),
        "power" => expression("2 ** 1000000"),
        "doubling" => text(&"{% set x = x ~ x %}".repeat(1_000)),
        "nested-loops" => {
            text(&format!("{}x{}", "{% for a in range(200) %}".repeat(8), "{% endfor %}".repeat(8)));
        }
        "deep-loops" => text(&"{% for a in range(2) %}".repeat(2_000)),
        "loop-of-words" => {
            text(&format!("{{% for a in range(200) %}}{}{{% endfor %}}", "word ".repeat(10_000)));
        }
        "elif-chain" => text(&format!("{{% if 1 == 2 %}}{}{{% endif %}}", "{% elif 1 == 2 %}".repeat(3_000))),
        "join-bomb" => text(
            "{% for a in range(200) %}{{ range(200) | join('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') | upper | length }}{% endfor %}",
        ),
        "filter-loop" => text(&format!(
            "{{% for a in range(200) %}}{{% for b in range(200) %}}{{{{ ('{}'{}) | length }}}}{{% endfor %}}{{% endfor %}}",
            "x".repeat(450),
            " | upper | lower".repeat(60)
        )),
        "recursion" => text("{% for a in [1] recursive %}{{ loop([1]) ~ loop([1]) }}{% endfor %}"),
        "macro" => text("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"),
        "padding" => text(
            "{{ '%1000000000s' | format('a') }}{{ 'a' | indent(1000000000) }}{{ 'a' | center(1000000000) }}",
        ),
        "replace" => {
            text("{{ 'aaaa' | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaa') | replace('a', 'aaaaaaaaaaaaaa') }}");
        }
        "batch" => text("{{ range(200) | batch(1000000000, 'x') }}"),
        "namespace" => text(
            "{% set n = namespace(x='a') %}{% for a in range(200) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        ),
        "many-placeholders" => text(&"{{ lead.score }}".repeat(4_000)),
        "open-braces" => text(&"{{".repeat(30_000)),
        "open-comments" => text(&"{#".repeat(30_000)),
        "quotes" => text(&format!("{{{{ {}", "'\"".repeat(30_000))),
        other => panic!("no case {other}"),
    }
}

fn file(text: &str) {
    let review = Review::of([("flows/hostile.yaml", text)]);
    assert!(!review.diagnostics.is_empty());
    for each in &review.diagnostics {
        assert!(each.message.len() < 2_000, "a message repeats the file");
        review.sources.position(each);
    }
}

fn expression(source: &str) {
    if let Ok(expression) = Expression::compile(source) {
        let _ = expression.eval_json(&context::value(&context::sample()));
    }
}

fn text(source: &str) {
    if let Ok(template) = Template::compile("hostile", source) {
        let _ = template.render(&context::value(&context::sample()), RenderLimits::default());
    }
    let indented = source.replace('\'', "''");
    let script = format!("script: a\nlanguages:\n  en:\n    texts:\n      hostile: '{indented}'\n");
    Review::of([("flows/scripts/a.yaml", script.as_str())]);
}

fn alias_bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let _ = writeln!(text, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 9].join(", "));
    }
    text
}

fn deep_blocks() -> String {
    // Each level is indented by one more column; the file limit ends it before 20,000 levels fit.
    (0..1_300).fold(String::new(), |mut text, level| {
        let _ = writeln!(text, "{}a:", " ".repeat(level));
        text
    })
}

fn many_keys() -> String {
    (0..60_000).fold(String::from("flow: a\n"), |mut text, n| {
        let _ = writeln!(text, "key{n}: {n}");
        text
    })
}

/// The part of the child process: runs the named case and tells what it took.
#[test]
fn child_runs_the_named_case() {
    if let Ok(case) = std::env::var(CASE) {
        attack(&case);
        println!("cost {} {}", processor_milliseconds(), peak_kilobytes());
    }
}

/// User and system time of this process so far, in milliseconds (clock ticks are 10 ms).
fn processor_milliseconds() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
    (ticks(11) + ticks(12)) * 10
}

fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn cost_of(case: &str) -> (u64, u64) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::child_runs_the_named_case", "--nocapture"])
        .env(CASE, case)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{case} crashed: {}{}", said, String::from_utf8_lossy(&output.stderr));
    let cost = said.split("cost ").nth(1).unwrap_or_else(|| panic!("{case} said nothing: {said}"));
    let mut numbers = cost.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[cfg(target_os = "linux")]
#[rstest]
#[case("alias-bomb")]
#[case("deep-flow-lists")]
#[case("deep-flow-maps")]
#[case("deep-blocks")]
#[case("ten-megabytes")]
#[case("many-keys")]
#[case("many-anchors")]
#[case("long-scalar")]
#[case("brackets")]
#[case("nots")]
#[case("filters")]
#[case("joins")]
#[case("repeat")]
#[case("range")]
#[case("power")]
#[case("doubling")]
#[case("nested-loops")]
#[case("deep-loops")]
#[case("loop-of-words")]
#[case("elif-chain")]
#[case("join-bomb")]
#[case("filter-loop")]
#[case("recursion")]
#[case("macro")]
#[case("padding")]
#[case("replace")]
#[case("batch")]
#[case("namespace")]
#[case("many-placeholders")]
#[case("open-braces")]
#[case("open-comments")]
#[case("quotes")]
fn hostile_definitions_stop_early_and_cheaply(#[case] case: &str) {
    let (idle_ms, _) = cost_of("nothing");
    let (ms, kilobytes) = cost_of(case);
    let ms = ms.saturating_sub(idle_ms);
    assert!(ms <= MILLISECONDS * SLOWNESS, "{case} took {ms} ms of processor time");
    assert!(kilobytes <= MEGABYTES * 1024, "{case} took {} MB", kilobytes / 1024);
}
