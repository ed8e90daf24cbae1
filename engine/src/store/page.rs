//! Keyset pages: a list continues after the last row seen, so that rows written meanwhile shift nothing.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::clock::{Instant, instant_from_micros, micros};

/// Rows of one page and where the next one starts; `None` after the last.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Cursor>,
}

/// The last row of a page. Its text is opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: Instant,
    pub id: Uuid,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a page position; use `next` of the previous page")]
pub struct CursorError;

impl<T> Page<T> {
    /// Of up to `limit + 1` rows read, the first `limit`; the one more says that there is a next page.
    pub(super) fn of(mut items: Vec<T>, limit: u32, position: impl Fn(&T) -> Cursor) -> Self {
        let has_more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = if has_more { items.last().map(position) } else { None };
        Self { items, next }
    }
}

/// Binds of a page that runs from new to old: nothing yet seen is as if after the end of time.
pub(super) fn before(cursor: Option<Cursor>) -> (i64, String) {
    cursor.map_or((i64::MAX, String::new()), |cursor| (micros(cursor.at), cursor.id.to_string()))
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", micros(self.at), self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (at, id) = text.split_once('.').ok_or(CursorError)?;
        let at = at.parse().map(instant_from_micros).map_err(|_| CursorError)?;
        Ok(Self { at, id: Uuid::parse_str(id).map_err(|_| CursorError)? })
    }
}
