//! Death and failure at chosen system calls: the k-th write to the log, sync of it, or send to a socket, k stepped through so
//! that every site of the program is met. `strace` injects; a fault that did not fire does not count.

use std::path::Path;
use std::time::{Duration, Instant};

use std::os::unix::process::ExitStatusExt as _;

use super::ground::{Ground, episodes, report};
use crate::Backend;
use crate::faults::figures::Figures;
use crate::faults::stage::{Settings, Stage};

const PER_EPISODE: u32 = 50;
/// A process that has not come to its fault by then is idle: the k is too large for this moment.
const FIRES_WITHIN: Duration = Duration::from_secs(4);
/// How long a process must live with an error.
const LIVES_ON: Duration = Duration::from_millis(1_200);

/// What is injected into which call.
#[derive(Debug, Clone, Copy)]
struct Site {
    call: &'static str,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Kill,
    /// Once.
    Error(&'static str),
    /// For a while.
    Errors(&'static str, u32),
}

const fn kill(call: &'static str) -> Site {
    Site { call, what: What::Kill }
}

/// A process with a file to write: the log, its index, and sockets.
const SQLITE: [Site; 7] = [
    kill("pwrite64"),
    kill("fdatasync"),
    kill("sendto"),
    kill("writev"),
    Site { call: "fdatasync", what: What::Error("EIO") },
    Site { call: "pwrite64", what: What::Error("EIO") },
    Site { call: "pwrite64", what: What::Errors("ENOSPC", 40) },
];
/// A worker with nothing but sockets.
const POSTGRES: [Site; 5] = [
    kill("sendto"),
    kill("recvfrom"),
    kill("connect"),
    kill("epoll_wait"),
    Site { call: "sendto", what: What::Error("ECONNRESET") },
];

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("syscall", settings.backend.name(), settings.seed);
    let sites: &[Site] = if settings.backend == Backend::Sqlite { &SQLITE } else { &POSTGRES };
    let mut step = 0;
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        let mut stage = Stage::open("syscall", settings, episode, ground.staging(episode).await?).await?;
        let seat = stage.cast.len() - 1;
        for _ in 0..times {
            let site = sites[step % sites.len()];
            // 1, 2, 3, … in a full run; a brief one takes larger strides to get past the start.
            let k = if settings.brief { 3 + 7 * (step / sites.len()) } else { 1 + step / sites.len() };
            step += 1;
            stage.cast.kill(seat)?;
            meet(&mut stage, seat, site, k).await?;
            stage.look().await?;
            stage.keep_busy().await?;
            stage.cast.start(seat, &stage.world).await?;
            stage.rest(50..200).await;
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    for site in sites {
        let fired = sum.more.get(label(*site)).copied().unwrap_or_default();
        if fired == 0 {
            sum.violation(format!("{} never fired: nothing was shown", label(*site)));
        }
    }
    Ok(sum)
}

/// Runs the process up to its fault, and takes it away.
async fn meet(stage: &mut Stage, seat: usize, site: Site, k: usize) -> anyhow::Result<()> {
    let trace = stage.world.path().join("strace.log");
    let wrapped = wrapped_in(site, k, &trace);
    stage.cast.launch(seat, &stage.world, &wrapped)?;
    let process = stage.cast.at(seat)?;
    let fired = if site.what == What::Kill {
        let ended = process.ends_within(FIRES_WITHIN).await?;
        match ended {
            Some(status) if status.signal() == Some(9) || status.code() == Some(137) => true,
            Some(status) => {
                let what = format!("{} at {k} ended with {status}:\n{}", label(site), process.tail());
                stage.figures.violation(what);
                false
            }
            None => false,
        }
    } else {
        let began = Instant::now();
        while !has_fired(&trace) && began.elapsed() < FIRES_WITHIN {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Some(status) = process.ends_within(LIVES_ON).await? {
            // Before it serves, giving up with an error is right: its supervisor starts it again.
            stage.figures.count("ended by an error at its start", 1);
            anyhow::ensure!(
                status.code() == Some(1),
                "{} at {k} ended with {status}:\n{}",
                label(site),
                process.tail()
            );
        }
        has_fired(&trace)
    };
    stage.figures.aimed += u64::from(fired && stage.books.in_doubt().await? > 0);
    stage.figures.times += u64::from(fired);
    stage.figures.count(label(site), u64::from(fired));
    stage.figures.count("not come to its fault", u64::from(!fired));
    // Ends what is traced, too.
    drop(stage.cast.take(seat)?);
    let _ = std::fs::remove_file(&trace);
    Ok(())
}

fn has_fired(trace: &Path) -> bool {
    std::fs::read_to_string(trace).is_ok_and(|text| text.contains("(INJECTED)"))
}

fn wrapped_in(site: Site, k: usize, trace: &Path) -> Vec<String> {
    let Site { call, what } = site;
    let inject = match what {
        What::Kill => format!("inject={call}:signal=SIGKILL:when={k}"),
        What::Error(error) => format!("inject={call}:error={error}:when={k}"),
        What::Errors(error, count) => format!("inject={call}:error={error}:when={k}..{}", k + count as usize),
    };
    let trace = trace.display().to_string();
    let arguments = ["strace", "-f", "-qq", "-o", &trace, "-e", &format!("trace={call}"), "-e", &inject];
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

fn label(site: Site) -> &'static str {
    match (site.call, site.what) {
        ("pwrite64", What::Kill) => "killed at pwrite64",
        ("fdatasync", What::Kill) => "killed at fdatasync",
        ("sendto", What::Kill) => "killed at sendto",
        ("writev", What::Kill) => "killed at writev",
        ("recvfrom", What::Kill) => "killed at recvfrom",
        ("connect", What::Kill) => "killed at connect",
        ("epoll_wait", What::Kill) => "killed at epoll_wait",
        ("fdatasync", _) => "fdatasync failed with EIO",
        ("pwrite64", What::Error(_)) => "pwrite64 failed with EIO",
        ("pwrite64", _) => "pwrite64 failed with ENOSPC",
        _ => "sendto failed with ECONNRESET",
    }
}
