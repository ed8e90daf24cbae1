//! Laws that hold for every snapshot.

use std::sync::Arc;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::tests::{callable, campaign, hours};
use super::*;
use crate::decide::snapshot::{CampaignFacts, ConsentFact, Intent, SuppressionFact};
use crate::definitions::model::cadence::{CadenceHours, Limits};
use crate::domain::campaign::{CampaignStatus, VoiceClass};
use crate::domain::cap::{CalendarSpan, Cap, CapScope, CapSpan};
use crate::domain::consent::Form;
use crate::domain::lead::LeadStatus;
use crate::domain::suppression::Source;
use crate::id::CampaignId;
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;
use crate::time::{DaySet, HolidayRule};

const PLACES: [(&[&str], &[&str]); 8] = [
    (&["America/New_York"], &["US-NY"]),
    (&["America/New_York", "America/Chicago"], &["US-FL"]),
    (&["America/Los_Angeles"], &["US-CA"]),
    (&["America/Boise", "America/Los_Angeles"], &["US-ID"]),
    (&["Asia/Kolkata"], &["IN"]),
    (&["Europe/Paris"], &["FR"]),
    (&[], &["US-NY"]),
    (&["America/Sao_Paulo"], &["BR"]),
];
const WISHES: [&str; 4] = ["9am-5pm EST", "weekday mornings", "after 6pm", "09:00-17:00 Asia/Kolkata"];

/// Any quarter of a second of 2026, days with 23 and 25 hours included.
fn instants() -> impl Strategy<Value = Instant> {
    (0i64..365 * 24 * 3_600 * 4).prop_map(|quarters| {
        let start: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        start + TimeDelta::milliseconds(quarters * 250)
    })
}

prop_compose! {
    fn suppressions()(
        source in 0usize..Source::ALL.len(),
        campaign in prop::option::of(0u128..3),
        expires_at in prop::option::of(instants()),
        created_at in instants(),
    ) -> SuppressionFact {
        let campaign_id = campaign.map(|number| CampaignId(uuid::Uuid::from_u128(number)));
        SuppressionFact { source: Source::ALL[source], campaign_id, reason: "asked".to_owned(), created_at, expires_at }
    }
}

prop_compose! {
    fn consents()(
        purpose in 0usize..Purpose::ALL.len(),
        form in 0usize..Form::ALL.len(),
        granted_at in instants(),
        revoked_after in prop::option::weighted(0.2, 0i64..90),
    ) -> ConsentFact {
        let revoked_at = revoked_after.map(|days| granted_at + TimeDelta::days(days));
        ConsentFact { id: None, purpose: Purpose::ALL[purpose], form: Form::ALL[form], granted_at, revoked_at }
    }
}

prop_compose! {
    fn limits()(
        per_day in prop::option::of(1u32..4),
        per_week in prop::option::of(1u32..9),
        total in prop::option::of(1u32..9),
        gap in prop::option::of(1i64..30),
    ) -> Limits {
        Limits { per_day, per_week, total, gap: gap.map(TimeDelta::hours) }
    }
}

prop_compose! {
    fn caps()(
        calls in 1u32..4,
        span in prop_oneof![
            (1i64..200).prop_map(|hours| CapSpan::Rolling(TimeDelta::hours(hours))),
            prop::sample::select(CalendarSpan::ALL.to_vec()).prop_map(CapSpan::Calendar),
        ],
        per in prop::sample::select(CapScope::ALL.to_vec()),
    ) -> Cap {
        Cap { calls, span, per }
    }
}

