//! Every request to the provider, as it leaves (I1, I2, I3, I11, caps and pacing), and every call as it is accepted (I1b).

use callwright_core::clock::Instant;
use callwright_core::domain::attempt::AttemptState;
use chrono::TimeDelta;

use super::hours;
use super::{Checks, What};
use crate::carrier::Ledger;
use crate::place::Ground;
use crate::rows::{Attempt, Tables};

/// What a request may still ignore: people's last second.
const GRACE: TimeDelta = TimeDelta::seconds(1);
/// A second, less what a request needs to leave once it was looked at for the last time.
const SECOND: TimeDelta = TimeDelta::milliseconds(990);

impl Checks {
    pub fn posted(&mut self, db: &Tables, ledger: &Ledger, ground: &Ground) {
        let Some(post) = ledger.posts.last() else { return };
        let (at, attempt) = (post.sent_at, post.attempt);
        let row = &db.attempts[attempt];
        if ledger.posts.iter().filter(|other| other.attempt == attempt).count() > 1 {
            return self.broken("I1", at, || format!("attempt {attempt} was asked for twice"));
        }
        let Some(intent_at) = row.intent_at else {
            return self.broken("I1", at, || format!("attempt {attempt} was asked for without an intent"));
        };
        self.people(row, at);
        self.windows(db, ground, row, at);
        self.caps(db, ledger, ground, row, at);
        self.pacing(db, ledger, ground, row, intent_at, at);
    }

    /// What people did before the claim holds; what they did after it, a second later (I2, I11).
    fn people(&mut self, row: &Attempt, at: Instant) {
        let mut active: Option<(u64, Instant)> = None;
        let mut number = self.numbers[row.lead];
        let mut wrong = None;
        for deed in &self.deeds {
            let is_before = deed.commit < row.claimed_in;
            let is_old = deed.at > Instant::MIN_UTC && at - deed.at > GRACE;
            let holds = is_before || is_old;
            match deed.what {
                What::Suppressed { number, campaign }
                    if number == row.number && campaign.is_none_or(|id| id == row.campaign) && holds =>
                {
                    wrong = Some(("I2", "to a suppressed number"));
                }
                What::OptedOut { lead } if lead == row.lead && holds => {
                    wrong = Some(("I2", "to a lead who has opted out"));
                }
                What::Revoked { lead } if lead == row.lead && is_before => {
                    wrong = Some(("I11", "to a lead who has revoked consent"));
                }
                What::Status { campaign, is_active } if campaign == row.campaign => {
                    active = (!is_active).then_some((deed.commit, deed.at));
                }
                What::Number { lead, number: new } if lead == row.lead && is_before => number = new,
                _ => {}
            }
        }
        let is_paused = active.is_some_and(|(commit, since)| commit < row.claimed_in || at - since > GRACE);
        if is_paused {
            wrong = Some(("I2", "of a paused campaign"));
        }
        if number != row.number {
            wrong = Some(("I2", "to a number that is not the lead's any more"));
        }
        if let Some((invariant, what)) = wrong {
            self.broken(invariant, at, || format!("a call {what}"));
        }
    }

    /// The instant and a minute after it, on every clock the person may have (I3).
    fn windows(&mut self, db: &Tables, ground: &Ground, row: &Attempt, at: Instant) {
        let minute_later = at + TimeDelta::seconds(60) - TimeDelta::milliseconds(1);
        let walked = &ground.cadences[db.enrollments[row.enrollment].cadence];
        let schedule = &ground.schedules[db.campaigns[row.campaign].schedule];
        let place = row.number.0;
        for instant in [at, minute_later] {
            let wrong = hours::wrong_by_law(place, instant).or_else(|| {
                if row.promised { None } else { hours::wrong_by_choice(place, walked, schedule, instant) }
            });
            if let Some(wrong) = wrong {
                return self.broken("I3", at, || format!("attempt of campaign {}: {wrong}", row.campaign));
            }
        }
    }

