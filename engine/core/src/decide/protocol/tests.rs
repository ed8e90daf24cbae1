//! The protocol's decisions, one at a time; whole runs of them are simulated in `tests/protocol`.

use chrono::TimeDelta;
use rstest::rstest;

use super::answer::{AfterAnswer, after_answer};
use super::doubt::{Doubt, PATIENCE};
use super::look_up::{AfterLookUp, after_look_up};
use super::news::{News, of_facts};
use super::planned::{AtClaim, Planned, at_claim};
use super::send::{HeldBack, OnFile, held_back};
use super::silence::{Silence, given_up};
use super::{again, silence};
use crate::answer::{Capabilities, LookUpResult, Placement};
use crate::clock::Instant;
use crate::domain::attempt::AttemptState;
use crate::domain::call::{CallState, EndStatus};
use crate::domain::campaign::CampaignStatus;
use crate::domain::enrollment::EnrollmentState;

fn noon() -> Instant {
    "2026-07-15T16:00:00Z".parse().unwrap()
}

fn capabilities(look_up: bool) -> Capabilities {
    Capabilities {
        look_up,
        conclusive_after: TimeDelta::minutes(2),
        follows_flow: true,
        packages: false,
        simulated: true,
    }
}

#[test]
fn no_answer_moves_an_attempt_that_is_settled_or_placed() {
    let answers = [
        Placement::Accepted { provider_call_id: "c".to_owned() },
        Placement::Refused { reason: String::new(), retry: true },
        Placement::Refused { reason: String::new(), retry: false },
        Placement::Busy { reason: String::new(), after: TimeDelta::minutes(1) },
        Placement::Unknown { reason: String::new() },
        Placement::NotSent { reason: String::new() },
    ];
    for state in AttemptState::ALL.iter().copied().filter(|s| s.is_final() || *s == AttemptState::Placed) {
        for answer in &answers {
            assert_eq!(after_answer(state, answer, noon()), AfterAnswer::Nothing, "{state} {answer:?}");
        }
    }
}

#[test]
fn a_doubt_is_settled_by_a_yes_alone() {
    let yes = Placement::Accepted { provider_call_id: "c".to_owned() };
    let no = Placement::Refused { reason: String::new(), retry: true };
    assert!(matches!(after_answer(AttemptState::Unknown, &yes, noon()), AfterAnswer::Placed { .. }));
    assert_eq!(after_answer(AttemptState::Unknown, &no, noon()), AfterAnswer::Nothing);
}

#[test]
fn every_answer_leads_where_the_table_of_states_allows() {
    let target = |answer: &Placement| match after_answer(AttemptState::Dialing, answer, noon()) {
        AfterAnswer::NotPlaced { state, again_at, .. } => Some((state, again_at)),
        _ => None,
    };
    let passing = target(&Placement::Refused { reason: String::new(), retry: true });
    assert_eq!(passing, Some((AttemptState::Finished, noon() + again::REPLAN_AFTER)));
    for (asked, waited) in [(1, 30), (300, 300), (90_000, 3_600)] {
        let busy = Placement::Busy { reason: String::new(), after: TimeDelta::seconds(asked) };
        assert_eq!(target(&busy), Some((AttemptState::Finished, noon() + TimeDelta::seconds(waited))));
    }
    let unsent = target(&Placement::NotSent { reason: String::new() });
    assert_eq!(unsent, Some((AttemptState::NotSent, noon())));
}

#[rstest]
#[case::early(119, true, AfterLookUp::Nothing)]
#[case::conclusive(120, true, AfterLookUp::WrittenOff(AttemptState::NotPlaced))]
#[case::never_to_be_known(120, false, AfterLookUp::WrittenOff(AttemptState::UnknownFinal))]
fn absence_proves_something_only_after_t_rec(
    #[case] age_s: i64,
    #[case] look_up: bool,
    #[case] expected: AfterLookUp<'_>,
) {
    let age = TimeDelta::seconds(age_s);
    let found = after_look_up(AttemptState::Unknown, &LookUpResult::Absent, age, capabilities(look_up), 1.0);
    assert_eq!(found, expected);
}

#[test]
fn a_fast_clock_waits_for_requests_that_the_wall_still_carries() {
    let age = TimeDelta::minutes(5);
    let look =
        |speed| after_look_up(AttemptState::Dialing, &LookUpResult::Absent, age, capabilities(true), speed);
    assert_eq!(look(29.0), AfterLookUp::WrittenOff(AttemptState::NotPlaced));
    assert_eq!(look(31.0), AfterLookUp::Nothing);
}

#[test]
fn a_failed_look_up_proves_nothing_however_late() {
    let failed = LookUpResult::Failed { reason: String::new() };
    let found = after_look_up(AttemptState::Unknown, &failed, TimeDelta::days(9), capabilities(true), 1.0);
    assert_eq!(found, AfterLookUp::Nothing);
}