prop_compose! {
    fn campaigns()(
        status in prop_oneof![8 => Just(0usize), 1 => 0usize..4],
        basis in prop::bool::weighted(0.8),
        live in prop::bool::weighted(0.3),
        starts in prop::option::weighted(0.2, 0u32..300),
        ends in prop::option::weighted(0.2, 0u32..364),
        schedule in prop::option::of((8u16..12, 14u16..22)),
        used in prop::option::of(0u32..4),
    ) -> CampaignFacts {
        let mut facts = campaign();
        let day = |number| NaiveDate::from_yo_opt(2026, number + 1);
        let new = &mut facts.campaign;
        new.status =
            [CampaignStatus::Active, CampaignStatus::Draft, CampaignStatus::Paused, CampaignStatus::Ended][status];
        if !basis {
            new.consent_basis = None;
        }
        if live {
            new.voice = VoiceClass::Live;
        }
        (new.starts_on, new.ends_on) = (starts.and_then(day), ends.and_then(day));
        new.schedule = schedule.map(|(from, until)| hours(DaySet::WEEKDAYS, from, until, HolidayRule::Skip));
        if let Some(used) = used {
            (new.pacing.max_per_day, facts.intents_today) = (Some(2), used);
        }
        facts
    }
}

prop_compose! {
    fn snapshots()(
        place in prop_oneof![12 => 0usize..6, 1 => 0usize..8],
        campaign in campaigns(),
        (opted_out, do_not_call) in (prop::bool::weighted(0.05), prop::bool::weighted(0.05)),
        suppression in prop::option::weighted(0.2, suppressions()),
        consents in prop::collection::vec(consents(), 0..4),
        (intents, placed, limits) in (prop::collection::vec(instants(), 0..6), 0u32..9, limits()),
        caps in prop::collection::vec(caps(), 0..3),
        (account, with_account) in (prop::collection::vec(instants(), 0..6), prop::bool::weighted(0.3)),
        (busy, promised) in (prop::bool::weighted(0.1), prop::bool::weighted(0.2)),
        wish in prop::option::of(prop::sample::select(WISHES.to_vec())),
        window in prop::option::of((8u16..12, 14u16..22, any::<bool>())),
    ) -> Snapshot {
        let (zones, places) = PLACES[place];
        let mut snapshot = callable(zones, places, "+12125550143");
        snapshot.lead.do_not_call = do_not_call;
        if opted_out {
            snapshot.lead.status = LeadStatus::OptedOut;
        }
        snapshot.lead.preferred = wish.map(|text| Arc::new(PreferredTime::parse(text, Some("US"), None).unwrap()));
        let campaign_id = campaign.campaign.id;
        let cadence_hours = window.map(|(from, until, fixed)| {
            let hours = hours(DaySet::WEEKDAYS, from, until, HolidayRule::Skip);
            Arc::new(CadenceHours { hours, zone: fixed.then(|| Zone::find("Europe/London").unwrap()) })
        });
        Snapshot {
            campaign: Some(Arc::new(campaign)),
            suppressions: suppression.into_iter().collect(),
            consents,
            account: with_account.then(|| newest_first(intents.iter().chain(&account), campaign_id)),
            intents: newest_first(&intents, campaign_id),
            cadence_caps: caps.into(),
            placed,
            cadence_limits: limits,
            number_busy: busy,
            promised,
            cadence_hours,
            ..snapshot
        }
    }
}

fn newest_first<'a>(at: impl IntoIterator<Item = &'a Instant>, campaign_id: CampaignId) -> Vec<Intent> {
    let mut all: Vec<Intent> =
        at.into_iter().map(|at| Intent { at: *at, campaign_id, to_lead: true, to_number: true }).collect();
    all.sort_unstable_by_key(|intent| std::cmp::Reverse(intent.at));
    all
}

fn is_no_pass(answer: &Answer) -> bool {
    !matches!(answer, Answer::Pass { .. })
}

