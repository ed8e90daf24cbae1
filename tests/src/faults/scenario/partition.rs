//! A worker in a network of its own, which is cut off from database, carrier and API, without a word to either side, and healed.

use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use rand::RngExt as _;

use super::ground::{episodes, report};
use crate::faults::figures::Figures;
use crate::faults::server::Server;
use crate::faults::stage::{Settings, Stage, Staging};

const PER_EPISODE: u32 = 10;

/// A bridge with our address, and a namespace on a cable to it. Gone with the value.
#[derive(Debug)]
struct Island {
    name: String,
    cable: String,
    host: String,
}

impl Island {
    fn make() -> anyhow::Result<Self> {
        // Names of interfaces have at most fifteen characters; the third byte keeps runs on one machine apart.
        let tag = format!("{:x}", std::process::id() % 0xfff);
        let network = format!("10.213.{}", rand::random::<u8>());
        let island =
            Self { name: format!("cw{tag}"), cable: format!("cwc{tag}"), host: format!("{network}.1") };
        let Self { name, cable, host } = &island;
        ip(&["netns", "add", name])?;
        ip(&["link", "add", name, "type", "bridge"])?;
        ip(&["addr", "add", &format!("{host}/24"), "dev", name])?;
        ip(&["link", "set", name, "up"])?;
        ip(&["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        ip(&["link", "set", cable, "master", name])?;
        ip(&["link", "set", cable, "up"])?;
        ip(&["-n", name, "addr", "add", &format!("{network}.2/24"), "dev", "eth0"])?;
        ip(&["-n", name, "link", "set", "eth0", "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(island)
    }

    /// The cable's end on our side: the other side keeps its routes, and its packets go nowhere.
    fn cut(&self) -> anyhow::Result<()> {
        ip(&["link", "set", &self.cable, "down"])
    }

    fn heal(&self) -> anyhow::Result<()> {
        ip(&["link", "set", &self.cable, "up"])
    }

    fn inside(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].iter().map(|word| (*word).to_owned()).collect()
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
        let _ = ip(&["link", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    ensure!(
        output.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Figures> {
    let island = Island::make()?;
    let server = Server::start(&island.host, &std::env::temp_dir())?;
    let mut sum = Figures::of("partition", settings.backend.name(), settings.seed);
    for (episode, times) in episodes(settings.times, PER_EPISODE) {
        let staging =
            Staging { host: island.host.clone(), workers: 2, ..Staging::on(server.create_database().await?) };
        let mut stage = Stage::open("partition", settings, episode, staging).await?;
        let seat = stage.cast.hire(&stage.world, island.inside()).await?;
        for time in 0..times {
            stage.rest(1_000..3_000).await;
            let met = stage.aim().await?;
            island.cut()?;
            stage.figures.times += 1;
            stage.figures.aimed += u64::from(met);
            let seconds = match (settings.brief, time % 4) {
                (true, _) => 4,
                // Longer than anybody waits for an answer.
                (false, 3) => 45,
                (false, _) => stage.random.random_range(3..20),
            };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stage.look().await?;
            island.heal()?;
            stage.keep_busy().await?;
            let is_up = stage.cast.at(seat)?.ended()?.is_none();
            if !is_up {
                stage.figures.violation("the worker ended by itself when it was cut off");
                stage.cast.start(seat, &stage.world).await?;
            }
        }
        sum.add(stage.close().await?);
        report(settings, &sum);
    }
    Ok(sum)
}
