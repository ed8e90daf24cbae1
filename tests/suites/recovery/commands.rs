//! What backup, restore, migrate and doctor refuse, and what they leave behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use callwright_tests::Backend;
use serde_json::Value;

use super::store_of_world as books;
use super::world::World;

fn text<'a>(report: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    report[field].as_str().with_context(|| format!("no `{field}` in {report}"))
}

fn files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// A migrated database with the leads of the world.
async fn filled(backend: Backend) -> anyhow::Result<Option<World>> {
    let Some(world) = World::open(backend).await? else { return Ok(None) };
    world.cli(&["import", "leads.csv"])?;
    // A clock by which the carrier's list is soon conclusive.
    let now = chrono::Utc::now().timestamp_micros();
    let clock =
        format!("INSERT INTO virtual_clock (id, virtual_at, real_at, rate) VALUES (1, {now}, {now}, 100.0)");
    books::execute(world.url(), &clock).await?;
    Ok(Some(world))
}

async fn sqlite() -> anyhow::Result<World> {
    filled(Backend::Sqlite).await?.context("SQLite is always there")
}

fn round_trip(world: &World) -> anyhow::Result<()> {
    let made = world.back_up()?;
    let (path, manifest) = (text(&made, "backup")?, text(&made, "manifest")?);
    for file in [path, manifest] {
        let mode = fs::metadata(world.path().join(file))?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{file} has mode {mode:o}");
    }
    ensure!(made["counts"]["leads"] == super::world::LEADS, "{made}");
    ensure!(files(&world.path().join("backups"))?.len() == 2, "nothing half-made is left");

    // Over a database that is lived in, twice: what was there is put aside each time.
    for round in 0..2 {
        let refused = world.refused(&["restore", "backups", "--into", world.url()])?;
        ensure!(refused.contains("--replace"), "{refused}");
        let restored =
            world.cli(&["restore", path, "--into", world.url(), "--replace", "--format", "json"])?;
        let restored: Value = serde_json::from_str(&restored)?;
        ensure!(restored["aside"].is_string() && restored["recovering"] == true, "round {round}: {restored}");
        let doctor = world.refused(&["doctor"])?;
        ensure!(doctor.contains("not reconciled"), "{doctor}");
    }
    let done = world.cli(&["reconcile", "--without-journal"])?;
    ensure!(done.contains("calls go out again"), "{done}");
    let mut again = world.back_up()?;
    // Each restore begins a recovery; the last of them was finished.
    ensure!(again["counts"]["events"] == 2, "{again}");
    again["counts"]["events"] = made["counts"]["events"].clone();
    ensure!(again["counts"] == made["counts"], "{again} is not {made}");
    Ok(())
}

#[tokio::test]
async fn a_sqlite_backup_goes_round() -> anyhow::Result<()> {
    round_trip(&sqlite().await?)
}

#[tokio::test]
async fn a_postgres_backup_goes_round() -> anyhow::Result<()> {
    match filled(Backend::Postgres).await? {
        Some(world) => round_trip(&world),
        None => Ok(()),
    }
}

