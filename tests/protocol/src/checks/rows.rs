//! What every commit leaves behind: one home per enrollment (I4), legal moves only (I5, I8), an event for every change (I6), and no
//! write-off without a look-up that proves it (I14).

use callwright_core::clock::Instant;
use callwright_core::domain::attempt::AttemptState::{
    self, Cancelled, Dialing, Finished, NotPlaced, NotSent, Placed, Planned, Unknown, UnknownFinal,
};
use callwright_core::domain::enrollment::EnrollmentState;

use super::{Checks, Seen};
use crate::carrier::{CONCLUSIVE_AFTER, Ledger};
use crate::rows::{Attempt, Tables};

/// The moves that the design allows, written out here once more.
const MOVES: [(AttemptState, &[AttemptState]); 5] = [
    (Planned, &[Dialing, Cancelled]),
    (Dialing, &[Placed, Finished, Unknown, NotSent, NotPlaced, UnknownFinal]),
    (Unknown, &[Placed, Finished, NotPlaced, UnknownFinal]),
    (Placed, &[Finished]),
    (UnknownFinal, &[Finished]),
];

impl Checks {
    pub fn rows(&mut self, db: &mut Tables, ledger: &Ledger, now: Instant) {
        let mut attempts = std::mem::take(&mut db.touched_attempts);
        let mut enrollments = std::mem::take(&mut db.touched_enrollments);
        for index in &attempts {
            self.attempt(*index, &db.attempts[*index], ledger, now);
            enrollments.push(db.attempts[*index].enrollment);
        }
        for index in &enrollments {
            self.enrollment(*index, db, now);
        }
        attempts.clear();
        enrollments.clear();
        (db.touched_attempts, db.touched_enrollments) = (attempts, enrollments);
    }

    fn attempt(&mut self, index: usize, row: &Attempt, ledger: &Ledger, now: Instant) {
        let fresh = Seen { state: Planned, fence: 0, outcome: None, placed_before: false, given_up: false };
        if index >= self.seen.len() {
            self.seen.resize(index + 1, fresh);
        }
        let seen = self.seen[index];
        if row.state != seen.state {
            let legal = MOVES.iter().find(|(from, _)| *from == seen.state);
            // One commit may carry an attempt through `placed` to its end.
            let legal = legal.is_some_and(|(_, to)| to.contains(&row.state));
            if !legal {
                let invariant = if seen.state.is_final() { "I5" } else { "I8" };
                return self.broken(invariant, now, || {
                    format!("attempt {index} went from {} to {}", seen.state, row.state)
                });
            }
            if row.state == NotPlaced && !is_proven(index, row, ledger) {
                return self.broken("I14", now, || format!("attempt {index} was written off without proof"));
            }
        }
        if row.state == Dialing && !row.facts.is_empty() {
            return self
                .broken("I5", now, || format!("attempt {index} is dialing, and its call was told of"));
        }
        let claims = u32::from(seen.state == Planned && row.intent_at.is_some() && row.state != Planned);
        if row.fence != seen.fence + claims && row.state != Planned {
            return self.broken("I8", now, || format!("attempt {index} was claimed twice"));
        }
        if seen.outcome.is_some() && row.outcome != seen.outcome {
            return self.broken("I5", now, || format!("attempt {index} ended twice, differently"));
        }
        let placed_before = seen.placed_before || row.state == Placed || row.call.is_some();
        let given_up = seen.given_up || row.state == UnknownFinal;
        if let Some(missing) = unsaid(row, given_up) {
            return self.broken("I6", now, || format!("attempt {index} is {}: {missing}", row.state));
        }
        let (state, fence, outcome) = (row.state, row.fence, row.outcome);
        self.seen[index] = Seen { state, fence, outcome, placed_before, given_up };
    }

    /// A timer, an open attempt, a named hold or the end: exactly one of them (I4).
    fn enrollment(&mut self, index: usize, db: &Tables, now: Instant) {
        let row = &db.enrollments[index];
        let (mut planned, mut live) = (0, 0);
        for attempt in db.open_of(index) {
            if attempt.state == Planned { planned += 1 } else { live += 1 }
        }
        let is_sound = match row.state {
            EnrollmentState::Waiting => row.due_at.is_some() && planned == 0 && live == 0,
            EnrollmentState::Open => row.due_at.is_none() && planned + live == 1,
            EnrollmentState::Held => row.hold.is_some() && planned == 0 && live <= 1,
            EnrollmentState::Ended => row.due_at.is_none() && planned == 0 && live <= 1,
        };
        if !is_sound {
            let state = row.state;
            return self.broken("I4", now, || {
                format!(
                    "enrollment {index} is {state}, due {:?}, {planned} planned and {live} live",
                    row.due_at
                )
            });
        }
        if self.enrollments[index] == EnrollmentState::Ended && row.state != EnrollmentState::Ended {
            return self.broken("I5", now, || format!("enrollment {index} has ended, and goes on"));
        }
        if row.ended_events != u32::from(row.state == EnrollmentState::Ended) {
            return self
                .broken("I6", now, || format!("enrollment {index}: {} endings told", row.ended_events));
        }
        self.enrollments[index] = row.state;
    }
}

/// Was the provider asked late enough, and had no such call?
fn is_proven(index: usize, row: &Attempt, ledger: &Ledger) -> bool {
    let Some(intent_at) = row.intent_at else { return false };
    ledger
        .look_ups
        .iter()
        .any(|look| look.attempt == index && look.absent && look.at - intent_at >= CONCLUSIVE_AFTER)
}

/// An event that is missing, or told twice.
fn unsaid(row: &Attempt, given_up: bool) -> Option<&'static str> {
    let events = row.events;
    if events.dialing != u8::from(row.intent_at.is_some()) {
        return Some("its intent is not told once");
    }
    let was_placed = row.call.is_some();
    if events.placed != u8::from(was_placed) {
        return Some("its call is not told once");
    }
    let has_end = row.state == Finished && was_placed;
    if events.outcome != u8::from(has_end) {
        return Some("its outcome is not told once");
    }
    if events.not_sent != u8::from(row.state == NotSent) {
        return Some("it is not told once that it was not sent");
    }
    if events.written_off != u8::from(row.state == NotPlaced || given_up) {
        return Some("it is not told once that it is written off");
    }
    if events.refused != u8::from(row.refused) {
        return Some("its refusal is not told once");
    }
    None
}
