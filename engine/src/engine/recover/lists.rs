//! Replaying what the journal of stops says of registries and emergency stops, in the order of its lines. Repeating it changes
//! nothing: a number keeps the newest full list that has it, and a stop its id.

use super::super::{Engine, EngineError};
use super::replay::Replayed;
use crate::clock::Instant;
use crate::domain::emergency::{EmergencyStop, Lifted};
use crate::domain::registry::{Described, RegistryList};
use crate::journal::{Line, Word};
use crate::store::{Db, Tx, emergency_stop, registry};

impl Engine {
    pub(super) async fn registries_again(
        &self,
        db: &Db,
        lines: &[Line],
        report: &mut Replayed,
    ) -> Result<(), EngineError> {
        for line in lines {
            match &line.word {
                Word::RegistryDeclared { .. }
                | Word::Listed { .. }
                | Word::ListCompleted { .. }
                | Word::Unlisted { .. }
                | Word::RegistryWithdrawn { .. } => {}
                _ => continue,
            }
            let mut tx = db.begin().await?;
            let now = self.time.now(&mut tx).await?;
            report.listed += list_again(&mut tx, &line.word, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    pub(super) async fn emergency_stops_again(
        &self,
        db: &Db,
        lines: &[Line],
        report: &mut Replayed,
    ) -> Result<(), EngineError> {
        // A lift names its stop: whatever order the two were written in, it comes after it.
        for word in lines.iter().map(|line| &line.word) {
            let Word::EmergencyStopped { stop, scope, reason, by, stopped_at } = word.clone() else {
                continue;
            };
            let mut tx = db.begin().await?;
            let known = emergency_stop::find(&mut tx, stop).await?.is_some();
            let stop = EmergencyStop { id: stop, scope, reason, stopped_by: by, stopped_at, lifted: None };
            report.emergency_stops += usize::from(!known && emergency_stop::add(&mut tx, &stop).await?);
            tx.commit().await?;
        }
        for word in lines.iter().map(|line| &line.word) {
            let Word::EmergencyLifted { stop, by, reason, lifted_at } = word.clone() else { continue };
            let mut tx = db.begin().await?;
            emergency_stop::lift(&mut tx, stop, &Lifted { by, reason, at: lifted_at }).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// How many numbers came onto lists.
async fn list_again(tx: &mut Tx, word: &Word, now: Instant) -> Result<usize, EngineError> {
    match word {
        Word::RegistryDeclared { list } => drop(known(tx, list, now).await?),
        Word::Listed { list, generation, numbers } => {
            let list = RegistryList { generation: *generation, ..known(tx, list, now).await? };
            let placed: Vec<_> = numbers.iter().map(|number| (*number, 0)).collect();
            registry::add(tx, std::slice::from_ref(&list), &placed).await?;
            return Ok(placed.len());
        }
        Word::ListCompleted { registry, part, generation, data_at } => {
            if let Some(list) = registry::find(tx, registry, *part).await? {
                let list = RegistryList { generation: *generation, ..list };
                registry::complete(tx, &list, *data_at).await?;
            }
        }
        Word::Unlisted { registry, part, numbers } => {
            if let Some(list) = registry::find(tx, registry, *part).await? {
                let placed: Vec<_> = numbers.iter().map(|number| (*number, 0)).collect();
                registry::remove(tx, std::slice::from_ref(&list), &placed).await?;
            }
        }
        Word::RegistryWithdrawn { registry } => drop(registry::withdraw(tx, registry).await?),
        _ => {}
    }
    Ok(0)
}

async fn known(tx: &mut Tx, list: &Described, now: Instant) -> Result<RegistryList, EngineError> {
    Ok(registry::declare(tx, &list.registry(), list.part, now).await?)
}
