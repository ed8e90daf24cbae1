//! What each gate says, case by case.

use std::sync::Arc;

use rstest::rstest;

use super::*;
use crate::decide::abandonment::Abandonment;
use crate::decide::snapshot::{
    CampaignFacts, ConsentFact, Intent, LeadFacts, OfferFact, PurchaseFact, SuppressionFact,
};
use crate::definitions::model::cadence::{CadenceHours, Limits};
use crate::domain::campaign::{Campaign, CampaignStatus, ConsentBasis, Pacing, VoiceClass};
use crate::domain::consent::Form;
use crate::domain::lead::LeadStatus;
use crate::domain::priority::Priority;
use crate::domain::suppression::Source;
use crate::id::{CampaignId, LeadId};
use crate::phone::number::PhoneNumber;
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;
use crate::time::{DaySet, HolidayRule, Hours, LocalTime};

pub(super) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn id(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

pub(super) fn hours(days: DaySet, from: u16, until: u16, holidays: HolidayRule) -> Hours {
    let time = |hour| LocalTime::hm(hour, 0).unwrap();
    Hours::new(&[(days, time(from), time(until))], holidays).unwrap()
}

pub(super) fn campaign() -> CampaignFacts {
    let campaign = Campaign {
        id: CampaignId(id(1)),
        key: "spring".to_owned(),
        name: "Spring".to_owned(),
        status: CampaignStatus::Active,
        zone: Zone::find("America/New_York").unwrap(),
        starts_on: None,
        ends_on: None,
        schedule: None,
        pacing: Pacing::default(),
        voice: VoiceClass::Artificial,
        consent_basis: Some(ConsentBasis {
            form: Form::ExpressWritten,
            covers_ai_voice: true,
            statement: "They signed up on our site.".to_owned(),
            attested_by: "manager@example.com".to_owned(),
            attested_at: at("2026-01-01T00:00:00Z"),
        }),
        priority: Priority::Medium,
        caller_ids: Vec::new(),
        caller_pacing: Pacing::default(),
        caps: Vec::new(),
        agent_name: "Rachel".to_owned(),
        company: "Acme".to_owned(),
        agent_number: None,
        continue_unrecorded: false,
        created_at: at("2026-01-01T00:00:00Z"),
        updated_at: at("2026-01-01T00:00:00Z"),
    };
    CampaignFacts { campaign, intents_today: 0, abandonment: Abandonment::default() }
}

/// A lead in New York who may be called: every test spoils one thing.
pub(super) fn lead() -> Snapshot {
    callable(&["America/New_York"], &["US-NY"], "+12125550143")
}

pub(super) fn callable(zones: &[&str], places: &[&str], number: &str) -> Snapshot {
    Snapshot {
        lead: LeadFacts { id: LeadId(id(2)), status: LeadStatus::Cold, do_not_call: false, preferred: None },
        phone: PhoneFacts::Callable {
            number: PhoneNumber::e164_only(number).unwrap(),
            zones: zones.iter().map(|name| Zone::find(name).unwrap()).collect(),
            jurisdictions: places.iter().map(|place| place.parse().unwrap()).collect(),
        },
        suppressions: Vec::new(),
        consents: Vec::new(),
        campaign: Some(Arc::new(campaign())),
        intents: Vec::new(),
        placed: 0,
        number_busy: false,
        purchase: PurchaseFact::NotNeeded,
        offer: OfferFact::NotPromised,
        enrollment_id: None,
        cadence_hours: None,
        cadence_limits: Limits::default(),
        cadence_caps: Arc::default(),
        account: None,
        promised: false,
        emergency_stops: Arc::default(),
        registries: Arc::default(),
        erased_at: None,
    }
}

fn with_campaign(change: impl FnOnce(&mut CampaignFacts)) -> Snapshot {
    let mut facts = campaign();
    change(&mut facts);
    Snapshot { campaign: Some(Arc::new(facts)), ..lead() }
}

fn with_intents(limits: Limits, hours_ago: &[i64]) -> Snapshot {
    let called = hours_ago.iter().map(|ago| noon() - TimeDelta::hours(*ago));
    let intents = called
        .map(|at| Intent { at, campaign_id: CampaignId(id(9)), to_lead: true, to_number: true })
        .collect();
    Snapshot { intents, cadence_limits: limits, ..lead() }
}

/// Wednesday noon in New York.
pub(super) fn noon() -> Instant {
    at("2026-07-15T16:00:00Z")
}

fn decided(snapshot: &Snapshot, now: Instant) -> Verdict {
    decide(snapshot, Rules::embedded(), now).verdict
}

fn stopped(snapshot: &Snapshot) -> Option<Reason> {
    match decided(snapshot, noon()) {
        Verdict::Stop { reason, .. } => Some(reason),
        _ => None,
    }
}

fn deferred(snapshot: &Snapshot, now: Instant) -> Option<(Reason, Instant)> {
    match decided(snapshot, now) {
        Verdict::Defer { until, reason, .. } => Some((reason, until)),
        _ => None,
    }
}

fn proceeds(snapshot: &Snapshot, now: Instant) -> bool {
    matches!(decided(snapshot, now), Verdict::Proceed(_))
}

#[test]
fn a_sound_lead_at_noon_may_be_called() {
    let decision = decide(&lead(), Rules::embedded(), noon());
    let Verdict::Proceed(permit) = &decision.verdict else { panic!("{decision:?}") };
    assert_eq!(permit.expires_at() - permit.issued_at(), Permit::LIFETIME);
    assert_eq!(decision.reports.len(), GATES.len());
    assert!(decision.reports.iter().all(|report| report.facts.is_empty()));
}

#[test]
fn a_permit_ends_a_minute_before_the_hours_do() {
    let Verdict::Proceed(permit) = decided(&lead(), at("2026-07-16T00:58:58.500Z")) else { panic!() };
    assert!(permit.expires_at() <= at("2026-07-16T00:59:00Z"));
    let too_late = at("2026-07-16T00:59:00Z");
    assert_eq!(deferred(&lead(), too_late), Some((Reason::OutsideLegalHours, at("2026-07-16T12:00:00Z"))));
}

#[test]
fn people_who_said_no_are_never_called() {
    let mut spoiled = lead();
    spoiled.lead.do_not_call = true;
    assert_eq!(stopped(&spoiled), Some(Reason::DoNotCall));
    spoiled.lead.status = LeadStatus::OptedOut;
    assert_eq!(stopped(&spoiled), Some(Reason::OptedOut));
}

#[test]
fn without_a_callable_number_nobody_is_called() {
    assert_eq!(stopped(&Snapshot { phone: PhoneFacts::None, ..lead() }), Some(Reason::NoPhone));
    let invalid = Snapshot { phone: PhoneFacts::Invalid("wrong-number".to_owned()), ..lead() };
    assert_eq!(stopped(&invalid), Some(Reason::PhoneInvalid));
}

#[rstest]
#[case::everywhere(None, None, true)]
#[case::this_campaign(Some(1), None, true)]
#[case::another_campaign(Some(5), None, false)]
#[case::expired(None, Some("2026-07-15T15:59:59Z"), false)]
#[case::not_yet_expired(None, Some("2026-07-15T16:00:01Z"), true)]
fn suppressions_stop_until_they_expire(
    #[case] campaign: Option<u128>,
    #[case] expires: Option<&str>,
    #[case] stops: bool,
) {
    let entry = SuppressionFact {
        source: Source::Litigator,
        campaign_id: campaign.map(|number| CampaignId(id(number))),
        reason: "listed".to_owned(),
        created_at: at("2026-01-01T00:00:00Z"),
        expires_at: expires.map(at),
    };
    let snapshot = Snapshot { suppressions: vec![entry], ..lead() };
    assert_eq!(stopped(&snapshot), stops.then_some(Reason::Suppressed));
}

fn consent(purpose: Purpose, form: Form, granted: &str, revoked: Option<&str>) -> ConsentFact {
    ConsentFact { id: None, purpose, form, granted_at: at(granted), revoked_at: revoked.map(at) }
}

const GRANTED: &str = "2026-06-01T00:00:00Z";
const REVOKED: Option<&str> = Some("2026-06-15T00:00:00Z");

#[rstest]
#[case::nothing(vec![], Some(Reason::ConsentMissing))]
#[case::written_for_ai_voice(vec![consent(Purpose::AiVoice, Form::ExpressWritten, GRANTED, None)], None)]
#[case::too_weak(vec![consent(Purpose::AiVoice, Form::Express, GRANTED, None)], Some(Reason::ConsentMissing))]
#[case::only_live_voice(
    vec![consent(Purpose::VoiceContact, Form::ExpressWritten, GRANTED, None)],
    Some(Reason::AiVoiceConsentMissing)
)]
#[case::revoked(
    vec![
        consent(Purpose::VoiceContact, Form::ExpressWritten, GRANTED, None),
        consent(Purpose::AiVoice, Form::ExpressWritten, GRANTED, REVOKED),
    ],
    Some(Reason::ConsentRevoked)
)]
#[case::granted_again_later(
    vec![
        consent(Purpose::AiVoice, Form::ExpressWritten, GRANTED, REVOKED),
        consent(Purpose::AiVoice, Form::ExpressWritten, "2026-07-01T00:00:00Z", None),
    ],
    None
)]
#[case::a_revocation_covers_older_grants(
    vec![
        consent(Purpose::VoiceContact, Form::ExpressWritten, GRANTED, REVOKED),
        consent(Purpose::VoiceContact, Form::ExpressWritten, "2026-05-01T00:00:00Z", None),
        consent(Purpose::AiVoice, Form::ExpressWritten, GRANTED, None),
    ],
    Some(Reason::ConsentRevoked)
)]
#[case::not_yet_granted(
    vec![consent(Purpose::AiVoice, Form::ExpressWritten, "2026-08-01T00:00:00Z", None)],
    Some(Reason::ConsentMissing)
)]
fn the_ledger_permits_artificial_voices(
    #[case] consents: Vec<ConsentFact>,
    #[case] expected: Option<Reason>,
) {
    // 47 CFR 64.1200(a)(2), FCC 24-17: prior express written consent for artificial voices.
    let snapshot = Snapshot { consents, ..with_campaign(|facts| facts.campaign.consent_basis = None) };
    assert_eq!(stopped(&snapshot), expected);
}

