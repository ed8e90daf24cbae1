//! Connections that misbehave, between dialing processes and their database and between them and their carrier.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::ground::{Ground, episodes, report};
use crate::Backend;
use crate::faults::figures::Figures;
use crate::faults::proxy::{Mode, Proxy};
use crate::faults::stage::{Settings, Stage};

const PER_EPISODE: u32 = 25;

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let ground = Ground::prepare(settings.backend)?;
    let mut sum = Figures::of("cut", settings.backend.name(), settings.seed);
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        let mut staging = ground.staging(episode).await?;
        let to_database = match &ground.server {
            None => None,
            Some(server) => {
                let proxy = Proxy::start(&server.address()).await?;
                let through = proxy.address().to_string();
                staging.dialers_database_url =
                    Some(staging.database_url.replace(&server.address(), &through));
                Some(proxy)
            }
        };
        // The carrier's port is known only once there is a world.
        let to_carrier = Proxy::start("127.0.0.1:1").await?;
        let redirect = |world: &mut crate::faults::world::World| {
            to_carrier.lead_to(world.carrier_url.trim_start_matches("http://"));
            world.dialers_carrier_url = format!("http://{}", to_carrier.address());
            Ok(())
        };
        let mut stage = Stage::open_with("cut", settings, episode, staging, redirect).await?;
        for time in 0..times {
            stage.rest(300..1_500).await;
            let proxy = match &to_database {
                Some(proxy) if time % 2 == 0 => proxy,
                _ => &to_carrier,
            };
            if stage.random.random_bool(0.5) {
                stage.aim().await?;
            }
            let (mode, what) = some_mode(&mut stage.random, time / 2);
            let before = proxy.hits();
            proxy.set(mode);
            stage.rest(800..3_000).await;
            proxy.set(Mode::Pass);
            stage.figures.times += u64::from(proxy.hits() > before);
            stage.figures.count(what, u64::from(proxy.hits() > before));
            stage.figures.aimed += u64::from(stage.books.in_doubt().await? > 0);
            stage.look().await?;
            stage.keep_busy().await?;
            for name in stage.cast.fill(&stage.world).await? {
                stage.figures.violation(format!("{name} ended by itself when a connection broke"));
            }
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    if settings.backend == Backend::Postgres && sum.times == 0 {
        sum.violation("no connection was hit: nothing was shown");
    }
    Ok(sum)
}

/// The modes in turn, with lengths by chance.
fn some_mode(random: &mut StdRng, turn: u32) -> (Mode, &'static str) {
    match turn % 6 {
        0 => (Mode::Reset, "reset"),
        1 => (Mode::Delay(Duration::from_millis(random.random_range(20..400))), "delayed"),
        2 => (Mode::ResetAfter(random.random_range(0..6_000)), "reset in the middle"),
        3 => (Mode::BlackHole, "dead without a word"),
        4 => (Mode::HalfClose, "half closed"),
        _ => (Mode::Hold, "held up"),
    }
}
