//! Keeps a campaign to what its owners decided (GATE-7): active, between its dates, inside its schedule and under its calls per
//! day, all in the campaign's own zone. Their rule, so a promised call back passes the schedule; status, dates and the daily
//! limit hold for it too. A campaign that is gone stops; a paused one or a draft only waits for people.

use chrono::{Days, TimeDelta};

use super::GUARD;
use super::look::Moment;
use crate::clock::Instant;
use crate::decide::snapshot::CampaignFacts;
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::domain::campaign::{Campaign, CampaignStatus};
use crate::time::holiday::HolidayCalendar;
use crate::time::window::Position;

/// Does the campaign itself put every call off or stop it: not active, not begun, or over? Its hours and its calls per day
/// are not asked: a promised call passes the one, and the other is counted.
pub fn is_closed(campaign: &Campaign, now: Instant) -> bool {
    let begins = campaign.starts_on.map(|date| campaign.zone.instant_of(date, 0));
    campaign.status != CampaignStatus::Active
        || begins.is_some_and(|begins| now < begins)
        || end_of(campaign).is_some_and(|end| end <= now + GUARD)
}

/// How often it is looked whether people have started or resumed a campaign.
const RECHECK: TimeDelta = TimeDelta::minutes(5);

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let Some(facts) = moment.snapshot.campaign.as_deref() else {
        let words = moment.facts(|| "the campaign does not exist any more".to_owned());
        return GateReport::stop(Gate::Campaign, Reason::CampaignNotActive).because(words);
    };
    let end = end_of(&facts.campaign);
    if let Some(report) = status(moment, &facts.campaign, end) {
        return report;
    }
    let closes = match schedule(moment, &facts.campaign) {
        Ok(closes) => closes,
        Err(report) => return *report,
    };
    if let Some(until) = daily_limit(moment, facts) {
        let words = moment.facts(|| format!("{} calls today", facts.intents_today));
        return GateReport::defer(Gate::Campaign, Reason::CampaignDailyLimit, until).because(words);
    }
    match [closes, end].into_iter().flatten().min() {
        Some(until) => GateReport::pass(Gate::Campaign).valid_until(until),
        None => GateReport::pass(Gate::Campaign),
    }
}

/// Status and dates; nothing when they allow calling.
fn status(moment: &Moment<'_>, campaign: &Campaign, end: Option<Instant>) -> Option<GateReport> {
    let now = moment.now;
    let recheck = |reason| {
        // Only people clear it, so a search ahead looks at what would bind afterwards.
        (!moment.look.assume_cleared).then(|| GateReport::defer(Gate::Campaign, reason, now + RECHECK))
    };
    let over = campaign.status == CampaignStatus::Ended || end.is_some_and(|end| end <= now + GUARD);
    if over {
        let words =
            moment.facts(|| campaign.ends_on.map(|date| format!("its last day: {date}")).unwrap_or_default());
        return Some(GateReport::stop(Gate::Campaign, Reason::CampaignOver).because(words));
    }
    let paused = match campaign.status {
        CampaignStatus::Draft => recheck(Reason::CampaignNotActive),
        CampaignStatus::Paused => recheck(Reason::CampaignPaused),
        CampaignStatus::Active | CampaignStatus::Ended => None,
    };
    if paused.is_some() {
        return paused;
    }
    let starts_on = campaign.starts_on?;
    let start = campaign.zone.instant_of(starts_on, 0);
    (now < start).then(|| {
        let words = moment.facts(|| format!("it starts on {starts_on} in {}", campaign.zone));
        GateReport::defer(Gate::Campaign, Reason::CampaignNotStarted, start).because(words)
    })
}

/// When the schedule closes, if it ever does; or the report of a schedule that is not open.
fn schedule(moment: &Moment<'_>, campaign: &Campaign) -> Result<Option<Instant>, Box<GateReport>> {
    let Some(hours) = campaign.schedule.as_ref().filter(|_| moment.look.windows && !moment.snapshot.promised)
    else {
        return Ok(None);
    };
    let holidays = if hours.minds_holidays() { moment.holidays() } else { HolidayCalendar::none() };
    let zone = std::slice::from_ref(&campaign.zone);
    let words = || moment.facts(|| format!("{hours} in {}", campaign.zone));
    match hours.position(zone, &holidays, moment.now, GUARD) {
        Position::Inside { closes } => Ok(Some(closes)),
        Position::Outside { opens } => Err(Box::new(
            GateReport::defer(Gate::Campaign, Reason::OutsideCampaignSchedule, opens).because(words()),
        )),
        Position::Never => {
            Err(Box::new(GateReport::stop(Gate::Campaign, Reason::NoCommonWindow).because(words())))
        }
    }
}

/// Midnight in the campaign's zone, when today's calls are used up. Another day's are not known and count as none.
fn daily_limit(moment: &Moment<'_>, facts: &CampaignFacts) -> Option<Instant> {
    let limit = facts.campaign.pacing.max_per_day?;
    if facts.intents_today < limit {
        return None;
    }
    let zone = &facts.campaign.zone;
    let counted_on = zone.local(moment.look.decided_at).date;
    (zone.local(moment.now).date == counted_on).then(|| zone.instant_of(counted_on + Days::new(1), 0))
}

/// The first instant after its last day.
fn end_of(campaign: &Campaign) -> Option<Instant> {
    campaign.ends_on.map(|date| campaign.zone.instant_of(date + Days::new(1), 0))
}
