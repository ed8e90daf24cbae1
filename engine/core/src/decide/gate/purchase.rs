//! Protects people from calls about something they did not buy, or gave back since (GATE-11). The customer's own rule: a price-drop
//! or restock call rests on a purchase, which is looked at again before each call. When it does not count any more, the gate stops.
//! Who waits for a product needs no purchase, and other calls rest on none. And nobody is called about an offer that is over.

use super::look::Moment;
use crate::decide::snapshot::PurchaseFact;
use crate::decide::verdict::{Gate, GateReport, Reason};

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    if let Some(ended) = moment.snapshot.offer_ends.filter(|end| *end <= moment.now) {
        let facts = moment.facts(|| format!("the offer ended at {ended}"));
        return GateReport::stop(Gate::Purchase, Reason::OfferOver).because(facts);
    }
    match moment.snapshot.purchase {
        PurchaseFact::NotNeeded | PurchaseFact::Counts => GateReport::pass(Gate::Purchase),
        PurchaseFact::Gone => GateReport::stop(Gate::Purchase, Reason::PurchaseGone).because(
            moment.facts(|| "the purchase is not verified, given back in full, or not on file".to_owned()),
        ),
    }
}
