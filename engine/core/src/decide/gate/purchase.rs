//! Protects people from calls about something they did not buy, or gave back since (GATE-11). The customer's own rule: a price-drop
//! or restock call rests on a purchase, which is looked at again before each call. When it does not count any more, the gate stops.
//! Who waits for a product needs no purchase, and other calls rest on none. And nobody is called
//! about an offer that is over or withdrawn, nor sent a message about it.

use super::look::Moment;
use crate::decide::snapshot::{OfferFact, PurchaseFact};
use crate::decide::verdict::{Gate, GateReport, Reason};

pub(super) fn check(moment: &Moment<'_>) -> GateReport {
    match moment.snapshot.offer {
        OfferFact::HoldsUntil(end) if end <= moment.now => {
            let facts = moment.facts(|| format!("the offer ended at {end}"));
            return GateReport::stop(Gate::Purchase, Reason::OfferOver).because(facts);
        }
        OfferFact::Withdrawn => {
            let facts = moment.facts(|| "its trigger was cancelled".to_owned());
            return GateReport::stop(Gate::Purchase, Reason::OfferWithdrawn).because(facts);
        }
        OfferFact::NotPromised | OfferFact::HoldsUntil(_) => {}
    }
    match moment.snapshot.purchase {
        PurchaseFact::NotNeeded | PurchaseFact::Counts => GateReport::pass(Gate::Purchase),
        PurchaseFact::Gone => GateReport::stop(Gate::Purchase, Reason::PurchaseGone).because(
            moment.facts(|| "the purchase is not verified, given back in full, or not on file".to_owned()),
        ),
    }
}
