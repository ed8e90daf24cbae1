//! Looking at a call without making it: the same package a claim would hand to the provider, and nothing written.

use callwright_engine::domain::campaign::Campaign;
use callwright_engine::store::walk;
use serde_json::json;

use crate::fake::Fake;
use crate::given::{ALICE, World};
use crate::on_both;

on_both! {
    async fn a_preview_shows_what_a_claim_then_asks_for(db) {
        let world = World::open(db).await?;
        let lead = world.lead(ALICE).await?;
        let request = world.request(lead, "welcome");
        let variables = json!({"offer": {"percent": 15}});
        world.engine.enroll(vec![callwright_engine::engine::EnrollRequest { variables, ..request }]).await?;
        let mut shown = world.engine.preview(lead, "hello", None).await?.to_json();
        world.plan().await?;
        let claimed = world.claim(&Fake::default()).await?;
        let mut asked = claimed.requests[0].package.to_json();
        assert_eq!(shown["variables"]["offer"]["percent"], json!(15));
        // Only the claim names the attempt.
        assert!(shown["attemptId"].take() != asked["attemptId"].take());
        assert_eq!(shown, asked);
    }

    async fn looking_changes_nothing(db) {
        let world = World::open(db).await?;
        let (lead, enrollment) = world.welcomed(ALICE).await?;
        let mut tx = world.engine.db.begin().await?;
        let before = format!("{:?}", walk::by_ids(&mut tx, &[enrollment]).await?);
        tx.rollback().await?;
        world.engine.preview(lead, "hello", None).await?;
        let mut tx = world.engine.db.begin().await?;
        assert_eq!(format!("{:?}", walk::by_ids(&mut tx, &[enrollment]).await?), before);
    }

    async fn a_lead_in_no_cadence_is_shown_as_if_called_once_for_the_campaign(db) {
        let world = World::open(db).await?;
        let rename = |campaign: &mut Campaign| "Acme".clone_into(&mut campaign.company);
        let campaign = world.campaign("spring", rename).await?;
        let lead = world.lead(ALICE).await?;
        let package = world.engine.preview(lead, "hello", Some(campaign)).await?;
        assert_eq!((package.to.e164(), package.step.as_str(), package.attempt), (ALICE.to_owned(), "call", 1));
        assert_eq!(package.campaign_id, campaign);
        assert_eq!(package.variables["campaign"]["company"], json!("Acme"));
        assert!(world.engine.preview(lead, "nothing", None).await.is_err());
    }
}
