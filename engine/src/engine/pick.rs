//! Which planned attempts pacing lets go now, fairly between campaigns: the limits of campaigns, caller numbers and the
//! provider, with what all workers have under way (ENG-6).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Days, TimeDelta};

use super::batch::{abandonment_of, used};
use super::claim::Wanting;
use super::{Engine, EngineError};
use crate::clock::Instant;
use crate::decide::gate;
use crate::decide::pacing::{self, Lane, Load, Picking, Shared, Waiting, Wanted};
use crate::domain::campaign::{Campaign, Pacing};
use crate::id::CampaignId;
use crate::provider::Provider;
use crate::store::attempt::{Candidate, Range};
use crate::store::campaign::WithPlanned;
use crate::store::intent::{CampaignLoad, LoadOf};
use crate::store::pacing_counter::{self, Counted, Scope};
use crate::store::{Tx, attempt, campaign, emergency_stop, intent};

/// What pacing lets go.
#[derive(Debug, Default)]
pub(super) struct Picked {
    pub calls: Vec<PickedCall>,
    /// When pacing allows the next one, if it held some back.
    pub again_at: Option<Instant>,
    /// There may be more that could go now.
    pub has_more: bool,
    /// Counters that this transaction holds: intents within their limits are to be counted.
    pub limited: Vec<Scope>,
}

/// A call that may go, its attempt locked.
#[derive(Debug)]
pub(super) struct PickedCall {
    pub candidate: Candidate,
    /// The number that it is to show.
    pub caller: Option<String>,
    /// How long after the claim the provider may be asked, if pacing depends on it.
    pub send_within: Option<TimeDelta>,
}

impl Engine {
    /// Waits for other workers in one place only: for whoever draws on the same limits, who does not wait for rows. Everything
    /// after that is passed over when somebody holds it.
    pub(super) async fn pick(
        &self,
        tx: &mut Tx,
        wanting: Wanting<'_>,
        now: Instant,
    ) -> Result<Picked, EngineError> {
        let Wanting { limit, provider, .. } = wanting;
        let planned = campaign::with_planned(tx, now).await?;
        if planned.is_empty() {
            return Ok(Picked::default());
        }
        let limited = limited(&planned, provider);
        let counted = pacing_counter::lock(tx, &limited, now.date_naive()).await?;
        // Waiting for another worker's claim takes time, and limits are about when calls really go.
        let now = if limited.is_empty() { now } else { self.time.now(tx).await? };
        let is_shared = limited.iter().any(|scope| !matches!(scope, Scope::Campaign(_)));
        let planned = throttled(tx, planned, now).await?;
        let lanes = lanes(tx, &planned, is_shared, now).await?;
        let mut shared = shared(tx, &limited, &counted, provider, &planned, now).await?;
        shared.leeway = self.pace().leeway();
        let limit = limit.min(self.pace().batch());
        let mut picking = Picking::new(&lanes, &shared, limit as usize, now);
        let mut candidates: Vec<Candidate> = Vec::new();
        while let Some(wanted) = picking.wanted() {
            let known = candidates.len();
            let ranges: Vec<Range> = wanted.into_iter().map(range).collect();
            candidates.extend(attempt::candidates(tx, &ranges).await?);
            let waiting = |(index, candidate): (usize, &Candidate)| Waiting {
                index,
                campaign: candidate.campaign_id,
                due_at: candidate.due_at,
            };
            let offered: Vec<Waiting> = candidates.iter().enumerate().skip(known).map(waiting).collect();
            picking.offer(&offered);
        }
        let picked = picking.finish();
        let calls = picked.picks.into_iter().map(|pick| PickedCall {
            candidate: candidates[pick.index].clone(),
            caller: pick.caller,
            send_within: pick.send_within,
        });
        let calls = calls.collect();
        Ok(Picked { calls, again_at: picked.again_at, has_more: picked.has_more, limited })
    }
}

fn range(wanted: Wanted) -> Range {
    let Wanted { campaign, priority, after, until, most } = wanted;
    Range { campaign, priority, after, until, most }
}

fn has_limits(limits: &Pacing) -> bool {
    *limits != Pacing::default()
}