#[test]
fn a_revocation_outweighs_the_campaigns_basis() {
    for purpose in [Purpose::VoiceContact, Purpose::AiVoice] {
        let consents = vec![consent(purpose, Form::Oral, GRANTED, REVOKED)];
        assert_eq!(stopped(&Snapshot { consents, ..lead() }), Some(Reason::ConsentRevoked));
    }
}

#[rstest]
#[case::weak_form(|basis: &mut ConsentBasis| basis.form = Form::Express, Reason::ConsentMissing)]
#[case::not_for_ai(|basis: &mut ConsentBasis| basis.covers_ai_voice = false, Reason::AiVoiceConsentMissing)]
#[case::attested_later(|basis: &mut ConsentBasis| basis.attested_at = noon() + TimeDelta::days(1), Reason::ConsentMissing)]
fn a_basis_must_cover_the_call(#[case] spoil: fn(&mut ConsentBasis), #[case] expected: Reason) {
    let snapshot = with_campaign(|facts| facts.campaign.consent_basis.iter_mut().for_each(spoil));
    assert_eq!(stopped(&snapshot), Some(expected));
}

#[test]
fn a_live_caller_in_new_york_needs_no_consent_on_file() {
    let snapshot = with_campaign(|facts| {
        (facts.campaign.voice, facts.campaign.consent_basis) = (VoiceClass::Live, None);
    });
    assert!(proceeds(&snapshot, noon()));
}

