//! Many campaigns with all kinds of limits on several workers: every limit holds at the carrier, and is used.
//!
//! `CALLWRIGHT_FLEET_CALLS=100000 cargo test --release -p callwright-tests --test fleet limits -- --nocapture` dials that many and
//! prints the table.

use std::collections::{BTreeMap, HashMap};

use anyhow::ensure;
use callwright_engine::clock::Instant;
use callwright_engine::domain::campaign::{Campaign, Pacing};
use callwright_engine::domain::priority::Priority;
use callwright_engine::id::CampaignId;
use callwright_engine::time::zone::Zone;
use chrono::TimeDelta;

use crate::books::{lines_used, most_lines, per_day, rate_used, shortest_gap, worst_second};
use crate::exchange::{Asked, Exchange};
use crate::on_both;
use crate::report::say;
use crate::stage::{Stage, at, size};

/// Campaigns on the stage.
const CAMPAIGNS: usize = 50;
/// Least share of a limit that must be used while work is waiting.
const USED: f64 = 0.85;

/// What binds a campaign.
#[derive(Debug, Clone, PartialEq)]
enum Binding {
    Rate(f64),
    Lines(u32),
    Interval(f64),
    /// Calls per day in a zone whose midnight falls into the run.
    Day(u32, &'static str),
    /// A number it shares with another campaign, with this rate.
    Caller(String, f64),
}

impl Binding {
    fn of(index: usize, calls: usize) -> Self {
        let nth = index / 5;
        match index % 5 {
            0 => Self::Rate([1.0, 2.0, 3.0, 1.5][nth % 4]),
            1 => Self::Lines(2 + nth as u32 % 4),
            2 => Self::Interval(0.6 + 0.4 * (nth % 3) as f64),
            3 => Self::Day(calls as u32 / 4, ["Asia/Kolkata", "Europe/Berlin"][nth % 2]),
            _ => Self::Caller(format!("+1202555{:04}", 100 + nth / 2), 2.0),
        }
    }

