//! The caps that cadences and campaigns declare beside the plain ones (GATE-8): to a lead, a number, an account or by a
//! campaign, in any stretch of time or in each day or week of the called person's calendar. Part of the frequency gate.
//!
//! A calendar day is one on the clock of every zone where the person may be: the one that ends last binds. Where no zone is
//! known the legal hours stop. What is not known of an account is not counted: a lead without one has no such cap.

use chrono::{Datelike, Days, NaiveDate, TimeDelta};

use super::look::Moment;
use crate::clock::Instant;
use crate::decide::snapshot::Intent;
use crate::domain::cap::{CalendarSpan, Cap, CapScope, CapSpan};
use crate::time::zone::Zone;

/// The cap of these that binds longest, and until when.
pub(super) fn binding<'m>(moment: &'m Moment<'_>) -> Option<(Instant, &'m Cap)> {
    let of_campaign = moment.snapshot.campaign.as_deref().map(|facts| facts.campaign.caps.as_slice());
    let caps = moment.snapshot.cadence_caps.iter().chain(of_campaign.unwrap_or_default());
    caps.filter_map(|cap| Some((free_at(moment, cap)?, cap))).max_by_key(|(until, _)| *until)
}

/// When a used-up cap lets the next call through; `None`: it does now.
fn free_at(moment: &Moment<'_>, cap: &Cap) -> Option<Instant> {
    let calls = cap.calls.max(1) as usize;
    let mut counted = intents(moment, cap.per);
    match cap.span {
        CapSpan::Rolling(length) => {
            // Newest first: when the one that many calls ago is out of the span, there is room for one more.
            let until = counted.nth(calls - 1)? + length;
            (until > moment.now).then_some(until)
        }
        CapSpan::Calendar(span) => {
            let at: Vec<Instant> = counted.collect();
            let full = moment.zones().iter().filter_map(|zone| {
                let (start, end) = bounds(zone, span, moment.now);
                let used = at.iter().filter(|at| (start..end).contains(*at)).count();
                (used >= calls).then_some(end)
            });
            full.max()
        }
    }
}

/// Instants of what a scope counts, newest first.
fn intents<'m>(moment: &'m Moment<'_>, per: CapScope) -> Box<dyn Iterator<Item = Instant> + 'm> {
    let campaign = moment.snapshot.campaign.as_deref().map(|facts| facts.campaign.id);
    let own = &moment.snapshot.intents;
    let those = move |counts: fn(&Intent) -> bool| {
        own.iter().filter(move |intent| counts(intent)).map(|intent| intent.at)
    };
    match per {
        CapScope::Lead => Box::new(those(|intent| intent.to_lead)),
        CapScope::Number => Box::new(those(|intent| intent.to_number)),
        CapScope::Account => Box::new(moment.snapshot.account.iter().flatten().map(|intent| intent.at)),
        CapScope::Campaign => Box::new(
            own.iter().filter(move |intent| Some(intent.campaign_id) == campaign).map(|intent| intent.at),
        ),
    }
}

/// The day or week of `now` on a zone's clock.
fn bounds(zone: &Zone, span: CalendarSpan, now: Instant) -> (Instant, Instant) {
    let today = zone.local(now).date;
    let (first, days) = match span {
        CalendarSpan::Day => (today, 1),
        CalendarSpan::Week => (monday_of(today), 7),
    };
    (zone.instant_of(first, 0), zone.instant_of(first + Days::new(days), 0))
}

