//! Moves between versions: who stays, who goes where, and that nobody is called early, twice or never.

use chrono::TimeDelta;
use proptest::prelude::*;
use rstest::rstest;

use super::{Because, Place, Placed, Route, Routes, Shift, Standing, place};
use crate::clock::Instant;
use crate::definitions::library::Library;
use crate::definitions::model::cadence::{Cadence, StepAction};
use crate::domain::enrollment::Position;
use crate::domain::publication::{MapTo, Mode, StepMap};
use crate::time::holiday::HolidayCalendar;
use crate::time::zone::Zone;

const FLOW: &str =
    "flow: hi\ntitle: Hi\nscript: hi\nstart: greet\nsteps:\n  greet: { say: hello, end: done }\n";
const SCRIPT: &str =
    "script: hi\ntitle: Hi\nfallback: [en]\nlanguages:\n  en:\n    texts:\n      hello: Hello.\n";
const STEPS: [&str; 6] = [
    "  - { id: first, call: hi }",
    "  - { id: pause, wait: 3 days }",
    "  - { id: second, call: hi, valid_for: 4 hours }",
    "  - { id: paid, wait: { event: PAYMENT_RECEIVED, timeout: 5 days } }",
    "  - { id: third, call: hi }",
    "  - { id: done, end: no_sale }",
];

fn cadence(steps: &[&str]) -> Cadence {
    let text = format!("cadence: c\ntitle: C\nsteps:\n{}\n", steps.join("\n"));
    let files =
        [("cadences/c.yaml", text.as_str()), ("flows/hi.yaml", FLOW), ("flows/scripts/hi.yaml", SCRIPT)];
    let (library, problems) = Library::from_files(files);
    let bundle = library.bundle("c").unwrap_or_else(|| panic!("{problems:?}"));
    (*bundle.cadence).clone()
}

fn noon() -> Instant {
    "2026-07-15T16:00:00Z".parse().unwrap()
}

fn position(step: &str, due_since: Instant) -> Position {
    Position { step: step.to_owned(), visit: 3, attempt: 2, due_since, promised: false }
}

fn moved(old: &Cadence, new: &Cadence, map: &StepMap, position: &Position, due: Instant) -> Placed {
    let mode = if map.is_empty() { Mode::Follow } else { Mode::Migrate };
    let routes = Routes::of(old, new, mode, map);
    let (zone, holidays) = (Zone::find("UTC").unwrap(), HolidayCalendar::none());
    let standing = Standing { position, due_at: Some(due), zone: &zone, holidays: &holidays };
    place(new, routes.from(&position.step).unwrap(), &standing, noon() + TimeDelta::minutes(7), noon())
}

fn at(placed: Placed) -> Place {
    match placed {
        Placed::At(place) => place,
        Placed::Ended { result } => panic!("ended: {result}"),
    }
}

fn replaced(step: usize, with: &'static str) -> Cadence {
    let mut steps = STEPS;
    steps[step] = with;
    cadence(&steps)
}

fn without(removed: &[usize]) -> Cadence {
    let left: Vec<&str> = STEPS
        .iter()
        .enumerate()
        .filter(|(index, _)| !removed.contains(index))
        .map(|(_, step)| *step)
        .collect();
    cadence(&left)
}

#[test]
fn the_same_steps_change_nothing_but_the_visit() {
    let old = cadence(&STEPS);
    let before = position("second", noon() + TimeDelta::hours(2));
    let place = at(moved(&old, &old, &StepMap::new(), &before, before.due_since));
    assert_eq!(place.position, Position { visit: 4, ..before.clone() });
    assert_eq!((place.due_at, place.shift), (Some(before.due_since), Shift::Same));
}

#[test]
fn a_shorter_wait_ends_earlier_and_a_longer_one_later() {
    let (old, since) = (cadence(&STEPS), noon() - TimeDelta::days(1));
    let due = since + TimeDelta::days(3);
    let shorter = replaced(1, "  - { id: pause, wait: 2 days }");
    let place = at(moved(&old, &shorter, &StepMap::new(), &position("pause", since), due));
    assert_eq!((place.due_at, place.shift), (Some(since + TimeDelta::days(2)), Shift::Earlier));
    assert_eq!((place.position.step.as_str(), place.at_once), ("pause", false));
    let longer = replaced(1, "  - { id: pause, wait: 1 week }");
    let place = at(moved(&old, &longer, &StepMap::new(), &position("pause", since), due));
    assert_eq!((place.due_at, place.shift), (Some(since + TimeDelta::days(7)), Shift::Later));
}

