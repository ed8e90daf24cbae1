//! Limits, fairness between campaigns, and laws of pacing.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn start() -> Instant {
    "2026-07-01T16:00:00Z".parse().unwrap()
}

fn campaign(number: u128) -> CampaignId {
    CampaignId(Uuid::from_u128(number))
}

fn lane(number: u128, limits: Pacing) -> Lane {
    Lane {
        campaign: campaign(number),
        limits,
        live: 0,
        last_intent: None,
        recent: Vec::new(),
        intents_today: 0,
    }
}

fn calls(number: u128, count: usize, priority: Priority) -> Vec<Waiting> {
    (0..count)
        .map(|index| Waiting {
            index: number as usize * 10_000 + index,
            campaign: campaign(number),
            priority,
            due_at: start(),
        })
        .collect()
}

fn per_second(rate: f64) -> Pacing {
    Pacing { calls_per_second: Some(rate), ..Pacing::default() }
}

/// Claims with endless work for `length`, waking when told to and not before `wake`; answers all intents.
fn run(limits: &Pacing, shared: &Pacing, length: TimeDelta, wakes: &[u32]) -> Vec<Instant> {
    let waiting: Vec<Waiting> = [calls(1, 60, Priority::Medium), calls(2, 60, Priority::Low)].concat();
    let mut now = start();
    let mut all: [Vec<Instant>; 2] = Default::default();
    let mut delays = wakes.iter().cycle();
    while now < start() + length {
        let recent_of = |intents: &[Instant]| {
            intents.iter().copied().filter(|at| *at > now - LOOK_BACK).collect::<Vec<_>>()
        };
        let lanes: Vec<Lane> = (0..2)
            .map(|index| Lane {
                last_intent: all[index].last().copied(),
                recent: recent_of(&all[index]),
                ..lane(index as u128 + 1, limits.clone())
            })
            .collect();
        let everything: Vec<Instant> = all.concat();
        let provider = Shared {
            campaigns: None,
            limits: shared.clone(),
            live: 0,
            last_intent: everything.iter().max().copied(),
            recent: recent_of(&everything),
            intents_today: 0,
        };
        let picked = pick_shared(&lanes, &[provider], &waiting, 400, now);
        for index in &picked.indexes {
            all[index / 10_000 - 1].push(now);
        }
        let jitter = TimeDelta::milliseconds(i64::from(*delays.next().unwrap_or(&0)));
        now = picked.again_at.unwrap_or(now + TimeDelta::milliseconds(5)).max(now) + jitter;
    }
    let mut intents = all.concat();
    intents.sort_unstable();
    intents
}

fn most_in_a_second(intents: &[Instant]) -> usize {
    let in_second = |from: &Instant| {
        intents.iter().filter(|at| *from <= **at && **at < *from + TimeDelta::seconds(1)).count()
    };
    intents.iter().map(in_second).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sliding_second_has_more_than_the_rate(
        rate in 1u32..40,
        own in 1u32..40,
        wakes in prop::collection::vec(0u32..300, 1..12),
    ) {
        let intents = run(&per_second(f64::from(own)), &per_second(f64::from(rate)), TimeDelta::seconds(10), &wakes);
        prop_assert!(most_in_a_second(&intents) <= rate as usize);
    }

    #[test]
    fn at_least_85_percent_of_the_rate_is_used_when_work_waits(
        rate in 1u32..40,
        wakes in prop::collection::vec(0u32..40, 1..12),
    ) {
        let intents = run(&Pacing::default(), &per_second(f64::from(rate)), TimeDelta::seconds(40), &wakes);
        prop_assert!(intents.len() as f64 >= 0.85 * 40.0 * f64::from(rate), "{} of {}", intents.len(), 40 * rate);
    }

    #[test]
    fn a_minimum_interval_holds(interval_ms in 50u32..5_000, wakes in prop::collection::vec(0u32..300, 1..6)) {
        let limits = Pacing { min_interval_s: Some(f64::from(interval_ms) / 1e3), ..Pacing::default() };
        let intents = run(&Pacing::default(), &limits, TimeDelta::seconds(20), &wakes);
        prop_assert!(intents.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::milliseconds(i64::from(interval_ms))));
    }

    #[test]
    fn whoever_waits_is_dialed_in_the_end(extra in 0i64..120) {
        // High priority work never runs out; one low call has waited an hour and more.
        let old = Waiting {
            index: 7, campaign: campaign(1), priority: Priority::Low, due_at: start() - TimeDelta::minutes(61 + extra),
        };
        let waiting: Vec<Waiting> = calls(1, 50, Priority::High).into_iter().chain([old]).collect();
        let picked = pick(&[lane(1, per_second(1.0))], &waiting, 10, start());
        prop_assert_eq!(picked.indexes, vec![7]);
    }
}

