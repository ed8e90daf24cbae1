//! `serve` is killed again and again while it dials; the carrier goes on. Afterwards every enrollment has finished, and the
//! carrier's books show at most one call per attempt.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::books::Books;
use super::process::Process;
use super::world::{LEADS, SHARED_EVERY, World};

/// How long `serve` lives after it answers, in milliseconds.
const LIVES_MS: std::ops::Range<u64> = 50..900;
/// How long an aimed kill waits for its moment; then it comes anyway.
const AIMS_FOR: Duration = Duration::from_secs(2);
/// After the last kill everything must be over within this time.
const FINISHES_WITHIN: Duration = Duration::from_mins(1);
const SEED: u64 = 20_260_701;

/// Twenty kills at random moments (`CALLWRIGHT_KILLS`: as many), and half as many aimed at the worst one.
#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_no_enrollment_and_repeat_no_call() -> anyhow::Result<()> {
    let kills = std::env::var("CALLWRIGHT_KILLS").map_or(Ok(20), |text| text.parse::<u32>())?;
    let mut world = World::new()?;
    let mut serve = world.serve().await?;
    let carrier = world.carrier().await?;
    world.set_up()?;
    world.enroll_all()?;
    let mut books = Books::open(&world).await?;
    let enrolled = books.unfinished().await?;
    ensure!(enrolled == (LEADS + LEADS / SHARED_EVERY) as i64, "{enrolled} enrolled");

    let mut random = StdRng::seed_from_u64(SEED);
    let (mut under_way, mut in_doubt) = (0, 0);
    for kill in 0..kills + kills / 2 {
        tokio::time::sleep(Duration::from_millis(random.random_range(LIVES_MS))).await;
        if kill % 3 == 2 {
            wait_for_an_intent(&mut books).await?;
        }
        serve.kill()?;
        under_way += u32::from(books.under_way().await? > 0);
        in_doubt += books.in_doubt().await?;
        if books.unfinished().await? == 0 {
            world.enroll_again();
        }
        serve = world.serve().await?;
    }
    ensure!(under_way * 4 >= kills * 3, "only {under_way} kills met calls under way");
    ensure!(in_doubt > 0, "no kill met an attempt between its intent and the carrier's answer");
    finish(&mut books, &serve, &carrier).await?;
    books.check(&world).await?;
    let answer = world.api("crm/leads?limit=1").await?;
    ensure!(answer["items"][0]["externalId"].is_string(), "the API answers as before: {answer}");
    Ok(())
}

/// Returns when the carrier is being asked: the intent is written, the answer is not.
async fn wait_for_an_intent(books: &mut Books) -> anyhow::Result<()> {
    let began = Instant::now();
    while books.in_doubt().await? == 0 && began.elapsed() < AIMS_FOR {
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(())
}

/// Waits until no enrollment is open and no attempt under way.
async fn finish(books: &mut Books, serve: &Process, carrier: &Process) -> anyhow::Result<()> {
    let began = Instant::now();
    while books.unfinished().await? > 0 || books.under_way().await? > 0 {
        if began.elapsed() > FINISHES_WITHIN {
            let (enrollments, attempts) = (books.enrollments().await?, books.attempts().await?);
            anyhow::bail!(
                "stuck: enrollments {enrollments:?}, attempts {attempts:?}\nserve:\n{}\ncarrier:\n{}",
                serve.tail(),
                carrier.tail()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
