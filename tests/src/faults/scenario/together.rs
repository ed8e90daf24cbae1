//! Several processes on one database without any fault but their coming and going.

use super::ground::{Ground, episodes, report};
use super::sigterm;
use crate::faults::figures::Figures;
use crate::faults::stage::{CLEAR_FAULTS, Settings, Stage, Staging};

const WAVES_PER_EPISODE: u32 = 5;
/// On a busy machine one worker may still be starting when the others have called everybody: it gets another chance.
const MORE_WAVES: u32 = 12;
const CHANGES_PER_EPISODE: u32 = 25;

/// Four workers race for the same enrollments; each wave everybody is enrolled again.
pub(super) async fn two_workers(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("two-workers", settings.backend.name(), settings.seed);
    for (episode, waves) in episodes(settings.times, WAVES_PER_EPISODE) {
        let staging = Staging { workers: 4, ..ground.staging(episode).await? };
        let mut stage = Stage::open("two-workers", settings, episode, staging).await?;
        for wave in 0..waves + MORE_WAVES {
            if wave >= waves && workers_without_calls(&mut stage).await? == 0 {
                break;
            }
            stage.rest(4_000..6_000).await;
            stage.world.enroll_all();
            stage.figures.times += 1;
            stage.look().await?;
        }
        let idle = workers_without_calls(&mut stage).await?;
        if idle > 0 {
            stage.figures.violation(format!("{idle} of 4 workers placed no call: there was no race"));
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    Ok(sum)
}

async fn workers_without_calls(stage: &mut Stage) -> anyhow::Result<u64> {
    let sql = "SELECT count(DISTINCT owner) FROM attempts WHERE owner IS NOT NULL";
    Ok(4_u64.saturating_sub(stage.books.count(sql).await? as u64))
}

/// A new worker joins before the oldest is asked to leave; now and then the API is replaced as well.
pub(super) async fn rolling(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("rolling", settings.backend.name(), settings.seed);
    sum.unknown_after_sigterm = Some(0);
    for (episode, changes) in episodes(settings.times, CHANGES_PER_EPISODE) {
        let staging = Staging { workers: 2, faults: Some(CLEAR_FAULTS), ..ground.staging(episode).await? };
        let mut stage = Stage::open("rolling", settings, episode, staging).await?;
        for (oldest, change) in (1..).zip(0..changes) {
            stage.cast.hire(&stage.world, Vec::new()).await?;
            stage.rest(500..1_500).await;
            sigterm::stop(&mut stage, oldest).await?;
            if change % 5 == 2 {
                sigterm::stop(&mut stage, 0).await?;
                stage.cast.start(0, &stage.world).await?;
            }
            stage.keep_busy().await?;
        }
        stage.cast.dismiss_empty();
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    Ok(sum)
}
