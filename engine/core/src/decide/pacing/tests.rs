//! Limits, fairness between campaigns, and laws of pacing.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// A call that waits in the database.
#[derive(Debug, Clone, Copy)]
struct Call {
    index: usize,
    campaign: CampaignId,
    priority: Priority,
    due_at: Instant,
}

/// Picks from all that wait, as the shell does: offering what is wanted until nothing is.
fn pick(lanes: &[Lane], shared: &Shared, waiting: &[Call], limit: usize, now: Instant) -> Picked {
    let with_work = lanes.iter().cloned().map(|lane| {
        let oldest = |rank: i64| {
            let own =
                waiting.iter().filter(|call| call.campaign == lane.campaign && call.priority.rank() == rank);
            own.map(|call| call.due_at).min()
        };
        Lane { oldest: [oldest(0), oldest(1), oldest(2)], ..lane }
    });
    let lanes: Vec<Lane> = with_work.collect();
    let mut picking = Picking::new(&lanes, shared, limit, now);
    let mut given = std::collections::BTreeSet::new();
    while let Some(wanted) = picking.wanted() {
        let mut offered = Vec::new();
        for wanted in wanted {
            let mut found: Vec<&Call> = waiting.iter().filter(|call| is_wanted(call, &wanted)).collect();
            found.retain(|call| !given.contains(&call.index));
            found.sort_by_key(|call| (call.due_at, call.index));
            found.truncate(wanted.most as usize);
            assert!(found.len() <= limit, "more was looked at than may go");
            offered.extend(found.iter().map(|call| Waiting {
                index: call.index,
                campaign: call.campaign,
                due_at: call.due_at,
            }));
        }
        given.extend(offered.iter().map(|call| call.index));
        picking.offer(&offered);
    }
    picking.finish()
}

fn is_wanted(call: &Call, wanted: &Wanted) -> bool {
    call.campaign == wanted.campaign
        && call.priority == wanted.priority
        && wanted.after.is_none_or(|after| call.due_at > after)
        && call.due_at <= wanted.until
}

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
        load: Load::default(),
        callers: Vec::new(),
        caller_limits: Pacing::default(),
        oldest: [None; CLASSES],
        is_closed: false,
    }
}

fn asked(seconds_ago: i64, lane: Lane) -> Lane {
    let last_intent = Some(start() - TimeDelta::seconds(seconds_ago));
    Lane { load: Load { last_intent, latest: last_intent.into_iter().collect(), ..lane.load }, ..lane }
}

fn live(live: u32, lane: Lane) -> Lane {
    Lane { load: Load { live, ..lane.load }, ..lane }
}

fn today(intents_today: u32, lane: Lane) -> Lane {
    Lane { load: Load { intents_today, ..lane.load }, ..lane }
}

fn indexes(picked: &Picked) -> Vec<usize> {
    picked.picks.iter().map(|pick| pick.index).collect()
}

