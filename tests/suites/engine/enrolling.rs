//! Enrolling: the version it is pinned to, and every reason for which a lead is not taken.

use callwright_engine::domain::campaign::CampaignStatus;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::engine::EnrollRequest;
use callwright_engine::id::{CampaignId, LeadId};
use chrono::TimeDelta;
use serde_json::json;

use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, library, noon};
use crate::on_both;

const CHOOSY: &str = r#"
cadence: choosy
title: Only for cold leads with an offer
enter: { when: lead.status == "cold" }
variables: { offer: required, product: optional }
steps:
  - id: pause
    wait: 1 day
"#;

/// The reason of a refusal, or `enrolled`.
async fn answer(world: &World, request: EnrollRequest) -> anyhow::Result<String> {
    Ok(world.try_enroll(request).await?.map_or_else(|refusal| refusal.reason, |_| "enrolled".to_owned()))
}

on_both! {
    async fn an_enrollment_is_pinned_to_the_newest_version(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let walk = world.walk(lead).await?;
        let newest = world.engine.library.current().bundle("welcome").map(|bundle| bundle.hash.clone());
        assert_eq!((walk.enrollment.id, Some(walk.enrollment.version)), (enrollment, newest));
        assert_eq!((walk.enrollment.position.step.as_str(), walk.enrollment.due_at), ("first", Some(noon())));
        assert_eq!(world.count(lead, "enrollment.started").await?, 1);
    }

    async fn a_lead_walks_a_cadence_once_at_a_time(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        assert_eq!(answer(&world, world.request(lead, "welcome")).await?, "already-enrolled");
        let other = EnrollRequest { entry_key: "cart-7".to_owned(), ..world.request(lead, "welcome") };
        assert_eq!(answer(&world, other).await?, "enrolled");
    }

    async fn twice_in_one_batch_is_once(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let request = world.request(lead, "welcome");
        let answers = world.engine.enroll(vec![request.clone(), request]).await?;
        let reasons: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(|refusal| refusal.reason.as_str())).collect();
        assert_eq!(reasons, [None, Some("already-enrolled")]);
        assert_eq!(world.walks(lead).await?.len(), 1);
    }

    async fn a_lead_may_come_back_after_the_time_the_cadence_asks(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        world.engine.end_enrollment(enrollment, "done").await?;
        world.pass(TimeDelta::days(29));
        assert_eq!(answer(&world, world.request(lead, "welcome")).await?, "entered-recently");
        world.pass(TimeDelta::days(1));
        assert_eq!(answer(&world, world.request(lead, "welcome")).await?, "enrolled");
    }

    async fn conditions_and_variables_are_asked_at_the_door(db) {
        let world = World::with(db, library(&[CHOOSY])).await?;
        let cold = world.lead(ALICE).await?;
        let customer = NewLead { phone: BOB.into(), status: Some("customer".to_owned()), ..NewLead::default() };
        let customer = world.lead_like(customer).await?;
        let offer = json!({"offer": {"percent": 15}});
        let with_offer = |lead| EnrollRequest { variables: offer.clone(), ..world.request(lead, "choosy") };
        assert_eq!(answer(&world, world.request(cold, "choosy")).await?, "variable-missing");
        assert_eq!(answer(&world, with_offer(customer)).await?, "entry-condition");
        assert_eq!(answer(&world, with_offer(cold)).await?, "enrolled");
        assert_eq!(answer(&world, with_offer(LeadId::default())).await?, "unknown-lead");
    }

    async fn what_does_not_exist_or_is_over_is_refused(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        assert_eq!(answer(&world, world.request(lead, "nowhere")).await?, "unknown-cadence");
        let nobody = EnrollRequest { campaign_id: CampaignId::default(), ..world.request(lead, "welcome") };
        assert_eq!(answer(&world, nobody).await?, "unknown-campaign");
        world.engine.set_campaign_status(world.campaign, CampaignStatus::Ended).await?;
        assert_eq!(answer(&world, world.request(lead, "welcome")).await?, "campaign-over");
    }

    async fn who_opted_out_is_not_enrolled(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        world.engine.opt_out(lead, "asked", "api").await?;
        assert_eq!(answer(&world, world.request(lead, "welcome")).await?, "opted-out");
    }

    async fn an_enrollment_may_start_later(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let start = noon() + TimeDelta::hours(1);
        let later = EnrollRequest { start_at: Some(start), ..world.request(lead, "welcome") };
        assert_eq!(answer(&world, later).await?, "enrolled");
        assert_eq!(world.plan().await?.due, 0);
        assert_eq!(world.engine.next_wake().await?, Some(start));
        world.pass(TimeDelta::hours(1));
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
    }
}
