//! The shape of the source tree: which part may use which, how long files get, what stands at the top. Each rule is also
//! shown to find a made-up violation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file by its path from the root, with `/`, and its text.
type Source = (String, String);

/// Parts of the tree and what they may not name. `crate::x` is a module of the same crate, `x::` another crate.
const DIRECTIONS: &[(&str, &[&str], &str)] = &[
    (
        "engine/core/",
        &["sqlx", "tokio", "reqwest", "axum", "apalis", "rand", "tracing"],
        "the core decides; it reads, asks and waits for nothing",
    ),
    (
        "engine/core/src/domain/",
        &["crate::decide", "crate::definitions", "crate::testing"],
        "nouns know nothing above them",
    ),
    (
        "engine/core/src/time/",
        &["crate::decide", "crate::flow", "crate::definitions", "crate::domain"],
        "time is plain arithmetic",
    ),
    (
        "engine/core/src/phone/",
        &["crate::decide", "crate::flow", "crate::definitions", "crate::domain"],
        "numbers are plain data",
    ),
    (
        "engine/core/src/money/",
        &["crate::decide", "crate::flow", "crate::definitions", "crate::domain"],
        "money is plain arithmetic",
    ),
    ("engine/core/src/rules/", &["crate::decide", "crate::flow", "crate::definitions"], "rules are data"),
    ("engine/core/src/decide/", &["crate::testing"], "decisions are pure: a snapshot in, a verdict out"),
    ("engine/core/src/flow/", &["crate::decide", "crate::testing"], "the interpreter follows one call"),
    (
        "engine/src/store/",
        &["crate::decide", "crate::engine", "crate::simulate"],
        "the store knows nouns, not rules",
    ),
    (
        "engine/",
        &["axum", "reqwest", "apalis", "callwright_workers", "callwright_api"],
        "no HTTP and no workers in the engine",
    ),
    ("workers/", &["callwright_api", "sqlx"], "workers stand below the API and leave SQL to the store"),
    ("api/", &["sqlx", "apalis"], "the API leaves SQL to the store and queues to the workers"),
];

/// Crates that one folder alone may name: `(crate, folder, within)`.
const CONFINED: &[(&str, &str, &str)] = &[
    ("sqlx", "engine/src/store/", "engine/src/"),
    ("apalis", "workers/src/queue/", "workers/src/"),
    ("apalis_core", "workers/src/queue/", "workers/src/"),
];

/// Where amounts are read, kept, summed and shown: nowhere there may a binary fraction touch one.
const MONEY: &[&str] = &[
    "engine/core/src/money/",
    "engine/core/src/domain/product.rs",
    "engine/core/src/domain/purchase.rs",
    "engine/core/src/domain/new_product.rs",
    "engine/core/src/domain/new_purchase.rs",
    "engine/core/src/domain/new_offer.rs",
    "engine/core/src/domain/offer/",
    "engine/core/src/domain/coupon/",
    "engine/src/store/money.rs",
    "engine/src/store/product/",
    "engine/src/store/purchase/",
    "engine/src/store/offer.rs",
    "engine/src/store/budget.rs",
    "engine/src/store/coupon/",
    "engine/src/engine/redeem.rs",
    "api/src/http/amount.rs",
    "api/src/http/families/shop/",
    "api/src/import/apply_shop.rs",
];

const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "engine",
    "flows",
    "cadences",
    "api",
    "workers",
    "migrations",
    "tests",
    "README.md",
];
/// Licence and lint configuration beside them; and what a build leaves, which is not part of the tree.
const BESIDE: &[&str] =
    &["LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "rustfmt.toml", "clippy.toml", "deny.toml", "target"];

const LONGEST: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace").to_owned()
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["engine", "workers", "api", "tests"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the tree").flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).expect("UTF-8 source")));
            }
        }
    }
    assert!(found.len() > 100, "only {} sources found", found.len());
    found
}

/// What code names at path roots: `crate::store`, `sqlx`. Comments and texts do not count.
fn names(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let start = before
            .rfind(|c| !is_word(c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let root = &before[start..];
        // In the middle of a path, or the end of a generic.
        if root.is_empty() || before[..start].ends_with("::") {
            continue;
        }
        found.insert(root.to_owned());
        if root == "crate" {
            found.extend(children(&code[at + 2..]).into_iter().map(|child| format!("crate::{child}")));
        }
    }
    found
}

/// The first words of what follows `crate::`, a single one or the entries of a `{…}` group.
fn children(rest: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut entries, mut entry) = (1, Vec::new(), String::new());
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            break;
        }
        if c == ',' && depth == 1 {
            entries.push(word(&std::mem::take(&mut entry)));
        } else {
            entry.push(c);
        }
    }
    entries.push(word(&entry));
    entries
}

fn wrong_directions(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in sources {
        let names = names(text);
        for (folder, forbidden, why) in DIRECTIONS {
            if path.starts_with(folder) && is_shipped(path) {
                let found = forbidden.iter().filter(|name| names.contains(**name));
                wrong.extend(found.map(|name| format!("{path} names `{name}`: {why}")));
            }
        }
        for (name, home, within) in CONFINED {
            if path.starts_with(within)
                && !path.starts_with(home)
                && is_shipped(path)
                && names.contains(*name)
            {
                wrong.push(format!("{path} names `{name}`, which belongs in {home}"));
            }
        }
    }
    wrong
}

