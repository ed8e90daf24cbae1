//! Where an episode's database is, and how a long run is cut into episodes.

use tempfile::TempDir;

use crate::Backend;
use crate::faults::figures::Figures;
use crate::faults::server::Server;
use crate::faults::stage::{Settings, Staging};

/// A folder for SQLite files, or a server of one's own.
#[derive(Debug)]
pub(super) struct Ground {
    pub server: Option<Server>,
    folder: TempDir,
}

impl Ground {
    pub fn prepare(backend: Backend) -> anyhow::Result<Self> {
        let server = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Server::start("127.0.0.1", &std::env::temp_dir())?),
        };
        Ok(Self { server, folder: tempfile::tempdir()? })
    }

    /// A new, empty database.
    pub async fn staging(&self, episode: u32) -> anyhow::Result<Staging> {
        Ok(Staging::on(match &self.server {
            None => format!("sqlite:{}", self.folder.path().join(format!("{episode}.db")).display()),
            Some(server) => server.create_database().await?,
        }))
    }
}

/// Cuts `times` into episodes of at most `most`: `(number, times)`. Each begins anew, with another seed.
pub(super) fn episodes(times: u32, most: u32) -> impl Iterator<Item = (u32, u32)> {
    let count = times.div_ceil(most).max(1);
    (0..count).map(move |episode| (episode, times / count + u32::from(episode < times % count)))
}

/// Says how far a run is, and what it has found.
#[expect(clippy::print_stderr, reason = "progress of a command that runs for minutes")]
pub(super) fn report(settings: &Settings, sum: &Figures) {
    if settings.progress {
        eprintln!(
            "{} on {}: {} of {} times, {} requests at the carrier, {} violations",
            sum.scenario,
            sum.database,
            sum.times,
            settings.times,
            sum.attempts,
            sum.violations.len()
        );
    }
}