#[test]
fn a_wait_that_is_over_by_its_new_length_leads_on_in_turn_and_the_call_keeps_its_validity() {
    let (old, since) = (cadence(&STEPS), noon() - TimeDelta::days(2));
    let shorter = replaced(1, "  - { id: pause, wait: 1 day }");
    let place =
        at(moved(&old, &shorter, &StepMap::new(), &position("pause", since), since + TimeDelta::days(3)));
    let turn = noon() + TimeDelta::minutes(7);
    assert_eq!((place.position.step.as_str(), place.position.attempt), ("second", 1));
    assert_eq!((place.due_at, place.position.due_since, place.at_once), (Some(turn), turn, true));
}

#[test]
fn whose_turn_would_come_after_their_old_time_keep_the_old_time() {
    let old = cadence(&STEPS);
    let since = noon() - TimeDelta::days(3) + TimeDelta::minutes(2);
    let shorter = replaced(1, "  - { id: pause, wait: 1 day }");
    let place =
        at(moved(&old, &shorter, &StepMap::new(), &position("pause", since), since + TimeDelta::days(3)));
    assert_eq!(place.due_at, Some(noon() + TimeDelta::minutes(2)));
}

#[test]
fn a_removed_wait_is_over_and_a_removed_call_keeps_its_timer() {
    let old = cadence(&STEPS);
    let since = noon() - TimeDelta::days(1);
    let place = at(moved(
        &old,
        &without(&[1]),
        &StepMap::new(),
        &position("pause", since),
        since + TimeDelta::days(3),
    ));
    assert_eq!((place.position.step.as_str(), place.at_once), ("second", true));
    let later = noon() + TimeDelta::hours(5);
    let place = at(moved(&old, &without(&[2]), &StepMap::new(), &position("second", noon()), later));
    assert_eq!((place.position.step.as_str(), place.due_at, place.at_once), ("paid", Some(later), false));
}

#[test]
fn a_promised_call_is_kept_when_its_step_is_gone() {
    let old = cadence(&STEPS);
    let (promised, named) =
        (Position { promised: true, ..position("second", noon()) }, noon() + TimeDelta::hours(3));
    let place = at(moved(&old, &without(&[2, 3]), &StepMap::new(), &promised, named));
    assert_eq!((place.position.step.as_str(), place.position.promised), ("third", true));
    assert_eq!(place.due_at, Some(named));
}

#[test]
fn an_event_wait_goes_on_with_its_new_time_out() {
    let (old, since) = (cadence(&STEPS), noon() - TimeDelta::days(1));
    let new = replaced(3, "  - { id: paid, wait: { event: SUBSCRIBED, timeout: 2 days } }");
    let place = at(moved(&old, &new, &StepMap::new(), &position("paid", since), since + TimeDelta::days(5)));
    assert_eq!(place.wait_event.as_deref(), Some("SUBSCRIBED"));
    assert_eq!(place.due_at, Some(since + TimeDelta::days(2)));
}

#[test]
fn after_the_last_step_that_is_left_the_cadence_is_over() {
    let (old, new) = (cadence(&STEPS), without(&[4, 5]));
    let ended = moved(&old, &new, &StepMap::new(), &position("third", noon()), noon());
    assert_eq!(ended, Placed::Ended { result: "no_sale".to_owned() });
}

#[rstest]
#[case("third", Route::Go { to: 3, was_wait: true, because: Because::Mapped })]
#[case("end", Route::End { result: "step_removed".to_owned(), because: Because::Mapped })]
fn a_map_sends_people_to_a_step_or_out(#[case] target: &str, #[case] route: Route) {
    let map = StepMap::from([("pause".to_owned(), MapTo::new(target))]);
    let routes = Routes::of(&cadence(&STEPS), &without(&[1]), Mode::Migrate, &map);
    assert_eq!((routes.from("pause"), routes.unmapped.len()), (Some(&route), 0));
    let unmapped = Routes::of(&cadence(&STEPS), &without(&[1]), Mode::Migrate, &StepMap::new());
    assert_eq!(unmapped.unmapped, ["pause"]);
}

