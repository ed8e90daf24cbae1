//! Migrations while ten processes start at once, without them on demand, and from a program of tomorrow.

use std::process::{Child, Stdio};

use anyhow::ensure;
use callwright_engine::store::{Db, Durability, schema};
use callwright_tests::Backend;

use super::store_of_world as books;
use super::world::World;

/// Processes that start at once.
const PROCESSES: usize = 10;

/// A world whose database has no table yet.
async fn bare(backend: Backend) -> anyhow::Result<Option<World>> {
    let world = World::open(backend).await?;
    if let (Some(world), Backend::Postgres) = (&world, backend) {
        books::drop_everything(world.url()).await?;
    }
    Ok(world)
}

async fn ten_at_once(backend: Backend) -> anyhow::Result<()> {
    let Some(world) = bare(backend).await? else { return Ok(()) };
    let start = |_| -> anyhow::Result<Child> {
        let mut command = world.command();
        command.arg("migrate").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command.spawn()?)
    };
    let started: Vec<Child> = (0..PROCESSES).map(start).collect::<anyhow::Result<_>>()?;
    for child in started {
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    ensure!(books::migrations(world.url()).await? == schema::head());
    Ok(())
}

#[tokio::test]
async fn ten_processes_migrate_one_sqlite_file() -> anyhow::Result<()> {
    ten_at_once(Backend::Sqlite).await
}

#[tokio::test]
async fn ten_processes_migrate_one_postgres_database() -> anyhow::Result<()> {
    ten_at_once(Backend::Postgres).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_connections_of_one_process_migrate_one_file() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("new.db").display());
    let starting: Vec<_> = (0..PROCESSES)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let db = Db::connect(&url, Durability::Full).await?;
                db.migrate().await?;
                db.close().await;
                anyhow::Ok(())
            })
        })
        .collect();
    for each in starting {
        each.await??;
    }
    ensure!(books::migrations(&url).await? == schema::head());
    Ok(())
}

async fn on_demand(backend: Backend) -> anyhow::Result<()> {
    let Some(world) = bare(backend).await? else { return Ok(()) };
    if backend == Backend::Sqlite {
        let refused = world.refused(&["migrate", "--dry-run"])?;
        ensure!(refused.contains("does not exist"), "a dry run makes no file: {refused}");
        books::execute(world.url(), "SELECT 1").await?;
    }
    let listed = world.cli(&["migrate", "--dry-run"])?;
    ensure!(listed.contains("0001 core") && listed.contains("0004 recovery"), "{listed}");
    for command in [["serve", "--no-migrate"], ["worker", "--no-migrate"]] {
        let refused = world.refused(&command)?;
        ensure!(refused.contains("callwright migrate"), "{refused}");
    }
    ensure!(world.cli(&["migrate", "--dry-run"])? == listed, "nothing was applied");
    world.cli(&["migrate"])?;
    let done = world.cli(&["migrate", "--dry-run"])?;
    ensure!(done.contains("up to date"), "{done}");

    let newer = match backend {
        Backend::Sqlite => "x'00'",
        Backend::Postgres => "'\\x00'",
    };
    let sql = format!(
        "INSERT INTO callwright_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from tomorrow', true, {newer}, 0)"
    );
    books::execute(world.url(), &sql).await?;
    for command in [vec!["migrate"], vec!["serve"], vec!["doctor"], vec!["why", "lead_0"]] {
        let refused = world.refused(&command)?;
        ensure!(refused.contains("newer Callwright"), "{command:?}: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn sqlite_migrations_wait_to_be_asked_for() -> anyhow::Result<()> {
    on_demand(Backend::Sqlite).await
}

#[tokio::test]
async fn postgres_migrations_wait_to_be_asked_for() -> anyhow::Result<()> {
    on_demand(Backend::Postgres).await
}
