//! Replaying the journal of stops: what protects people comes into force again, what was lifted since is lifted again.
//! The result is a function of the set of lines, so that it may be repeated.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::opt_out::{OptOut, Said};
use super::super::{Engine, EngineError};
use super::{JOURNAL_MARGIN, not_recovering};
use crate::clock::Instant;
use crate::domain::consent::{Channel, Purpose};
use crate::domain::lead::LeadStatus;
use crate::domain::revocation::Revocation;
use crate::domain::suppression::{Source, Suppression};
use crate::id::{CampaignId, ConsentId, LeadId, RevocationId, SuppressionId};
use crate::journal::{self, Line, Word};
use crate::phone::fingerprint::NumberKey;
use crate::phone::number::PhoneNumber;
use crate::store::{Db, consent, lead, suppression, walk};

/// Numbers or leads per transaction.
const CHUNK: usize = 1_000;

/// What a replay did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    pub files: usize,
    pub lines: usize,
    /// Numbers in force, known ones included.
    pub suppressed: usize,
    /// Leads that this database did not know to have opted out.
    pub opted_out: usize,
    pub consents_revoked: u64,
    pub lifted: u64,
    /// Numbers put on lists of registries, known ones included.
    pub listed: usize,
    /// Emergency stops that this database did not know.
    pub emergency_stops: usize,
    /// Numbers of erased people, known ones included.
    pub erased_numbers: usize,
    /// People who were erased after the backup, and are again.
    pub erased: usize,
}

type Key = (PhoneNumber, Source, Option<CampaignId>);

/// What the lines add up to.
#[derive(Debug, Default)]
struct Folded {
    /// Lines, by their place, that suppress a number and were not lifted since.
    suppressed: BTreeMap<Key, Vec<usize>>,
    lifted: Vec<SuppressionId>,
    /// `true`: opted out; `false`: taken back since.
    opted_out: BTreeMap<LeadId, (bool, Instant)>,
    revoked: HashMap<ConsentId, Instant>,
    purposes: HashMap<(LeadId, Purpose), Instant>,
}

impl Folded {
    fn of(lines: &[Line]) -> Self {
        let mut folded = Self::default();
        for (place, line) in lines.iter().enumerate() {
            folded.add(place, line);
        }
        forget_erased(&mut folded.suppressed, lines);
        folded
    }

    fn add(&mut self, place: usize, line: &Line) {
        match &line.word {
            Word::OptedOut { lead } => drop(self.opted_out.insert(*lead, (true, line.at))),
            Word::Reinstated { lead } => drop(self.opted_out.insert(*lead, (false, line.at))),
            Word::Suppressed { source, campaign, numbers, .. } => {
                for number in numbers {
                    self.suppressed.entry((*number, *source, *campaign)).or_default().push(place);
                }
            }
            Word::Lifted { entry, number, source, campaign } => {
                self.suppressed.remove(&(*number, *source, *campaign));
                self.lifted.push(*entry);
            }
            Word::ConsentRevoked { consent, revoked_at } => {
                self.revoked.entry(*consent).or_insert(*revoked_at);
            }
            Word::PurposeRevoked { lead, purpose, revoked_at } => {
                let last = self.purposes.entry((*lead, *purpose)).or_insert(*revoked_at);
                *last = (*last).max(*revoked_at);
            }
            // In their order, beside the folding: `again`.
            Word::RegistryDeclared { .. }
            | Word::Listed { .. }
            | Word::ListCompleted { .. }
            | Word::Unlisted { .. }
            | Word::RegistryWithdrawn { .. }
            | Word::EmergencyStopped { .. }
            | Word::EmergencyLifted { .. }
            | Word::Erased { .. }
            | Word::ErasureLifted { .. } => {}
        }
    }
}

