//! What a scenario needs from the machine, and what is said when it is not there: skipped aloud, or an error where the
//! environment requires it, so that no run is silently half a run.

use std::path::Path;
use std::process::{Command, Stdio};

/// A tool or a right that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The installed server binaries: `initdb`, `pg_ctl`.
    Postgres,
    /// `strace` with fault injection, and the right to trace.
    Strace,
    /// Mounting a small tmpfs, which only root may.
    Tmpfs,
    /// Network namespaces and veth pairs, which only root may make.
    Namespaces,
}

impl Need {
    /// Set to 1, this variable makes absence an error.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "CALLWRIGHT_REQUIRE_POSTGRES",
            Self::Strace => "CALLWRIGHT_REQUIRE_STRACE",
            Self::Tmpfs | Self::Namespaces => "CALLWRIGHT_REQUIRE_ROOT",
        }
    }

    const fn missing(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL is not installed",
            Self::Strace => "strace is not installed, or may not trace",
            Self::Tmpfs => "only root may mount a tmpfs",
            Self::Namespaces => "only root may make network namespaces (`ip netns`)",
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Postgres => super::server::binaries().is_some(),
            Self::Strace => quiet(Command::new("strace").args([
                "-f",
                "-qq",
                "-e",
                "trace=none",
                "-o",
                "/dev/null",
                "true",
            ])),
            Self::Tmpfs => is_root() && Path::new("/proc/filesystems").exists(),
            Self::Namespaces => is_root() && quiet(Command::new("ip").args(["netns", "list"])),
        }
    }

    /// `Ok(None)` when it is there; otherwise why the scenario is skipped, or an error where it is required.
    pub fn check(self) -> anyhow::Result<Option<&'static str>> {
        if self.is_there() {
            return Ok(None);
        }
        let required = std::env::var(self.variable()).is_ok_and(|value| value == "1");
        anyhow::ensure!(!required, "required by {}=1, but {}", self.variable(), self.missing());
        Ok(Some(self.missing()))
    }
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
