//! Packed reads: the database hands a whole batch over as one JSON text, each row an array in the order of a struct's fields.
//! Drivers take a batch apart value by value, which costs several times what the decision about a row costs.

use serde::Deserialize;

use super::error::StoreError;

/// The text of a statement that reads `$columns` packed; `$rest` is what follows them, from `FROM` on. Made for [`rows`].
macro_rules! packed {
    ($columns:expr, $($rest:expr),+) => {
        concat!("SELECT {collect} FROM (SELECT {pack}(", $columns, ") AS r ", $($rest),+, ") AS packed")
    };
}
pub(crate) use packed;

/// The rows in the text that a packed statement answers with.
pub(super) fn rows<'a, T: Deserialize<'a>>(table: &'static str, text: &'a str) -> Result<Vec<T>, StoreError> {
    serde_json::from_str(text).map_err(|problem| StoreError::bad_row(table, "row", "", problem))
}
