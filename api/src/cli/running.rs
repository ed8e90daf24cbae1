//! What `serve` and `worker` run: a provider and the dial loop on it, until they are told to stop.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use callwright_engine::decide::score::Weights;
use callwright_engine::domain::campaign::Pacing;
use callwright_engine::engine::{Calling, Engine};
use callwright_engine::provider::{
    Answer, CallsSince, Capabilities, Listing, LookUp, LookUpResult, PlaceRequest, Placement, Provider,
    ProviderError,
};
use callwright_engine::store::Db;
use callwright_engine::store::clock::{self, VirtualClock};
use callwright_engine::time::zone::Zone;
use callwright_workers::bell::Bell;
use callwright_workers::dialer::{self, Options};
use callwright_workers::heartbeat::Heartbeat;
use callwright_workers::herald;
use callwright_workers::jobs::{
    self, CheckPromises, EraseRest, ExpireCoupons, KeepHouse, Outgoing, Retention, WatchCatalogue,
};
use callwright_workers::log_keeper;
use callwright_workers::provider::carrier_http::{HttpCarrier, HttpCarrierOptions};
use callwright_workers::provider::limited::Limited;
use callwright_workers::provider::measured::Measured;
use callwright_workers::provider::simulated::behaviour::{Profile, Seeded};
use callwright_workers::provider::simulated::faults::Faults;
use callwright_workers::provider::simulated::in_process::SimulatedCarrier;
use callwright_workers::provider::simulated::{pump, rows};
use callwright_workers::queue::{self, Hints, QueueConfig, Workers};
use callwright_workers::schedule::Scheduler;
use callwright_workers::watch::{self, Watch};
use clap::Args;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Global;
use super::platform::PlatformArgs;
use crate::http::moment::Moment;

/// Who places the calls.
#[derive(Debug, Clone, Args)]
pub struct ProviderArgs {
    #[command(flatten)]
    pub platform: PlatformArgs,
    /// A simulated carrier of its own (`callwright carrier`); otherwise one inside this process.
    #[arg(long, value_name = "URL")]
    pub carrier: Option<Url>,
    /// Where that carrier finds this API; `http://HOST:PORT/callbacks/carrier` of `serve`, when left out.
    #[arg(long, value_name = "URL", requires = "carrier")]
    pub callback_url: Option<Url>,
    /// Key of the signatures on that carrier's callbacks.
    #[arg(long, env = "CALLWRIGHT_CARRIER_SECRET", hide_env_values = true)]
    pub carrier_secret: Option<String>,
    /// Bearer token that the carrier asks for.
    #[arg(long, env = "CALLWRIGHT_CARRIER_TOKEN", hide_env_values = true)]
    pub carrier_token: Option<String>,
    /// Seed of the callees of the carrier inside this process.
    #[arg(long, default_value_t = 1, conflicts_with = "carrier")]
    pub seed: u64,
    /// JSON file of how those callees behave: answer, noAnswer, busy, voicemail, accept, decline, optOut, …
    #[arg(long, value_name = "FILE.json", conflicts_with = "carrier")]
    pub profile: Option<PathBuf>,
    /// Calls in any second at most that the carrier takes, from all workers together; fractions allowed.
    #[arg(long, value_name = "NUMBER")]
    pub carrier_calls_per_second: Option<f64>,
    /// Calls at a time at most that the carrier takes.
    #[arg(long, value_name = "NUMBER")]
    pub carrier_max_concurrent: Option<u32>,
    /// Calls a day (UTC) at most that the carrier takes.
    #[arg(long, value_name = "NUMBER")]
    pub carrier_max_per_day: Option<u32>,
    /// Seconds between two calls through the carrier; fractions allowed.
    #[arg(long, value_name = "SECONDS")]
    pub carrier_min_interval: Option<f64>,
    /// Where text messages and e-mails of cadences are posted, as signed JSON; without it `message` steps are skipped.
    #[arg(long, value_name = "URL", env = "CALLWRIGHT_MESSAGES_URL")]
    pub messages_url: Option<Url>,
    /// An endpoint that `webhook` steps may name; may be repeated.
    #[arg(long, value_name = "NAME=URL", value_parser = named_url)]
    pub endpoint: Vec<(String, Url)>,
    /// Key of the signatures on what is posted there.
    #[arg(long, env = "CALLWRIGHT_OUTGOING_SECRET", hide_env_values = true, default_value = "")]
    pub outgoing_secret: String,
    /// Address at which voice platforms find this API; call packages name it. That of `serve`, when left out.
    #[arg(long, value_name = "URL", env = "CALLWRIGHT_PUBLIC_URL")]
    pub public_url: Option<Url>,
    /// JSON file of weights of call priority: triggers, values, highFrom, mediumFrom; what is left out stays as documented.
    #[arg(long, value_name = "FILE.json")]
    pub priority_weights: Option<PathBuf>,
}

