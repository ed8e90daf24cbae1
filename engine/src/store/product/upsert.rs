//! Creating or changing products in sets, as imports and shops send them, each with the lines of history it makes.

use std::collections::{BTreeMap, HashMap};

use super::history::Changes;
use super::rows::ProductWrite;
use super::{lock_many, resolve_many};
use crate::clock::Instant;
use crate::domain::new_lead::{Field, FieldError};
use crate::domain::new_product::{NewProduct, prepare};
use crate::domain::product::{ChangeSource, PriceChange, Product};
use crate::id::{IdSource, ProductId};
use crate::money::Money;
use crate::store::db::{Sql, Tx, on_db};
use crate::store::error::StoreError;

static INSERT: Sql = Sql::new(
    "INSERT INTO products (id, external_id, name, category, currency, price_minor, stock, is_active, tags, attributes, created_at,
                           updated_at)
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT),
            CAST(e.value->>6 AS BIGINT), CAST(e.value->>7 AS BIGINT), e.value->>8, e.value->>9, CAST(e.value->>10 AS BIGINT),
            CAST(e.value->>11 AS BIGINT)
     FROM {each} WHERE true",
);
static REPLACE: Sql = Sql::new(
    "UPDATE products SET
        external_id = e.value->>1, name = e.value->>2, category = e.value->>3, currency = e.value->>4,
        price_minor = CAST(e.value->>5 AS BIGINT), stock = CAST(e.value->>6 AS BIGINT),
        is_active = CAST(e.value->>7 AS BIGINT), tags = e.value->>8, attributes = e.value->>9,
        updated_at = CAST(e.value->>11 AS BIGINT)
     FROM {each} WHERE products.id = e.value->>0",
);

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted {
    Created(ProductId),
    Updated(ProductId),
    /// Nothing was written for this row.
    Refused(Vec<FieldError>),
}

/// What became of a change to one product.
#[derive(Debug, Clone)]
pub enum Edited {
    Saved(Box<Product>),
    /// Nothing was changed.
    Refused(Vec<FieldError>),
    Missing,
}

/// Creates or changes a product for each row, in order; rows match products on file by the shop's id. A set costs six
/// statements at most.
pub async fn upsert_many(
    tx: &mut Tx,
    ids: &IdSource,
    rows: &[NewProduct],
    source: ChangeSource,
    now: Instant,
) -> Result<Vec<Upserted>, StoreError> {
    let mut shelf = Shelf::of(tx, rows).await?;
    let mut changes = Changes::new(ids, source, now);
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let key = external_id(row);
        let before = key.as_ref().and_then(|key| shelf.by_key.get(key)).and_then(|id| shelf.products.get(id));
        let outcome = match before {
            Some((product, _)) => row.apply(product, now),
            None => prepare(row, ids.next(now), now),
        };
        answers.push(match outcome {
            Err(mistakes) => Upserted::Refused(mistakes),
            Ok(product) => {
                changes.note(before.map(|(product, _)| product), &product);
                shelf.put(key, product)
            }
        });
    }
    shelf.write(tx).await?;
    changes.write(tx).await?;
    Ok(answers)
}

/// Changes one product; what `change` does not mention stays as it is.
pub async fn update(
    tx: &mut Tx,
    ids: &IdSource,
    id: ProductId,
    change: &NewProduct,
    source: ChangeSource,
    now: Instant,
) -> Result<Edited, StoreError> {
    let Some(before) = lock_many(tx, &[id]).await?.pop() else { return Ok(Edited::Missing) };
    let product = match change.apply(&before, now) {
        Ok(product) => product,
        Err(mistakes) => return Ok(Edited::Refused(mistakes)),
    };
    if let Some(key) =
        product.external_id.as_deref().filter(|key| before.external_id.as_deref() != Some(*key))
        && resolve_many(tx, &[key]).await?.get(key).is_some_and(|other| *other != id)
    {
        let message = "belongs to another product".to_owned();
        return Ok(Edited::Refused(vec![FieldError { field: "externalId".to_owned(), message }]));
    }
    let mut changes = Changes::new(ids, source, now);
    changes.note(Some(&before), &product);
    write(tx, &REPLACE, std::slice::from_ref(&product)).await?;
    changes.write(tx).await?;
    Ok(Edited::Saved(Box::new(product)))
}

/// Sets a price and appends it to the history; `None` when there is no such product or it costs that already.
pub async fn set_price(
    tx: &mut Tx,
    ids: &IdSource,
    id: ProductId,
    price: Money,
    source: ChangeSource,
    now: Instant,
) -> Result<Option<PriceChange>, StoreError> {
    let Some(before) = lock_many(tx, &[id]).await?.pop() else { return Ok(None) };
    let product = Product { price, updated_at: now, ..before.clone() };
    let mut changes = Changes::new(ids, source, now);
    changes.note(Some(&before), &product);
    let Some(change) = changes.prices.first().cloned() else { return Ok(None) };
    write(tx, &REPLACE, std::slice::from_ref(&product)).await?;
    changes.write(tx).await?;
    Ok(Some(change))
}

fn external_id(row: &NewProduct) -> Option<String> {
    match &row.external_id {
        Field::Set(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    }
}

/// The products a set is about, as they are after the rows so far.
struct Shelf {
    by_key: HashMap<String, ProductId>,
    /// And whether the product is on file; in the order of their ids.
    products: BTreeMap<ProductId, (Product, OnFile)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnFile {
    No,
    Unchanged,
    Changed,
}

impl Shelf {
    /// What is on file for these rows, locked.
    async fn of(tx: &mut Tx, rows: &[NewProduct]) -> Result<Self, StoreError> {
        let keys: Vec<String> = rows.iter().filter_map(external_id).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let ids: Vec<ProductId> = resolve_many(tx, &keys).await?.into_values().collect();
        let known = lock_many(tx, &ids).await?;
        let by_key =
            known.iter().filter_map(|product| Some((product.external_id.clone()?, product.id))).collect();
        let products = known.into_iter().map(|product| (product.id, (product, OnFile::Unchanged))).collect();
        Ok(Self { by_key, products })
    }

    fn put(&mut self, key: Option<String>, product: Product) -> Upserted {
        let id = product.id;
        let state = self.products.get(&id).map_or(OnFile::No, |(_, state)| *state);
        let is_new = !self.products.contains_key(&id);
        let state = if state == OnFile::No { OnFile::No } else { OnFile::Changed };
        self.products.insert(id, (product, state));
        if let Some(key) = key {
            self.by_key.insert(key, id);
        }
        if is_new { Upserted::Created(id) } else { Upserted::Updated(id) }
    }

    async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        let of = |wanted: OnFile| {
            let chosen = self.products.values().filter(move |(_, state)| *state == wanted);
            chosen.map(|(product, _)| product.clone()).collect::<Vec<_>>()
        };
        write(tx, &INSERT, &of(OnFile::No)).await?;
        write(tx, &REPLACE, &of(OnFile::Changed)).await
    }
}

async fn write(tx: &mut Tx, statement: &Sql, products: &[Product]) -> Result<(), StoreError> {
    if products.is_empty() {
        return Ok(());
    }
    let rows = products.iter().map(ProductWrite::of).collect::<Result<Vec<_>, _>>()?;
    let (sql, bulk) = (statement.on(tx.dialect()), crate::store::bulk(&rows)?);
    on_db!(tx, |conn| sqlx::query(sql).bind(bulk).execute(conn).await.map(|_| ()))?;
    Ok(())
}