    fn set(&self, campaign: &mut Campaign) {
        match self {
            Self::Rate(rate) => campaign.pacing.calls_per_second = Some(*rate),
            Self::Lines(lines) => campaign.pacing.max_concurrent = Some(*lines),
            Self::Interval(seconds) => campaign.pacing.min_interval_s = Some(*seconds),
            Self::Day(calls, zone) => {
                campaign.zone = Zone::find(zone).expect("a zone");
                campaign.pacing =
                    Pacing { max_per_day: Some(*calls), calls_per_second: Some(3.0), ..Pacing::default() };
            }
            Self::Caller(number, rate) => {
                campaign.caller_ids = vec![number.clone()];
                campaign.caller_pacing.calls_per_second = Some(*rate);
            }
        }
    }
}

/// A limit's use and its worst moment; an error where it was broken.
#[derive(Debug)]
struct Row {
    what: String,
    allowed: f64,
    worst: f64,
    used: f64,
}

fn audit(binding: &Binding, asked: &[Asked], until: Instant) -> anyhow::Result<Row> {
    let row = match binding {
        // ⌊rate⌋ is what a sliding second can hold.
        Binding::Rate(rate) | Binding::Caller(_, rate) => Row {
            what: format!("{rate} calls per second"),
            allowed: rate.floor(),
            worst: worst_second(asked) as f64,
            used: rate_used(asked, rate.floor()),
        },
        Binding::Lines(lines) => Row {
            what: format!("{lines} lines"),
            allowed: f64::from(*lines),
            worst: most_lines(asked) as f64,
            used: lines_used(asked, *lines, until),
        },
        Binding::Interval(seconds) => {
            let shortest = shortest_gap(asked).map_or(f64::INFINITY, TimeDelta::as_seconds_f64);
            // As a rate, so that more is worse here, too.
            Row {
                what: format!("every {seconds} s"),
                allowed: 1.0 / seconds,
                worst: 1.0 / shortest,
                // The stage makes one request in a hundred too late to be sent, and of a dozen that one weighs much.
                used: rate_used(asked, 1.0 / seconds) + 1.0 / asked.len().max(1) as f64,
            }
        }
        Binding::Day(calls, zone) => {
            let days = per_day(asked, &Zone::find(zone)?);
            let most = days.values().max().copied().unwrap_or(0) as f64;
            let all = days.values().sum::<usize>() as f64;
            let used = all / (f64::from(*calls) * days.len().max(1) as f64);
            Row { what: format!("{calls} a day in {zone}"), allowed: f64::from(*calls), worst: most, used }
        }
    };
    ensure!(row.worst <= row.allowed + 1e-9, "{}: broken: {row:?}", row.what);
    ensure!(row.used >= USED, "{}: {:.1} % used: {row:?}", row.what, row.used * 100.0);
    Ok(row)
}

fn by_campaign(asked: Vec<Asked>) -> HashMap<CampaignId, Vec<Asked>> {
    let mut all: HashMap<CampaignId, Vec<Asked>> = HashMap::new();
    for asked in asked {
        all.entry(asked.campaign).or_default().push(asked);
    }
    all
}

async fn every_limit(db: callwright_tests::TestDb, workers: u64, calls: usize) -> anyhow::Result<()> {
    let each = calls / CAMPAIGNS;
    // Long enough that much was dialed, short enough that work is waiting to the end.
    let length = TimeDelta::milliseconds(each as i64 * 270);
    let mut stage = Stage::open(db, at("2026-07-15T18:30:00Z") - length / 2, workers).await?;
    let mut bindings = HashMap::new();
    for index in 0..CAMPAIGNS {
        let binding = Binding::of(index, each);
        let campaign =
            stage.campaign(&format!("campaign-{index}"), each, |campaign| binding.set(campaign)).await?;
        bindings.insert(campaign, binding);
    }
    let exchange =
        Exchange::new(&stage.clock, Pacing { calls_per_second: Some(500.0), ..Pacing::default() }, 4);
    stage.dial(&exchange, length).await?;

    let asked = exchange.asked();
    ensure!(worst_second(&asked) <= 500);
    let attempts: std::collections::HashSet<_> = asked.iter().map(|asked| asked.attempt).collect();
    ensure!(attempts.len() == asked.len(), "an attempt was asked for twice");
    let mut callers: BTreeMap<String, Vec<Asked>> = BTreeMap::new();
    let mut rows = Vec::new();
    for (campaign, asked) in by_campaign(asked.clone()) {
        match &bindings[&campaign] {
            Binding::Caller(number, _) => callers.entry(number.clone()).or_default().extend(asked),
            binding => rows.push(audit(binding, &asked, stage.now())?),
        }
    }
    for (number, asked) in &callers {
        rows.push(audit(&Binding::Caller(number.clone(), 2.0), asked, stage.now())?);
        let mut shares: HashMap<CampaignId, f64> = HashMap::new();
        for asked in asked {
            *shares.entry(asked.campaign).or_default() += 1.0;
        }
        let fair = asked.len() as f64 / shares.len() as f64;
        let is_even = |count: &f64| (count - fair).abs() <= (0.05 * fair).max(1.0);
        ensure!(shares.values().all(is_even), "shares of a number: {shares:?}");
    }
    ensure!(rows.len() >= CAMPAIGNS * 4 / 5, "campaigns without a call: {} rows", rows.len());
    rows.sort_by(|a, b| a.what.cmp(&b.what));
    let counts = stage.state_counts().await?;
    say(format_args!(
        "{workers} workers, {} calls in {} s; attempts {counts:?}",
        asked.len(),
        length.num_seconds()
    ));
    for Row { what, allowed, worst, used } in rows {
        say(format_args!(
            "  {what:<28} allowed {allowed:>6.2}  worst {worst:>6.2}  used {:>5.1} %",
            used * 100.0
        ));
    }
    Ok(())
}

on_both! {
    async fn every_limit_holds_and_is_used_by_two_workers(db) {
        Box::pin(every_limit(db, 2, size("CALLWRIGHT_FLEET_CALLS", 1_000)?)).await?;
    }

    async fn campaigns_with_equal_claims_have_equal_shares_of_the_provider(db) {
        let mut stage = Stage::open(db, at("2026-07-15T16:00:00Z"), 2).await?;
        for index in 0..12 {
            stage.campaign(&format!("equal-{index}"), 60, |_| {}).await?;
        }
        // Twenty do not divide among twelve.
        let limits = Pacing { calls_per_second: Some(20.0), ..Pacing::default() };
        let exchange = Exchange::new(&stage.clock, limits, 4);
        stage.dial(&exchange, TimeDelta::seconds(20)).await?;
        let asked = exchange.asked();
        ensure!(worst_second(&asked) <= 20, "{} in a second", worst_second(&asked));
        let used = rate_used(&asked, 20.0);
        ensure!(used >= USED, "{used} used");
        let shares: Vec<usize> = by_campaign(asked).values().map(Vec::len).collect();
        let fair = shares.iter().sum::<usize>() as f64 / 12.0;
        let is_fair = |count: &usize| (*count as f64 - fair).abs() <= (fair * 0.05).max(1.0);
        ensure!(shares.len() == 12 && shares.iter().all(is_fair), "{shares:?}, fair is {fair:.1}");
        say(format_args!("shares of 20 calls per second: {shares:?}, {:.1} % used", used * 100.0));
    }

    async fn low_priority_waits_for_higher_but_not_for_ever(db) {
        let mut stage = Stage::open(db, at("2026-07-15T14:00:00Z"), 2).await?;
        let low = stage.campaign("low", 3, |campaign| campaign.priority = Priority::Low).await?;
        stage.campaign("high", 90, |campaign| campaign.priority = Priority::High).await?;
        stage.poll = std::time::Duration::from_mins(1);
        // One call a minute: the high ones alone would take an hour and a half.
        let limits = Pacing { min_interval_s: Some(60.0), ..Pacing::default() };
        let exchange = Exchange::new(&stage.clock, limits, 4);
        stage.dial(&exchange, TimeDelta::minutes(70)).await?;
        let asked = exchange.asked();
        let first_low = asked.iter().position(|asked| asked.campaign == low);
        ensure!(first_low.is_some_and(|place| (58..=62).contains(&place)), "after {first_low:?} of {}", asked.len());
    }
}

/// The same limits with more workers, on the database that several processes can share.
#[tokio::test]
async fn every_limit_holds_and_is_used_by_four_workers() -> anyhow::Result<()> {
    let Some(db) = callwright_tests::TestDb::open(callwright_tests::Backend::Postgres).await? else {
        return Ok(());
    };
    Box::pin(every_limit(db, 4, size("CALLWRIGHT_FLEET_CALLS", 1_000)?)).await
}
