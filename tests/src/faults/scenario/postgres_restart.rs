//! PostgreSQL stopped without a checkpoint and started again under load, and sessions ended in whatever they are doing.

use super::ground::{Ground, episodes, report};
use crate::faults::figures::Figures;
use crate::faults::stage::{Settings, Stage};

const PER_EPISODE: u32 = 25;
/// Chance of each session to be ended, in a hundred.
const ENDED_OF_HUNDRED: u32 = 30;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let mut ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("postgres-restart", settings.backend.name(), settings.seed);
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        let mut stage =
            Stage::open("postgres-restart", settings, episode, ground.staging(episode).await?).await?;
        let Some(server) = ground.server.as_mut() else { anyhow::bail!("there is no server to restart") };
        for time in 0..times {
            stage.rest(200..1_500).await;
            let ended = server.end_sessions(ENDED_OF_HUNDRED).await?;
            stage.figures.count("sessions ended", ended);
            stage.rest(200..1_500).await;
            if time % 3 == 2 {
                stage.aim().await?;
            }
            tokio::task::block_in_place(|| server.crash_and_start())?;
            stage.figures.times += 1;
            stage.figures.aimed += u64::from(stage.books.in_doubt().await? > 0);
            stage.look().await?;
            stage.keep_busy().await?;
            for name in stage.cast.fill(&stage.world).await? {
                stage.figures.violation(format!("{name} ended by itself when its database went away"));
            }
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    Ok(sum)
}
