//! Recording purchases in sets, as imports and shops send them: the shop's id of a line makes a repeat harmless.

use std::collections::{BTreeMap, HashMap};

use super::rows::PurchaseWrite;
use super::{lock_many, rows::PurchaseRow, rows::purchase_row};
use crate::clock::Instant;
use crate::domain::new_lead::FieldError;
use crate::domain::new_purchase::{NewPurchase, prepare};
use crate::domain::product::Product;
use crate::domain::purchase::Purchase;
use crate::id::{IdSource, LeadId, ProductId, PurchaseId};
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;
use crate::store::{lead, product};

static BY_EXTERNAL: Sql = Sql::new(concat!(
    purchase_row!("FROM purchases p WHERE p.external_id IN (SELECT e.value->>0 FROM {each}) ORDER BY p.id "),
    "{lock}"
));
static INSERT: Sql = Sql::new(
    "INSERT INTO purchases (id, external_id, order_id, lead_id, product_id, quantity, currency, unit_minor, refunded_minor,
                            is_verified, purchased_at, delivered_at, created_at, updated_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT), e.value->>6,
            CAST(e.value->>7 AS BIGINT), CAST(e.value->>8 AS BIGINT), CAST(e.value->>9 AS BIGINT),
            CAST(e.value->>10 AS BIGINT), CAST(e.value->>11 AS BIGINT), CAST(e.value->>12 AS BIGINT),
            CAST(e.value->>13 AS BIGINT)
     FROM {each} WHERE true",
);
static REPLACE: Sql = Sql::new(
    "UPDATE purchases SET
        external_id = e.value->>1, order_id = e.value->>2, quantity = CAST(e.value->>5 AS BIGINT), currency = e.value->>6,
        unit_minor = CAST(e.value->>7 AS BIGINT), refunded_minor = CAST(e.value->>8 AS BIGINT),
        is_verified = CAST(e.value->>9 AS BIGINT), purchased_at = CAST(e.value->>10 AS BIGINT),
        delivered_at = CAST(e.value->>11 AS BIGINT), updated_at = CAST(e.value->>13 AS BIGINT)
     FROM {each} WHERE purchases.id = e.value->>0",
);

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted {
    Created(PurchaseId),
    Updated(PurchaseId),
    /// Nothing was written for this row.
    Refused(Vec<FieldError>),
}

/// What became of a change to one purchase.
#[derive(Debug, Clone)]
pub enum Edited {
    Saved(Box<Purchase>),
    /// Nothing was changed.
    Refused(Vec<FieldError>),
    Missing,
}

/// Records a purchase for each row, in order; rows match purchases on file by the shop's id. Six statements, however many rows.
pub async fn upsert_many(
    tx: &mut Tx,
    ids: &IdSource,
    rows: &[NewPurchase],
    now: Instant,
) -> Result<Vec<Upserted>, StoreError> {
    let known = Known::of(tx, rows).await?;
    let mut book = Book::of(tx, rows).await?;
    let answers = rows
        .iter()
        .map(|row| {
            let before = row.external_id.as_deref().map(str::trim).and_then(|key| book.find(key));
            match known.read(row, before, ids, now) {
                Ok(purchase) => book.put(purchase),
                Err(mistakes) => Upserted::Refused(mistakes),
            }
        })
        .collect();
    book.write(tx).await?;
    Ok(answers)
}

/// Changes one purchase; what `change` does not mention stays as it is, and whose it is and of what stays anyway.
pub async fn update(
    tx: &mut Tx,
    id: PurchaseId,
    change: &NewPurchase,
    now: Instant,
) -> Result<Edited, StoreError> {
    let rows = std::slice::from_ref(change);
    let known = Known::of(tx, rows).await?;
    let others = Book::of(tx, rows).await?;
    let Some(before) = lock_many(tx, &[id]).await?.pop() else { return Ok(Edited::Missing) };
    let mut mistakes = known.moved(change, &before);
    if others.purchases.keys().any(|other| *other != id) {
        mistakes.push(mistake("externalId", "belongs to another purchase"));
    }
    match change.apply(&before, now) {
        Ok(purchase) if mistakes.is_empty() => {
            write(tx, &REPLACE, &[&purchase]).await?;
            Ok(Edited::Saved(Box::new(purchase)))
        }
        Ok(_) => Ok(Edited::Refused(mistakes)),
        Err(more) => Ok(Edited::Refused(mistakes.into_iter().chain(more).collect())),
    }
}

fn mistake(field: &str, message: impl Into<String>) -> FieldError {
    FieldError { field: field.to_owned(), message: message.into() }
}

/// The leads and products that rows name.
struct Known {
    leads: HashMap<String, LeadId>,
    by_text: HashMap<String, ProductId>,
    products: HashMap<ProductId, Product>,
}

impl Known {
    async fn of(tx: &mut Tx, rows: &[NewPurchase]) -> Result<Self, StoreError> {
        let leads: Vec<&str> = rows.iter().filter_map(|row| row.lead_id.as_deref()).collect();
        let texts: Vec<&str> = rows.iter().filter_map(|row| row.product_id.as_deref()).collect();
        let leads = lead::resolve_many(tx, &leads).await?;
        let by_text = product::resolve_many(tx, &texts).await?;
        let mut ids: Vec<ProductId> = by_text.values().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let products = product::find_many(tx, &ids).await?;
        Ok(Self { leads, by_text, products: products.into_iter().map(|each| (each.id, each)).collect() })
    }