/// Everything whose calls are counted, in one order.
fn limited(planned: &[WithPlanned], provider: &dyn Provider) -> Vec<Scope> {
    let mut scopes = BTreeSet::new();
    for WithPlanned { campaign, .. } in planned {
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

/// Campaigns that hand people over to agents, with no more calls at once than leave nobody alone (GATE-10).
async fn throttled(
    tx: &mut Tx,
    mut planned: Vec<WithPlanned>,
    now: Instant,
) -> Result<Vec<WithPlanned>, EngineError> {
    let with_agents =
        planned.iter().map(|planned| &planned.campaign).filter(|one| one.pacing.agents.is_some());
    let with_agents: Vec<Campaign> = with_agents.cloned().collect();
    let used = used(tx, &with_agents, now).await?;
    for WithPlanned { campaign, .. } in &mut planned {
        let Some(agents) = campaign.pacing.agents else { continue };
        let usage = used.get(&campaign.id).copied().unwrap_or_default();
        let lines = abandonment_of(usage).lines(Some(agents));
        let most = campaign.pacing.max_concurrent;
        campaign.pacing.max_concurrent = [lines, most].into_iter().flatten().min();
    }
    Ok(planned)
}

/// `is_shared`: is there a limit that several of them draw on?
async fn lanes(
    tx: &mut Tx,
    planned: &[WithPlanned],
    is_shared: bool,
    now: Instant,
) -> Result<Vec<Lane>, EngineError> {
    let ids = |is_asked: &dyn Fn(&Pacing) -> bool| -> Vec<CampaignId> {
        let asked = planned.iter().map(|planned| &planned.campaign).filter(|found| is_asked(&found.pacing));
        asked.map(|campaign| campaign.id).collect()
    };
    // A campaign that is alone need not take turns.
    let is_alone = planned.len() == 1;
    let of = LoadOf {
        campaigns: &ids(&|limits| !is_alone || has_limits(limits)),
        latest: if is_shared { pacing::REMEMBERED } else { 1 },
        lines: &ids(&|limits| limits.max_concurrent.is_some()),
        rated: &ids(&|limits| limits.calls_per_second.is_some()),
        since: now - pacing::LOOK_BACK,
    };
    let mut loads: HashMap<CampaignId, CampaignLoad> = intent::campaign_load(tx, of).await?;
    let day = |campaign: &Campaign| (campaign.id, campaign.zone.local(now).date);
    let counted = planned.iter().map(|planned| &planned.campaign);
    let days: Vec<_> = counted.filter(|campaign| campaign.pacing.max_per_day.is_some()).map(day).collect();
    let today: HashMap<CampaignId, u32> = campaign::intents_today(tx, &days).await?.into_iter().collect();
    // A stopped caller number takes no turns; a campaign that has no other is put off by the gate.
    let stops = emergency_stop::in_force(tx).await?;
    let callers = |campaign: &Campaign| -> Vec<String> {
        let all = campaign.caller_ids.iter();
        all.filter(|caller| !gate::caller_is_stopped(caller, &stops)).cloned().collect()
    };
    let lane = |WithPlanned { campaign, oldest }: &WithPlanned| {
        let load = loads.remove(&campaign.id).unwrap_or_default();
        let last_intent = load.latest.first().zip(load.latest_send_by);
        let last_intent = last_intent.map(|(at, send_by)| pacing::counts_from(*at, send_by));
        let recent: Vec<Instant> =
            load.recent.iter().map(|(at, send_by)| pacing::counts_from(*at, *send_by)).collect();
        Lane {
            campaign: campaign.id,
            limits: campaign.pacing.clone(),
            load: Load {
                live: load.live,
                last_intent,
                latest: load.latest,
                recent,
                intents_today: today.get(&campaign.id).copied().unwrap_or(0),
                day_ends: Some(campaign.zone.instant_of(campaign.zone.local(now).date + Days::new(1), 0)),
            },
            callers: callers(campaign),
            caller_limits: campaign.caller_pacing.clone(),
            oldest: *oldest,
            is_closed: gate::campaign_is_closed(campaign, now),
        }
    };
    Ok(planned.iter().map(lane).collect())
}

/// What was asked lately of caller numbers and the provider, if they have limits.
async fn shared(
    tx: &mut Tx,
    limited: &[Scope],
    counted: &[Counted],
    provider: &dyn Provider,
    planned: &[WithPlanned],
    now: Instant,
) -> Result<Shared, EngineError> {
    let mut shared = Shared { provider_limits: provider.limits(), ..Shared::default() };
    let (mut callers, mut ours) = (BTreeMap::<String, Load>::new(), Load::default());
    for (scope, counted) in limited.iter().zip(counted) {
        let (last_intent, intents_today) = (counted.last_intent, counted.intents_today);
        let load = Load { last_intent, intents_today, ..Load::default() };
        match scope {
            Scope::Campaign(_) => {}
            Scope::Caller(number) => drop(callers.insert(number.clone(), load)),
            Scope::Provider(_) => ours = load,
        }
    }
    let any = |is_asked: &dyn Fn(&Pacing) -> bool| {
        is_asked(&shared.provider_limits)
            || planned.iter().any(|planned| is_asked(&planned.campaign.caller_pacing))
    };
    if any(&|limits| limits.calls_per_second.is_some()) {
        for intent in intent::recent_of_all(tx, now - pacing::LOOK_BACK).await? {
            let at = pacing::counts_from(intent.at, intent.send_by);
            if intent.provider.as_deref() == Some(provider.name()) {
                ours.recent.push(at);
            }
            if let Some(load) = intent.caller.as_ref().and_then(|number| callers.get_mut(number)) {
                load.recent.push(at);
            }
        }
    }
    if any(&|limits| limits.max_concurrent.is_some()) {
        for lines in intent::lines_of_all(tx).await? {
            if lines.provider.as_deref() == Some(provider.name()) {
                ours.live += lines.live;
            }
            if let Some(load) = lines.caller.as_ref().and_then(|number| callers.get_mut(number)) {
                load.live += lines.live;
            }
        }
    }
    (shared.provider, shared.callers) = (ours, callers);
    Ok(shared)
}
