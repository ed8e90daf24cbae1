//! SIGKILL of whoever it meets, at random moments and aimed at the worst one: the intent is on disk, the carrier is being asked.

use rand::RngExt as _;

use super::ground::{Ground, episodes, report};
use crate::faults::figures::Figures;
use crate::faults::stage::{Settings, Stage};

const PER_EPISODE: u32 = 125;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("kill", settings.backend.name(), settings.seed);
    for (episode, kills) in episodes(settings.times, PER_EPISODE) {
        let mut stage = Stage::open("kill", settings, episode, ground.staging(episode).await?).await?;
        for kill in 0..kills {
            stage.rest(50..700).await;
            if kill % 3 == 2 {
                stage.aim().await?;
            }
            let seat = stage.random.random_range(0..stage.cast.len());
            stage.cast.kill(seat)?;
            stage.figures.times += 1;
            stage.figures.aimed += u64::from(stage.books.in_doubt().await? > 0);
            stage.look().await?;
            stage.keep_busy().await?;
            if stage.random.random_bool(0.5) {
                stage.books.close();
            }
            stage.cast.start(seat, &stage.world).await?;
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    if sum.aimed == 0 {
        sum.violation(
            "no kill met an attempt between its intent and the carrier's answer: nothing was shown",
        );
    }
    Ok(sum)
}
