//! The scenarios by name: what each does, on which databases, and what it needs from the machine.

mod cut;
mod disk_full;
mod ground;
mod kill;
mod partition;
mod pause;
mod postgres_restart;
mod sigterm;
mod syscall;
mod together;

use std::str::FromStr;

use super::figures::Figures;
use super::needs::Need;
use super::stage::Settings;
use crate::Backend;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    Kill,
    Syscall,
    PostgresRestart,
    DiskFull,
    Cut,
    Pause,
    Partition,
    Sigterm,
    TwoWorkers,
    Rolling,
}

impl Scenario {
    pub const ALL: [Self; 10] = [
        Self::Kill,
        Self::Syscall,
        Self::PostgresRestart,
        Self::DiskFull,
        Self::Cut,
        Self::Pause,
        Self::Partition,
        Self::Sigterm,
        Self::TwoWorkers,
        Self::Rolling,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Syscall => "syscall",
            Self::PostgresRestart => "postgres-restart",
            Self::DiskFull => "disk-full",
            Self::Cut => "cut",
            Self::Pause => "pause",
            Self::Partition => "partition",
            Self::Sigterm => "sigterm",
            Self::TwoWorkers => "two-workers",
            Self::Rolling => "rolling",
        }
    }

    pub const fn about(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL of a random process, every third time while a carrier is being asked",
            Self::Syscall => "SIGKILL, EIO and ENOSPC at the k-th write, sync or send, k stepped through",
            Self::PostgresRestart => {
                "the server stopped without a checkpoint and started again, and sessions ended"
            }
            Self::DiskFull => "the database's disk full for a while",
            Self::Cut => "delays, resets, half-closed and dead connections to database and carrier",
            Self::Pause => "workers stopped for longer than their claims hold, and continued",
            Self::Partition => "a worker's network cut off from everything, and healed",
            Self::Sigterm => "graceful stops under load: nothing in doubt, nothing unanswered, exit code 0",
            Self::TwoWorkers => {
                "four workers on one database without faults, a wave of enrollments each time"
            }
            Self::Rolling => "workers and API replaced one by one all the time",
        }
    }

    /// How often, when nothing else is asked for.
    pub const fn times(self) -> u32 {
        match self {
            Self::Kill => 500,
            Self::Syscall | Self::Sigterm => 200,
            Self::PostgresRestart | Self::DiskFull | Self::Cut | Self::Rolling => 50,
            Self::Pause | Self::Partition => 20,
            Self::TwoWorkers => 5,
        }
    }

    /// How often in the ordinary test run.
    pub const fn brief_times(self) -> u32 {
        match self {
            Self::Kill => 9,
            Self::Syscall | Self::Sigterm => 6,
            Self::PostgresRestart | Self::DiskFull | Self::Rolling => 3,
            Self::Cut => 4,
            Self::Pause | Self::Partition | Self::TwoWorkers => 1,
        }
    }

    /// Where it means anything.
    pub const fn runs_on(self, backend: Backend) -> bool {
        match self {
            Self::Kill | Self::Syscall | Self::DiskFull | Self::Cut | Self::Sigterm => true,
            Self::PostgresRestart | Self::Pause | Self::Partition | Self::TwoWorkers | Self::Rolling => {
                matches!(backend, Backend::Postgres)
            }
        }
    }

    pub fn needs(self, backend: Backend) -> Vec<Need> {
        let mut needs = match self {
            Self::Syscall => vec![Need::Strace],
            Self::DiskFull => vec![Need::Tmpfs],
            Self::Partition => vec![Need::Namespaces],
            _ => Vec::new(),
        };
        if backend == Backend::Postgres {
            needs.push(Need::Postgres);
        }
        needs
    }

    /// Runs it. An error is a run that could not be made; what went wrong in one stands in the figures.
    pub async fn run(self, settings: &Settings) -> anyhow::Result<Figures> {
        match self {
            Self::Kill => kill::run(settings).await,
            Self::Syscall => syscall::run(settings).await,
            Self::PostgresRestart => postgres_restart::run(settings).await,
            Self::DiskFull => disk_full::run(settings).await,
            Self::Cut => cut::run(settings).await,
            Self::Pause => pause::run(settings).await,
            Self::Partition => partition::run(settings).await,
            Self::Sigterm => sigterm::run(settings).await,
            Self::TwoWorkers => together::two_workers(settings).await,
            Self::Rolling => together::rolling(settings).await,
        }
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|scenario| scenario.name()).collect();
            format!("there is no scenario `{text}`; there are {}", names.join(", "))
        })
    }
}