#[test]
fn a_recording_consent_on_file_is_noted_on_the_permit() {
    let recorded =
        Snapshot { consents: vec![consent(Purpose::Recording, Form::Oral, GRANTED, None)], ..lead() };
    let may_record =
        |snapshot: &Snapshot| matches!(decided(snapshot, noon()), Verdict::Proceed(p) if p.may_record());
    assert!(may_record(&recorded));
    assert!(!may_record(&lead()));
}

#[rstest]
#[case::unknown_zone(&[], &["US-NY"], Reason::ZoneUnknown)]
#[case::toll_free(&["America/New_York"], &[], Reason::RuleMissing)]
#[case::no_rules_for_the_place(&["America/Sao_Paulo"], &["BR"], Reason::RuleMissing)]
#[case::somewhere_in_the_us(&["America/New_York"], &["US"], Reason::RuleMissing)]
fn what_is_not_known_is_not_allowed(
    #[case] zones: &[&str],
    #[case] places: &[&str],
    #[case] expected: Reason,
) {
    assert_eq!(stopped(&callable(zones, places, "+12125550143")), Some(expected));
}

#[test]
fn a_number_of_two_zones_is_called_only_when_both_are_awake() {
    // Area code 850: Pensacola is an hour behind Tallahassee, and 08:00 must have come in both.
    let panhandle = callable(&["America/New_York", "America/Chicago"], &["US-FL"], "+18505550143");
    let eight_in_tallahassee = at("2026-07-15T12:00:00Z");
    assert_eq!(
        deferred(&panhandle, eight_in_tallahassee),
        Some((Reason::OutsideLegalHours, at("2026-07-15T13:00:00Z")))
    );
}

