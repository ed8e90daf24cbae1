//! Everything that is kept about one person, in one document; who asked for it is kept as well.

use serde_json::{Map, Value, json};

use super::{Engine, EngineError};
use crate::id::LeadId;
use crate::store::person;

impl Engine {
    /// The whole document: the lead, then every kind of rows by name. `by` asked for it: an event of the person's says so.
    pub async fn person(&self, lead: LeadId, by: &str) -> Result<Map<String, Value>, EngineError> {
        let mut tx = self.db.begin().await?;
        let now = self.time.now(&mut tx).await?;
        let document = person::all(&mut tx, lead).await?;
        let mut document = document.ok_or_else(|| EngineError::missing("lead", lead))?;
        document.insert("exportedAt".to_owned(), json!(now));
        self.note_person(&mut tx, "lead.exported", lead, json!({"by": by}), now).await?;
        tx.commit().await?;
        Ok(document)
    }
}
