//! One episode: an installation under load, and what holds at its end whatever happened in between.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::books::{Books, state_of, wait_for};
use super::cast::Cast;
use super::figures::Figures;
use super::history;
use super::process::Process;
use super::traffic::{self, Traffic};
use super::world::{Plan, World};
use crate::Backend;

/// How a run was asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The command under test.
    pub binary: PathBuf,
    pub backend: Backend,
    /// Faults to do.
    pub times: u32,
    pub seed: u64,
    /// A little of everything within seconds: fewer leads, and no faults of the carrier that take minutes to heal.
    pub brief: bool,
    /// Says how far a long run is, on standard error.
    pub progress: bool,
}

/// What an episode is set up with.
#[derive(Debug, Clone)]
pub struct Staging {
    pub database_url: String,
    pub dialers_database_url: Option<String>,
    pub host: String,
    /// Faults of the carrier, as JSON; `None`: those that fit the settings.
    pub faults: Option<&'static str>,
    /// How many workers, on PostgreSQL.
    pub workers: usize,
    /// May begin shortly before calling hours end.
    pub evenings: bool,
}

impl Staging {
    pub fn on(database_url: impl Into<String>) -> Self {
        Self {
            database_url: database_url.into(),
            dialers_database_url: None,
            host: "127.0.0.1".to_owned(),
            faults: None,
            workers: 3,
            evenings: true,
        }
    }
}

/// Everything that goes wrong at a carrier, at rates that leave most calls alone. Ambiguous answers cost a dialer five seconds
/// each and ten more until they are looked up.
const FAULTS: &str = r#"{"refuse": 0.02, "timeoutAfterAccept": 0.002, "timeoutBeforeAccept": 0.002, "errorBeforeAccept": 0.005,
    "errorAfterAccept": 0.01, "lateAccept": 0.002, "duplicateCallback": 0.1, "reorderCallback": 0.05, "lateCallback": 0.01,
    "loseCallback": 0.01}"#;
/// Those that heal within seconds.
const BRIEF_FAULTS: &str = r#"{"refuse": 0.02, "duplicateCallback": 0.2, "reorderCallback": 0.05}"#;
/// Without doubt about any call: what is in doubt then is the dialer's own doing.
pub const CLEAR_FAULTS: &str = r#"{"refuse": 0.02, "duplicateCallback": 0.1, "reorderCallback": 0.05}"#;

/// After the last fault everything must be over within this time, where virtual time passes at its fastest.
const FINISHES_WITHIN: Duration = Duration::from_mins(5);
/// 08:58 in New York, in seconds of the UTC day, in summer.
const MORNING_S: i64 = 12 * 3_600 + 58 * 60;
const DAY_S: i64 = 86_400;

/// The processes, the books, the callers and the dice of an episode.
#[derive(Debug)]
pub struct Stage {
    pub world: World,
    pub cast: Cast,
    pub books: Books,
    pub traffic: Traffic,
    pub random: StdRng,
    pub figures: Figures,
    carrier: Process,
}

impl Stage {
    /// Everything runs, everybody is enrolled, callers are at work.
    pub async fn open(
        scenario: &str,
        settings: &Settings,
        episode: u32,
        staging: Staging,
    ) -> anyhow::Result<Self> {
        Self::open_with(scenario, settings, episode, staging, |_| Ok(())).await
    }

    /// The same; `redirect` may change addresses before anything runs.
    pub async fn open_with(
        scenario: &str,
        settings: &Settings,
        episode: u32,
        staging: Staging,
        redirect: impl FnOnce(&mut World) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let seed = settings.seed.wrapping_mul(1_000).wrapping_add(u64::from(episode));
        let plan = Plan {
            binary: settings.binary.clone(),
            database_url: staging.database_url,
            dialers_database_url: staging.dialers_database_url,
            carriers_database_url: None,
            environment: Vec::new(),
            host: staging.host,
            leads: if settings.brief { 80 } else { 300 },
            sharing_numbers: true,
            max_concurrent: 30,
            evening: staging.evenings && episode % 2 == 1,
            faults: staging.faults.unwrap_or(if settings.brief { BRIEF_FAULTS } else { FAULTS }),
            seed,
        };
        let mut books = Books::of(&plan.database_url);
        let mut world = World::new(plan)?;
        redirect(&mut world)?;
        let mut cast = Cast::open(&world, settings.backend).await?;
        let carrier = world.carrier().await?;
        world.set_up()?;
        world.enroll_all();
        if settings.backend == Backend::Postgres {
            for _ in 0..staging.workers {
                cast.hire(&world, Vec::new()).await?;
            }
        }
        anyhow::ensure!(books.unfinished().await? > 0, "nobody was enrolled");
        let traffic = Traffic::start(&world, seed)?;
        let figures = Figures::of(scenario, settings.backend.name(), settings.seed);
        Ok(Self { world, cast, books, traffic, random: StdRng::seed_from_u64(seed), figures, carrier })
    }