impl ProviderArgs {
    /// Tells the engine where it is found and who is called first. `own_url`: of the API in this process.
    pub fn apply(&self, engine: &Engine, own_url: Option<&str>) -> anyhow::Result<()> {
        let weights = match &self.priority_weights {
            None => Weights::default(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("{} cannot be read", file.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} holds no weights", file.display()))?
            }
        };
        ensure!(
            !self.platform.is_real() || self.public_url.is_some() || own_url.is_some(),
            "voice platforms have to find this API: name its address with --public-url"
        );
        let public_url = self.public_url.as_ref().map(ToString::to_string).or(own_url.map(str::to_owned));
        engine.set_calling(Calling { public_url: public_url.unwrap_or_default(), weights });
        Ok(())
    }

    fn limits(&self) -> anyhow::Result<Pacing> {
        let positive = |flag: &str, value: Option<f64>| {
            let fine = value.is_none_or(|value| value.is_finite() && value > 0.0);
            ensure!(fine, "{flag} must be above zero; leave it out for no limit");
            anyhow::Ok(value)
        };
        positive("--carrier-max-concurrent", self.carrier_max_concurrent.map(f64::from))?;
        positive("--carrier-max-per-day", self.carrier_max_per_day.map(f64::from))?;
        Ok(Pacing {
            calls_per_second: positive("--carrier-calls-per-second", self.carrier_calls_per_second)?,
            max_concurrent: self.carrier_max_concurrent,
            max_per_day: self.carrier_max_per_day,
            min_interval_s: positive("--carrier-min-interval", self.carrier_min_interval)?,
            agents: None,
        })
    }
}

fn named_url(text: &str) -> Result<(String, Url), String> {
    let (name, url) = text.split_once('=').ok_or("write NAME=URL")?;
    Ok((name.to_owned(), url.parse().map_err(|error| format!("{url}: {error}"))?))
}

/// Everything that runs beside the API; ends when `cancel` does.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<()>,
    cancel: CancellationToken,
    heartbeat: Arc<Heartbeat>,
}

impl Running {
    /// Starts the provider and the dial loop.
    pub async fn start(
        engine: &Arc<Engine>,
        args: &ProviderArgs,
        retention: Retention,
        callback_url: Option<String>,
        bell: Bell,
        cancel: CancellationToken,
    ) -> anyhow::Result<Self> {
        let clock = virtual_clock(engine).await?;
        let rate = clock.map_or(1.0, |clock| clock.rate);
        let mut tasks = JoinSet::new();
        let provider: Arc<dyn Provider> = match (args.platform.open()?, &args.carrier) {
            (Some(_), Some(_)) => {
                anyhow::bail!("--carrier is for simulated calls; leave it out, or --provider");
            }
            (Some(platform), None) => platform.provider(),
            (None, Some(url)) => Arc::new(over_http(args, url.clone(), callback_url)?),
            (None, None) => in_process(engine, args, rate, &mut tasks, &cancel).await?,
        };
        let provider: Arc<dyn Provider> = Arc::new(Limited::new(provider, args.limits()?));
        let heartbeat = Arc::new(Heartbeat::default());
        let (metrics, beats) = (Arc::clone(&engine.metrics), Arc::clone(&heartbeat));
        let provider: Arc<dyn Provider> = Arc::new(Measured::new(provider, metrics, beats));
        ensure!(
            clock.is_none() || provider.capabilities().simulated,
            "the database holds a virtual clock, which only a simulated carrier may follow; real calls need one without"
        );
        let owner = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        let hints = Hints::new();
        let workers = jobs_of(engine, &provider, args, &owner, hints.clone())?;
        tasks.spawn(workers.run(cancel.clone(), LONGEST_STOP / 2));
        let scheduler = recurring(engine, hints.clone(), retention)?;
        tasks.spawn(herald::run(engine.db.clone(), owner.clone(), bell.clone(), hints, cancel.clone()));
        tasks.spawn(log_keeper::run(engine.db.clone(), cancel.clone()));
        let stop = cancel.clone();
        tasks.spawn(async move { scheduler.run(RECURRING_POLL, stop).await });
        let options = Options { rate, heartbeat: Arc::clone(&heartbeat), ..Options::new(owner) };
        tasks.spawn(dialer::run(Arc::clone(engine), provider, options, bell, cancel.clone()));
        Ok(Self { tasks, cancel, heartbeat })
    }

