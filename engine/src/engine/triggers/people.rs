//! A batch of people a trigger may concern, loaded with a fixed number of statements, and what is decided about each.

use std::collections::HashMap;

use super::desk::Desk;
use crate::clock::Instant;
use crate::decide::eligibility::{Candidate, Grounds, Promised, Skip, judge};
use crate::decide::score::ValueClass;
use crate::domain::purchase::{Interest, Purchase};
use crate::domain::trigger::Trigger;
use crate::engine::EngineError;
use crate::id::LeadId;
use crate::money::Money;
use crate::store::walk::{self, LeadOnFile};
use crate::store::{Tx, audience, interest, purchase};

#[derive(Debug)]
pub(super) struct People {
    /// In the order of leads.
    pub leads: Vec<LeadOnFile>,
    purchases: HashMap<LeadId, Vec<Purchase>>,
    interests: HashMap<LeadId, Vec<Interest>>,
    promised: HashMap<LeadId, Promised>,
    worth: HashMap<LeadId, Vec<Money>>,
}

/// One person, judged.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub lead: &'a LeadOnFile,
    pub answer: Result<Grounds<'a>, Skip>,
    pub worth: ValueClass,
}

impl People {
    pub async fn load(
        tx: &mut Tx,
        trigger: &Trigger,
        desk: &Desk,
        leads: &[LeadId],
        now: Instant,
    ) -> Result<Self, EngineError> {
        let products = desk.product_ids();
        let mut on_file = walk::leads(tx, leads).await?;
        on_file.sort_unstable_by_key(|lead| lead.id);
        let mut people = Self {
            leads: on_file,
            purchases: HashMap::with_capacity(leads.len()),
            interests: HashMap::new(),
            promised: HashMap::new(),
            worth: HashMap::with_capacity(leads.len()),
        };
        for bought in purchase::of_products(tx, leads, &products).await? {
            people.purchases.entry(bought.lead_id).or_default().push(bought);
        }
        if audience::counts_waiting(trigger.kind) {
            for waits in interest::among(tx, leads, &products).await? {
                people.interests.entry(waits.lead_id).or_default().push(waits);
            }
        }
        for (lead, price) in audience::promised(tx, trigger, leads, now).await? {
            people
                .promised
                .entry(lead)
                .and_modify(|known| *known = lower(*known, price))
                .or_insert(Promised { price });
        }
        for (lead, paid) in purchase::worth(tx, leads).await? {
            people.worth.entry(lead).or_default().push(paid);
        }
        Ok(people)
    }

    /// What is decided about each.
    pub fn judge<'a>(&'a self, trigger: &Trigger, desk: &Desk, now: Instant) -> Vec<Judged<'a>> {
        let question = desk.question(trigger, now);
        let minds_tags = !trigger.terms.exclude_tags.is_empty();
        let of_lead = |lead: &'a LeadOnFile| {
            let bought: Vec<&Purchase> = self.purchases.get(&lead.id).into_iter().flatten().collect();
            let waits: Vec<&Interest> = self.interests.get(&lead.id).into_iter().flatten().collect();
            // Seldom asked for: not read otherwise.
            let tags: Vec<String> =
                if minds_tags { serde_json::from_str(&lead.tags).unwrap_or_default() } else { Vec::new() };
            let candidate = Candidate {
                status: lead.status,
                do_not_call: lead.do_not_call,
                has_number: lead.phone.is_some() && lead.phone_invalid.is_none(),
                tags: &tags,
                purchases: &bought,
                interests: &waits,
                promised: self.promised.get(&lead.id).copied(),
            };
            let answer = judge(question, candidate);
            let paid = self.worth.get(&lead.id).map_or(&[][..], Vec::as_slice);
            Judged { lead, answer, worth: desk.worth(paid) }
        };
        self.leads.iter().map(of_lead).collect()
    }
}

/// Of two promises the one that is harder to beat.
fn lower(known: Promised, price: Option<Money>) -> Promised {
    match (known.price, price) {
        (Some(one), Some(other)) => Promised { price: one.min(other).ok().or(Some(one)) },
        (one, other) => Promised { price: one.or(other) },
    }
}