fn monday_of(date: NaiveDate) -> NaiveDate {
    date - TimeDelta::days(i64::from(date.weekday().num_days_from_monday()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::super::decide;
    use super::super::tests::{callable, lead};
    use super::*;
    use crate::decide::snapshot::Snapshot;
    use crate::decide::verdict::{Reason, Verdict};
    use crate::id::CampaignId;
    use crate::rules::Rules;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn cap(calls: u32, span: CapSpan, per: CapScope) -> Cap {
        Cap { calls, span, per }
    }

    const DAY: CapSpan = CapSpan::Rolling(TimeDelta::hours(24));
    const CALENDAR_DAY: CapSpan = CapSpan::Calendar(CalendarSpan::Day);
    const CALENDAR_WEEK: CapSpan = CapSpan::Calendar(CalendarSpan::Week);

    fn intent(at: Instant, (to_lead, to_number): (bool, bool), own_campaign: bool) -> Intent {
        let own = super::super::tests::campaign().campaign.id;
        let campaign_id = if own_campaign { own } else { CampaignId::default() };
        Intent { at, campaign_id, to_lead, to_number }
    }

    fn capped(snapshot: Snapshot, caps: &[Cap]) -> Snapshot {
        Snapshot { cadence_caps: caps.into(), ..snapshot }
    }

    /// Until when the frequency gate alone defers, at noon of a Wednesday in New York.
    fn until(snapshot: &Snapshot) -> Option<Instant> {
        let moment_at = at("2026-07-15T16:00:00Z");
        let look = super::super::look::Look::call(snapshot, Rules::embedded(), moment_at);
        let moment = look.at(moment_at);
        binding(&moment).map(|(until, _)| until)
    }

    #[rstest]
    #[case::lead_counts_whatever_number(CapScope::Lead, (true, false), true, true)]
    #[case::lead_does_not_count_others_at_its_number(CapScope::Lead, (false, true), true, false)]
    #[case::number_counts_whatever_lead(CapScope::Number, (false, true), true, true)]
    #[case::number_does_not_count_other_numbers(CapScope::Number, (true, false), true, false)]
    #[case::campaign_counts_its_own(CapScope::Campaign, (true, true), true, true)]
    #[case::campaign_does_not_count_others(CapScope::Campaign, (true, true), false, false)]
    #[case::account_does_not_count_what_is_not_of_it(CapScope::Account, (true, true), true, false)]
    fn a_scope_counts_its_own(
        #[case] per: CapScope,
        #[case] to: (bool, bool),
        #[case] own_campaign: bool,
        #[case] binds: bool,
    ) {
        let intents = vec![intent(at("2026-07-15T14:00:00Z"), to, own_campaign)];
        let snapshot = capped(Snapshot { intents, ..lead() }, &[cap(1, DAY, per)]);
        assert_eq!(until(&snapshot), binds.then(|| at("2026-07-16T14:00:00Z")));
    }

    #[test]
    fn calls_to_others_of_the_account_count_together() {
        let called = ["2026-07-15T15:00:00Z", "2026-07-15T13:00:00Z"]
            .map(|text| intent(at(text), (false, false), false));
        let snapshot = Snapshot { account: Some(called.to_vec()), ..lead() };
        assert_eq!(
            until(&capped(snapshot.clone(), &[cap(2, DAY, CapScope::Account)])),
            Some(at("2026-07-16T13:00:00Z"))
        );
        assert_eq!(until(&capped(snapshot.clone(), &[cap(3, DAY, CapScope::Account)])), None);
        let without = Snapshot { account: None, ..snapshot };
        assert_eq!(
            until(&capped(without, &[cap(1, DAY, CapScope::Account)])),
            None,
            "no account, no cap of one"
        );
    }

    #[rstest]
    #[case::today("2026-07-15T12:00:00Z", CALENDAR_DAY, Some("2026-07-16T04:00:00Z"))]
    #[case::late_yesterday_there("2026-07-15T03:59:00Z", CALENDAR_DAY, None)]
    #[case::just_after_midnight_there("2026-07-15T04:00:00Z", CALENDAR_DAY, Some("2026-07-16T04:00:00Z"))]
    #[case::monday("2026-07-13T15:00:00Z", CALENDAR_WEEK, Some("2026-07-20T04:00:00Z"))]
    #[case::sunday_before("2026-07-12T15:00:00Z", CALENDAR_WEEK, None)]
    fn a_calendar_cap_ends_at_midnight_where_the_person_is(
        #[case] called: &str,
        #[case] span: CapSpan,
        #[case] free: Option<&str>,
    ) {
        let snapshot = Snapshot { intents: vec![intent(at(called), (true, true), true)], ..lead() };
        assert_eq!(until(&capped(snapshot, &[cap(1, span, CapScope::Lead)])), free.map(at));
    }

    #[test]
    fn of_several_zones_the_day_that_ends_last_binds() {
        let two = callable(&["America/New_York", "America/Chicago"], &["US-TN"], "+12125550143");
        // Half past midnight in New York is still yesterday in Chicago.
        let called = |text| Snapshot { intents: vec![intent(at(text), (true, true), true)], ..two.clone() };
        let caps = [cap(1, CALENDAR_DAY, CapScope::Lead)];
        assert_eq!(until(&capped(called("2026-07-15T14:00:00Z"), &caps)), Some(at("2026-07-16T05:00:00Z")));
        assert_eq!(until(&capped(called("2026-07-15T04:30:00Z"), &caps)), Some(at("2026-07-16T04:00:00Z")));
    }

    #[rstest]
    #[case::clocks_go_back("2026-11-01T05:30:00Z", "2026-11-01T17:00:00Z", "2026-11-02T05:00:00Z")]
    #[case::clocks_go_forward("2026-03-08T06:30:00Z", "2026-03-08T16:00:00Z", "2026-03-09T04:00:00Z")]
    fn days_of_25_and_23_hours_end_at_midnight(#[case] called: &str, #[case] now: &str, #[case] free: &str) {
        let snapshot = Snapshot { intents: vec![intent(at(called), (true, true), true)], ..lead() };
        let snapshot = capped(snapshot, &[cap(1, CALENDAR_DAY, CapScope::Lead)]);
        let look = super::super::look::Look::call(&snapshot, Rules::embedded(), at(now));
        assert_eq!(binding(&look.at(at(now))).map(|(until, _)| until), Some(at(free)));
    }

    #[test]
    fn a_campaigns_caps_hold_beside_the_cadences_and_name_themselves() {
        let mut facts = super::super::tests::campaign();
        facts.campaign.caps = vec![cap(1, CALENDAR_WEEK, CapScope::Campaign)];
        let intents = vec![intent(at("2026-07-15T12:00:00Z"), (true, true), true)];
        let snapshot = Snapshot { campaign: Some(Arc::new(facts)), intents, ..lead() };
        let snapshot = capped(snapshot, &[cap(1, CALENDAR_DAY, CapScope::Lead)]);
        let decision = decide(&snapshot, Rules::embedded(), at("2026-07-15T16:00:00Z"));
        // Monday morning, once the law allows it.
        let Verdict::Defer { until, reason, .. } = decision.verdict else { panic!("{decision:?}") };
        assert_eq!((until, reason), (at("2026-07-20T12:00:00Z"), Reason::CapReached));
        let report = decision.reports.iter().find(|report| report.reason == Reason::CapReached).unwrap();
        assert_eq!(report.facts, "at most 1 call to the lead by the campaign each week");
    }
}