impl Engine {
    /// Replays what the journal in `folder` holds since the backup. A damaged line is an error unless it is accepted: it may
    /// be somebody's stop.
    pub async fn replay_journal(
        &self,
        folder: &Path,
        accept_damage: bool,
        mut tell: impl FnMut(usize, usize),
    ) -> Result<Replayed, EngineError> {
        let mark = self.recovering().await?.ok_or_else(not_recovering)?;
        let since = mark.journal_from - JOURNAL_MARGIN;
        // These lines are in the journal already.
        let db = self.db.clone().with_journal(None);
        // First what was lifted; then, read anew, what holds: a stop that comes in between is in the second reading.
        let (lines, _) = read(folder, since, accept_damage).await?;
        let lifted = lift(&db, &Folded::of(&lines).lifted).await?;
        let (lines, files) = read(folder, since, accept_damage).await?;
        let folded = Folded::of(&lines);
        let mut report = Replayed { files, lines: lines.len(), lifted, ..Replayed::default() };
        self.suppress_again(&db, &lines, &folded, &mut report, &mut tell).await?;
        self.opt_out_again(&db, &folded, &mut report).await?;
        self.erase_again(&db, &lines, accept_damage, &mut report).await?;
        self.registries_again(&db, &lines, &mut report).await?;
        self.emergency_stops_again(&db, &lines, &mut report).await?;
        report.consents_revoked = self.revoke_again(&db, &folded).await?;
        Ok(report)
    }

    async fn suppress_again(
        &self,
        db: &Db,
        lines: &[Line],
        folded: &Folded,
        report: &mut Replayed,
        tell: &mut impl FnMut(usize, usize),
    ) -> Result<(), EngineError> {
        let total = folded.suppressed.len();
        let keys: Vec<(&Key, &Vec<usize>)> = folded.suppressed.iter().collect();
        for chunk in keys.chunks(CHUNK) {
            let mut tx = db.begin().await?;
            let now = self.time.now(&mut tx).await?;
            let mut entries = Vec::with_capacity(chunk.len());
            for ((number, source, campaign_id), places) in chunk {
                for place in *places {
                    let Word::Suppressed { reason, created_at, expires_at, .. } = &lines[*place].word else {
                        continue;
                    };
                    entries.push(Suppression {
                        id: self.ids.next::<SuppressionId>(now),
                        number: *number,
                        source: *source,
                        campaign_id: *campaign_id,
                        reason: reason.clone(),
                        added_by: "journal".to_owned(),
                        created_at: *created_at,
                        expires_at: *expires_at,
                    });
                }
            }
            suppression::import_many(&mut tx, &entries).await?;
            tx.commit().await?;
            report.suppressed += chunk.len();
            tell(report.suppressed, total);
        }
        Ok(())
    }