fn calls(number: u128, count: usize, priority: Priority) -> Vec<Call> {
    (0..count)
        .map(|index| Call {
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
    let waiting: Vec<Call> = [calls(1, 60, Priority::Medium), calls(2, 60, Priority::Low)].concat();
    let mut now = start();
    let mut all: [Vec<Instant>; 2] = Default::default();
    let mut delays = wakes.iter().cycle();
    while now < start() + length {
        let recent_of = |intents: &[Instant]| {
            intents.iter().copied().filter(|at| *at > now - LOOK_BACK).collect::<Vec<_>>()
        };
        let lanes: Vec<Lane> = (0..2)
            .map(|index| Lane {
                load: Load {
                    last_intent: all[index].last().copied(),
                    recent: recent_of(&all[index]),
                    ..Load::default()
                },
                ..lane(index as u128 + 1, limits.clone())
            })
            .collect();
        let everything: Vec<Instant> = all.concat();
        let provider = Load {
            last_intent: everything.iter().max().copied(),
            recent: recent_of(&everything),
            ..Load::default()
        };
        let shared = Shared { provider_limits: shared.clone(), provider, ..Shared::default() };
        let picked = pick(&lanes, &shared, &waiting, 400, now);
        for pick in &picked.picks {
            all[pick.index / 10_000 - 1].push(now);
        }
        let jitter = TimeDelta::milliseconds(i64::from(*delays.next().unwrap_or(&0)));
        now = picked.again_at.unwrap_or(now + TimeDelta::milliseconds(5)).max(now) + jitter;
    }
    let mut intents = all.concat();
    intents.sort_unstable();
    intents
}

/// Claims with endless work under the provider's `limits`, each with another leeway (ms), and lets every request take any part
/// of its time (per mille); answers when they arrive.
fn arrivals(limits: &Pacing, length: TimeDelta, claims: &[(i64, i64)]) -> Vec<Instant> {
    let waiting = calls(1, 60, Priority::Medium);
    let mut now = start();
    let (mut counted, mut arrived): (Vec<Instant>, Vec<Instant>) = Default::default();
    for (leeway, share) in claims.iter().cycle() {
        if now >= start() + length {
            break;
        }
        let recent = counted.iter().copied().filter(|at| *at > now - LOOK_BACK).collect();
        let provider = Load { last_intent: counted.iter().max().copied(), recent, ..Load::default() };
        let leeway = TimeDelta::milliseconds(*leeway);
        let shared = Shared { provider_limits: limits.clone(), provider, leeway, ..Shared::default() };
        let picked = pick(&[lane(1, Pacing::default())], &shared, &waiting, 400, now);
        for pick in &picked.picks {
            let within = pick.send_within.expect("a limit gives a request its time");
            counted.push(counts_from(now, now + within));
            arrived.push(now + within * i32::try_from(*share).unwrap_or(0) / 1_000);
        }
        now = picked.again_at.unwrap_or(now).max(now) + TimeDelta::milliseconds(1);
    }
    arrived.sort_unstable();
    arrived
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
    fn limits_hold_at_the_carrier_however_much_time_requests_are_given(
        rate in 1u32..40,
        interval_ms in 50u32..5_000,
        claims in prop::collection::vec((87i64..=900, 0i64..=1_000), 1..12),
    ) {
        let arrived = arrivals(&per_second(f64::from(rate)), TimeDelta::seconds(10), &claims);
        prop_assert!(arrived.len() >= 5 && most_in_a_second(&arrived) <= rate as usize);
        let slow = f64::from(rate) / 50.0;
        let arrived = arrivals(&per_second(slow), TimeDelta::seconds(100), &claims);
        let apart = TimeDelta::milliseconds((1e3 / slow) as i64);
        prop_assert!(slow >= 1.0 || arrived.windows(2).all(|pair| pair[1] - pair[0] >= apart));
        let limits = Pacing { min_interval_s: Some(f64::from(interval_ms) / 1e3), ..Pacing::default() };
        let arrived = arrivals(&limits, TimeDelta::seconds(20), &claims);
        // The shortest intervals give a request 20 ms, however little their margin is.
        let apart = TimeDelta::milliseconds(i64::from(interval_ms) - if interval_ms < 200 { 20 } else { 0 });
        prop_assert!(arrived.windows(2).all(|pair| pair[1] - pair[0] >= apart));
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
        let old = Call {
            index: 7, campaign: campaign(1), priority: Priority::Low, due_at: start() - TimeDelta::minutes(61 + extra),
        };
        let waiting: Vec<Call> = calls(1, 50, Priority::High).into_iter().chain([old]).collect();
        let picked = pick(&[lane(1, per_second(1.0))], &Shared::default(), &waiting, 10, start());
        prop_assert_eq!(indexes(&picked), vec![7]);
    }
}

#[test]
fn higher_priority_goes_first_and_campaigns_take_turns() {
    let lanes = [lane(1, Pacing::default()), lane(2, Pacing::default())];
    let waiting: Vec<Call> = [
        calls(1, 3, Priority::Medium),
        calls(2, 2, Priority::Medium),
        calls(2, 3, Priority::High)[2..].to_vec(),
    ]
    .concat();
    let picked = pick(&lanes, &Shared::default(), &waiting, 5, start());
    assert_eq!(indexes(&picked), [20_002, 10_000, 20_000, 10_001, 20_001]);
    assert_eq!(picked.again_at, None);
}

#[test]
fn a_small_batch_starts_with_the_campaign_that_dialed_longest_ago() {
    let recent = asked(2, lane(1, Pacing::default()));
    let older = asked(9, lane(2, Pacing::default()));
    let waiting = [calls(1, 1, Priority::Medium), calls(2, 1, Priority::Medium)].concat();
    assert_eq!(indexes(&pick(&[recent, older], &Shared::default(), &waiting, 1, start())), [20_000]);
}

#[test]
fn one_full_campaign_does_not_hold_the_other_back() {
    let full = live(3, lane(1, Pacing { max_concurrent: Some(3), ..Pacing::default() }));
    let waiting = [calls(1, 2, Priority::High), calls(2, 2, Priority::Low)].concat();
    let picked = pick(&[full, lane(2, Pacing::default())], &Shared::default(), &waiting, 10, start());
    assert_eq!(indexes(&picked), [20_000, 20_001]);
    assert_eq!(picked.again_at, Some(start() + TimeDelta::seconds(1)));
}

#[test]
fn concurrency_and_the_day_limit_whole_batches() {
    let lines = live(1, lane(1, Pacing { max_concurrent: Some(3), ..Pacing::default() }));
    assert_eq!(
        indexes(&pick(&[lines], &Shared::default(), &calls(1, 9, Priority::High), 9, start())).len(),
        2
    );
    let day = today(7, lane(1, Pacing { max_per_day: Some(10), ..Pacing::default() }));
    assert_eq!(indexes(&pick(&[day], &Shared::default(), &calls(1, 9, Priority::High), 9, start())).len(), 3);
}

#[test]
fn a_used_up_day_is_left_to_the_gate() {
    let day = today(10, lane(1, Pacing { max_per_day: Some(10), ..Pacing::default() }));
    assert_eq!(indexes(&pick(&[day], &Shared::default(), &calls(1, 4, Priority::High), 9, start())).len(), 4);
}

#[test]
fn a_rate_below_one_is_an_interval() {
    let picked = |seconds_ago| {
        let lane = asked(seconds_ago, lane(1, per_second(0.1)));
        indexes(&pick(&[lane], &Shared::default(), &calls(1, 3, Priority::High), 9, start())).len()
    };
    assert_eq!((picked(9), picked(11)), (0, 1));
}

/// `(index, number shown)` of what is picked from `lanes` with four calls each waiting.
fn shown(lanes: &[Lane], shared: &Shared) -> Vec<(usize, Option<String>)> {
    let waiting: Vec<Call> =
        (1..=lanes.len()).flat_map(|number| calls(number as u128, 4, Priority::High)).collect();
    let picked = pick(lanes, shared, &waiting, 40, start());
    picked.picks.into_iter().map(|pick| (pick.index, pick.caller)).collect()
}

fn from(number: u128, callers: &[&str], caller_limits: Pacing) -> Lane {
    let callers = callers.iter().map(|caller| (*caller).to_owned()).collect();
    Lane { callers, caller_limits, ..lane(number, Pacing::default()) }
}

#[test]
fn a_caller_number_is_shared_by_its_campaigns_only() {
    let lanes = [
        from(1, &["+12025550100"], per_second(2.0)),
        from(2, &["+12025550100"], per_second(2.0)),
        lane(3, Pacing::default()),
    ];
    let picked: Vec<usize> = shown(&lanes, &Shared::default()).into_iter().map(|(index, _)| index).collect();
    assert_eq!(picked, [10_000, 20_000, 30_000, 30_001, 30_002, 30_003]);
}

#[test]
fn caller_numbers_take_turns_and_a_full_one_is_passed_over() {
    let one_line = Pacing { max_concurrent: Some(2), ..Pacing::default() };
    let lanes = [from(1, &["+12025550100", "+12025550101", "+12025550102"], one_line)];
    let busy = Load { live: 1, ..Load::default() };
    let full = Load { live: 2, ..Load::default() };
    let callers = [("+12025550100".to_owned(), busy), ("+12025550102".to_owned(), full)].into();
    let picked = shown(&lanes, &Shared { callers, ..Shared::default() });
    let callers: Vec<&str> = picked.iter().filter_map(|(_, caller)| caller.as_deref()).collect();
    assert_eq!(callers, ["+12025550100", "+12025550101", "+12025550101"]);
}

#[test]
fn a_provider_whose_day_is_used_up_waits_for_the_next_one() {
    let shared = Shared {
        provider_limits: Pacing { max_per_day: Some(5), ..Pacing::default() },
        provider: Load { intents_today: 3, ..Load::default() },
        ..Shared::default()
    };
    let lanes = [lane(1, Pacing::default())];
    let picked = pick(&lanes, &shared, &calls(1, 9, Priority::High), 9, start());
    assert_eq!(indexes(&picked).len(), 2);
    assert_eq!(picked.again_at, Some("2026-07-02T00:00:00Z".parse().unwrap()));
}

/// How often each lane was picked when so many places become free at a time, again and again. The last lane comes later.
fn served(lanes: u128, slots: &[usize], rounds: usize, newcomer_at: usize) -> Vec<usize> {
    let waiting: Vec<Call> = (1..=lanes).flat_map(|number| calls(number, 60, Priority::Medium)).collect();
    let mut latest: Vec<Vec<Instant>> = vec![Vec::new(); lanes as usize];
    let mut counts = vec![0; lanes as usize];
    for round in 0..rounds {
        let now = start() + TimeDelta::milliseconds(700 * round as i64);
        let here = lanes - u128::from(round < newcomer_at);
        let with_load = |number: u128| {
            let latest =
                latest[number as usize - 1].iter().rev().take(REMEMBERED as usize).copied().collect();
            Lane { load: Load { latest, ..Load::default() }, ..lane(number, Pacing::default()) }
        };
        let all: Vec<Lane> = (1..=here).map(with_load).collect();
        let free = slots[round % slots.len()];
        let limits = Pacing { max_concurrent: Some(free as u32), ..Pacing::default() };
        let limits = Shared { provider_limits: limits, ..Shared::default() };
        for pick in pick(&all, &limits, &waiting, 400, now).picks {
            latest[pick.index / 10_000 - 1].push(now);
            counts[pick.index / 10_000 - 1] += 1;
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shares_of_a_common_limit_are_even_whatever_does_not_divide(
        lanes in 2u128..16,
        slots in prop::collection::vec(1usize..30, 1..8),
    ) {
        let counts = served(lanes, &slots, 200, 0);
        let fair = counts.iter().sum::<usize>() as f64 / lanes as f64;
        let off = counts.iter().map(|count| (*count as f64 - fair).abs()).fold(0.0, f64::max);
        prop_assert!(off <= (0.05 * fair).max(2.0), "fair is {fair}: {counts:?}");
    }
}

/// Thirteen in turn, three of whom get one more each time round: nobody remembers so far back who it was.
#[test]
fn nobody_is_always_last_of_those_whose_turn_it_is() {
    let counts = served(13, &[15, 27, 13], 200, 0);
    let fair = counts.iter().sum::<usize>() as f64 / 13.0;
    assert!(counts.iter().all(|count| (*count as f64 - fair).abs() <= 0.02 * fair), "{counts:?}");
}

#[test]
fn a_new_campaign_gets_its_share_and_no_more() {
    for slots in [&[1][..], &[13, 7], &[20]] {
        let counts = served(12, slots, 400, 200);
        let others = counts[..11].iter().sum::<usize>() as f64 / 11.0;
        let (new, half) = (counts[11] as f64, others * 12.0 / 25.0);
        assert!((new - half).abs() <= (half * 0.1).max(2.0), "{slots:?}: {counts:?}");
    }
}

#[test]
fn a_common_limit_goes_to_the_higher_priority_whoever_has_it() {
    let lanes: Vec<Lane> = (1..=5).map(|number| lane(number, Pacing::default())).collect();
    let shared = Shared { provider_limits: per_second(20.0), ..Shared::default() };
    let mut waiting = calls(3, 30, Priority::High);
    for number in [1, 2, 4, 5] {
        waiting.extend(calls(number, 30, Priority::Low));
    }
    let picked = indexes(&pick(&lanes, &shared, &waiting, 500, start()));
    assert_eq!(picked.len(), 20);
    assert!(picked.iter().all(|index| index / 10_000 == 3), "{picked:?}");
}

#[test]
fn a_closed_campaign_passes_by_the_limits_and_takes_nothing_from_others() {
    let closed = Lane { is_closed: true, ..lane(1, per_second(1.0)) };
    let shared = Shared { provider_limits: per_second(2.0), ..Shared::default() };
    let waiting = [calls(1, 9, Priority::High), calls(2, 9, Priority::Low)].concat();
    let picked = indexes(&pick(&[closed, lane(2, Pacing::default())], &shared, &waiting, 40, start()));
    let of = |number: usize| picked.iter().filter(|index| **index / 10_000 == number).count();
    assert_eq!((of(1), of(2)), (9, 2));
}

#[test]
fn requests_within_a_rate_or_an_interval_must_leave_in_time() {
    let within = |own: Pacing, provider: Pacing| {
        let shared = Shared { provider_limits: provider, ..Shared::default() };
        pick(&[lane(1, own)], &shared, &calls(1, 1, Priority::High), 1, start()).picks[0].send_within
    };
    let every = |seconds| Pacing { min_interval_s: Some(seconds), ..Pacing::default() };
    let ms = |ms| Some(TimeDelta::milliseconds(ms));
    assert_eq!(within(Pacing::default(), Pacing::default()), None);
    assert_eq!(within(Pacing { max_concurrent: Some(3), ..Pacing::default() }, Pacing::default()), None);
    assert_eq!(within(per_second(3.0), Pacing::default()), ms(87));
    assert_eq!(within(Pacing::default(), per_second(3.0)), ms(87));
    assert_eq!(within(per_second(3.0), every(0.4)), ms(40));
    assert_eq!(within(every(0.01), Pacing::default()), ms(20));
}

#[test]
fn nothing_goes_in_the_last_second_of_a_counted_day() {
    let ends = |ms| Load { day_ends: Some(start() + TimeDelta::milliseconds(ms)), ..Load::default() };
    let counted = Pacing { max_per_day: Some(9), ..Pacing::default() };
    let picked = |limits: &Pacing, load| {
        let lane = Lane { load, ..lane(1, limits.clone()) };
        pick(&[lane], &Shared::default(), &calls(1, 3, Priority::High), 9, start())
    };
    assert_eq!(picked(&counted, ends(1_000)).picks.len(), 3);
    let held = picked(&counted, ends(999));
    assert_eq!((held.picks.len(), held.again_at), (0, Some(start() + TimeDelta::milliseconds(999))));
    assert_eq!(picked(&Pacing::default(), ends(1)).picks.len(), 3);
}