    /// Dials nothing, and tells the processes that do when something may have become due.
    pub fn idle(engine: &Engine, bell: Bell, cancel: CancellationToken) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(log_keeper::run(engine.db.clone(), cancel.clone()));
        let name = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
        tasks.spawn(herald::run(engine.db.clone(), name, bell, Hints::new(), cancel.clone()));
        Self { tasks, cancel, heartbeat: Arc::default() }
    }

    /// Signs of life of the dial loop, if there is one.
    pub fn heartbeat(&self) -> Arc<Heartbeat> {
        Arc::clone(&self.heartbeat)
    }

    /// Also keeps the gauges of the metrics.
    pub fn watch(&mut self, engine: &Arc<Engine>) {
        let watch = Watch::new(Arc::clone(engine), self.heartbeat());
        self.tasks.spawn(watch.run(watch::LOOK_EVERY, self.cancel.clone()));
    }

    /// Also runs this until the end.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Until something that runs to the end ends before it: a panic must not leave a process that is up and does nothing.
    pub async fn broken(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if self.cancel.is_cancelled() {
                continue;
            }
            match ended {
                Ok(()) => tracing::error!("a part of this process ended by itself"),
                Err(error) => tracing::error!(%error, "a part of this process ended badly"),
            }
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Stops and waits until the batches in hand are finished.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_STOP, all).await.is_err() {
            tracing::warn!(
                "still busy after {} s; what is unfinished is found again at the next start",
                LONGEST_STOP.as_secs()
            );
        }
    }
}

/// The workers of everything that is posted elsewhere; they also tell the engine what can be reached.
fn jobs_of(
    engine: &Arc<Engine>,
    provider: &Arc<dyn Provider>,
    args: &ProviderArgs,
    owner: &str,
    hints: Hints,
) -> anyhow::Result<Workers> {
    let endpoints = args.endpoint.iter().cloned().collect();
    let secret = args.outgoing_secret.clone().into_bytes();
    let outgoing = Outgoing::new(Arc::clone(engine), args.messages_url.clone(), endpoints, secret)?;
    let outgoing = Arc::new(outgoing.with_provider(Arc::clone(provider)));
    engine.set_outlets(outgoing.outlets());
    let config = QueueConfig {
        time: engine.time.clone(),
        metrics: Arc::clone(&engine.metrics),
        ..QueueConfig::new(owner)
    };
    let queue = queue::Engine::start(engine.db.clone(), hints, config);
    Ok(jobs::register(Workers::new(queue), &outgoing))
}

/// Work that comes round; the table of next runs sees to it that one process does it.
fn recurring(engine: &Arc<Engine>, hints: Hints, retention: Retention) -> anyhow::Result<Scheduler> {
    let zone = Zone::find("UTC")?;
    Ok(Scheduler {
        db: engine.db.clone(),
        hints,
        ids: Arc::clone(&engine.ids),
        time: engine.time.clone(),
        entries: vec![
            KeepHouse::nightly(zone.clone(), retention)?,
            CheckPromises::nightly(zone.clone())?,
            ExpireCoupons::every_ten_minutes(zone.clone())?,
            EraseRest::every_five_minutes(zone.clone())?,
            WatchCatalogue::every_minute(zone)?,
        ],
    })
}

/// How often recurring work is looked for.
const RECURRING_POLL: Duration = Duration::from_secs(20);
const LONGEST_STOP: Duration = Duration::from_secs(20);
const LONGEST_GOODBYE: Duration = Duration::from_secs(2);
/// How often the carrier inside this process writes its books for calls that ended.
const BOOKS_EVERY: Duration = Duration::from_millis(500);