/// Tests may look anywhere.
fn is_shipped(path: &str) -> bool {
    !path.ends_with("/tests.rs")
        && !path.contains("/tests/")
        && !path.ends_with("_tests.rs")
        && !path.ends_with("/laws.rs")
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let header = |text: &str| {
        text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("long because"))
    };
    let long = sources.iter().filter(|(_, text)| text.lines().count() > LONGEST && !header(text));
    long.map(|(path, text)| {
        format!("{path} has {} lines; split it, or say `long because` in its header", text.lines().count())
    })
    .collect()
}

fn without_header(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path.clone()).collect()
}

fn misplaced(names: &[&str]) -> Vec<String> {
    let extra =
        names.iter().filter(|name| !name.starts_with('.') && !TOP.contains(name) && !BESIDE.contains(name));
    let missing = TOP.iter().filter(|name| !names.contains(name));
    extra
        .map(|name| format!("{name} does not belong at the top"))
        .chain(missing.map(|name| format!("{name} is missing")))
        .collect()
}

/// Lines that name a float type, and folders of money that are no more.
fn floats(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for folder in MONEY {
        let mut files = sources.iter().filter(|(path, _)| path.starts_with(folder)).peekable();
        if files.peek().is_none() {
            wrong.push(format!("there is nothing at {folder}"));
        }
        for (path, text) in files {
            let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            let named = |line: &str| ["f64", "f32"].iter().any(|float| line.contains(float));
            let found = code.enumerate().filter(|(_, line)| named(line));
            wrong.extend(
                found.map(|(at, line)| format!("{path}:{}: money is never a float: {}", at + 1, line.trim())),
            );
        }
    }
    wrong
}

fn source(path: &str, text: &str) -> Vec<Source> {
    vec![(path.to_owned(), text.to_owned())]
}

#[test]
fn dependencies_point_one_way() {
    let wrong = wrong_directions(&sources());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_or_say_why_not() {
    let wrong = too_long(&sources());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_lives_in_it() {
    let wrong = without_header(&sources());
    assert!(wrong.is_empty(), "no `//!` at the top of {}", wrong.join(", "));
}

#[test]
fn the_top_level_is_as_prescribed() {
    let entries: Vec<String> = std::fs::read_dir(root())
        .expect("the root")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let wrong = misplaced(&entries.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_float_comes_near_money() {
    let wrong = floats(&sources());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn floats_in_money_are_found() {
    let found =
        |path, text| floats(&source(path, text)).into_iter().filter(|line| line.contains("never")).count();
    assert_eq!(found("engine/core/src/money/x.rs", "let part = price as f64 * 0.15;"), 1);
    assert_eq!(found("api/src/http/families/shop/x.rs", "price.to_f64()"), 1);
    assert_eq!(found("engine/core/src/money/x.rs", "// never an f64"), 0);
    assert_eq!(found("engine/core/src/decide/score.rs", "let points: f64 = 1.0;"), 0);
    assert!(floats(&[]).len() >= MONEY.len(), "a folder that moved away is noticed");
}

#[test]
fn wrong_directions_are_found() {
    let found = |path, text| wrong_directions(&source(path, text)).len();
    assert_eq!(found("engine/core/src/decide/gate/x.rs", "use tokio::time::sleep;"), 1);
    assert_eq!(found("engine/core/src/flow/x.rs", "use crate::{clock::{Instant, micros}, decide::gate};"), 1);
    assert_eq!(found("engine/core/src/domain/x.rs", "fn f() { crate::decide::decide() }"), 1);
    assert_eq!(found("engine/src/engine/x.rs", "let rows = sqlx::query(\"…\");"), 1);
    assert_eq!(found("workers/src/jobs/x.rs", "use apalis::prelude::*;"), 1);
    assert_eq!(found("engine/src/provider.rs", "use reqwest::Client;"), 1);
    assert_eq!(found("api/src/http/x.rs", "use sqlx::Row as _;"), 1);
}

#[test]
fn right_directions_pass() {
    let found = |path, text| wrong_directions(&source(path, text));
    let none: Vec<String> = Vec::new();
    assert_eq!(found("engine/src/store/x.rs", "use sqlx::FromRow;\nuse crate::domain::lead::Lead;"), none);
    assert_eq!(
        found(
            "engine/core/src/decide/x.rs",
            "//! Not [`crate::testing`].\nuse crate::clock::Instant; // sqlx::none"
        ),
        none
    );
    assert_eq!(found("engine/core/src/decide/x/tests.rs", "use crate::testing::play;"), none);
    assert_eq!(found("workers/src/queue/x.rs", "use apalis_core::task::Task;"), none);
    assert_eq!(
        found(
            "engine/core/src/domain/x.rs",
            "use super::decide::Thing; let a = b::<crate::clock::Instant>();"
        ),
        none
    );
}

#[test]
fn long_files_missing_headers_and_strays_are_found() {
    let long = "//! Many.\n".to_owned() + &"x\n".repeat(LONGEST);
    assert_eq!(too_long(&source("engine/src/x.rs", &long)).len(), 1);
    let excused = long.replace("Many.", "Many; long because it is a table.");
    assert!(too_long(&source("engine/src/x.rs", &excused)).is_empty());
    assert_eq!(without_header(&source("api/src/x.rs", "use std::fs;")), ["api/src/x.rs"]);
    let mut names = TOP.to_vec();
    names.extend([".gitignore", "LICENSE", "target"]);
    assert!(misplaced(&names).is_empty());
    names.push("scripts");
    names.retain(|name| *name != "flows");
    assert_eq!(misplaced(&names), ["scripts does not belong at the top", "flows is missing"]);
}
