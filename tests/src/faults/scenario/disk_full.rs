//! The disk under the database is full for a while, and free again. Nothing is lost, the errors say what is wrong, and
//! everything goes on by itself.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ground::{episodes, report};
use crate::Backend;
use crate::faults::figures::Figures;
use crate::faults::server::Server;
use crate::faults::stage::{Settings, Stage, Staging};

const PER_EPISODE: u32 = 25;

/// A small file system in memory, unmounted with the value.
#[derive(Debug)]
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn mount(megabytes: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = format!("size={megabytes}m,mode=1777");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "callwright-faults"])
            .arg(folder.path())
            .status()?;
        anyhow::ensure!(status.success(), "a tmpfs cannot be mounted");
        Ok(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes every byte that is left.
    fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::options().create(true).append(true).open(self.ballast())?;
        for size in [1 << 20, 1 << 12] {
            let chunk = vec![0; size];
            while file.write_all(&chunk).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process may still be on its way out.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let mut sum = Figures::of("disk-full", settings.backend.name(), settings.seed);
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        sum.add(one_episode(settings, episode, times).await?);
        report(settings, &sum);
    }
    if sum.more.get("said that the disk is full").is_none_or(|said| *said == 0) {
        sum.violation("nobody noticed a full disk: nothing was shown");
    }
    Ok(sum)
}

async fn one_episode(settings: &Settings, episode: u32, times: u32) -> anyhow::Result<Figures> {
    let disk = Disk::mount(if settings.backend == Backend::Sqlite { 192 } else { 256 })?;
    let mut server = match settings.backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Server::start("127.0.0.1", disk.path())?),
    };
    let staging = Staging::on(match &server {
        None => format!("sqlite:{}", disk.path().join("callwright.db").display()),
        Some(server) => server.create_database().await?,
    });
    let mut stage = Stage::open("disk-full", settings, episode, staging).await?;
    for _ in 0..times {
        stage.rest(300..1_200).await;
        disk.fill()?;
        stage.rest(500..2_500).await;
        // Topped up: what was truncated or checkpointed meanwhile made room.
        disk.fill()?;
        stage.rest(300..1_000).await;
        disk.free()?;
        stage.figures.times += 1;
        if let Some(server) = &mut server {
            // A server that could not write its log has ended itself, as it should.
            let mut tries = 0;
            while !tokio::task::block_in_place(|| server.revive())? {
                tries += 1;
                anyhow::ensure!(tries < 10, "PostgreSQL does not come back with room on its disk");
            }
        }
        stage.look().await?;
        stage.keep_busy().await?;
        for name in stage.cast.fill(&stage.world).await? {
            stage.figures.violation(format!("{name} ended by itself when the disk was full"));
        }
    }
    let said = stage.cast.at(0)?.log();
    let said = said.lines().filter(|line| says_full(line)).count();
    stage.figures.count("said that the disk is full", said as u64);
    let figures = stage.close().await?;
    drop(server);
    Ok(figures)
}

fn says_full(line: &str) -> bool {
    ["database or disk is full", "No space left on device", "could not extend", "disk full"]
        .iter()
        .any(|words| line.contains(words))
}
