//! Snapshots for a batch of enrollments, loaded with a fixed number of queries whatever the batch size.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};

use chrono::TimeDelta;

use super::versions::Version;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::abandonment::{self, Abandonment};
use crate::decide::protocol::again::holds_number;
use crate::decide::snapshot::{
    CampaignFacts, ConsentFact, Intent, LeadFacts, OfferFact, PhoneFacts, PurchaseFact, Snapshot,
    SuppressionFact,
};
use crate::definitions::model::cadence::Limits;
use crate::domain::campaign::Campaign;
use crate::domain::emergency::EmergencyStop;
use crate::domain::purchase::Purchase;
use crate::domain::registry::RegistryList;
use crate::id::{CampaignId, LeadId, PurchaseId, TriggerId};
use crate::phone::number::PhoneNumber;
use crate::rules::Jurisdiction;
use crate::store::campaign::Usage;
use crate::store::walk::{LeadOnFile, Walk};
use crate::store::{Tx, campaign, gate_facts, purchase, trigger};
use crate::time::preferred::PreferredTime;
use crate::time::zone::Zone;

/// Caps look back this far at most: the longest legal window is 30 days.
const CAPS_HORIZON: TimeDelta = TimeDelta::days(31);

/// Everything the gates may ask about the leads of one batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub campaigns: HashMap<CampaignId, Arc<CampaignFacts>>,
    suppressions: HashMap<String, Vec<SuppressionFact>>,
    /// Numbers whose owner was erased, and when.
    erased: HashMap<String, Instant>,
    /// Each with the one number it is for, if it is.
    consents: HashMap<LeadId, Vec<(Option<String>, ConsentFact)>>,
    /// Each with the number it was to.
    intents_by_lead: HashMap<LeadId, Vec<(String, Intent)>>,
    intents_by_number: HashMap<String, Vec<(LeadId, Intent)>>,
    intents_by_account: HashMap<String, Vec<Intent>>,
    held: HashSet<String>,
    emergency_stops: Arc<[EmergencyStop]>,
    registries: Arc<[RegistryList]>,
    /// Purchases that calls of the batch rest on, and that count.
    purchases: HashSet<PurchaseId>,
    /// Triggers of the batch that were cancelled.
    withdrawn: HashSet<TriggerId>,
}

/// Parsed forms of texts that repeat over millions of leads.
#[derive(Debug, Default)]
pub(super) struct Interned {
    zones: RwLock<HashMap<String, Arc<[Zone]>>>,
    jurisdictions: RwLock<HashMap<String, Arc<[Jurisdiction]>>>,
    preferred: RwLock<HashMap<String, Arc<PreferredTime>>>,
}

