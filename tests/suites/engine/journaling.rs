//! The journal of stops (D1, CRM-5): on disk before the stop is acknowledged, refused when it cannot be, and enough to bring
//! every stop back into a database that never heard of it.

use std::path::Path;

use callwright_engine::domain::consent::{Consent, Details, Form, Purpose};
use callwright_engine::domain::lead::LeadStatus;
use callwright_engine::domain::outcome::Outcome;
use callwright_engine::domain::suppression::{Source, Suppression};
use callwright_engine::engine::recover::Replayed;
use callwright_engine::engine::{Engine, TimeSource};
use callwright_engine::flow::session::Effect;
use callwright_engine::id::{IdSource, LeadId};
use callwright_engine::journal::{self, Journal, Word};
use callwright_engine::phone::number::PhoneNumber;
use callwright_engine::store::{consent, suppression};
use std::sync::Arc;

use crate::facts::{said, talk};
use crate::fake::Fake;
use crate::given::{ALICE, BOB, World, noon};
use crate::on_both;
use crate::recovering::suppressed;

impl World {
    /// From now on this world's stops are in a journal; the engine from before it stands for the restored database, which
    /// shares everything but those.
    pub fn journaled(&mut self, folder: &Path) -> anyhow::Result<()> {
        let db = self.db.db.clone().with_journal(Some(Journal::open(folder, "test")?));
        let (library, time) = (Arc::clone(&self.engine.library), TimeSource::Manual(Arc::clone(&self.clock)));
        self.engine = Engine::new(db, library, time, Arc::new(IdSource::seeded(77)));
        Ok(())
    }

    async fn add(&self, number: &str, source: Source) -> anyhow::Result<Suppression> {
        let entry = Suppression {
            id: self.engine.ids.next(self.now()),
            number: PhoneNumber::e164_only(number)?,
            source,
            campaign_id: None,
            reason: "asked".to_owned(),
            added_by: String::new(),
            created_at: self.now(),
            expires_at: None,
        };
        let mut tx = self.engine.db.begin().await?;
        suppression::add_many(&mut tx, std::slice::from_ref(&entry)).await?;
        tx.commit().await?;
        Ok(entry)
    }

    async fn lift(&self, entry: &Suppression) -> anyhow::Result<()> {
        let mut tx = self.engine.db.begin().await?;
        assert!(suppression::remove(&mut tx, entry.id).await?);
        tx.commit().await?;
        Ok(())
    }

    async fn replay(&self, folder: &Path) -> anyhow::Result<Replayed> {
        let mut tx = self.engine.db.begin().await?;
        let real = callwright_engine::store::clock::database_now(&mut tx).await?;
        tx.rollback().await?;
        self.engine.mark_recovering(real, self.now()).await?;
        Ok(self.engine.replay_journal(folder, false, |_, _| ()).await?)
    }
}

fn kinds(folder: &Path) -> anyhow::Result<Vec<&'static str>> {
    let found = journal::read(folder, "2000-01-01T00:00:00Z".parse()?)?;
    let kind = |word: &Word| match word {
        Word::OptedOut { .. } => "opted_out",
        Word::Suppressed { .. } => "suppressed",
        Word::ConsentRevoked { .. } | Word::PurposeRevoked { .. } => "revoked",
        Word::Lifted { .. } => "lifted",
        Word::Reinstated { .. } => "reinstated",
        Word::RegistryDeclared { .. } | Word::Listed { .. } => "listed",
        Word::ListCompleted { .. } | Word::Unlisted { .. } | Word::RegistryWithdrawn { .. } => "unlisted",
        Word::EmergencyStopped { .. } => "stopped",
        Word::EmergencyLifted { .. } => "resumed",
        Word::Erased { .. } => "erased",
        Word::ErasureLifted { .. } => "unerased",
    };
    let mut kinds: Vec<_> = found.lines.iter().map(|line| kind(&line.word)).collect();
    kinds.sort_unstable();
    Ok(kinds)
}

async fn agreed(world: &World, lead: LeadId) -> anyhow::Result<Consent> {
    let entry = Consent {
        id: world.engine.ids.next(world.now()),
        lead_id: lead,
        purpose: Purpose::VoiceContact,
        form: Form::Express,
        granted_at: world.now(),
        revoked_at: None,
        wording: None,
        evidence: None,
        source: "test".to_owned(),
        details: Details::default(),
    };
    let mut tx = world.engine.db.begin().await?;
    consent::add_many(&mut tx, std::slice::from_ref(&entry)).await?;
    tx.commit().await?;
    Ok(entry)
}

