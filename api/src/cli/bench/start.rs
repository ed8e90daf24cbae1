//! From the start of `serve` on a database with a million leads waiting to the first answer that says it can work.

use std::time::Instant as Stopwatch;

use super::child::Server;
use super::figure::{Figure, Goal, Sample};
use super::place::{Place, Target};
use super::{Sizes, crowd, steps};

pub async fn measure(target: &Target, sizes: &Sizes) -> anyhow::Result<Vec<Figure>> {
    let place = Place::open(target).await?;
    crowd::wait(&place.db, sizes.waiting, steps::START.parse()?).await?;
    let client = reqwest::Client::new();
    let mut samples = Vec::new();
    // The first start publishes the shipped definitions: an existing database has them.
    for run in 0..=sizes.runs {
        let watch = Stopwatch::now();
        let mut server = Server::start(&place.url, &["--dev"])?;
        server.ready(&client).await?;
        let figure = watch.elapsed().as_secs_f64() * 1e3;
        server.stop().await?;
        if run > 0 {
            samples.push(Sample { figure, limit: None });
        }
    }
    place.close().await?;
    let figure = Figure::of("start", target.name(), "ms", &samples).over(sizes.waiting);
    Ok(vec![figure.goal(Goal::AtMost(300.0))])
}