impl Batch {
    /// Loads what is on file now. Take number locks first when the answer must hold until the commit.
    pub async fn load(
        engine: &Engine,
        tx: &mut Tx,
        walks: &[Walk],
        now: Instant,
    ) -> Result<Self, EngineError> {
        let mut batch = Self { campaigns: campaigns(tx, walks, now).await?, ..Self::default() };
        let rests_on = distinct(walks.iter().filter_map(purchase_of));
        if !rests_on.is_empty() {
            let found = purchase::find_many(tx, &rests_on).await?;
            batch.purchases = found.into_iter().filter(Purchase::counts).map(|bought| bought.id).collect();
        }
        let raised_by =
            distinct(walks.iter().filter(|walk| walk.enrollment.placed == 0).filter_map(trigger_of));
        if !raised_by.is_empty() {
            batch.withdrawn = trigger::withdrawn(tx, &raised_by).await?.into_iter().collect();
        }
        let leads: Vec<(LeadId, Option<&str>)> =
            distinct(walks.iter().map(|walk| (walk.lead.id, walk.lead.phone.as_deref())));
        let accounts: Vec<&str> = distinct(walks.iter().filter_map(|walk| walk.lead.account_id.as_deref()));
        let on_file = gate_facts::of(tx, &leads, &accounts, now - CAPS_HORIZON).await?;
        for entry in on_file.suppressions {
            let fact = SuppressionFact {
                source: entry.source,
                campaign_id: entry.campaign_id,
                reason: entry.reason,
                created_at: entry.created_at,
                expires_at: entry.expires_at,
            };
            batch.suppressions.entry(entry.number).or_default().push(fact);
        }
        for (number, at) in on_file.erased {
            let since = batch.erased.entry(number).or_insert(at);
            *since = at.min(*since);
        }
        // Whoever is on a registry's list is suppressed like anybody else.
        for (number, list) in on_file.listed {
            if let Some(list) = on_file.lists.iter().find(|each| each.id == list) {
                batch.suppressions.entry(number).or_default().push(SuppressionFact::listed(list));
            }
        }
        batch.registries = on_file.lists.into();
        batch.emergency_stops = on_file.emergency_stops.into();
        for entry in on_file.consents {
            let fact = ConsentFact {
                id: entry.id,
                purpose: entry.purpose,
                form: entry.form,
                granted_at: entry.granted_at,
                revoked_at: entry.revoked_at,
            };
            batch.consents.entry(entry.lead_id).or_default().push((entry.number, fact));
        }
        for counted in on_file.intents {
            let intent =
                Intent { at: counted.at, campaign_id: counted.campaign_id, to_lead: true, to_number: false };
            batch.intents_by_lead.entry(counted.lead_id).or_default().push((counted.number.clone(), intent));
            let is_held = holds_number(counted.state, counted.at, now) && engine.safeguards.number_lock;
            if is_held {
                batch.held.insert(counted.number.clone());
            }
            batch.intents_by_number.entry(counted.number).or_default().push((counted.lead_id, intent));
        }
        for (account, at, campaign_id) in on_file.of_accounts {
            let intent = Intent { at, campaign_id, to_lead: false, to_number: false };
            batch.intents_by_account.entry(account).or_default().push(intent);
        }
        for intents in batch.intents_by_account.values_mut() {
            intents.sort_unstable_by_key(|intent| std::cmp::Reverse(intent.at));
        }
        Ok(batch)
    }

    /// The gates' view of one enrollment.
    pub fn snapshot(&self, engine: &Engine, walk: &Walk, version: &Version) -> Result<Snapshot, EngineError> {
        let cadence = &version.bundle.cadence;
        Ok(Snapshot {
            cadence_hours: version.hours.clone(),
            cadence_limits: cadence.limits,
            cadence_caps: Arc::clone(&cadence.caps),
            ..self.of_lead(engine, walk)?
        })
    }

    /// The same without a cadence's own hours and limits.
    pub fn of_lead(&self, engine: &Engine, walk: &Walk) -> Result<Snapshot, EngineError> {
        let lead = &walk.lead;
        let number = lead.phone.as_deref();
        Ok(Snapshot {
            lead: LeadFacts {
                id: lead.id,
                status: lead.status,
                do_not_call: lead.do_not_call,
                preferred: engine.interned.preferred(lead)?,
            },
            phone: engine.interned.phone(lead)?,
            suppressions: number.and_then(|n| self.suppressions.get(n)).cloned().unwrap_or_default(),
            consents: self.consents(lead.id, number),
            campaign: self.campaigns.get(&walk.enrollment.campaign_id).cloned(),
            intents: self.intents(lead.id, number),
            placed: walk.enrollment.placed,
            number_busy: number.is_some_and(|n| self.held.contains(n)),
            purchase: match purchase_of(walk) {
                None => PurchaseFact::NotNeeded,
                Some(id) if self.purchases.contains(&id) => PurchaseFact::Counts,
                Some(_) => PurchaseFact::Gone,
            },
            offer: self.offer(walk),
            enrollment_id: Some(walk.enrollment.id),
            cadence_hours: None,
            cadence_limits: Limits::default(),
            cadence_caps: Arc::default(),
            account: self.of_account(lead),
            promised: walk.enrollment.position.promised,
            emergency_stops: Arc::clone(&self.emergency_stops),
            registries: Arc::clone(&self.registries),
            erased_at: number.and_then(|n| self.erased.get(n)).copied(),
        })
    }