#[tokio::test]
async fn backups_are_not_overwritten_and_older_ones_go() -> anyhow::Result<()> {
    let world = sqlite().await?;
    world.cli(&["backup", "mine.db"])?;
    let refused = world.refused(&["backup", "mine.db"])?;
    ensure!(refused.contains("exists already"), "{refused}");
    let refused = world.refused(&["backup", "other.db", "--keep", "2"])?;
    ensure!(refused.contains("--keep needs a folder"), "{refused}");
    // Names are by the second; older ones stand for those of the days before.
    for day in ["2026-06-01", "2026-06-02", "2026-06-03"] {
        let path = world.path().join(format!("backups/old-{day}.db"));
        fs::copy(world.path().join("mine.db"), &path)?;
        let manifest = fs::read_to_string(world.path().join("mine.db.manifest.json"))?;
        let mut manifest: Value = serde_json::from_str(&manifest)?;
        manifest["takenAt"] = format!("{day}T02:00:00Z").into();
        manifest["file"] = format!("old-{day}.db").into();
        fs::write(path.with_extension("db.manifest.json"), manifest.to_string())?;
    }
    fs::write(world.path().join("backups/notes.txt"), "keep me")?;
    world.cli(&["backup", "backups", "--keep", "2"])?;
    let left = files(&world.path().join("backups"))?;
    ensure!(left.len() == 5 && left.contains(&"old-2026-06-03.db".to_owned()), "{left:?}");
    ensure!(left.contains(&"notes.txt".to_owned()), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn a_backup_that_is_not_what_it_says_is_refused() -> anyhow::Result<()> {
    let world = sqlite().await?;
    world.cli(&["backup", "mine.db"])?;
    let target = format!("sqlite:{}", world.path().join("new.db").display());
    let change = |change: &dyn Fn(&mut Value)| -> anyhow::Result<()> {
        let path = world.path().join("mine.db.manifest.json");
        let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        change(&mut manifest);
        Ok(fs::write(path, manifest.to_string())?)
    };
    change(&|manifest| manifest["schema"] = 9_999.into())?;
    let refused = world.refused(&["restore", "mine.db", "--into", &target])?;
    ensure!(refused.contains("newer Callwright"), "{refused}");
    change(&|manifest| {
        manifest["schema"] = 4.into();
        manifest["database"] = "postgres".into();
    })?;
    let refused = world.refused(&["restore", "mine.db", "--into", &target])?;
    ensure!(refused.contains("a backup of PostgreSQL"), "{refused}");
    change(&|manifest| manifest["database"] = "sqlite".into())?;
    let path = world.path().join("mine.db");
    let mut bytes = fs::read(&path)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes)?;
    let refused = world.refused(&["restore", "mine.db", "--into", &target])?;
    ensure!(refused.contains("not what its manifest describes"), "{refused}");
    fs::remove_file(world.path().join("mine.db.manifest.json"))?;
    let refused = world.refused(&["restore", "mine.db", "--into", &target])?;
    ensure!(refused.contains("manifest"), "{refused}");
    ensure!(!PathBuf::from(target.trim_start_matches("sqlite:")).exists(), "nothing was put in place");
    Ok(())
}

#[tokio::test]
async fn a_database_in_use_is_not_replaced() -> anyhow::Result<()> {
    let world = sqlite().await?;
    world.cli(&["backup", "mine.db"])?;
    let held = books::Books::open(world.url()).await?;
    held.unfinished().await?;
    let refused = world.refused(&["restore", "mine.db", "--into", world.url(), "--replace"])?;
    ensure!(refused.contains("is in use"), "{refused}");
    held.close().await;
    world.cli(&["restore", "mine.db", "--into", world.url(), "--replace"])?;
    Ok(())
}

#[tokio::test]
async fn reconciling_without_a_journal_is_said_aloud_or_refused() -> anyhow::Result<()> {
    let world = sqlite().await?;
    world.cli(&["backup", "mine.db"])?;
    world.cli(&["restore", "mine.db", "--into", world.url(), "--replace"])?;
    let nowhere = world.path().join("nowhere").display().to_string();
    let refused = world.refused(&["reconcile", "--journal", &nowhere])?;
    ensure!(refused.contains("there is no journal of stops at"), "{refused}");
    ensure!(world.refused(&["doctor"])?.contains("not reconciled"), "the mark stands");
    Ok(())
}

/// A call that `provider` was asked for a minute ago.
async fn called_by(world: &World, nth: u8, provider: &str) -> anyhow::Result<()> {
    let ids = "(SELECT id FROM leads ORDER BY id LIMIT 1), (SELECT id FROM campaigns ORDER BY id LIMIT 1)";
    let at = (chrono::Utc::now() - chrono::TimeDelta::minutes(1)).timestamp_micros();
    let row = format!(
        "INSERT INTO attempts (id, lead_id, campaign_id, number, flow, version, step, visit, attempt, state, priority, due_at, fence,
                               intent_at, provider, created_at, finished_at)
         SELECT '0196d3b2-0000-7000-8000-00000000000{nth}', {ids}, '+12125550199', '', '', '', 0, 0, 'finished', 1, {at}, 0,
                {at}, '{provider}', {at}, {at}"
    );
    books::execute(world.url(), &row).await
}

#[tokio::test]
async fn only_who_placed_the_calls_can_say_that_there_were_no_more() -> anyhow::Result<()> {
    const PLATFORM: [&str; 5] =
        ["reconcile", "--provider", "webhook", "--webhook-url", "http://127.0.0.1:9/calls"];
    let mut world = sqlite().await?;
    world.set_up()?;
    called_by(&world, 1, "webhook").await?;
    // What other dialers called is told again by whoever told it before.
    called_by(&world, 2, "outside").await?;
    world.cli(&["backup", "mine.db"])?;
    world.cli(&["restore", "mine.db", "--into", world.url(), "--replace"])?;
    let refused = world.refused(&["reconcile", "--without-journal"])?;
    ensure!(refused.contains("but `webhook` placed calls of this database too"), "{refused}");
    ensure!(world.refused(&["doctor"])?.contains("not reconciled"), "the mark stands");
    let secret = ["--webhook-secret", "a key that is long enough", "--without-journal"];
    let refused = world.refused(&[&PLATFORM[..], &secret].concat())?;
    ensure!(refused.contains("cannot list its calls"), "{refused}");
    let done = world.cli(&[&PLATFORM[..], &secret, &["--without-listing"]].concat())?;
    ensure!(done.contains("enrollments left in peace"), "{done}");
    Ok(())
}

#[tokio::test]
async fn doctor_looks_at_what_a_disaster_would_need() -> anyhow::Result<()> {
    let world = sqlite().await?;
    world.cli(&["key", "create", "crm"])?;
    let findings: Value = serde_json::from_str(&world.cli(&["doctor", "--deep", "--format", "json"])?)?;
    let state = |findings: &Value, what: &str| {
        let all = findings.as_array().cloned().unwrap_or_default();
        all.iter().find(|found| found["what"] == what).map(|found| found["state"].clone()).unwrap_or_default()
    };
    for what in ["migrations", "recovery", "clock", "integrity", "journal", "disk"] {
        ensure!(
            state(&findings, what) != Value::Null && state(&findings, what) != "bad",
            "{what}: {findings}"
        );
    }
    ensure!(state(&findings, "backup") == "warning", "{findings}");
    world.cli(&["backup", "backups"])?;
    let findings: Value = serde_json::from_str(&world.cli(&["doctor", "--format", "json"])?)?;
    ensure!(state(&findings, "backup") == "fine", "{findings}");
    let _ = fs::remove_dir_all(world.journal());
    fs::write(world.journal(), "a file in the way")?;
    let said = world.refused(&["doctor"])?;
    ensure!(said.contains("cannot be written"), "{said}");
    Ok(())
}