fn over_http(args: &ProviderArgs, url: Url, callback_url: Option<String>) -> anyhow::Result<HttpCarrier> {
    let callback_url = args.callback_url.as_ref().map(ToString::to_string).or(callback_url);
    let callback_url = callback_url.context("name the API's callback address with --callback-url")?;
    ensure!(
        args.carrier_secret.is_some(),
        "the carrier signs its callbacks: give the same key to both, with --carrier-secret or CALLWRIGHT_CARRIER_SECRET"
    );
    let token = args.carrier_token.clone();
    Ok(HttpCarrier::new(HttpCarrierOptions {
        url,
        callback_url,
        token,
        timeout: HttpCarrierOptions::TIMEOUT,
    })?)
}

/// A provider that is only asked about calls: for what a restored database does not know. Without a platform and without
/// `carrier` it is the one inside `serve`, whose books are part of the database and came back with it.
pub async fn provider_to_ask(
    engine: &Arc<Engine>,
    platform: &PlatformArgs,
    carrier: Option<Url>,
    token: Option<String>,
) -> anyhow::Result<Arc<dyn Provider>> {
    if let Some(platform) = platform.open()? {
        ensure!(
            carrier.is_none(),
            "--carrier is the address of the simulated one: leave it or --provider out"
        );
        return Ok(platform.provider());
    }
    if let Some(url) = carrier {
        let timeout = Duration::from_secs(30);
        let options = HttpCarrierOptions { url, callback_url: String::new(), token, timeout };
        return Ok(Arc::new(HttpCarrier::new(options)?));
    }
    let rate = virtual_clock(engine).await?.map_or(1.0, |clock| clock.rate);
    let clock = pump::EngineClock::follow(engine, rate).await?;
    let source = Seeded { seed: 0, profile: Profile::default() };
    let carrier = SimulatedCarrier::new(clock.as_now(), 0, source, Faults::default());
    carrier.restore(rows::load(&engine.db).await?);
    Ok(Arc::new(carrier))
}

async fn in_process(
    engine: &Arc<Engine>,
    args: &ProviderArgs,
    rate: f64,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> anyhow::Result<Arc<dyn Provider>> {
    let clock = pump::EngineClock::follow(engine, rate).await?;
    let source = Seeded { seed: args.seed, profile: profile(args.profile.as_deref())? };
    let carrier = Arc::new(SimulatedCarrier::new(clock.as_now(), args.seed, source, Faults::default()));
    // Calls that were open when the last process died ended with it, and say so.
    carrier.restore(rows::load(&engine.db).await?);
    tasks.spawn(pump::run(Arc::clone(engine), Arc::clone(&carrier), clock, cancel.clone()));
    tasks.spawn(keep_books(Arc::clone(engine), Arc::clone(&carrier), cancel.clone()));
    Ok(Arc::new(WithBooks { carrier, engine: Arc::clone(engine) }))
}

/// How callees behave, from a file of weights.
pub fn profile(file: Option<&std::path::Path>) -> anyhow::Result<Profile> {
    let Some(file) = file else { return Ok(Profile::default()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let profile: Profile =
        serde_json::from_str(&text).with_context(|| format!("{} is no profile", file.display()))?;
    profile.check()?;
    Ok(profile)
}

async fn keep_books(engine: Arc<Engine>, carrier: Arc<SimulatedCarrier>, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(BOOKS_EVERY) => {}
            () = cancel.cancelled() => {}
        }
        if let Err(error) = rows::save(&engine.db, &carrier).await {
            tracing::error!(%error, "simulated carrier: books not written");
        }
    }
}

/// The carrier inside this process, which answers only after its books are written: a real carrier outlives us as well.
#[derive(Debug)]
struct WithBooks {
    carrier: Arc<SimulatedCarrier>,
    engine: Arc<Engine>,
}

impl Provider for WithBooks {
    fn name(&self) -> &str {
        self.carrier.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.carrier.capabilities()
    }

    fn place(&self, requests: Vec<PlaceRequest>) -> Answer<'_, Vec<Placement>> {
        Box::pin(async move {
            let placements = self.carrier.place(requests).await;
            if let Err(error) = rows::save(&self.engine.db, &self.carrier).await {
                tracing::error!(%error, "simulated carrier: books not written");
            }
            placements
        })
    }

    fn look_up<'a>(&'a self, query: &'a LookUp) -> Answer<'a, LookUpResult> {
        self.carrier.look_up(query)
    }

    fn calls_since<'a>(&'a self, query: &'a CallsSince) -> Answer<'a, Result<Listing, ProviderError>> {
        self.carrier.calls_since(query)
    }

    fn hang_up<'a>(&'a self, provider_call_id: &'a str) -> Answer<'a, Result<(), ProviderError>> {
        self.carrier.hang_up(provider_call_id)
    }
}

