//! Which planned attempts pacing lets go now, fairly between campaigns: the limits of campaigns, caller numbers and the
//! provider, with what all workers have under way (ENG-6).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Engine, EngineError};
use crate::clock::{Instant, steady_now};
use crate::decide::pacing::{self, Lane, Load, Shared, Waiting};
use crate::domain::campaign::{Campaign, Pacing};
use crate::id::CampaignId;
use crate::provider::Provider;
use crate::store::attempt::Candidate;
use crate::store::intent::{CampaignLoad, UnderWay};
use crate::store::pacing_counter::{self, Counted, Scope};
use crate::store::{Tx, attempt, campaign, intent};

/// What pacing lets go.
#[derive(Debug)]
pub(super) struct Picked {
    /// With the number that each is to show.
    pub calls: Vec<(Candidate, Option<String>)>,
    /// When pacing allows the next one, if it held some back.
    pub again_at: Option<Instant>,
    /// Counters that this transaction holds: intents within their limits are to be counted.
    pub limited: Vec<Scope>,
    /// The instant of the claim,
    pub now: Instant,
    /// and the same by the steady clock.
    pub steady: std::time::Instant,
}

impl Engine {
    pub(super) async fn pick(
        &self,
        tx: &mut Tx,
        limit: u32,
        provider: &dyn Provider,
        now: Instant,
    ) -> Result<Picked, EngineError> {
        let steady = steady_now();
        let campaigns = campaign::with_planned(tx, now).await?;
        if campaigns.is_empty() {
            return Ok(Picked { calls: Vec::new(), again_at: None, limited: Vec::new(), now, steady });
        }
        let limited = limited(&campaigns, provider);
        let counted = pacing_counter::lock(tx, &limited, now.date_naive()).await?;
        // Waiting for another worker's claim takes time, and limits are about when calls really go.
        let steady = if limited.is_empty() { steady } else { steady_now() };
        let now = if limited.is_empty() { now } else { self.time.now(tx).await? };
        let ids: Vec<CampaignId> = campaigns.iter().map(|campaign| campaign.id).collect();
        let candidates = attempt::candidates(tx, &ids, now, limit).await?;
        let lanes = lanes(tx, &campaigns, now).await?;
        let shared = shared(tx, &limited, &counted, provider, now).await?;
        let waiting: Vec<Waiting> = candidates
            .iter()
            .enumerate()
            .map(|(index, candidate)| Waiting {
                index,
                campaign: candidate.campaign_id,
                priority: candidate.priority,
                due_at: candidate.due_at,
            })
            .collect();
        let picked = pacing::pick(&lanes, &shared, &waiting, limit as usize, now);
        let again_at = picked.again_at;
        let calls =
            picked.picks.into_iter().map(|pick| (candidates[pick.index].clone(), pick.caller)).collect();
        Ok(Picked { calls, again_at, limited, now, steady })
    }
}

/// Everything whose calls are counted, in one order.
fn limited(campaigns: &[Campaign], provider: &dyn Provider) -> Vec<Scope> {
    let has_limits = |limits: &Pacing| *limits != Pacing::default();
    let mut scopes = BTreeSet::new();
    for campaign in campaigns {
        if has_limits(&campaign.pacing) {
            scopes.insert(Scope::Campaign(campaign.id));
        }
        // Several numbers take turns: their counters say which was used longest ago.
        if has_limits(&campaign.caller_pacing) || campaign.caller_ids.len() > 1 {
            scopes.extend(campaign.caller_ids.iter().cloned().map(Scope::Caller));
        }
    }
    if has_limits(&provider.limits()) {
        scopes.insert(Scope::Provider(provider.name().to_owned()));
    }
    scopes.into_iter().collect()
}

async fn lanes(tx: &mut Tx, campaigns: &[Campaign], now: Instant) -> Result<Vec<Lane>, EngineError> {
    let ids: Vec<CampaignId> = campaigns.iter().map(|campaign| campaign.id).collect();
    let rated = |campaign: &&Campaign| campaign.pacing.calls_per_second.is_some();
    let rated: Vec<CampaignId> = campaigns.iter().filter(rated).map(|campaign| campaign.id).collect();
    let loads: HashMap<CampaignId, CampaignLoad> =
        intent::campaign_load(tx, &ids, &rated, now - pacing::LOOK_BACK)
            .await?
            .into_iter()
            .map(|load| (load.campaign_id, load))
            .collect();
    let days: Vec<_> =
        campaigns.iter().map(|campaign| (campaign.id, campaign.zone.local(now).date)).collect();
    let today: HashMap<CampaignId, u32> = campaign::intents_today(tx, &days).await?.into_iter().collect();
    let lane = |campaign: &Campaign| {
        let load = loads.get(&campaign.id);
        Lane {
            campaign: campaign.id,
            limits: campaign.pacing.clone(),
            load: Load {
                live: load.map_or(0, |load| load.live),
                last_intent: load.and_then(|load| load.last_intent),
                recent: load.map(|load| load.recent.clone()).unwrap_or_default(),
                intents_today: today.get(&campaign.id).copied().unwrap_or(0),
            },
            callers: campaign.caller_ids.clone(),
            caller_limits: campaign.caller_pacing.clone(),
        }
    };
    Ok(campaigns.iter().map(lane).collect())
}

/// What was asked lately of caller numbers and the provider, if they have limits.
async fn shared(
    tx: &mut Tx,
    limited: &[Scope],
    counted: &[Counted],
    provider: &dyn Provider,
    now: Instant,
) -> Result<Shared, EngineError> {
    let mut shared = Shared { provider_limits: provider.limits(), ..Shared::default() };
    let is_shared = |scope: &Scope| !matches!(scope, Scope::Campaign(_));
    if !limited.iter().any(is_shared) {
        return Ok(shared);
    }
    let under_way = intent::under_way(tx, now - pacing::LOOK_BACK).await?;
    let load = |counted: &Counted, is_ours: &dyn Fn(&UnderWay) -> bool| {
        let ours: Vec<&UnderWay> = under_way.iter().filter(|call| is_ours(call)).collect();
        Load {
            live: ours.iter().filter(|call| call.live).count() as u32,
            last_intent: counted.last_intent,
            recent: ours.iter().map(|call| call.at).collect(),
            intents_today: counted.intents_today,
        }
    };
    let mut callers = BTreeMap::new();
    for (scope, counted) in limited.iter().zip(counted) {
        match scope {
            Scope::Campaign(_) => {}
            Scope::Caller(number) => {
                let load = load(counted, &|call| call.caller.as_ref() == Some(number));
                callers.insert(number.clone(), load);
            }
            Scope::Provider(name) => {
                shared.provider = load(counted, &|call| call.provider.as_ref() == Some(name));
            }
        }
    }
    Ok(Shared { callers, ..shared })
}