    /// Lets the processes live for a while.
    pub async fn rest(&mut self, milliseconds: std::ops::Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(milliseconds))).await;
    }

    /// Returns when a carrier is being asked: an intent is written, the answer is not. Comes back anyway after a moment.
    pub async fn aim(&mut self) -> anyhow::Result<bool> {
        let patience = self.world.speed.stretched(Duration::from_secs(2));
        wait_for(&mut self.books, patience, async |books| Ok(books.in_doubt().await? > 0)).await
    }

    /// What holds at every instant, looked at after a fault.
    pub async fn look(&mut self) -> anyhow::Result<()> {
        let stuck = self.books.stuck().await?;
        self.figures.stuck_enrollments += stuck.len() as u64;
        if let Some(first) = stuck.first() {
            self.figures.violation(format!("enrollment {first} waits for nothing"));
        }
        Ok(())
    }

    /// Enrolls everybody again when there is nothing left to do, and lets no night pass idly.
    pub async fn keep_busy(&mut self) -> anyhow::Result<()> {
        if self.books.under_way().await? == 0 {
            self.skip_the_night().await?;
        }
        if self.books.unfinished().await? < 20 {
            self.world.enroll_all();
        }
        Ok(())
    }

    /// Stops the callers, lets everything come to its end, and holds all books against each other.
    pub async fn close(mut self) -> anyhow::Result<Figures> {
        self.cast.fill(&self.world).await?;
        let promised = self.traffic.finish().await?;
        if !self.finish().await? {
            let state = state_of(&self.books.enrollments().await?, &self.books.attempts().await?);
            let left = self.books.unfinished().await?;
            self.figures.stuck_enrollments += left as u64;
            self.figures.violation(format!("not over after {} s: {state}", self.patience().as_secs()));
            self.figures.violation(self.cast.tails());
        }
        self.look().await?;
        let verdict = self.books.compare(&self.world).await?;
        let audit = &verdict.audit;
        self.figures.attempts += audit.requests;
        self.figures.calls += audit.calls;
        self.figures.posted_twice += audit.repeated_requests + audit.double_dials;
        self.figures.suppressed_dials += audit.suppressed_dials;
        self.figures.outside_windows += audit.outside_window;
        self.figures.calls_apart += verdict.calls_apart.len() as u64;
        for finding in &audit.findings {
            self.figures.violation(format!("the carrier's books: {finding:?}"));
        }
        for call in verdict.calls_apart {
            self.figures.violation(call);
        }
        self.settle_own_books().await?;
        let lost = traffic::lost(&promised, &mut self.books).await?;
        self.figures.writes_acknowledged += promised.acknowledged;
        self.figures.writes_lost += lost.len() as u64;
        self.figures.count("server errors", promised.server_errors);
        for what in lost.into_iter().chain(promised.strange) {
            self.figures.violation(what);
        }
        self.books.integrity().await?;
        if !self.figures.is_clean() {
            self.keep_evidence();
        }
        Ok(self.figures)
    }

    async fn settle_own_books(&mut self) -> anyhow::Result<()> {
        let orphans = self.books.count("SELECT count(*) FROM events WHERE kind = 'call.orphaned'").await?;
        self.figures.orphan_calls += orphans as u64;
        let held = "SELECT count(*) FROM events WHERE kind = 'enrollment.quarantined'";
        let held = self.books.count(held).await?;
        if held > 0 {
            self.figures.violation(format!("{held} enrollments were quarantined"));
        }
        let gaps = history::gaps(&mut self.books).await?;
        self.figures.events_lost += gaps.len() as u64;
        for gap in gaps {
            self.figures.violation(gap);
        }
        Ok(())
    }

    /// Waits until no enrollment is open and no attempt under way; turns the clock to the next morning when only that is
    /// waited for.
    async fn finish(&mut self) -> anyhow::Result<bool> {
        let began = Instant::now();
        loop {
            let under_way = self.books.under_way().await?;
            if under_way == 0 && self.books.unfinished().await? == 0 {
                return Ok(true);
            }
            if began.elapsed() > self.patience() {
                return Ok(false);
            }
            if under_way == 0 {
                self.skip_the_night().await?;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn patience(&self) -> Duration {
        self.world.speed.stretched(FINISHES_WITHIN)
    }

    async fn skip_the_night(&mut self) -> anyhow::Result<()> {
        let now = self.books.virtual_now(self.world.speed).await?;
        let second = now / 1_000_000;
        // New York is four hours behind in summer: its evening ends calling hours together with the UTC day.
        let (day, of_day) = (second / DAY_S, second % DAY_S);
        if of_day < MORNING_S - 120 {
            self.books.turn_clock((day * DAY_S + MORNING_S) * 1_000_000).await?;
            self.figures.count("nights", 1);
        }
        Ok(())
    }

    /// Keeps the folder, and says where: logs and books tell more than figures.
    fn keep_evidence(&mut self) {
        self.world.folder.disable_cleanup(true);
        let folder = self.world.folder.path().display().to_string();
        self.figures.violations.push(format!("logs and the carrier's books are kept in {folder}"));
        let _ = self.carrier.signal("TERM");
    }
}