#[test]
fn zones_that_never_share_a_legal_hour_stop() {
    // 08:00–21:00 in Bangkok, Honolulu and Abidjan at once: never, in no season.
    let never = callable(&["Asia/Bangkok", "Pacific/Honolulu", "Africa/Abidjan"], &["US-NY"], "+12125550143");
    assert_eq!(stopped(&never), Some(Reason::NoCommonWindow));
}

#[rstest]
#[case::spring_forward("2026-03-08T11:59:00Z", "2026-03-08T12:00:00Z")] // 08:00 EDT, after the gap
#[case::the_day_before("2026-03-07T12:30:00Z", "2026-03-07T13:00:00Z")] // 08:00 EST
#[case::fall_back("2026-11-01T12:30:00Z", "2026-11-01T13:00:00Z")] // 08:00 EST, after the fold
fn legal_hours_follow_the_wall_clock(#[case] now: &str, #[case] opens: &str) {
    assert_eq!(deferred(&lead(), at(now)), Some((Reason::OutsideLegalHours, at(opens))));
}

#[rstest]
#[case::gone(None, Some(Reason::CampaignNotActive))]
#[case::ended(Some(CampaignStatus::Ended), Some(Reason::CampaignOver))]
#[case::active(Some(CampaignStatus::Active), None)]
fn a_campaign_that_is_over_stops(#[case] status: Option<CampaignStatus>, #[case] expected: Option<Reason>) {
    let snapshot = match status {
        Some(status) => with_campaign(|facts| facts.campaign.status = status),
        None => Snapshot {
            campaign: None,
            consents: vec![consent(Purpose::AiVoice, Form::ExpressWritten, GRANTED, None)],
            ..lead()
        },
    };
    assert_eq!(stopped(&snapshot), expected);
}

#[test]
fn a_paused_campaign_waits_for_people_and_reports_what_would_bind_then() {
    let paused = with_campaign(|facts| facts.campaign.status = CampaignStatus::Paused);
    assert_eq!(deferred(&paused, noon()), Some((Reason::CampaignPaused, noon() + TimeDelta::minutes(5))));
    let late = at("2026-07-16T00:57:00Z");
    assert_eq!(deferred(&paused, late), Some((Reason::CampaignPaused, at("2026-07-16T12:00:00Z"))));
}

