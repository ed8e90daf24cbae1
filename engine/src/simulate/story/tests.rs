//! Counting is right: hours of the called party, days without calls, arms, reasons.

use super::*;
use crate::clock::instant_from_micros;
use crate::definitions::library::Library;
use crate::id::IdSource;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn person(n: u128, zone: &str) -> PersonRow {
    PersonRow {
        id: LeadId(uuid::Uuid::from_u128(n)),
        external_id: Some(format!("lead_{n}")),
        phone: Some("+12125550143".to_owned()),
        zones: vec![zone.to_owned()],
    }
}

fn call(lead: &PersonRow, enrollment: Option<EnrollmentId>, when: &str, outcome: &str) -> CallRow {
    CallRow {
        lead_id: lead.id,
        enrollment_id: enrollment,
        step: "call".to_owned(),
        attempt: 1,
        flow: "promo".to_owned(),
        at: at(when),
        talk_s: 0,
        outcome: Some(outcome.to_owned()),
        disposition: Some(outcome.to_owned()),
    }
}

fn walk(lead: &PersonRow, cadence: &str, result: Option<&str>) -> WalkRow {
    WalkRow {
        id: IdSource::seeded(lead.id.0.as_u128() as u64).next(instant_from_micros(0)),
        lead_id: lead.id,
        cadence: cadence.to_owned(),
        state: "ended".to_owned(),
        result: result.map(str::to_owned),
        started_at: at("2026-03-02T06:00:00Z"),
        ended_at: result.map(|_| at("2026-03-09T06:00:00Z")),
    }
}

#[test]
fn calls_count_on_the_called_partys_clock_and_calendar() {
    // 23:30 in New York on Monday is Tuesday in Kolkata.
    let (east, india) = (person(1, "America/New_York"), person(2, "Asia/Kolkata"));
    let when = "2026-03-03T04:30:00Z";
    let facts = Facts {
        calls: vec![
            call(&east, None, when, "no_answer"),
            call(&india, None, when, "converted"),
            call(&india, None, "2026-03-05T04:30:00Z", "answered"),
        ],
        people: vec![east, india, person(3, "America/Denver")],
        ..Facts::default()
    };
    let story = Story::of(&facts, []);
    assert_eq!(story.hours[23], Calls { calls: 1, answered: 0, converted: 0 });
    assert_eq!(story.hours[10], Calls { calls: 2, answered: 2, converted: 1 });
    let days: Vec<(String, u64)> =
        story.days.iter().map(|day| (day.date.to_string(), day.calls.calls)).collect();
    let expected = [("2026-03-02", 1), ("2026-03-03", 1), ("2026-03-04", 0), ("2026-03-05", 1)];
    assert_eq!(days, expected.map(|(date, calls)| (date.to_owned(), calls)));
    assert_eq!(story.calls_per_lead, [(0, 1), (1, 1), (2, 1)].into());
}

#[test]
fn arms_count_leads_that_came_to_the_split_and_calls_from_then_on() {
    let library = Library::embedded();
    let cadence = library.cadence("trial-nurture").unwrap();
    let people: Vec<PersonRow> = (1..=40).map(|n| person(n, "America/New_York")).collect();
    let mut facts = Facts { people, ..Facts::default() };
    for (index, lead) in facts.people.iter().enumerate() {
        let walk = walk(lead, "trial-nurture", Some(if index % 4 == 0 { "converted" } else { "completed" }));
        facts.calls.push(call(lead, Some(walk.id), "2026-03-03T15:00:00Z", "answered"));
        // The last ten never come to the split.
        if index < 30 {
            let passed = StepRow {
                lead_id: lead.id,
                enrollment_id: walk.id,
                at: at("2026-03-04T15:00:00Z"),
                step: "nurture".to_owned(),
                skipped: None,
            };
            facts.steps.push(passed);
            facts.calls.push(call(lead, Some(walk.id), "2026-03-05T15:00:00Z", "no_answer"));
        }
        facts.walks.push(walk);
    }
    let arms = Story::of(&facts, [cadence.as_ref()]).arms;
    assert_eq!(arms.iter().map(|arm| arm.arm.as_str()).collect::<Vec<_>>(), ["call", "message"]);
    assert_eq!(arms.iter().map(|arm| arm.leads).sum::<u64>(), 30);
    assert!(arms.iter().all(|arm| arm.leads > 5), "{arms:?}");
    for arm in &arms {
        assert_eq!((arm.calls, arm.answered, arm.answer_rate), (arm.leads, 0, Some(0.0)));
        assert_eq!(arm.conversion_rate, rate(arm.converted, arm.leads));
    }
    assert_eq!(arms.iter().map(|arm| arm.converted).sum::<u64>(), 8);
}

#[test]
fn a_leads_story_is_told_in_order_with_what_did_not_happen() {
    let lead = person(1, "America/New_York");
    let facts = Facts {
        calls: vec![call(&lead, None, "2026-03-02T15:00:00Z", "converted")],
        walks: vec![walk(&lead, "promo", Some("converted"))],
        not_now: vec![NotNowRow {
            lead_id: lead.id,
            step: Some("call".to_owned()),
            at: at("2026-03-02T06:00:00Z"),
            verdict: "defer".to_owned(),
            gate: Some("legal-hours".to_owned()),
            reason: "outside-legal-hours".to_owned(),
            until: Some(at("2026-03-02T13:00:00Z")),
        }],
        people: vec![lead],
        ..Facts::default()
    };
    let stories = LeadStory::all(&facts);
    let told: Vec<String> =
        stories[0].moments.iter().map(|m| format!("{}  {}", m.local, m.sentence())).collect();
    assert_eq!(
        told,
        [
            "Mon 2026-03-02 01:00  entered promo",
            "Mon 2026-03-02 01:00  step call put off until Mon 2026-03-02 08:00: outside-legal-hours",
            "Mon 2026-03-02 10:00  called, step call (try 1): converted",
            "Mon 2026-03-09 02:00  promo ended: converted",
        ]
    );
    assert!(!stories[0].phone.contains("2125550"), "{}", stories[0].phone);
    let reasons = Story::of(&facts, []).reasons;
    assert_eq!((reasons[0].what, reasons[0].times, reasons[0].leads), ("put off", 1, 1));
}
