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
    let those = move |counts: fn(&Intent) -> bool| own.iter().filter(move |intent| counts(intent)).map(|intent| intent.at);
    match per {
        CapScope::Lead => Box::new(those(|intent| intent.to_lead)),
        CapScope::Number => Box::new(those(|intent| intent.to_number)),
        CapScope::Account => Box::new(moment.snapshot.account.iter().flatten().map(|intent| intent.at)),
        CapScope::Campaign => {
            Box::new(own.iter().filter(move |intent| Some(intent.campaign_id) == campaign).map(|intent| intent.at))
        }
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
