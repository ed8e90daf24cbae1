//! Keyset pages: a list continues after the last row seen, so that rows written meanwhile shift nothing.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::error::StoreError;
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
    /// Of up to `limit + 1` rows read, the first `limit`; the one more says that there is a next page. A row that cannot be
    /// understood is left out and logged: it must not keep everybody from seeing the others.
    pub(super) fn readable<R>(
        mut rows: Vec<R>,
        limit: u32,
        position: impl Fn(&R) -> (i64, &str),
        mut read: impl FnMut(R) -> Result<T, StoreError>,
    ) -> Self {
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        // A row whose id is none cannot end a page; the readable one before it does.
        let cursor = |row: &R| {
            let (at, id) = position(row);
            Some(Cursor { at: instant_from_micros(at), id: Uuid::parse_str(id).ok()? })
        };
        let next = if has_more { rows.iter().rev().find_map(cursor) } else { None };
        let items = rows.into_iter().filter_map(|row| read(row).map_err(|error| left_out(&error)).ok());
        Self { items: items.collect(), next }
    }
}

fn left_out(error: &StoreError) {
    tracing::error!(%error, "left out of a list");
}

/// A text in which nothing is a wildcard of `LIKE … ESCAPE '!'`.
pub(super) fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
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