/// How much a decision allows.
fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Stop { .. } => 0,
        Verdict::Defer { .. } => 1,
        Verdict::Proceed(_) => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_verdict_is_the_strictest_report(snapshot in snapshots(), now in instants()) {
        let decision = decide(&snapshot, Rules::embedded(), now);
        let any = |wanted: fn(&Answer) -> bool| decision.reports.iter().any(|report| wanted(&report.answer));
        match decision.verdict {
            Verdict::Proceed(_) => prop_assert!(!any(is_no_pass)),
            Verdict::Defer { .. } => prop_assert!(!any(|answer| *answer == Answer::Stop)),
            // A stop, or windows that never meet.
            Verdict::Stop { .. } => prop_assert!(any(is_no_pass)),
        }
    }

    #[test]
    fn a_deferral_lies_ahead_and_its_gate_is_content_or_moves_on_then(snapshot in snapshots(), now in instants()) {
        let look = Look::call(&snapshot, Rules::embedded(), now);
        for check in GATES {
            let report = check(&look.at(now));
            if let Answer::Defer { until } = report.answer {
                prop_assert!(until > now, "{report:?}");
                match check(&look.at(until)).answer {
                    Answer::Defer { until: later } => prop_assert!(later > until),
                    // A campaign may be over by then.
                    Answer::Stop => prop_assert_eq!(report.gate, Gate::Campaign),
                    Answer::Pass { .. } => {}
                }
            }
        }
    }

    #[test]
    fn at_the_reported_time_every_gate_passes(snapshot in snapshots(), now in instants()) {
        let decision = decide(&snapshot, Rules::embedded(), now);
        if let Verdict::Defer { until, .. } = decision.verdict {
            prop_assert!(until > now);
            let cleared = Look { assume_cleared: true, ..Look::call(&snapshot, Rules::embedded(), now) };
            for check in GATES {
                let report = check(&cleared.at(until));
                let passes = matches!(report.answer, Answer::Pass { .. });
                prop_assert!(passes, "{report:?} at {until}");
            }
        }
    }

    #[test]
    fn one_more_suppression_never_makes_a_call_possible(
        snapshot in snapshots(),
        entry in suppressions(),
        now in instants(),
    ) {
        let before = decide(&snapshot, Rules::embedded(), now);
        let mut more = snapshot;
        more.suppressions.push(entry);
        prop_assert!(rank(&decide(&more, Rules::embedded(), now).verdict) <= rank(&before.verdict));
    }

    #[test]
    fn one_more_intent_never_makes_a_call_possible(snapshot in snapshots(), at in instants(), now in instants()) {
        let before = decide(&snapshot, Rules::embedded(), now);
        let mut more = snapshot;
        let place = more.intents.partition_point(|intent| intent.at > at);
        more.intents.insert(place, Intent { at, campaign_id: CampaignId(uuid::Uuid::nil()), to_lead: true, to_number: true });
        let proceeds = |decision: &Decision| matches!(decision.verdict, Verdict::Proceed(_));
        prop_assert!(proceeds(&before) || !proceeds(&decide(&more, Rules::embedded(), now)));
    }

    #[test]
    fn the_order_of_gates_is_irrelevant(
        snapshot in snapshots(),
        now in instants(),
        shuffled in Just(GATES.to_vec()).prop_shuffle(),
    ) {
        let look = Look::call(&snapshot, Rules::embedded(), now);
        prop_assert_eq!(judge(&look, &GATES).verdict, judge(&look, &shuffled).verdict);
    }

    #[test]
    fn the_same_snapshot_gives_the_same_decision(snapshot in snapshots(), now in instants()) {
        let again = decide(&snapshot.clone(), &Rules::embedded().clone(), now);
        prop_assert_eq!(decide(&snapshot, Rules::embedded(), now), again);
    }

    #[test]
    fn a_permit_is_short_and_inside_the_law_in_every_zone(snapshot in snapshots(), now in instants()) {
        let Verdict::Proceed(permit) = decide(&snapshot, Rules::embedded(), now).verdict else { return Ok(()) };
        prop_assert!(permit.expires_at() > now && permit.expires_at() <= now + Permit::LIFETIME);
        let PhoneFacts::Callable { zones, .. } = &snapshot.phone else { panic!("no number") };
        for zone in zones.iter() {
            for instant in [now, permit.expires_at() + GUARD - TimeDelta::milliseconds(1)] {
                let minutes = zone.local(instant).time.minutes();
                prop_assert!((8 * 60..21 * 60).contains(&minutes), "{} in {}", instant, zone);
            }
        }
    }
}
