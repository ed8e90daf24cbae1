//! Protects a line from ringing twice at once (I1b): while a call to the number is live, or its fate unknown, no other lead that
//! shares the number is called. Our own rule. When the other call ends is not known, so the gate asks to be looked at again.

use chrono::TimeDelta;

use super::look::Moment;
use crate::decide::verdict::{Gate, GateReport, Reason};

/// How often it is looked whether the other call has ended.
const RECHECK: TimeDelta = TimeDelta::minutes(1);

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    if moment.snapshot.number_busy && !moment.look.assume_cleared {
        return GateReport::defer(Gate::NumberBusy, Reason::NumberBusy, moment.now + RECHECK);
    }
    GateReport::pass(Gate::NumberBusy)
}