#[test]
fn higher_priority_goes_first_and_campaigns_take_turns() {
    let lanes = [lane(1, Pacing::default()), lane(2, Pacing::default())];
    let waiting: Vec<Waiting> = [
        calls(1, 3, Priority::Medium),
        calls(2, 2, Priority::Medium),
        calls(2, 3, Priority::High)[2..].to_vec(),
    ]
    .concat();
    let picked = pick(&lanes, &waiting, 5, start());
    assert_eq!(picked.indexes, [20_002, 10_000, 20_000, 10_001, 20_001]);
    assert_eq!(picked.again_at, None);
}

#[test]
fn a_small_batch_starts_with_the_campaign_that_dialed_longest_ago() {
    let recent = Lane { last_intent: Some(start() - TimeDelta::seconds(2)), ..lane(1, Pacing::default()) };
    let older = Lane { last_intent: Some(start() - TimeDelta::seconds(9)), ..lane(2, Pacing::default()) };
    let waiting = [calls(1, 1, Priority::Medium), calls(2, 1, Priority::Medium)].concat();
    assert_eq!(pick(&[recent, older], &waiting, 1, start()).indexes, [20_000]);
}

#[test]
fn one_full_campaign_does_not_hold_the_other_back() {
    let full = Lane { live: 3, ..lane(1, Pacing { max_concurrent: Some(3), ..Pacing::default() }) };
    let waiting = [calls(1, 2, Priority::High), calls(2, 2, Priority::Low)].concat();
    let picked = pick(&[full, lane(2, Pacing::default())], &waiting, 10, start());
    assert_eq!(picked.indexes, [20_000, 20_001]);
    assert_eq!(picked.again_at, Some(start() + TimeDelta::seconds(1)));
}

#[test]
fn concurrency_and_the_day_limit_whole_batches() {
    let lines = Lane { live: 1, ..lane(1, Pacing { max_concurrent: Some(3), ..Pacing::default() }) };
    assert_eq!(pick(&[lines], &calls(1, 9, Priority::High), 9, start()).indexes.len(), 2);
    let day = Lane { intents_today: 7, ..lane(1, Pacing { max_per_day: Some(10), ..Pacing::default() }) };
    assert_eq!(pick(&[day], &calls(1, 9, Priority::High), 9, start()).indexes.len(), 3);
}

#[test]
fn a_used_up_day_is_left_to_the_gate() {
    let day = Lane { intents_today: 10, ..lane(1, Pacing { max_per_day: Some(10), ..Pacing::default() }) };
    assert_eq!(pick(&[day], &calls(1, 4, Priority::High), 9, start()).indexes.len(), 4);
}

#[test]
fn a_rate_below_one_is_an_interval() {
    let asked = |seconds_ago| {
        let lane =
            Lane { last_intent: Some(start() - TimeDelta::seconds(seconds_ago)), ..lane(1, per_second(0.1)) };
        pick(&[lane], &calls(1, 3, Priority::High), 9, start()).indexes.len()
    };
    assert_eq!((asked(9), asked(11)), (0, 1));
}

#[test]
fn a_caller_number_is_shared_by_its_campaigns_only() {
    let number = Shared {
        campaigns: Some(vec![campaign(1), campaign(2)]),
        limits: per_second(2.0),
        live: 0,
        last_intent: None,
        recent: Vec::new(),
        intents_today: 0,
    };
    let lanes = [lane(1, Pacing::default()), lane(2, Pacing::default()), lane(3, Pacing::default())];
    let waiting =
        [calls(1, 4, Priority::High), calls(2, 4, Priority::High), calls(3, 4, Priority::High)].concat();
    let picked = pick_shared(&lanes, &[number], &waiting, 20, start());
    assert_eq!(picked.indexes, [10_000, 20_000, 30_000, 30_001, 30_002, 30_003]);
}
