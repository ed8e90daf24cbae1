//! Protects strangers from wrong numbers. Our own rule (GATE-4): there is a number, and it was found callable when it was
//! written. Without a number, or with one that was refused then, the gate stops and says why; it never reads the number again.

use super::look::Moment;
use crate::decide::snapshot::PhoneFacts;
use crate::decide::verdict::{Gate, GateReport, Reason};

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    match &moment.snapshot.phone {
        PhoneFacts::Callable { .. } => GateReport::pass(Gate::Phone),
        PhoneFacts::None => GateReport::stop(Gate::Phone, Reason::NoPhone),
        PhoneFacts::Invalid(why) => {
            GateReport::stop(Gate::Phone, Reason::PhoneInvalid).because(moment.facts(|| why.clone()))
        }
    }
}
