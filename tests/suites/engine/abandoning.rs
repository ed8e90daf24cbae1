//! The abandon guard (GATE-10): a campaign is throttled to its agents before too many people are left alone on the line; one that
//! does not say how many there are waits when the share is used up.

use anyhow::Context as _;
use callwright_engine::decide::abandonment::{Abandonment, PERCENT, period};
use callwright_engine::decide::verdict::Gate;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::engine::EnrollRequest;
use callwright_engine::flow::session::{Conversation, Effect};
use callwright_engine::id::{AttemptId, CampaignId, LeadId};
use callwright_engine::store::campaign;
use chrono::TimeDelta;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::facts::{no_answer, said, talk};
use crate::fake::Fake;
use crate::given::World;
use crate::on_both;

/// A call in which somebody was to be handed over.
fn handed_over(result: &str, after_ms: Option<u32>) -> Conversation {
    let result = Some(result.to_owned());
    let effect = Effect::Transfer { target: "agent".to_owned(), result, after_ms };
    said(Outcome::Answered, "transferred", vec![effect])
}

impl World {
    async fn with_agents(&self, agents: Option<u32>) -> anyhow::Result<CampaignId> {
        self.campaign("handing-over", |campaign| campaign.pacing.agents = agents).await
    }

    /// New people of a campaign who are due now.
    async fn people(&self, campaign: CampaignId, from: usize, count: usize) -> anyhow::Result<Vec<LeadId>> {
        let mut leads = Vec::new();
        for n in from..from + count {
            let lead = self.lead(&format!("+1202456{n:04}")).await?;
            let request = EnrollRequest { campaign_id: campaign, ..self.request(lead, "welcome") };
            assert!(self.try_enroll(request).await?.is_ok());
            leads.push(lead);
        }
        self.plan().await?;
        Ok(leads)
    }

    /// Claims and places what may go now.
    async fn go(&self, provider: &Fake) -> anyhow::Result<Vec<AttemptId>> {
        let claimed = self.claim(provider).await?.requests;
        let ids = claimed.iter().map(|request| request.attempt_id).collect();
        self.place(provider, claimed).await?;
        Ok(ids)
    }

    async fn abandonment(&self, id: CampaignId) -> anyhow::Result<Abandonment> {
        let mut tx = self.engine.db.begin_read().await?;
        let campaign = campaign::find(&mut tx, id).await?.context("the campaign")?;
        let today = self.now().date_naive();
        let (begins, _) = period(campaign.created_at, today);
        let usage = campaign::usage(&mut tx, &[(id, today, begins)]).await?.remove(&id).unwrap_or_default();
        Ok(Abandonment { answered: usage.answered, abandoned: usage.abandoned })
    }
}