/// In a restored database nothing is dialed: says why, and what to run. A database that does not answer now is no reason to stop:
/// whoever dials asks for the mark again.
pub async fn say_if_recovering(engine: &Engine, args: &ProviderArgs, global: &Global) {
    let mark = match engine.recovering().await {
        Ok(Some(mark)) => mark,
        Ok(None) => return,
        Err(error) => return tracing::warn!(%error, "cannot tell whether the database was restored"),
    };
    let mut command = "callwright reconcile".to_owned();
    if let Some(folder) = &global.journal {
        let _ = write!(command, " --journal {}", folder.display());
    }
    if let Some(carrier) = &args.carrier {
        let _ = write!(command, " --carrier {carrier}");
    }
    tracing::warn!(
        "this database was restored to its state of {}; nobody is called until what came after it is known. With the same \
         --database-url, run: {command}",
        mark.journal_from.format("%Y-%m-%d %H:%M:%S UTC"),
    );
}

/// The shared virtual clock, if one is set.
pub async fn virtual_clock(engine: &Engine) -> anyhow::Result<Option<VirtualClock>> {
    let mut tx = engine.db.begin_read().await?;
    let clock = clock::virtual_clock(&mut tx).await?;
    tx.rollback().await?;
    Ok(clock)
}

/// Starts the virtual clock that `serve`, `worker` and `carrier` share through the database.
///
/// A clock that has passed `start` goes on from where it is: a process that is started again by the same command line must
/// not set time back behind what has happened.
pub async fn set_virtual_clock(engine: &Engine, start: Moment, rate: f64) -> anyhow::Result<()> {
    ensure!(rate.is_finite() && rate >= 0.0, "--rate must not be negative");
    let mut tx = engine.db.begin().await?;
    let real_at = clock::database_now(&mut tx).await?;
    let virtual_at = match clock::virtual_clock(&mut tx).await? {
        Some(_) => start.0.max(clock::now(&mut tx).await?),
        None => start.0,
    };
    clock::set_virtual_clock(&mut tx, VirtualClock { virtual_at, real_at, rate }).await?;
    tx.commit().await?;
    Ok(())
}

/// Closes the database, which says good-bye to it: not for longer than a moment, in case it does not listen any more.
pub async fn close(db: &Db) {
    if tokio::time::timeout(LONGEST_GOODBYE, db.close()).await.is_err() {
        tracing::warn!("the database does not answer; leaving without a good-bye");
    }
}

/// Cancelled by Ctrl-C, or by SIGTERM from whoever supervises us. Listened for from this call on, so that a process which is told
/// to stop while it starts stops as soon as it has. A second signal ends it where it stands: what is unfinished is found again at
/// the next start, as after a crash.
pub fn stop_signal() -> CancellationToken {
    let told = CancellationToken::new();
    let mut signals = Signals::new();
    let cancel = told.clone();
    tokio::spawn(async move {
        signals.next().await;
        cancel.cancel();
        signals.next().await;
        tracing::warn!("told to stop a second time: stopping at once");
        std::process::exit(1);
    });
    told
}

/// Listened for from the beginning to the end: a signal between two waits must not be missed.
struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).inspect_err(|error| tracing::warn!(%error, "a signal cannot be listened for")).ok()
        };
        Self { terminate: listen(SignalKind::terminate()), interrupt: listen(SignalKind::interrupt()) }
    }

    async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = one(&mut self.terminate) => {}
            () = one(&mut self.interrupt) => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C cannot be listened for");
            std::future::pending().await
        }
    }
}

/// Is this address only reachable from this machine?
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