#[test]
fn a_map_to_a_step_that_does_not_exist_sends_nobody_out() {
    let map = StepMap::from([("pause".to_owned(), MapTo::new("thrid"))]);
    let routes = Routes::of(&cadence(&STEPS), &without(&[1]), Mode::Migrate, &map);
    assert!(matches!(routes.from("pause"), Some(Route::Go { to: 1, .. })));
}

#[test]
fn a_call_that_was_moved_behind_is_told_as_a_repeat() {
    let (old, new) = (cadence(&STEPS), cadence(&[STEPS[1], STEPS[2], STEPS[0], STEPS[5]]));
    let routes = Routes::of(&old, &new, Mode::Follow, &StepMap::new());
    assert_eq!(super::repeats(&old, &new, "second", routes.from("second").unwrap()), ["first"]);
}

/// A version made of the six steps: some left out, the waits of some length.
fn version() -> impl Strategy<Value = Cadence> {
    (prop::sample::subsequence((0..6).collect::<Vec<usize>>(), 1..=6), 1_i64..9, 1_i64..9).prop_map(
        |(left, days, timeout)| {
            let steps: Vec<String> = left
                .iter()
                .map(|index| {
                    let step = STEPS[*index].replace("wait: 3 days", &format!("wait: {days} days"));
                    step.replace("timeout: 5 days", &format!("timeout: {timeout} days"))
                })
                .collect();
            cadence(&steps.iter().map(String::as_str).collect::<Vec<_>>())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_move_ends_or_lands_on_a_step_with_a_new_visit_and_a_sound_time(
        old in version(), new in version(), pick in 0_usize..6, since_h in -200_i64..2, begun in any::<bool>(), turn_min in 0_i64..500,
    ) {
        let step = &old.steps[pick % old.steps.len()];
        let before = Position { attempt: 1, ..position(&step.id, noon() + TimeDelta::hours(since_h)) };
        let (zone, holidays) = (Zone::find("UTC").unwrap(), HolidayCalendar::none());
        let due = match &step.action {
            StepAction::Wait(crate::definitions::model::cadence::Wait::For(delay)) if begun => delay.after(before.due_since, &zone, &holidays),
            StepAction::Wait(crate::definitions::model::cadence::Wait::Event { timeout, .. }) if begun => timeout.after(before.due_since, &zone, &holidays),
            _ => before.due_since,
        };
        let routes = Routes::of(&old, &new, Mode::Follow, &StepMap::new());
        let standing = Standing { position: &before, due_at: Some(due), zone: &zone, holidays: &holidays };
        let route = routes.from(&step.id).unwrap();
        let slot = noon() + TimeDelta::minutes(turn_min);
        match place(&new, route, &standing, slot, noon()) {
            Placed::Ended { .. } => {
                let is_end = matches!(route, Route::End { .. });
                prop_assert!(is_end);
            }
            Placed::At(place) => {
                prop_assert!(new.step(&place.position.step).is_some());
                prop_assert_eq!(place.position.visit, before.visit + 1);
                let at = place.due_at.unwrap();
                // Whoever is not overdue already is not due before now, and a turn is never later than the old time.
                prop_assert!(at >= noon().min(due));
                if place.at_once {
                    prop_assert!(at <= due.max(noon()));
                }
                // A wait that is still going on goes on exactly as long as the new version says.
                if let (Route::Keep { to, was_wait: true }, false) = (route, place.at_once)
                    && let StepAction::Wait(crate::definitions::model::cadence::Wait::For(delay)) = &new.steps[*to].action
                    && due > before.due_since && due > noon() {
                    prop_assert_eq!(at, delay.after(before.due_since, &zone, &holidays));
                }
                // Moving again to the same version changes nothing but the visit.
                let again = Routes::of(&new, &new, Mode::Follow, &StepMap::new());
                let standing = Standing { position: &place.position, due_at: place.due_at, zone: &zone, holidays: &holidays };
                let second = super::place(&new, again.from(&place.position.step).unwrap(), &standing, slot, noon());
                let Placed::At(second) = second else { panic!("ended by nothing") };
                prop_assert_eq!(second.due_at, place.due_at);
                prop_assert_eq!(second.position, Position { visit: place.position.visit + 1, ..place.position });
            }
        }
    }
}
