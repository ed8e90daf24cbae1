//! Erasing again whom the journal of stops says to have been erased after the backup, and keeping their numbers suppressed. It may
//! be repeated: whoever is erased stays so, and a fingerprint is there or not.

use std::collections::BTreeMap;

use super::super::{Engine, EngineError};
use super::replay::Replayed;
use crate::domain::suppression::Source;
use crate::journal::{Line, Word};
use crate::phone::fingerprint::NumberKey;
use crate::store::erased_number::ErasedEntry;
use crate::store::{Db, erase, erased_number, lead};

impl Engine {
    pub(super) async fn erase_again(
        &self,
        db: &Db,
        lines: &[Line],
        accept_damage: bool,
        report: &mut Replayed,
    ) -> Result<(), EngineError> {
        for line in lines {
            if let Word::Erased { lead, by, reason, key, .. } = &line.word {
                let Some(key) = read_key(key, accept_damage)? else { continue };
                let mut tx = db.begin().await?;
                let now = self.time.now(&mut tx).await?;
                self.lock_numbers_of(&mut tx, &[*lead]).await?;
                let own = erased_number::put_key(&mut tx, key, now).await?;
                let is_on_file = lead::find(&mut tx, *lead).await?.is_some();
                if is_on_file && erase::find(&mut tx, *lead).await?.is_none() {
                    self.erase_in(&mut tx, own, *lead, by, reason, now).await?;
                    report.erased += 1;
                }
                tx.commit().await?;
            }
        }
        self.fingerprints_again(db, lines, accept_damage, report).await
    }

    /// The last word about each fingerprint holds.
    async fn fingerprints_again(
        &self,
        db: &Db,
        lines: &[Line],
        accept_damage: bool,
        report: &mut Replayed,
    ) -> Result<(), EngineError> {
        let mut tx = db.begin().await?;
        let own = erased_number::key(&mut tx).await?.map(|key| key.digits());
        let mut last: BTreeMap<&str, Option<ErasedEntry>> = BTreeMap::new();
        for line in lines {
            match &line.word {
                Word::Erased { key, .. } if own.as_ref() != Some(key) => {
                    let problem = "numbers of erased people are kept under another key than this database's";
                    refuse(problem, accept_damage)?;
                }
                Word::Erased { hashes, .. } => {
                    for hash in hashes {
                        let (source, erased_at) = (Source::OptOut, line.at);
                        let hash_again = hash.clone();
                        let entry = ErasedEntry {
                            hash: hash_again,
                            source,
                            campaign_id: None,
                            expires_at: None,
                            erased_at,
                        };
                        last.insert(hash, Some(entry));
                    }
                }
                Word::ErasureLifted { hashes } => {
                    last.extend(hashes.iter().map(|hash| (hash.as_str(), None)));
                }
                _ => {}
            }
        }
        let lifted: Vec<String> =
            last.iter().filter(|(_, entry)| entry.is_none()).map(|(hash, _)| (*hash).to_owned()).collect();
        let erased: Vec<ErasedEntry> = last.into_values().flatten().collect();
        erased_number::remove(&mut tx, &lifted).await?;
        erased_number::add_many(&mut tx, &erased).await?;
        report.erased_numbers = erased.len();
        tx.commit().await?;
        Ok(())
    }
}

fn read_key(digits: &str, accept_damage: bool) -> Result<Option<NumberKey>, EngineError> {
    match digits.parse() {
        Ok(key) => Ok(Some(key)),
        Err(problem) => refuse(&format!("the key of an erasure {problem}"), accept_damage).map(|()| None),
    }
}

fn refuse(problem: &str, accept_damage: bool) -> Result<(), EngineError> {
    if accept_damage {
        tracing::warn!("the journal of stops: {problem}");
        return Ok(());
    }
    Err(EngineError::Journal(problem.to_owned()))
}