#[test]
fn campaign_dates_are_days_of_its_own_zone() {
    let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    let future = with_campaign(|facts| facts.campaign.starts_on = Some(day("2026-07-20")));
    // It opens at midnight in New York; the law opens at eight.
    assert_eq!(deferred(&future, noon()), Some((Reason::CampaignNotStarted, at("2026-07-20T12:00:00Z"))));
    let last_day = with_campaign(|facts| facts.campaign.ends_on = Some(day("2026-07-15")));
    assert!(proceeds(&last_day, noon()));
    let over = with_campaign(|facts| facts.campaign.ends_on = Some(day("2026-07-14")));
    assert_eq!(stopped(&over), Some(Reason::CampaignOver));
    // Nothing opens any more on its last evening.
    let evening = decided(&last_day, at("2026-07-16T01:30:00Z"));
    assert!(matches!(evening, Verdict::Stop { reason: Reason::CampaignOver, .. }), "{evening:?}");
}

#[test]
fn a_schedule_holds_in_the_campaigns_zone() {
    let mornings = with_campaign(|facts| {
        facts.campaign.schedule = Some(hours(DaySet::WEEKDAYS, 9, 11, HolidayRule::Call));
    });
    assert_eq!(
        deferred(&mornings, noon()),
        Some((Reason::OutsideCampaignSchedule, at("2026-07-16T13:00:00Z")))
    );
    assert!(proceeds(&Snapshot { promised: true, ..mornings }, noon()));
}

#[test]
fn the_daily_limit_ends_at_the_campaigns_midnight() {
    let used = with_campaign(|facts| {
        (facts.campaign.pacing.max_per_day, facts.intents_today) = (Some(50), 50);
    });
    assert_eq!(deferred(&used, noon()), Some((Reason::CampaignDailyLimit, at("2026-07-16T12:00:00Z"))));
    assert!(deferred(&Snapshot { promised: true, ..used }, noon()).is_some());
}

#[rstest]
#[case::friday_evening("2026-07-17T22:30:00Z", "2026-07-20T13:00:00Z")]
#[case::before_labor_day("2026-09-04T22:30:00Z", "2026-09-08T13:00:00Z")]
fn cadence_hours_skip_weekends_and_holidays(#[case] now: &str, #[case] opens: &str) {
    let cadence = CadenceHours { hours: hours(DaySet::WEEKDAYS, 9, 18, HolidayRule::Skip), zone: None };
    let snapshot = Snapshot { cadence_hours: Some(Arc::new(cadence)), ..lead() };
    assert_eq!(deferred(&snapshot, at(now)), Some((Reason::OutsideCadenceHours, at(opens))));
}

#[test]
fn the_preferred_time_is_respected_unless_the_lead_asked_for_another() {
    let mut snapshot = lead();
    let wish = PreferredTime::parse("2:00 PM - 4:00 PM EST", Some("US"), None).unwrap();
    snapshot.lead.preferred = Some(Arc::new(wish));
    assert_eq!(deferred(&snapshot, noon()), Some((Reason::OutsidePreferredTime, at("2026-07-15T18:00:00Z"))));
    assert!(proceeds(&Snapshot { promised: true, ..snapshot }, noon()));
}

#[test]
fn windows_that_never_meet_stop() {
    let cadence = CadenceHours { hours: hours(DaySet::WEEKDAYS, 9, 12, HolidayRule::Call), zone: None };
    let mut snapshot = Snapshot { cadence_hours: Some(Arc::new(cadence)), ..lead() };
    snapshot.lead.preferred = Some(Arc::new(PreferredTime::parse("after 6pm", Some("US"), None).unwrap()));
    assert_eq!(stopped(&snapshot), Some(Reason::NoCommonWindow));
}