    fn offer(&self, walk: &Walk) -> OfferFact {
        let Some(trigger) = trigger_of(walk) else { return OfferFact::NotPromised };
        // Whoever was called knows of the offer, and may hear of it again.
        if walk.enrollment.placed == 0 && self.withdrawn.contains(&trigger) {
            return OfferFact::Withdrawn;
        }
        offer_ends(walk).map_or(OfferFact::NotPromised, OfferFact::HoldsUntil)
    }

    /// The lead's consents that hold for `number`.
    pub fn consents(&self, lead: LeadId, number: Option<&str>) -> Vec<ConsentFact> {
        let known = self.consents.get(&lead).into_iter().flatten();
        let holds = |only: &Option<String>| only.is_none() || only.as_deref() == number;
        known.filter(|(only, _)| holds(only)).map(|(_, fact)| fact.clone()).collect()
    }

    fn of_account(&self, lead: &LeadOnFile) -> Option<Vec<Intent>> {
        let account = lead.account_id.as_deref()?;
        Some(self.intents_by_account.get(account).cloned().unwrap_or_default())
    }

    /// Intents of the lead, whatever number, and of the number, whatever lead; newest first, each once.
    fn intents(&self, lead: LeadId, number: Option<&str>) -> Vec<Intent> {
        let own = self.intents_by_lead.get(&lead).into_iter().flatten();
        let mut intents: Vec<Intent> =
            own.map(|(to, intent)| Intent { to_number: number == Some(to.as_str()), ..*intent }).collect();
        let others = number.and_then(|number| self.intents_by_number.get(number)).into_iter().flatten();
        intents.extend(others.filter(|(other, _)| *other != lead).map(|(_, intent)| Intent {
            to_lead: false,
            to_number: true,
            ..*intent
        }));
        intents.sort_unstable_by_key(|intent| std::cmp::Reverse(intent.at));
        intents
    }

    pub fn campaign(&self, id: CampaignId) -> Option<&Campaign> {
        self.campaigns.get(&id).map(|facts| &facts.campaign)
    }
}

/// The purchase that the calls of an enrollment rest on.
fn purchase_of(walk: &Walk) -> Option<PurchaseId> {
    walk.enrollment.variables.pointer("/trigger/purchaseId")?.as_str()?.parse().ok()
}

/// The trigger that made the enrollment; its follow-ups only know of it.
fn trigger_of(walk: &Walk) -> Option<TriggerId> {
    let named = walk.enrollment.variables.pointer("/trigger/id")?.as_str()?;
    (named == walk.entry_key).then(|| named.parse().ok())?
}

/// When the promise of its trigger ends.
fn offer_ends(walk: &Walk) -> Option<Instant> {
    let of = |pointer| walk.enrollment.variables.pointer(pointer)?.as_str();
    // Enrollments of an older program name the end of the offer only.
    of("/trigger/validUntil").or_else(|| of("/offer/expiresAt"))?.parse().ok()
}

async fn campaigns(
    tx: &mut Tx,
    walks: &[Walk],
    now: Instant,
) -> Result<HashMap<CampaignId, Arc<CampaignFacts>>, EngineError> {
    let ids: Vec<CampaignId> = distinct(walks.iter().map(|walk| walk.enrollment.campaign_id));
    let found = campaign::by_ids(tx, &ids).await?;
    let used = used(tx, &found, now).await?;
    Ok(found
        .into_iter()
        .map(|campaign| {
            let usage = used.get(&campaign.id).copied().unwrap_or_default();
            let (intents_today, abandonment) = (usage.intents_today, abandonment_of(usage));
            (campaign.id, Arc::new(CampaignFacts { campaign, intents_today, abandonment }))
        })
        .collect())
}

