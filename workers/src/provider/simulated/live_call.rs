//! One call of the stand-alone carrier, from ringing to its last callback, by the carrier's clock.

use std::sync::Arc;

use callwright_engine::clock::Instant;
use callwright_engine::domain::call::EndStatus;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::flow::callee::Callee;
use callwright_engine::flow::interpreter::Input;
use chrono::TimeDelta;
use tokio::sync::Notify;

use super::behaviour::{Behaviour, CallKey, End};
use super::book::Carrier;
use super::callee::Answerer;
use super::ledger::{Asked, Ending};
use super::outbox::Letter;
use crate::provider::wire::{Callback, CallbackEvent, TurnBody};

/// A call in progress.
#[derive(Debug)]
pub(super) struct LiveCall {
    pub carrier: Arc<Carrier>,
    pub call_id: String,
    pub asked: Asked,
    pub max_duration_s: u32,
    pub starts_at: Instant,
}

/// Turns after which the callee loses patience with a flow that never ends.
const TURNS: usize = 100;

impl LiveCall {
    /// Runs to the end, or until somebody hangs up.
    pub async fn run(self) {
        let line = self.carrier.open_line(&self.call_id);
        let behaviour = self.carrier.source.of(&self.asked.key());
        let ending = self.ring(behaviour, &line).await;
        if let Err(error) = self.carrier.close(&self.call_id, ending).await {
            tracing::error!(%error, call = self.call_id, "the end of a call is not in the books");
        }
        let event = CallbackEvent::Ended { status: ending.status, talk_s: ending.talk_s, report: None };
        self.report(ending.at, event).await;
    }

    async fn ring(&self, behaviour: Behaviour, line: &Notify) -> Ending {
        let rings_at = self.starts_at;
        if !self.wait(rings_at, line).await {
            return self.over(EndStatus::Canceled);
        }
        self.report(rings_at, CallbackEvent::Ringing).await;
        let rung_at = rings_at + TimeDelta::seconds(i64::from(behaviour.ring_s));
        if !self.wait(rung_at, line).await {
            return self.over(EndStatus::Canceled);
        }
        let unanswered = |status| Ending { at: rung_at, status, talk_s: 0, converted: false };
        let (answerer, talk_s) = match behaviour.end {
            End::NoAnswer => return unanswered(EndStatus::NoAnswer),
            End::Busy => return unanswered(EndStatus::Busy),
            End::Failed => return unanswered(EndStatus::Failed),
            End::Voicemail { talk_s } => (Answerer::Machine, talk_s),
            End::Answered { wants, talk_s } => (Answerer::Person(wants), talk_s),
        };
        self.talk(answerer, rung_at, talk_s.min(self.max_duration_s), line).await
    }

    /// Turn by turn: what to say is asked of the dialer, what is answered comes from the seeded callee.
    async fn talk(&self, answerer: Answerer, answered_at: Instant, talk_s: u32, line: &Notify) -> Ending {
        let mut callee = answerer.callee();
        let cut_at = answered_at + TimeDelta::seconds(i64::from(self.max_duration_s));
        let pace = TimeDelta::seconds(i64::from(talk_s / 10).max(1));
        let mut at = answered_at;
        let mut turn = self.ask(at, CallbackEvent::Answered { answered_by: answerer.answered_by() }).await;
        let mut turns = 0;
        while let Some(TurnBody { prompts, expect: Some(expect), .. }) = &turn {
            let input = callee.answer(prompts, expect);
            at = (at + pace).min(cut_at);
            turns += 1;
            if !self.wait(at, line).await || at >= cut_at || turns > TURNS {
                let _ = self.ask(at, CallbackEvent::Input { input: Input::HungUp }).await;
                return self.hung_up(answered_at);
            }
            let is_gone = input == Input::HungUp;
            turn = self.ask(at, CallbackEvent::Input { input }).await;
            if is_gone {
                break;
            }
        }
        let ends_at = at.max(answered_at + TimeDelta::seconds(i64::from(talk_s)));
        if !self.wait(ends_at, line).await {
            return self.hung_up(answered_at);
        }
        let ended = turn.and_then(|turn| turn.ended);
        let talk_s = (ends_at - answered_at).num_seconds().max(0) as u32;
        let converted = ended.is_some_and(|ended| ended.outcome == Outcome::Converted);
        Ending { at: ends_at, status: EndStatus::Completed, talk_s, converted }
    }

    /// Reports the ringing before the request for the call is answered; it is reported again when it rings.
    pub async fn ring_early(&self) {
        self.carrier.count("earlyCallback");
        self.carrier.outbox.tell(&self.letter(self.starts_at, CallbackEvent::Ringing)).await;
    }

    /// `false`: somebody hung up first.
    async fn wait(&self, until: Instant, line: &Notify) -> bool {
        tokio::select! {
            biased;
            () = line.notified() => false,
            () = self.carrier.clock.sleep_until(until) => true,
        }
    }

    fn over(&self, status: EndStatus) -> Ending {
        Ending { at: self.carrier.clock.now(), status, talk_s: 0, converted: false }
    }

    fn hung_up(&self, answered_at: Instant) -> Ending {
        let at = self.carrier.clock.now();
        let talk_s = (at - answered_at).num_seconds().max(0) as u32;
        Ending { at, status: EndStatus::Completed, talk_s, converted: false }
    }

    fn letter(&self, at: Instant, event: CallbackEvent) -> Letter {
        let callback =
            Callback { attempt_id: self.asked.attempt_id, call_id: self.call_id.clone(), at, event };
        Letter { url: self.asked.callback_url.as_deref().unwrap_or_default().to_owned(), callback }
    }

    async fn ask(&self, at: Instant, event: CallbackEvent) -> Option<TurnBody> {
        self.carrier.outbox.ask(&self.letter(at, event)).await
    }

    /// Sends a fact with whatever goes wrong on the way. Copies and late ones do not hold the call up.
    async fn report(&self, at: Instant, event: CallbackEvent) {
        let key: CallKey<'_> = self.asked.key();
        let fault = self.carrier.faults.callback(self.carrier.seed, &key, event.name());
        fault.names.iter().for_each(|name| self.carrier.count(name));
        let letter = self.letter(at, event);
        if fault.lost {
            self.carrier.lose(letter);
            return;
        }
        if fault.forged && !self.carrier.outbox.tell_forged(&letter).await {
            tracing::error!(call = self.call_id, "a callback with a wrong signature was not refused");
        }
        for delay_s in fault.delays_s {
            if delay_s == 0 {
                self.carrier.outbox.tell(&letter).await;
                continue;
            }
            let (carrier, letter) = (self.carrier.clone(), letter.clone());
            tokio::spawn(async move {
                carrier.clock.sleep_until(letter.callback.at + TimeDelta::seconds(i64::from(delay_s))).await;
                carrier.outbox.tell(&letter).await;
            });
        }
    }
}
