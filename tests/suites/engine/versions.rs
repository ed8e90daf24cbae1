//! Pinned versions (I13): changed files reach new enrollments only, and the old version outlives the files and the process.

use callwright_engine::definitions::library::LibraryHandle;
use callwright_engine::engine::{Engine, TimeSource};
use callwright_engine::id::IdSource;
use callwright_engine::store::definition;
use std::sync::Arc;

use crate::facts::declined;
use crate::fake::Fake;
use crate::given::{ALICE, BOB, WELCOME, World, library, noon};
use crate::on_both;

/// The same cadence after an edit: who declines is filed otherwise.
fn edited() -> String {
    WELCOME.replace("end: not_interested", "end: maybe_later")
}

/// Declines the lead's call.
async fn decline(world: &World, lead: callwright_engine::id::LeadId) -> anyhow::Result<Option<String>> {
    let attempt = world.last(lead).await?.id;
    world.record(declined(attempt, noon())).await?;
    Ok(world.walk(lead).await?.result)
}

on_both! {
    async fn changed_files_reach_new_enrollments_only(db) {
        let world = World::open(db).await?;
        let (old, _) = world.welcomed(ALICE).await?;
        world.engine.library.reload(library(&[&edited()]));
        let (new, _) = world.welcomed(BOB).await?;
        assert_ne!(world.walk(old).await?.enrollment.version, world.walk(new).await?.enrollment.version);
        world.dial(&Fake::default()).await?;
        assert_eq!(decline(&world, old).await?.as_deref(), Some("not_interested"));
        assert_eq!(decline(&world, new).await?.as_deref(), Some("maybe_later"));
    }

    async fn a_fresh_process_restores_the_old_version_from_the_database(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let library = Arc::new(LibraryHandle::new(library(&[&edited()])));
        let time = TimeSource::Manual(world.clock.clone());
        world.engine = Engine::new(world.db.db.clone(), library, time, Arc::new(IdSource::seeded(2)));
        world.dial(&Fake::default()).await?;
        assert_eq!(decline(&world, lead).await?.as_deref(), Some("not_interested"));
    }

    async fn a_cadence_that_is_gone_still_runs_for_who_is_in_it(db) {
        let mut world = World::open(db).await?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let library = Arc::new(LibraryHandle::new(library(&[])));
        let time = TimeSource::Manual(world.clock.clone());
        world.engine = Engine::new(world.db.db.clone(), library, time, Arc::new(IdSource::seeded(2)));
        let other = world.lead(BOB).await?;
        let answer = world.try_enroll(world.request(other, "welcome")).await?;
        assert_eq!(answer.err().map(|refusal| refusal.reason).as_deref(), Some("unknown-cadence"));
        assert_eq!(world.dial(&Fake::default()).await?.accepted, 1);
        assert_eq!(decline(&world, lead).await?.as_deref(), Some("not_interested"));
    }

    async fn a_version_is_published_once(db) {
        let world = World::open(db).await?;
        assert_eq!((world.engine.publish().await?, world.restarted(2).publish().await?), (1, 1));
        world.welcomed(ALICE).await?;
        let mut tx = world.engine.db.begin_read().await?;
        assert_eq!(definition::versions(&mut tx, "welcome").await?.len(), 1);
    }
}
