//! SIGTERM under load. A process that is asked to stop leaves nothing in doubt and nobody unanswered, ends with code 0, soon.

use std::time::{Duration, Instant};

use rand::RngExt as _;

use super::ground::{Ground, episodes, report};
use crate::faults::cast::Role;
use crate::faults::figures::Figures;
use crate::faults::stage::{CLEAR_FAULTS, Settings, Stage, Staging};

const PER_EPISODE: u32 = 50;
/// The longest stop that a supervisor is asked to wait for, and a little.
const STOPS_WITHIN: Duration = Duration::from_secs(35);

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("sigterm", settings.backend.name(), settings.seed);
    sum.unknown_after_sigterm = Some(0);
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        let staging = Staging { faults: Some(CLEAR_FAULTS), ..ground.staging(episode).await? };
        let mut stage = Stage::open("sigterm", settings, episode, staging).await?;
        for time in 0..times {
            stage.rest(100..900).await;
            if time % 2 == 1 {
                stage.aim().await?;
            }
            let seat = stage.random.random_range(0..stage.cast.len());
            stop(&mut stage, seat).await?;
            stage.keep_busy().await?;
            stage.cast.start(seat, &stage.world).await?;
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    if sum.aimed == 0 {
        sum.violation(
            "no signal met an attempt between its intent and the carrier's answer: nothing was shown",
        );
    }
    Ok(sum)
}

/// One graceful stop, and what holds afterwards.
pub(super) async fn stop(stage: &mut Stage, seat: usize) -> anyhow::Result<()> {
    stage.figures.aimed += u64::from(stage.books.in_doubt().await? > 0);
    let mut process = stage.cast.take(seat)?;
    process.listens_for_signals().await?;
    let told = Instant::now();
    process.signal("TERM")?;
    let ended = process.ends_within(STOPS_WITHIN).await?;
    stage.figures.times += 1;
    stage.figures.longest("longest stop (ms)", told.elapsed().as_millis() as u64);
    match ended {
        None => stage.figures.violation(format!("{} does not stop:\n{}", process.name(), process.tail())),
        Some(status) if status.success() => {}
        Some(status) => {
            let what = format!("{} ended with {status}:\n{}", process.name(), process.tail());
            stage.figures.violation(what);
        }
    }
    let unknown = stage.books.unknown_of(process.id()).await?;
    *stage.figures.unknown_after_sigterm.get_or_insert(0) += unknown as u64;
    if stage.cast.role(seat) != Role::Worker {
        let dropped = stage.traffic.so_far().broken;
        // Those that were under way when the signal came; later ones could have known better.
        for (_, _, how) in dropped.iter().filter(|(began, broke, _)| *began < told && *broke >= told) {
            stage.figures.count("requests dropped", 1);
            stage.figures.violation(format!("a request in flight was dropped: {how}"));
        }
    }
    stage.look().await
}