    /// Calls that were really made, by number and by person, within the caps of the cadence that asks.
    fn caps(&mut self, db: &Tables, ledger: &Ledger, ground: &Ground, row: &Attempt, at: Instant) {
        let limits = ground.cadences[db.enrollments[row.enrollment].cadence].cadence.limits;
        let made = |span: TimeDelta| {
            // A second's grace on each side: caps count intents, and a request leaves within a second of one.
            let calls = ledger.calls.iter().filter(|call| {
                call.attempt != row_index(db, row)
                    && (call.number == row.number || db.attempts[call.attempt].lead == row.lead)
                    && at - call.sent_at < span - GRACE * 2
            });
            calls.count()
        };
        let over =
            |cap: Option<u32>, days: i64| cap.is_some_and(|cap| made(TimeDelta::days(days)) >= cap as usize);
        let breaks_gap = limits.gap.is_some_and(|gap| !row.promised && made(gap) > 0);
        if over(limits.per_day, 1) || over(limits.per_week, 7) || breaks_gap {
            self.broken("caps", at, || "one call more than the cadence allows".to_owned());
        }
    }

    /// The campaign and the provider within their limits: requests per second, and intents per day, at once, apart.
    fn pacing(
        &mut self,
        db: &Tables,
        ledger: &Ledger,
        ground: &Ground,
        row: &Attempt,
        intent_at: Instant,
        at: Instant,
    ) {
        let limits = &db.campaigns[row.campaign].campaign().pacing;
        let of_campaign = || {
            db.attempts
                .iter()
                .filter(|other| other.campaign == row.campaign)
                .filter_map(|other| Some((other.intent_at?, other.state)))
        };
        let within = |span: TimeDelta| {
            of_campaign().filter(|(other, _)| *other <= intent_at && intent_at - *other < span).count()
        };
        let just_sent = |is_ours: &dyn Fn(usize) -> bool| {
            let recent = ledger.posts.iter().rev().take_while(|post| at - post.sent_at < SECOND);
            recent.filter(|post| is_ours(post.attempt)).count() as f64
        };
        let mut wrong = None;
        let is_ours = |attempt: usize| db.attempts[attempt].campaign == row.campaign;
        if limits.calls_per_second.is_some_and(|rate| just_sent(&is_ours) > rate) {
            wrong = Some("more requests in a second than the campaign allows");
        }
        if self.provider.calls_per_second.is_some_and(|rate| just_sent(&|_| true) > rate) {
            wrong = Some("more requests in a second than the provider takes");
        }
        let apart = limits.min_interval_s.map(|s| TimeDelta::milliseconds((s * 1e3) as i64));
        if apart.is_some_and(|apart| within(apart) > 1) {
            wrong = Some("two calls closer than the campaign allows");
        }
        let live = of_campaign().filter(|(_, state)| {
            matches!(state, AttemptState::Dialing | AttemptState::Placed | AttemptState::Unknown)
        });
        if limits.max_concurrent.is_some_and(|most| live.count() > most as usize) {
            wrong = Some("more calls at once than the campaign allows");
        }
        if let Some(most) = limits.max_per_day {
            let zone = ground.schedules[db.campaigns[row.campaign].schedule].zone.name();
            let day = hours::local_day(zone, intent_at);
            let today = of_campaign().filter(|(other, _)| hours::local_day(zone, *other) == day).count();
            if today > most as usize {
                wrong = Some("more calls in a day than the campaign allows");
            }
        }
        if let Some(wrong) = wrong {
            self.broken("pacing", at, || wrong.to_owned());
        }
    }

    /// One line, one call: no other call to the number is going on (I1b).
    pub fn accepted(&mut self, db: &Tables, ledger: &Ledger, call: usize) {
        let new = &ledger.calls[call];
        let at = new.accepted_at;
        let overlaps =
            ledger.calls[..call].iter().any(|other| other.number == new.number && other.ends_at > at);
        if overlaps {
            return self.broken("I1b", at, || "a second call to a number that is in a call".to_owned());
        }
        let state = db.attempts[new.attempt].state;
        if matches!(state, AttemptState::NotSent | AttemptState::NotPlaced | AttemptState::Cancelled) {
            self.broken("orphan", at, || format!("a call of an attempt that is {state}"));
        }
    }
}

/// Which row it is, by its id.
fn row_index(db: &Tables, row: &Attempt) -> usize {
    db.attempts.iter().position(|other| other.id == row.id).unwrap_or(usize::MAX)
}
