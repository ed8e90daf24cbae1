//! Liveness while nothing goes wrong any more (L1, L2), and what must add up when a run is over (I1b, I5).

use callwright_core::clock::Instant;
use callwright_core::domain::attempt::AttemptState;
use callwright_core::domain::call::{CallState, EndStatus};
use callwright_core::domain::campaign::{Campaign, CampaignStatus, Pacing};
use callwright_core::domain::enrollment::EnrollmentState;
use callwright_core::flow::session::Effect;
use chrono::TimeDelta;

use super::Checks;
use crate::carrier::Ledger;
use crate::rows::{Attempt, Tables};

/// Whatever is due is looked at within this time, a full line's polling included.
const DUE_WITHIN: TimeDelta = TimeDelta::seconds(60);
/// After the faults have stopped, workers need this long to be back.
const BACK_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// An attempt whose call nobody reports is settled by then: it is given up after six hours, its words an hour later.
const SETTLED_WITHIN: TimeDelta = TimeDelta::minutes(6 * 60 + 75);

impl Checks {
    pub fn liveness(&mut self, db: &Tables, calm_from: Instant, now: Instant) {
        if now - calm_from < BACK_WITHIN {
            return;
        }
        for (index, row) in db.enrollments.iter().enumerate() {
            let late =
                row.state == EnrollmentState::Waiting && row.due_at.is_none_or(|due| now - due > DUE_WITHIN);
            if late {
                return self
                    .broken("L1", now, || format!("enrollment {index} is due since {:?}", row.due_at));
            }
        }
        for (index, row) in db.attempts.iter().enumerate() {
            let campaign = db.campaigns[row.campaign].campaign();
            // Without limits nothing but a pause keeps a planned attempt from being looked at.
            let is_free = campaign.status == CampaignStatus::Active && is_unlimited(db, &self.provider);
            if row.state == AttemptState::Planned && is_free && now - row.due_at > DUE_WITHIN {
                return self.broken("L1", now, || format!("attempt {index} is due since {}", row.due_at));
            }
            let since = row.intent_at.unwrap_or(now).max(calm_from);
            if row.state.is_live() && now - since > SETTLED_WITHIN {
                return self.broken("L2", now, || format!("attempt {index} is {} for good", row.state));
            }
        }
    }

    pub fn at_end(&mut self, db: &Tables, ledger: &Ledger, now: Instant) {
        if self.violation.is_some() {
            return;
        }
        for (index, row) in db.enrollments.iter().enumerate() {
            let known =
                db.attempts.iter().filter(|attempt| attempt.enrollment == index && attempt.call.is_some());
            if row.placed as usize != known.count() {
                return self.broken("I5", now, || format!("enrollment {index} counts {} calls", row.placed));
            }
        }
        for (index, row) in db.attempts.iter().enumerate() {
            // Any order of the same facts must say the same.
            let again = CallState::of(row.facts.iter().rev().map(|(_, fact)| fact)).outcome();
            let said = again.map(|(outcome, _)| outcome);
            if row.call.is_some() && said != row.call_outcome {
                return self
                    .broken("I5", now, || format!("attempt {index}: {:?}, not {said:?}", row.call_outcome));
            }
            if says_stop(row) && !db.leads[row.lead].opted_out {
                return self.broken("I2", now, || {
                    format!("attempt {index}: the stop that was told counts for nothing")
                });
            }
            if row.state == AttemptState::UnknownFinal && said.is_some() {
                return self.broken("L2", now, || format!("attempt {index} was told of, and stays given up"));
            }
            if row.state == AttemptState::Placed && row.call_outcome.is_some() {
                return self.broken("I5", now, || format!("attempt {index} has ended and goes on"));
            }
        }
        let talked = ledger.calls.iter().filter(|call| call.status == EndStatus::Completed).count() as i64;
        let scored: i64 = db.leads.iter().map(|lead| lead.score).sum();
        if scored > talked {
            self.broken("I5", now, || format!("{scored} points for {talked} conversations"));
        }
    }
}

/// Did the person say stop in its call, as far as it was told?
fn says_stop(row: &Attempt) -> bool {
    let state = CallState::of(row.facts.iter().map(|(_, fact)| fact));
    let effects = state.conversation.as_ref().filter(|_| state.ended_at.is_some()).map(|talk| &talk.effects);
    effects.into_iter().flatten().any(|effect| matches!(effect, Effect::OptOut { .. }))
}

fn is_unlimited(db: &Tables, provider: &Pacing) -> bool {
    let none = Pacing::default();
    let is_free = |campaign: &Campaign| campaign.pacing == none && campaign.caller_pacing == none;
    *provider == none && db.campaigns.iter().all(|row| is_free(row.campaign()))
}