/// What campaigns have used up: their own day's intents, and the calls that people answered in their present thirty days.
pub(super) async fn used(
    tx: &mut Tx,
    campaigns: &[Campaign],
    now: Instant,
) -> Result<HashMap<CampaignId, Usage>, EngineError> {
    let days = campaigns.iter().map(|campaign| {
        let (begins, _) = abandonment::period(campaign.created_at, now.date_naive());
        (campaign.id, campaign.zone.local(now).date, begins)
    });
    Ok(campaign::usage(tx, &days.collect::<Vec<_>>()).await?)
}

/// The part of it that the abandon guard looks at.
pub(super) fn abandonment_of(usage: Usage) -> Abandonment {
    Abandonment { answered: usage.answered, abandoned: usage.abandoned }
}

impl Interned {
    pub fn preferred(&self, lead: &LeadOnFile) -> Result<Option<Arc<PreferredTime>>, EngineError> {
        let Some(text) = &lead.preferred else { return Ok(None) };
        intern(&self.preferred, text, || {
            serde_json::from_str(text).map(Arc::new).map_err(|e| bad_lead(lead, "preferred", e))
        })
        .map(Some)
    }

    fn phone(&self, lead: &LeadOnFile) -> Result<PhoneFacts, EngineError> {
        if let Some(reason) = &lead.phone_invalid {
            return Ok(PhoneFacts::Invalid(reason.clone()));
        }
        let Some(number) = &lead.phone else { return Ok(PhoneFacts::None) };
        Ok(PhoneFacts::Callable {
            number: PhoneNumber::e164_only(number).map_err(|e| bad_lead(lead, "phone", e))?,
            zones: self.zones(lead)?,
            jurisdictions: self.jurisdictions(lead)?,
        })
    }

    /// Candidate zones of a lead's number.
    pub fn zones(&self, lead: &LeadOnFile) -> Result<Arc<[Zone]>, EngineError> {
        self.zones_in(&lead.phone_zones, lead.id)
    }

    /// Zones from their stored text; `id` is whose it is.
    pub fn zones_in(&self, text: &str, id: impl ToString + Copy) -> Result<Arc<[Zone]>, EngineError> {
        intern(&self.zones, text, || {
            let names: Vec<String> = serde_json::from_str(text).map_err(|e| bad(id, "phone_zones", e))?;
            let zones = names.iter().map(|name| Zone::find(name)).collect::<Result<Vec<_>, _>>();
            zones.map(Arc::from).map_err(|e| bad(id, "phone_zones", e))
        })
    }

    pub fn jurisdictions(&self, lead: &LeadOnFile) -> Result<Arc<[Jurisdiction]>, EngineError> {
        self.jurisdictions_in(&lead.phone_jurisdictions, lead.id)
    }

    /// The same from their stored text.
    pub fn jurisdictions_in(
        &self,
        text: &str,
        id: impl ToString + Copy,
    ) -> Result<Arc<[Jurisdiction]>, EngineError> {
        intern(&self.jurisdictions, text, || {
            let parsed: Vec<Jurisdiction> =
                serde_json::from_str(text).map_err(|e| bad(id, "phone_jurisdictions", e))?;
            Ok(Arc::from(parsed))
        })
    }
}

fn intern<T: Clone>(
    cache: &RwLock<HashMap<String, T>>,
    text: &str,
    parse: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    if let Some(known) = cache.read().ok().and_then(|cache| cache.get(text).cloned()) {
        return Ok(known);
    }
    let parsed = parse()?;
    if let Ok(mut cache) = cache.write() {
        cache.insert(text.to_owned(), parsed.clone());
    }
    Ok(parsed)
}

fn bad_lead(lead: &LeadOnFile, column: &'static str, problem: impl ToString) -> EngineError {
    bad(lead.id, column, problem)
}

fn bad(id: impl ToString, column: &'static str, problem: impl ToString) -> EngineError {
    crate::store::StoreError::bad_row("leads", column, id, problem).into()
}

/// Values in order, each once.
pub(super) fn distinct<T: Ord + Clone>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = values.collect();
    all.sort_unstable();
    all.dedup();
    all
}