    fn lead(&self, row: &NewPurchase) -> Result<Option<LeadId>, FieldError> {
        let Some(text) = row.lead_id.as_deref() else { return Ok(None) };
        let found = self.leads.get(text).copied();
        found.map(Some).ok_or_else(|| mistake("leadId", format!("lead `{text}` does not exist")))
    }

    fn product(&self, row: &NewPurchase) -> Result<Option<&Product>, FieldError> {
        let Some(text) = row.product_id.as_deref() else { return Ok(None) };
        let found = self.by_text.get(text).and_then(|id| self.products.get(id));
        found.map(Some).ok_or_else(|| mistake("productId", format!("product `{text}` does not exist")))
    }

    fn read(
        &self,
        row: &NewPurchase,
        before: Option<&Purchase>,
        ids: &IdSource,
        now: Instant,
    ) -> Result<Purchase, Vec<FieldError>> {
        if let Some(before) = before {
            let moved = self.moved(row, before);
            return if moved.is_empty() { row.apply(before, now) } else { Err(moved) };
        }
        let needed = |field| mistake(field, "a new purchase needs it");
        let lead = self.lead(row).and_then(|lead| lead.ok_or_else(|| needed("leadId")));
        let product = self.product(row).and_then(|product| product.ok_or_else(|| needed("productId")));
        match (lead, product) {
            (Ok(lead), Ok(product)) => prepare(row, lead, product, ids.next(now), now),
            (lead, product) => Err([lead.err(), product.err()].into_iter().flatten().collect()),
        }
    }

    /// A purchase stays its lead's and its product's: another is another purchase.
    fn moved(&self, row: &NewPurchase, before: &Purchase) -> Vec<FieldError> {
        let lead = match self.lead(row) {
            Ok(Some(lead)) if lead != before.lead_id => {
                Some(mistake("leadId", "a purchase stays its lead's"))
            }
            Ok(_) => None,
            Err(unknown) => Some(unknown),
        };
        let product = match self.product(row) {
            Ok(Some(product)) if product.id != before.product_id => {
                Some(mistake("productId", "a purchase stays of its product"))
            }
            Ok(_) => None,
            Err(unknown) => Some(unknown),
        };
        [lead, product].into_iter().flatten().collect()
    }
}

/// The purchases a set is about, as they are after the rows so far.
struct Book {
    by_key: HashMap<String, PurchaseId>,
    /// And whether it is a new one; in the order of their ids.
    purchases: BTreeMap<PurchaseId, (Purchase, Entry)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    New,
    Unchanged,
    Changed,
}

impl Book {
    /// What is on file for these rows, locked.
    async fn of(tx: &mut Tx, rows: &[NewPurchase]) -> Result<Self, StoreError> {
        let keys: Vec<[&str; 1]> =
            rows.iter().filter_map(|row| row.external_id.as_deref()).map(|key| [key.trim()]).collect();
        let mut book = Self { by_key: HashMap::new(), purchases: BTreeMap::new() };
        if keys.is_empty() {
            return Ok(book);
        }
        let (sql, bulk) = (BY_EXTERNAL.on(tx.dialect()), crate::store::bulk(&keys)?);
        let found: Vec<PurchaseRow> =
            on_db!(tx, |conn| sqlx::query_as(sql).bind(bulk).fetch_all(conn).await)?;
        for row in found {
            let purchase = Purchase::try_from(row)?;
            if let Some(key) = purchase.external_id.clone() {
                book.by_key.insert(key, purchase.id);
            }
            book.purchases.insert(purchase.id, (purchase, Entry::Unchanged));
        }
        Ok(book)
    }

    fn find(&self, key: &str) -> Option<&Purchase> {
        self.by_key.get(key).and_then(|id| self.purchases.get(id)).map(|(purchase, _)| purchase)
    }

    fn put(&mut self, purchase: Purchase) -> Upserted {
        let id = purchase.id;
        if let Some(key) = purchase.external_id.clone() {
            self.by_key.insert(key, id);
        }
        match self.purchases.get_mut(&id) {
            None => {
                self.purchases.insert(id, (purchase, Entry::New));
                Upserted::Created(id)
            }
            Some((known, entry)) => {
                *known = purchase;
                *entry = if *entry == Entry::New { Entry::New } else { Entry::Changed };
                Upserted::Updated(id)
            }
        }
    }

    async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let of = |wanted: Entry| {
            let chosen = self.purchases.values().filter(move |(_, entry)| *entry == wanted);
            chosen.map(|(purchase, _)| purchase).collect::<Vec<_>>()
        };
        write(tx, &INSERT, &of(Entry::New)).await?;
        write(tx, &REPLACE, &of(Entry::Changed)).await
    }
}

async fn write(tx: &mut Tx, statement: &Sql, purchases: &[&Purchase]) -> Result<(), StoreError> {
    if purchases.is_empty() {
        return Ok(());
    }
    let rows: Vec<PurchaseWrite> = purchases.iter().map(|purchase| PurchaseWrite::from(*purchase)).collect();
    let (sql, bulk) = (statement.on(tx.dialect()), crate::store::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
