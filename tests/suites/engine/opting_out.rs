//! Opting out (CRM-5): everything at once, for every number and every cadence of the lead.

use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::new_lead::{NewLead, NewPhone};
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::engine::EnrollRequest;
use callwright_engine::flow::session::Effect;
use callwright_engine::store::{lead, suppression};
use serde_json::json;

use crate::facts::{declined, said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, noon};
use crate::on_both;

fn two_numbers() -> NewLead {
    let phone = |number: &str, is_primary| NewPhone { number: number.to_owned(), is_primary };
    NewLead { phones: Some(vec![phone(ALICE, true), phone(BOB, false)]), ..NewLead::default() }
}

async fn suppressed(world: &World) -> anyhow::Result<usize> {
    let mut tx = world.engine.db.begin_read().await?;
    Ok(suppression::of_numbers(&mut tx, &[ALICE, BOB]).await?.len())
}

on_both! {
    async fn everything_stops_at_once(db) {
        let world = World::open(db).await?;
        let lead = world.lead_like(two_numbers()).await?;
        world.enroll(lead, "welcome").await?;
        world.plan().await?;
        let second = EnrollRequest { entry_key: "second".to_owned(), ..world.request(lead, "welcome") };
        assert!(world.try_enroll(second).await?.is_ok());
        world.engine.opt_out(lead, "no more, please", "api").await?;
        let stored = world.stored_lead(lead).await?;
        assert_eq!((stored.status, stored.do_not_call), (LeadStatus::OptedOut, true));
        let results: Vec<_> = world.walks(lead).await?.into_iter().filter_map(|walk| walk.result).collect();
        assert_eq!(results, ["opted_out", "opted_out"]);
        assert_eq!(world.states(lead).await?, ["cancelled"]);
        assert_eq!(suppressed(&world).await?, 2);
        let event = world.events(lead).await?.into_iter().find(|found| found.event.kind == "OPTOUT_REQUESTED");
        let event = event.map(|found| (found.event.at, found.event.data));
        assert_eq!(event, Some((noon(), json!({"reason": "no more, please", "source": "api"}))));
        let provider = Fake::default();
        world.dial(&provider).await?;
        assert!(provider.asked().is_empty());
    }

    async fn said_in_a_call_it_holds_before_the_call_is_over(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let stop = vec![Effect::OptOut { reason: "said stop".to_owned() }];
        world.record(talk(attempt, noon(), said(Outcome::OptedOut, "opted_out", stop))).await?;
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
        assert_eq!((suppressed(&world).await?, world.count(lead, "OPTOUT_REQUESTED").await?), (1, 1));
    }

    async fn a_call_in_progress_is_recorded_when_it_ends(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        world.engine.opt_out(lead, "by mail", "api").await?;
        world.record(declined(attempt, noon())).await?;
        assert_eq!(world.states(lead).await?, ["finished"]);
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut, "a contact does not undo it");
    }

    async fn once_more_changes_nothing_but_the_log(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        world.engine.opt_out(lead, "first", "api").await?;
        let ended = world.walk(lead).await?;
        world.engine.opt_out(lead, "second", "api").await?;
        assert_eq!(format!("{:?}", world.walk(lead).await?), format!("{ended:?}"));
        assert_eq!((suppressed(&world).await?, world.count(lead, "OPTOUT_REQUESTED").await?), (1, 2));
    }

    async fn whoever_moved_to_the_number_keeps_no_call_planned_at_the_old_one(db) {
        let world = World::open(db).await?;
        let (moved, _) = world.welcomed(ALICE).await?;
        world.plan().await?;
        let mut tx = world.engine.db.begin().await?;
        let new = NewLead { phone: BOB.into(), ..NewLead::default() };
        lead::update(&mut tx, moved, &new, world.now()).await?;
        tx.commit().await?;
        let housemate = world.lead(BOB).await?;
        world.engine.opt_out(housemate, "no more", "api").await?;
        world.sound().await?;
        assert_eq!(world.walk(moved).await?.result.as_deref(), Some("suppressed"));
        assert_eq!(world.states(moved).await?, ["cancelled"]);
    }

    async fn others_with_the_number_are_not_called_either(db) {
        let world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let (housemate, _) = world.welcomed(ALICE).await?;
        world.engine.opt_out(lead, "asked", "api").await?;
        world.plan().await?;
        assert_eq!(world.walk(housemate).await?.result.as_deref(), Some("suppressed"));
    }
}
