//! Lists of leads: filtered, searched, last changed first.

use super::rows::{LeadRow, lead_row};
use super::{assemble, phones_of};
use crate::domain::lead::{Lead, LeadStatus, Segment};
use crate::store::db::{Tx, on_db};
use crate::store::error::StoreError;
use crate::store::page::{Cursor, Page, before, escaped};

/// Which leads. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    pub status: Option<LeadStatus>,
    pub segment: Option<Segment>,
    pub tag: Option<String>,
    /// Part of a name, an e-mail address or a company; or the last digits of a number.
    pub search: Option<String>,
    pub do_not_call: Option<bool>,
    pub synthetic: Option<bool>,
}

macro_rules! matching {
    () => {
        "($1 IS NULL OR l.status = $1) AND ($2 IS NULL OR l.segment = $2) AND ($3 IS NULL OR l.tags LIKE $3 ESCAPE '!')
         AND ($4 IS NULL OR lower(coalesce(l.first_name, '') || ' ' || coalesce(l.last_name, '')) LIKE $4 ESCAPE '!'
              OR lower(l.email) LIKE $4 ESCAPE '!' OR lower(l.company) LIKE $4 ESCAPE '!' OR l.external_id = $5 OR l.phone LIKE $6)
         AND ($7 IS NULL OR l.do_not_call = $7) AND ($8 IS NULL OR l.synthetic = $8)"
    };
}

macro_rules! page_text {
    ($head:expr, $tail:literal) => {
        concat!($head, matching!(), $tail)
    };
}

const PAGE: &str = page_text!(
    lead_row!("FROM leads l WHERE (l.updated_at, l.id) < ($9, $10) AND "),
    " ORDER BY l.updated_at DESC, l.id DESC LIMIT $11"
);
const COUNT: &str = page_text!("SELECT count(*) FROM leads l WHERE ", "");

/// Up to `limit` leads after `cursor`, last changed first.
pub async fn page(
    tx: &mut Tx,
    filter: &LeadFilter,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<Page<Lead>, StoreError> {
    let (at, id) = before(cursor);
    let binds = Binds::of(filter);
    let rows: Vec<LeadRow> = on_db!(tx, |conn| sqlx::query_as(PAGE)
        .bind(binds.status)
        .bind(binds.segment)
        .bind(binds.tag)
        .bind(binds.search)
        .bind(binds.exact)
        .bind(binds.digits)
        .bind(binds.do_not_call)
        .bind(binds.synthetic)
        .bind(at)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(conn)
        .await)?;
    let mut phones = phones_of(tx, &rows).await?;
    Ok(Page::readable(rows, limit, |row| (row.updated_at, row.id.as_str()), |row| assemble(row, &mut phones)))
}

/// How many leads the filter matches.
pub async fn count(tx: &mut Tx, filter: &LeadFilter) -> Result<u64, StoreError> {
    let binds = Binds::of(filter);
    let count: i64 = on_db!(tx, |conn| sqlx::query_scalar(COUNT)
        .bind(binds.status)
        .bind(binds.segment)
        .bind(binds.tag)
        .bind(binds.search)
        .bind(binds.exact)
        .bind(binds.digits)
        .bind(binds.do_not_call)
        .bind(binds.synthetic)
        .fetch_one(conn)
        .await)?;
    Ok(count as u64)
}

struct Binds<'a> {
    status: Option<&'static str>,
    segment: Option<&'static str>,
    tag: Option<String>,
    search: Option<String>,
    exact: Option<&'a str>,
    digits: Option<String>,
    do_not_call: Option<i64>,
    synthetic: Option<i64>,
}

impl<'a> Binds<'a> {
    fn of(filter: &'a LeadFilter) -> Self {
        let search = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        Self {
            status: filter.status.map(LeadStatus::as_str),
            segment: filter.segment.map(Segment::as_str),
            // Tags are stored as a JSON array: the quotes are the tag's ends.
            tag: filter
                .tag
                .as_deref()
                .map(|tag| format!("%{}%", escaped(&serde_json::Value::from(tag).to_string()))),
            // Both databases lower only ASCII letters in these columns, so the pattern is lowered the same way.
            search: search.map(|text| format!("%{}%", escaped(&text.to_ascii_lowercase()))),
            exact: search,
            digits: search.and_then(last_digits),
            do_not_call: filter.do_not_call.map(i64::from),
            synthetic: filter.synthetic.map(i64::from),
        }
    }
}

/// The pattern for a number's end, if the text looks like one.
fn last_digits(text: &str) -> Option<String> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || "+-() .".contains(c));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && digits.len() >= 3).then(|| format!("%{digits}"))
}