#[rstest]
#[case::other_hours(DaySet::WEEKDAYS)]
#[case::other_days(DaySet::WEEKENDS)]
fn of_windows_alike_that_never_meet_another_the_same_one_is_named_in_any_order(#[case] days: DaySet) {
    let morning = hours(DaySet::WEEKDAYS, 10, 14, HolidayRule::Skip);
    let evening = hours(days, 18, 20, HolidayRule::Call);
    let mut snapshot = with_campaign(|facts| facts.campaign.schedule = Some(morning.clone()));
    snapshot.cadence_hours = Some(Arc::new(CadenceHours { hours: morning, zone: None }));
    snapshot.lead.preferred = Some(Arc::new(PreferredTime { hours: evening, zone: None }));
    let look = Look::call(&snapshot, Rules::embedded(), at("2026-05-01T17:59:00Z"));
    let verdict = judge(&look, &GATES).verdict;
    let (gate, reason) = (Gate::Campaign, Reason::NoCommonWindow);
    assert_eq!(verdict, Verdict::Stop { gate, reason });
    let mut reversed = GATES;
    reversed.reverse();
    assert_eq!(judge(&look, &reversed).verdict, verdict);
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[rstest]
#[case::under(limits(|l| l.per_day = Some(2)), &[5], None)]
#[case::per_day(limits(|l| l.per_day = Some(2)), &[2, 5, 30], Some((Reason::CapPerDay, 19)))]
#[case::per_week(limits(|l| l.per_week = Some(3)), &[2, 50, 100, 180], Some((Reason::CapPerWeek, 68)))]
#[case::gap(limits(|l| l.gap = Some(TimeDelta::hours(6))), &[2, 30], Some((Reason::CapGap, 4)))]
#[case::the_longest_binds(
    limits(|l| { l.per_day = Some(1); l.gap = Some(TimeDelta::hours(4)); }), &[3], Some((Reason::CapPerDay, 21))
)]
#[case::exactly_a_day_ago(limits(|l| l.per_day = Some(1)), &[24], None)]
fn caps_count_intents(
    #[case] limits: Limits,
    #[case] hours_ago: &[i64],
    #[case] expected: Option<(Reason, i64)>,
) {
    let snapshot = with_intents(limits, hours_ago);
    let report = frequency_cap::check(&Look::call(&snapshot, Rules::embedded(), noon()).at(noon()));
    let answer = expected.map_or(Answer::Pass { until: None }, |(_, hours)| Answer::Defer {
        until: noon() + TimeDelta::hours(hours),
    });
    assert_eq!(
        (report.answer, report.reason),
        (answer, expected.map_or(Reason::Passed, |(reason, _)| reason))
    );
}

#[test]
fn florida_allows_three_calls_a_day_whatever_the_cadence_says() {
    // Fla. Stat. 501.616(6)(b): at most three calls in 24 hours on the same subject.
    let mut snapshot = with_intents(Limits::default(), &[1, 2, 3]);
    snapshot.phone = callable(&["America/New_York"], &["US-FL"], "+13055550143").phone;
    assert_eq!(deferred(&snapshot, noon()).map(|(reason, _)| reason), Some(Reason::LegalCap));
    assert!(deferred(&Snapshot { promised: true, ..snapshot }, noon()).is_some());
}

#[test]
fn the_total_is_the_end() {
    let snapshot = Snapshot { placed: 6, cadence_limits: limits(|l| l.total = Some(6)), ..lead() };
    assert_eq!(stopped(&snapshot), Some(Reason::CapTotal));
}

#[test]
fn a_promised_call_passes_the_gap_and_no_count() {
    let gap =
        Snapshot { promised: true, ..with_intents(limits(|l| l.gap = Some(TimeDelta::hours(6))), &[1]) };
    assert!(proceeds(&gap, noon()));
    let day = Snapshot { promised: true, ..with_intents(limits(|l| l.per_day = Some(1)), &[1]) };
    assert!(deferred(&day, noon()).is_some());
}

#[test]
fn a_busy_number_is_looked_at_again_in_a_minute() {
    let busy = Snapshot { number_busy: true, ..lead() };
    assert_eq!(deferred(&busy, noon()), Some((Reason::NumberBusy, noon() + TimeDelta::minutes(1))));
}

