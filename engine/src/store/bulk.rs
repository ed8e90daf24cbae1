//! Bulk binds: many rows travel as one JSON array of arrays, in the order of a struct's fields.
//! Statements read them by position (`e.value->>0` is the first field), which is short and quick to parse.

use super::error::StoreError;

/// Declares a row of a bulk bind: named in Rust, positional in JSON.
macro_rules! bulk_row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        $vis struct $name { $($(#[$field_meta])* pub $field: $type),+ }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeSeq as _;
                let mut row = serializer.serialize_seq(None)?;
                $(row.serialize_element(&self.$field)?;)+
                row.end()
            }
        }
    };
}
pub(crate) use bulk_row;

/// The JSON text of a bulk bind.
pub(crate) fn bulk<T: serde::Serialize + ?Sized>(rows: &T) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|e| StoreError::bad_row("bulk", "argument", "", e))
}

/// The bulk bind of ids: `[["…"],["…"]]`.
pub(crate) fn keys<T: ToString>(ids: &[T]) -> String {
    let mut text = String::with_capacity(ids.len() * 41 + 2);
    text.push('[');
    for (index, id) in ids.iter().enumerate() {
        text.push_str(if index == 0 { "[\"" } else { ",[\"" });
        text.push_str(&id.to_string());
        text.push_str("\"]");
    }
    text.push(']');
    text
}
