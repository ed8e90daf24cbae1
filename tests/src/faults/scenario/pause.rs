//! Workers that stand still for longer than their claims hold, while others go on, and then continue as if nothing had been.

use std::time::Duration;

use rand::RngExt as _;

use super::ground::{Ground, episodes, report};
use crate::faults::figures::Figures;
use crate::faults::stage::{Settings, Stage, Staging};

const PER_EPISODE: u32 = 10;
const WORKERS: usize = 4;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("pause", settings.backend.name(), settings.seed);
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        let staging = Staging { workers: WORKERS, ..ground.staging(episode).await? };
        let mut stage = Stage::open("pause", settings, episode, staging).await?;
        for time in 0..times {
            stage.rest(200..1_500).await;
            // Two of them, each aimed at a moment in which somebody asks a carrier; the API's seat is the first.
            let first = stage.random.random_range(0..WORKERS);
            let second = (first + stage.random.random_range(1..WORKERS)) % WORKERS;
            for seat in [1 + first, 1 + second] {
                let met = stage.aim().await?;
                stage.cast.at(seat)?.signal("STOP")?;
                stage.figures.aimed += u64::from(met);
                stage.figures.times += 1;
            }
            // A claim is good for a second, in doubt for ten; a transaction that idles is ended by the server after thirty.
            let seconds = if time % 4 == 3 { 35 } else { stage.random.random_range(11..16) };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            for seat in [1 + first, 1 + second] {
                stage.cast.at(seat)?.signal("CONT")?;
            }
            stage.rest(200..600).await;
            stage.look().await?;
            stage.keep_busy().await?;
            for name in stage.cast.fill(&stage.world).await? {
                stage.figures.violation(format!("{name} ended by itself after it had stood still"));
            }
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    Ok(sum)
}