    async fn opt_out_again(
        &self,
        db: &Db,
        folded: &Folded,
        report: &mut Replayed,
    ) -> Result<(), EngineError> {
        let leads: Vec<(&LeadId, &(bool, Instant))> = folded.opted_out.iter().collect();
        for chunk in leads.chunks(CHUNK) {
            let mut tx = db.begin().await?;
            let now = self.time.now(&mut tx).await?;
            let ids: Vec<LeadId> = chunk.iter().map(|(id, _)| **id).collect();
            let mut opt_outs = Vec::new();
            for on_file in walk::leads(&mut tx, &ids).await? {
                let Some((out, at)) = folded.opted_out.get(&on_file.id) else { continue };
                let is_out = on_file.do_not_call && on_file.status == LeadStatus::OptedOut;
                if *out && !is_out {
                    opt_outs.push(OptOut {
                        lead_id: on_file.id,
                        reason: "from the journal, after a restore".to_owned(),
                        source: "journal".to_owned(),
                        attempt_id: None,
                        at: (*at).min(now),
                        event: None,
                        said: Said::through(Channel::System),
                    });
                } else if !*out && is_out {
                    lead::reinstate(&mut tx, on_file.id, now).await?;
                }
            }
            report.opted_out += opt_outs.len();
            self.opt_out_in(&mut tx, opt_outs, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn revoke_again(&self, db: &Db, folded: &Folded) -> Result<u64, EngineError> {
        let mut revoked = 0;
        // One at a time: people revoke single consents, and each locks the numbers of its lead.
        for (consent, at) in &folded.revoked {
            let mut tx = db.begin().await?;
            revoked += u64::from(consent::revoke(&mut tx, *consent, *at).await?);
            tx.commit().await?;
        }
        for ((lead, purpose), at) in &folded.purposes {
            let mut tx = db.begin().await?;
            let now = self.time.now(&mut tx).await?;
            revoked += consent::revoke_purpose_until(&mut tx, *lead, *purpose, *at).await?;
            // It stands by itself as well: the campaign's basis must not cover what the person took back.
            consent::note_revocations(&mut tx, &[self.revocation_of_journal(*lead, *purpose, *at, now)])
                .await?;
            tx.commit().await?;
        }
        Ok(revoked)
    }

    fn revocation_of_journal(
        &self,
        lead_id: LeadId,
        purpose: Purpose,
        received_at: Instant,
        now: Instant,
    ) -> Revocation {
        Revocation {
            id: self.ids.next::<RevocationId>(now),
            lead_id,
            number: None,
            purpose: Some(purpose),
            channel: Channel::System,
            words: None,
            language: None,
            received_at,
            due_on: self.due_on(received_at),
            honored_at: now,
            source: "journal".to_owned(),
            recorded_by: None,
            attempt_id: None,
        }
    }
}

/// Numbers of people who were erased later do not come back in plain: their fingerprints do.
fn forget_erased(suppressed: &mut BTreeMap<Key, Vec<usize>>, lines: &[Line]) {
    for (erased_at, line) in lines.iter().enumerate() {
        let Word::Erased { key, hashes, .. } = &line.word else { continue };
        let Ok(key) = key.parse::<NumberKey>() else { continue };
        suppressed.retain(|(number, ..), places| {
            if hashes.contains(&key.fingerprint(&number.e164())) {
                places.retain(|place| *place > erased_at);
            }
            !places.is_empty()
        });
    }
}

async fn read(folder: &Path, since: Instant, accept_damage: bool) -> Result<(Vec<Line>, usize), EngineError> {
    let path: PathBuf = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || journal::read(&path, since)).await;
    let unreadable = |problem: String| EngineError::Journal(format!("{}: {problem}", folder.display()));
    let found = found.map_err(|e| unreadable(e.to_string()))?.map_err(|e| unreadable(e.to_string()))?;
    for damage in &found.damaged {
        tracing::warn!("the journal of stops is damaged: {damage}");
    }
    match found.damaged.first() {
        Some(damage) if !accept_damage => Err(EngineError::Journal(format!(
            "{damage}; {} damaged lines in all, each of which may be somebody's stop",
            found.damaged.len()
        ))),
        _ => Ok((found.lines, found.files)),
    }
}

async fn lift(db: &Db, entries: &[SuppressionId]) -> Result<u64, EngineError> {
    let mut lifted = 0;
    for chunk in entries.chunks(CHUNK) {
        let mut tx = db.begin().await?;
        for entry in chunk {
            lifted += u64::from(suppression::remove(&mut tx, *entry).await?);
        }
        tx.commit().await?;
    }
    Ok(lifted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant_from_micros;
    use crate::id::IdSource;

    fn number() -> PhoneNumber {
        PhoneNumber::e164_only("+12024561111").unwrap()
    }

    fn line(at: i64, word: Word) -> Line {
        Line { at: instant_from_micros(at), word }
    }

    fn stop(at: i64) -> Line {
        line(
            at,
            Word::Suppressed {
                source: Source::OptOut,
                campaign: None,
                reason: "stop".to_owned(),
                created_at: instant_from_micros(at),
                expires_at: None,
                numbers: vec![number()],
            },
        )
    }

    fn lifted(at: i64) -> Line {
        let entry = IdSource::seeded(1).next(instant_from_micros(at));
        line(at, Word::Lifted { entry, number: number(), source: Source::OptOut, campaign: None })
    }

    #[test]
    fn the_last_word_about_a_number_holds() {
        assert_eq!(Folded::of(&[stop(1), lifted(2)]).suppressed.len(), 0);
        assert_eq!(Folded::of(&[stop(1), lifted(2), stop(3)]).suppressed.len(), 1);
        let both = Folded::of(&[stop(1), stop(2)]);
        assert_eq!(
            both.suppressed.values().next().map(Vec::len),
            Some(2),
            "the longer protection of the two"
        );
    }

    #[test]
    fn the_last_word_about_a_lead_holds() {
        let lead: LeadId = IdSource::seeded(1).next(instant_from_micros(0));
        let (out, back) = (line(1, Word::OptedOut { lead }), line(2, Word::Reinstated { lead }));
        assert!(!Folded::of(&[out.clone(), back.clone()]).opted_out[&lead].0);
        assert!(Folded::of(&[back, out]).opted_out[&lead].0);
    }
}
