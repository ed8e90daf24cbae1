//! `callwright status`: how everything stands, on one screen.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use callwright_engine::engine::{QueueStatus, RegistryAge, Status, Stopped};
use clap::Args;

use super::output::{self, Format};
use super::running::stop_signal;
use super::{Global, session};

/// Shows what is due, under way, in doubt and failed; exit code 1 when something needs somebody's hands.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  callwright status\n  callwright status --watch\n  callwright status --format json --database-url postgres://dialer@db/dialer\n\nExit code 1: orphan calls, attempts in doubt for over 10 minutes, jobs that failed, or a registry whose data is too old."
)]
pub struct StatusArgs {
    /// Show it anew every so many seconds until Ctrl-C.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
    /// How the result is written; with --watch one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// An answer that is lost for longer should have been looked up.
const DOUBT_S: f64 = 600.0;

pub async fn run(args: StatusArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let engine = session::open(global).await?;
    let Some(pause) = args.watch else {
        let status = engine.status().await?;
        show(&status, args.format, false)?;
        return Ok(if is_fine(&status) { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    };
    let stop = stop_signal();
    loop {
        show(&engine.status().await?, args.format, true)?;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(pause)) => {}
            () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn is_fine(status: &Status) -> bool {
    let in_doubt = status.oldest_unknown_seconds.is_some_and(|age| age > DOUBT_S);
    let stale = status.registries.iter().any(|registry| registry.is_stale);
    status.orphans == 0 && !in_doubt && !stale && status.queues.iter().all(|queue| queue.failed == 0)
}

fn show(status: &Status, format: Format, again: bool) -> anyhow::Result<()> {
    match format {
        Format::Human => {
            if again && output::colour() {
                // Home, and clear what follows: a screen that does not flicker.
                output::print_raw("\x1b[H\x1b[J");
            }
            output::print(&text(status));
        }
        Format::Json if again => output::print(&serde_json::to_string(status)?),
        Format::Json => output::print_json(status)?,
    }
    Ok(())
}

fn text(status: &Status) -> String {
    let late =
        |age: Option<f64>| age.map_or_else(String::new, |age| format!(", the oldest for {}", length(age)));
    let orphans = match (status.orphans, status.last_orphan_at) {
        (0, _) | (_, None) => "none".to_owned(),
        (count, Some(at)) => {
            format!("{count}, the last at {} - look into it", at.format("%Y-%m-%d %H:%M UTC"))
        }
    };
    let mut paused = status.paused_campaigns.join(", ");
    if status.more_paused {
        paused.push_str(", …");
    }
    let rows = [
        ("at", status.at.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ("due", format!("{} enrollments{}", status.due, late(status.oldest_due_seconds))),
        ("planned", format!("{} attempts{}", status.planned, late(status.oldest_planned_seconds))),
        ("under way", format!("{} dialing, {} in a call", status.dialing, status.in_call)),
        ("in doubt", format!("{}{}", status.unknown, late(status.oldest_unknown_seconds))),
        ("orphan calls", orphans),
        (
            "last minute",
            format!(
                "{} dialed, {} of them over; {} jobs done",
                status.last_minute.dialed, status.last_minute.finished, status.last_minute.jobs_done
            ),
        ),
        ("stopped", stopped(&status.emergency_stops)),
        ("registries", registries(&status.registries)),
        ("paused", if paused.is_empty() { "no campaign".to_owned() } else { paused }),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    let mut screen = output::table(&rows);
    if !status.queues.is_empty() {
        screen.push_str("\n\n");
        screen.push_str(&output::table(&queues(&status.queues)));
    }
    if !status.failures.is_empty() {
        screen.push_str("\n\nfailed jobs, the newest first (`callwright jobs show ID`):");
        for failure in &status.failures {
            let error = failure.error.as_deref().unwrap_or("no error was kept");
            let short: String = error.chars().take(90).collect();
            let _ = write!(screen, "\n  {}  {}  {}: {short}", failure.job_id, failure.kind, failure.state);
        }
    }
    screen
}

fn stopped(stops: &[Stopped]) -> String {
    if stops.is_empty() {
        return "nothing".to_owned();
    }
    let words = |stop: &Stopped| {
        format!(
            "calls {} since {} by {}: {}",
            stop.calls,
            stop.since.format("%Y-%m-%d %H:%M UTC"),
            stop.by,
            stop.reason
        )
    };
    stops.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// Those that are too old by name, the others by number.
fn registries(ages: &[RegistryAge]) -> String {
    let (stale, fresh): (Vec<_>, Vec<_>) = ages.iter().partition(|age| age.is_stale);
    let mut parts: Vec<String> = stale.iter().map(|age| age.text()).collect();
    match (fresh.len(), parts.is_empty()) {
        (0, true) => parts.push("none in use".to_owned()),
        (0, false) => {}
        (count, _) => {
            let oldest = fresh.iter().filter_map(|age| age.age_days).max().unwrap_or_default();
            parts.push(format!("{count} fresh, the oldest {oldest} days"));
        }
    }
    parts.join("; ")
}

fn queues(queues: &[QueueStatus]) -> Vec<Vec<String>> {
    let mut rows =
        vec![["jobs", "due", "waiting", "running", "failed", "oldest due"].map(str::to_owned).to_vec()];
    rows.extend(queues.iter().map(|queue| {
        vec![
            queue.kind.clone(),
            queue.due.to_string(),
            queue.waiting.to_string(),
            queue.running.to_string(),
            queue.failed.to_string(),
            queue.oldest_due_seconds.map_or_else(|| "-".to_owned(), length),
        ]
    }));
    rows
}

/// Seconds as people say them.
fn length(seconds: f64) -> String {
    match seconds as u64 {
        0..=119 => format!("{seconds:.1} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn lengths_are_told_in_their_own_measure() {
        assert_eq!(
            [0.25, 119.0, 120.0, 7_200.0, 172_800.0].map(length),
            ["0.2 s", "119.0 s", "2 min", "2 h", "2 days"]
        );
    }
}
