//! Protects people who said no. The person's own rule (GATE-1): the lead's do-not-call flag, and the status opted-out,
//! which absorbs every other. Needs only the lead, which is always there.

use super::look::Moment;
use crate::decide::verdict::{Gate, GateReport, Reason};
use crate::domain::lead::LeadStatus;

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    let lead = &moment.snapshot.lead;
    if lead.status == LeadStatus::OptedOut {
        return GateReport::stop(Gate::LeadStatus, Reason::OptedOut);
    }
    if lead.do_not_call {
        return GateReport::stop(Gate::LeadStatus, Reason::DoNotCall);
    }
    GateReport::pass(Gate::LeadStatus)
}