on_both! {
    async fn every_kind_of_stop_leaves_a_line(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let consent = agreed(&world, lead).await?;
        assert!(kinds(folder.path())?.is_empty(), "nobody was stopped yet");
        let mut tx = world.engine.db.begin().await?;
        assert!(consent::revoke(&mut tx, consent.id, noon()).await?);
        tx.commit().await?;
        let entry = world.add(BOB, Source::Internal).await?;
        world.lift(&entry).await?;
        world.engine.opt_out(lead, "no more", "api").await?;
        assert_eq!(kinds(folder.path())?, ["lifted", "opted_out", "revoked", "suppressed", "suppressed"]);
    }

    async fn what_is_said_in_a_call_is_in_the_journal(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let attempt = world.dialed(lead, &Fake::default()).await?;
        let stop = vec![Effect::OptOut { reason: "said stop".to_owned() }];
        world.record(talk(attempt, noon(), said(Outcome::OptedOut, "opted_out", stop))).await?;
        assert_eq!(kinds(folder.path())?, ["opted_out", "suppressed"]);
    }

    async fn a_rolled_back_stop_leaves_no_line(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        let entry = world.add(BOB, Source::Internal).await?;
        let mut tx = world.engine.db.begin().await?;
        suppression::remove(&mut tx, entry.id).await?;
        tx.rollback().await?;
        assert_eq!(kinds(folder.path())?, ["suppressed"]);
    }

    async fn a_stop_that_cannot_be_kept_is_refused(db) {
        let folder = tempfile::tempdir()?;
        let blocked = folder.path().join("stops");
        std::fs::write(&blocked, "a file in the way")?;
        let mut world = World::open(db).await?;
        world.journaled(&blocked)?;
        let (lead, _) = world.welcomed(ALICE).await?;
        let refused = world.engine.opt_out(lead, "no more", "api").await;
        assert!(refused.is_err_and(|error| error.to_string().contains("journal")));
        assert_eq!(suppressed(&world, &[ALICE]).await?, 0, "neither half of it holds");
        assert_ne!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
        std::fs::remove_file(&blocked)?;
        world.engine.opt_out(lead, "no more", "api").await?;
        assert_eq!((suppressed(&world, &[ALICE]).await?, kinds(&blocked)?.len()), (1, 2));
    }

    async fn stops_come_back_into_a_database_that_never_heard_of_them(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        let lead = world.lead(ALICE).await?;
        let consent = agreed(&world, lead).await?;
        let kept = world.add(BOB, Source::Litigator).await?;
        let before = world.add("+12024561212", Source::Internal).await?;

        // What a restored database lacks: written by a copy of these verbs into the journal alone.
        let journal = Journal::open(folder.path(), "other")?;
        let at = journal::read(folder.path(), "2000-01-01T00:00:00Z".parse()?)?.lines.last().map(|line| line.at);
        let at = at.unwrap_or_default() + chrono::TimeDelta::seconds(1);
        let words = vec![
            Word::OptedOut { lead },
            Word::Suppressed {
                source: Source::OptOut,
                campaign: None,
                reason: "said stop".to_owned(),
                created_at: noon(),
                expires_at: None,
                numbers: vec![PhoneNumber::e164_only(ALICE)?],
            },
            Word::ConsentRevoked { consent: consent.id, revoked_at: noon() },
            Word::Lifted { entry: before.id, number: before.number, source: before.source, campaign: None },
        ];
        journal.append(words.into_iter().map(|word| journal::Line { at, word }).collect()).await.map_err(anyhow::Error::msg)?;

        world.enroll(lead, "welcome").await?;
        let first = world.replay(folder.path()).await?;
        assert_eq!((first.opted_out, first.consents_revoked, first.lifted), (1, 1, 1));
        assert_eq!(world.stored_lead(lead).await?.status, LeadStatus::OptedOut);
        assert_eq!(world.walk(lead).await?.result.as_deref(), Some("opted_out"));
        assert_eq!(suppressed(&world, &[ALICE]).await?, 1);
        assert_eq!(suppressed(&world, &["+12024561212"]).await?, 0, "what was lifted since is lifted");
        assert_eq!(suppressed(&world, &[&kept.number.e164()]).await?, 1);

        let lines = kinds(folder.path())?.len();
        let again = world.replay(folder.path()).await?;
        assert_eq!((again.opted_out, again.consents_revoked, again.lifted), (0, 0, 0), "it may be repeated");
        assert_eq!(kinds(folder.path())?.len(), lines, "a replay is not journaled itself");
    }

    async fn a_damaged_journal_is_not_passed_over_in_silence(db) {
        let folder = tempfile::tempdir()?;
        let mut world = World::open(db).await?;
        world.journaled(folder.path())?;
        world.add(ALICE, Source::OptOut).await?;
        world.add(BOB, Source::OptOut).await?;
        let path = std::fs::read_dir(folder.path())?.next().expect("a file")?.path();
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(&path, text.replacen("asked", "asKed", 1))?;
        let refused = world.replay(folder.path()).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("checksum")));
        let accepted = world.engine.replay_journal(folder.path(), true, |_, _| ()).await?;
        assert_eq!(accepted.suppressed, 1);
    }
}