on_both! {
    async fn a_campaign_is_throttled_to_its_agents_before_the_share_is_reached(db) {
        let world = World::open(db).await?;
        let campaign = world.with_agents(Some(1)).await?;
        let provider = Fake::default();
        world.people(campaign, 1000, 8).await?;
        let first = world.go(&provider).await?;
        assert_eq!(first.len(), 3, "as many as could all be abandoned");
        assert!(world.go(&provider).await?.is_empty());
        for attempt in &first {
            world.record(talk(*attempt, world.now(), handed_over("no_answer", None))).await?;
        }
        assert_eq!(world.abandonment(campaign).await?, Abandonment { answered: 3, abandoned: 3 });
        assert_eq!(world.engine.metrics.abandoned_calls.get(), 3);
        world.pass(TimeDelta::minutes(2));
        let second = world.go(&provider).await?;
        assert_eq!(second.len(), 1, "the one agent");
        world.record(talk(second[0], world.now(), handed_over("bridged", Some(900)))).await?;
        world.pass(TimeDelta::minutes(2));
        assert_eq!(world.go(&provider).await?.len(), 1, "the next when the agent is free");
    }

    async fn without_agents_calls_wait_when_the_share_is_used_up(db) {
        let world = World::open(db).await?;
        let campaign = world.with_agents(None).await?;
        let provider = Fake::default();
        world.people(campaign, 1000, 3).await?;
        let first = world.go(&provider).await?;
        assert_eq!(first.len(), 3);
        let how = [handed_over("busy", None), handed_over("bridged", Some(2_001)), handed_over("failed", Some(10))];
        for (attempt, conversation) in first.iter().zip(how) {
            world.record(talk(*attempt, world.now(), conversation)).await?;
        }
        assert_eq!(world.abandonment(campaign).await?.abandoned, 3, "one of them was bridged too late");
        let late = world.people(campaign, 2000, 1).await?;
        assert!(world.go(&provider).await?.is_empty());
        let why = world.engine.why(late[0], None).await?;
        let kept = why.decisions.first().context("a decision")?;
        assert_eq!((kept.verdict.as_str(), kept.reason.as_str()), ("defer", "abandon-share"));
        let report = why.enrollments[0].gates.iter().find(|report| report.gate == Gate::AbandonGuard).context("the gate")?;
        assert!(report.facts.contains("3 of 3 answered calls were abandoned") && report.facts.contains("limits.agents"), "{report:?}");
        // Somebody says how many there are.
        let mut tx = world.engine.db.begin().await?;
        campaign::update(&mut tx, campaign, world.now(), |campaign| campaign.pacing.agents = Some(2)).await?;
        tx.commit().await?;
        world.pass(TimeDelta::minutes(16));
        world.plan().await?;
        assert_eq!(world.go(&provider).await?.len(), 1);
    }

    async fn the_next_thirty_days_begin_anew(db) {
        let world = World::open(db).await?;
        let campaign = world.with_agents(None).await?;
        let provider = Fake::default();
        world.people(campaign, 1000, 3).await?;
        for attempt in world.go(&provider).await? {
            world.record(talk(attempt, world.now(), handed_over("no_answer", None))).await?;
        }
        world.pass(TimeDelta::days(29));
        assert_eq!(world.abandonment(campaign).await?.abandoned, 3);
        world.pass(TimeDelta::days(1));
        assert_eq!(world.abandonment(campaign).await?, Abandonment::default());
    }

    async fn flows_that_hand_nobody_over_are_not_touched(db) {
        let world = World::open(db).await?;
        let campaign = world.with_agents(None).await?;
        let provider = Fake::default();
        world.people(campaign, 1000, 6).await?;
        for attempt in world.go(&provider).await? {
            world.record(talk(attempt, world.now(), said(Outcome::Answered, "declined", Vec::new()))).await?;
        }
        assert_eq!(world.abandonment(campaign).await?, Abandonment { answered: 6, abandoned: 0 });
        world.people(campaign, 2000, 6).await?;
        assert_eq!(world.go(&provider).await?.len(), 6);
    }

    async fn a_call_counts_once_however_often_it_is_told(db) {
        let world = World::open(db).await?;
        let campaign = world.with_agents(Some(5)).await?;
        let provider = Fake::default();
        world.people(campaign, 1000, 2).await?;
        let calls = world.go(&provider).await?;
        let told = talk(calls[0], world.now(), handed_over("no_answer", None));
        world.record(told.clone()).await?;
        world.record(told).await?;
        world.record(no_answer(calls[1], world.now())).await?;
        assert_eq!(world.abandonment(campaign).await?, Abandonment { answered: 1, abandoned: 1 });
    }
}

/// Many calls to whom anything may happen: nobody comes whenever no agent is free, and often enough when one is not needed.
#[tokio::test]
async fn whatever_becomes_of_the_calls_the_share_is_kept() -> anyhow::Result<()> {
    const AGENTS: u32 = 2;
    let world = World::open(callwright_tests::TestDb::sqlite().await?).await?;
    let campaign = world.with_agents(Some(AGENTS)).await?;
    let provider = Fake::default();
    let mut dice = SmallRng::seed_from_u64(10);
    let mut live: Vec<AttemptId> = Vec::new();
    world.people(campaign, 1000, 100).await?;
    world.people(campaign, 3000, 100).await?;
    for _ in 0..400 {
        live.extend(world.go(&provider).await?);
        let Some(which) = (!live.is_empty()).then(|| dice.random_range(0..live.len())) else { break };
        let has_agent = live.len() <= AGENTS as usize;
        let call = live.swap_remove(which);
        let how = match dice.random_range(0..4) {
            0 => said(Outcome::Answered, "declined", Vec::new()),
            _ if has_agent => handed_over("bridged", Some(1_200)),
            _ => handed_over("no_answer", None),
        };
        world.record(talk(call, world.now(), how)).await?;
        let Abandonment { answered, abandoned } = world.abandonment(campaign).await?;
        let allowed = PERCENT * u64::from(answered.max(100));
        assert!(100 * u64::from(abandoned) <= allowed, "{abandoned} of {answered}");
        world.pass(TimeDelta::seconds(45));
    }
    let seen = world.abandonment(campaign).await?;
    assert!(seen.answered > 100 && seen.abandoned >= 3, "{seen:?}");
    Ok(())
}