#[test]
fn a_call_about_a_purchase_stops_when_the_purchase_does_not_count_any_more() {
    let resting = |purchase| Snapshot { purchase, ..lead() };
    assert!(proceeds(&resting(PurchaseFact::Counts), noon()));
    assert_eq!(stopped(&resting(PurchaseFact::Gone)), Some(Reason::PurchaseGone));
}

#[test]
fn nobody_is_called_about_an_offer_that_is_over() {
    let promised = |offer| Snapshot { offer, ..lead() };
    let lasting = promised(OfferFact::HoldsUntil(noon() + TimeDelta::seconds(1)));
    assert!(proceeds(&lasting, noon()));
    assert_eq!(stopped(&promised(OfferFact::HoldsUntil(noon()))), Some(Reason::OfferOver));
    assert_eq!(stopped(&promised(OfferFact::Withdrawn)), Some(Reason::OfferWithdrawn));
    let over = promised(OfferFact::HoldsUntil(noon()));
    let message = decide_contact(&over, Rules::embedded(), Purpose::Sms, noon()).verdict;
    let Verdict::Stop { reason, .. } = message else { panic!("{message:?}") };
    assert_eq!(reason, Reason::OfferOver, "nor told of it in a message");
}

#[test]
fn the_reported_time_is_when_all_gates_pass() {
    // Friday night: the law opens on Saturday, the cadence on Monday at nine, the lead prefers afternoons.
    let cadence = CadenceHours { hours: hours(DaySet::WEEKDAYS, 9, 18, HolidayRule::Call), zone: None };
    let mut snapshot = Snapshot { cadence_hours: Some(Arc::new(cadence)), ..lead() };
    snapshot.lead.preferred = Some(Arc::new(PreferredTime::parse("2pm-8pm", Some("US"), None).unwrap()));
    let friday_night = at("2026-07-18T02:00:00Z");
    assert_eq!(deferred(&snapshot, friday_night).map(|(_, until)| until), Some(at("2026-07-20T18:00:00Z")));
}

#[test]
fn refusals_explain_themselves_without_the_number() {
    let decision = decide(&lead(), Rules::embedded(), at("2026-07-16T03:00:00Z"));
    let legal = decision.reports.iter().find(|report| report.gate == Gate::LegalHours).unwrap();
    assert!(
        legal.facts.contains("47 CFR 64.1200(c)(1)") && legal.facts.contains("America/New_York"),
        "{legal:?}"
    );
    assert!(!serde_json::to_string(&decision.reports).unwrap().contains("2125550143"));
}

#[test]
fn messages_need_their_own_consent_and_keep_hours() {
    let contact =
        |snapshot: &Snapshot, purpose, now| decide_contact(snapshot, Rules::embedded(), purpose, now).verdict;
    let busy =
        Snapshot { number_busy: true, placed: 9, cadence_limits: limits(|l| l.total = Some(1)), ..lead() };
    assert!(matches!(contact(&busy, Purpose::Sms, noon()), Verdict::Proceed(_)));
    assert!(matches!(contact(&busy, Purpose::Sms, at("2026-07-16T03:00:00Z")), Verdict::Defer { .. }));
    let revoked =
        Snapshot { consents: vec![consent(Purpose::Sms, Form::Express, GRANTED, REVOKED)], ..lead() };
    assert!(matches!(
        contact(&revoked, Purpose::Sms, noon()),
        Verdict::Stop { reason: Reason::ConsentRevoked, .. }
    ));
    let unasked = with_campaign(|facts| facts.campaign.consent_basis = None);
    assert!(matches!(
        contact(&unasked, Purpose::Sms, noon()),
        Verdict::Stop { reason: Reason::ConsentMissing, .. }
    ));
    assert!(matches!(contact(&unasked, Purpose::Email, noon()), Verdict::Proceed(_)));
}

#[test]
fn without_window_gates_night_calls_would_go_out() {
    let night = at("2026-07-16T03:00:00Z");
    assert!(matches!(decide_without_windows(&lead(), Rules::embedded(), night).verdict, Verdict::Proceed(_)));
    assert!(!proceeds(&lead(), night));
}