#[rstest]
#[case(AttemptState::Dialing, true, News::Placed)]
#[case(AttemptState::Unknown, false, News::Placed)]
#[case(AttemptState::Placed, true, News::Follow)]
#[case(AttemptState::Finished, true, News::Late)]
#[case(AttemptState::NotPlaced, true, News::Orphan)]
#[case(AttemptState::NotPlaced, false, News::Nothing)]
#[case(AttemptState::UnknownFinal, true, News::Resolved)]
#[case(AttemptState::Planned, true, News::Nothing)]
fn facts_move_only_what_is_open(#[case] state: AttemptState, #[case] has_call: bool, #[case] news: News) {
    assert_eq!(of_facts(state, has_call), news);
}

#[test]
fn a_planned_attempt_is_fresh_for_the_same_number_while_it_is_valid() {
    let fresh = Planned {
        enrollment: EnrollmentState::Open,
        valid_until: Some(noon() + TimeDelta::seconds(1)),
        number: "+12024561111",
        called_at: Some("+12024561111"),
        is_taken: false,
    };
    assert_eq!(at_claim(fresh, noon()), AtClaim::Fresh);
    assert_eq!(at_claim(Planned { valid_until: Some(noon()), ..fresh }, noon()), AtClaim::Stale);
    assert_eq!(at_claim(Planned { called_at: None, ..fresh }, noon()), AtClaim::Stale);
    assert_eq!(at_claim(Planned { is_taken: true, ..fresh }, noon()), AtClaim::Taken);
    let held = Planned { enrollment: EnrollmentState::Held, is_taken: true, ..fresh };
    assert_eq!(at_claim(held, noon()), AtClaim::Gone);
}

#[test]
fn the_second_look_sees_pause_stop_and_time() {
    let fine = OnFile {
        campaign: CampaignStatus::Active,
        opted_out: false,
        suppressed: false,
        stopped: false,
        attempt: AttemptState::Dialing,
    };
    let look = |on_file| held_back(&on_file, noon(), noon());
    assert_eq!(look(fine), None);
    assert_eq!(held_back(&fine, noon(), noon() + TimeDelta::microseconds(1)), Some(HeldBack::TooLate));
    let paused = OnFile { campaign: CampaignStatus::Paused, ..fine };
    assert_eq!(look(paused), Some(HeldBack::CampaignPaused));
    assert_eq!(look(OnFile { opted_out: true, ..fine }), Some(HeldBack::OptedOut));
    assert_eq!(look(OnFile { suppressed: true, ..fine }), Some(HeldBack::Suppressed));
    assert_eq!(look(OnFile { stopped: true, ..fine }), Some(HeldBack::EmergencyStop));
    assert_eq!(look(OnFile { attempt: AttemptState::Unknown, ..fine }), Some(HeldBack::ClaimLost));
}

#[test]
fn a_look_up_is_due_when_both_waits_are_over() {
    let doubt = |state, checked_at| Doubt {
        state,
        intent_at: noon(),
        send_by: noon() + TimeDelta::seconds(1),
        checked_at,
    };
    let after = |state, checked_at| doubt(state, checked_at).overdue_after(&PATIENCE).map(|at| at - noon());
    assert_eq!(after(AttemptState::Dialing, None), Some(TimeDelta::seconds(11)));
    let checked = Some(noon() + TimeDelta::seconds(30));
    assert_eq!(after(AttemptState::Unknown, checked), Some(TimeDelta::seconds(45)));
    assert_eq!(after(AttemptState::Placed, None), Some(TimeDelta::minutes(10)));
    assert_eq!(after(AttemptState::Finished, None), None);
}

#[test]
fn reports_are_given_up_at_last() {
    let mut call = CallState::default();
    let late = noon() + silence::GIVE_UP_AFTER;
    assert_eq!(given_up(&call, 0, noon(), late - TimeDelta::seconds(1)), None);
    assert_eq!(given_up(&call, 0, noon(), late), Some(Silence::End));
    call.ended_at = Some(late);
    assert_eq!(given_up(&call, 0, noon(), late), None);
    assert_eq!(given_up(&call, 1, noon(), late + silence::UNSAID_AFTER), Some(Silence::Words));
    assert_eq!(silence::forgotten_end(false), EndStatus::Failed);
    assert!(!silence::is_all_said(EndStatus::Completed, true));
}

#[test]
fn a_provider_out_of_reach_is_asked_for_a_day_before_an_end_is_given_up() {
    let failed = LookUpResult::Failed { reason: "503".to_owned() };
    let in_a_row = |before| silence::failed_in_a_row(before, &failed);
    let late = |failed| given_up(&CallState::default(), failed, noon() + TimeDelta::days(-3), noon());
    assert_eq!(late(in_a_row(0)), None, "however late the first of them");
    assert_eq!(late(in_a_row(silence::MOST_FAILED_LOOK_UPS - 2)), None);
    assert_eq!(late(in_a_row(silence::MOST_FAILED_LOOK_UPS - 1)), Some(Silence::End));
    assert_eq!(late(silence::failed_in_a_row(5, &LookUpResult::Absent)), Some(Silence::End));
    assert_eq!(PATIENCE.placed_again * silence::MOST_FAILED_LOOK_UPS as i32, TimeDelta::days(1));
}
