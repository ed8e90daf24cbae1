//! Writing one batch of products, purchases or interests: sets, not rows. What is wrong with a row stops no other.

use std::collections::HashMap;

use callwright_engine::clock::Instant;
use callwright_engine::domain::new_lead::{Field, FieldError, NewLead};
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::product::ChangeSource;
use callwright_engine::domain::purchase::{Interest, InterestKind};
use callwright_engine::engine::Engine;
use callwright_engine::money::Currency;
use callwright_engine::store::{StoreError, Tx, interest, lead, product, purchase};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::RowError;
use super::apply::{Applied, wrong};
use super::rows::Row;
use crate::http::extract::parse_value;
use crate::http::families::shop::purchase_body::PurchaseInput;

pub(super) async fn products(
    engine: &Engine,
    tx: &mut Tx,
    batch: Vec<Row>,
    currency: Option<Currency>,
    now: Instant,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    for row in batch {
        match read::<NewProduct>(row) {
            Ok((line, mut new)) => {
                if new.price.is_some() && new.currency.is_none() {
                    new.currency = currency.map(|currency| currency.code().to_owned());
                }
                lines.push(line);
                rows.push(new);
            }
            Err(error) => applied.reject([error]),
        }
    }
    let answers = product::upsert_many(tx, &engine.ids, &rows, ChangeSource::Import, now).await?;
    for (line, answer) in lines.into_iter().zip(answers) {
        match answer {
            product::Upserted::Created(_) => applied.created += 1,
            product::Upserted::Updated(_) => applied.updated += 1,
            product::Upserted::Refused(errors) => applied.reject(of_line(line, errors)),
        }
    }
    Ok(applied)
}

/// A line of an order, with what is said about its customer and its product in case they are not on file.
struct Line {
    line: u64,
    purchase: PurchaseInput,
    customer: NewLead,
    product_name: Option<String>,
    category: Field<String>,
}

pub(super) async fn purchases(
    engine: &Engine,
    tx: &mut Tx,
    batch: Vec<Row>,
    currency: Option<Currency>,
    now: Instant,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let mut lines = Vec::with_capacity(batch.len());
    for row in batch {
        match read_line(row, currency) {
            Ok(line) => lines.push(line),
            Err(error) => applied.reject([error]),
        }
    }
    let refused = customers(engine, tx, &lines, now).await?;
    drop_refused(&mut lines, &refused, |line| line.purchase.lead_id.as_deref(), &mut applied);
    let refused = goods(engine, tx, &lines, now).await?;
    drop_refused(&mut lines, &refused, |line| line.purchase.product_id.as_deref(), &mut applied);
    let (places, rows): (Vec<u64>, Vec<_>) =
        lines.into_iter().map(|line| (line.line, line.purchase.into())).unzip();
    let answers = purchase::upsert_many(tx, &engine.ids, &rows, now).await?;
    for (line, answer) in places.into_iter().zip(answers) {
        match answer {
            purchase::Upserted::Created(_) => applied.created += 1,
            purchase::Upserted::Updated(_) => applied.updated += 1,
            purchase::Upserted::Refused(errors) => applied.reject(of_line(line, errors)),
        }
    }
    Ok(applied)
}

fn read_line(row: Row, currency: Option<Currency>) -> Result<Line, RowError> {
    let line = row.line;
    let mut fields = row.fields.map_err(|message| wrong(line, "", message))?;
    let customer: Map<String, Value> = CUSTOMER
        .iter()
        .filter_map(|name| fields.shift_remove(*name).map(|value| ((*name).to_owned(), value)))
        .collect();
    let customer = parsed(line, customer)?;
    let product_name = fields.shift_remove("productName").and_then(|name| name.as_str().map(str::to_owned));
    let category = fields.shift_remove("category").and_then(|name| name.as_str().map(str::to_owned));
    let mut purchase: PurchaseInput = parsed(line, fields)?;
    if purchase.external_id.is_none() {
        let message =
            "a line needs externalId, or orderId and productId: without, importing it again would double it";
        return Err(wrong(line, "externalId", message));
    }
    if purchase.unit_price.is_some() && purchase.currency.is_none() {
        purchase.currency = currency.map(|currency| currency.code().to_owned());
    }
    Ok(Line { line, purchase, customer, product_name, category: category.map_or(Field::Keep, Field::Set) })
}

/// What may be said about a customer who is not on file.
const CUSTOMER: [&str; 9] =
    ["email", "firstName", "lastName", "phone", "company", "language", "timezone", "country", "region"];

/// Mistakes of those who could not be made, by how rows name them.
type Refusals = HashMap<String, Vec<FieldError>>;

/// Makes leads of the customers who are not on file; a phone may be missing.
async fn customers(
    engine: &Engine,
    tx: &mut Tx,
    lines: &[Line],
    now: Instant,
) -> Result<Refusals, StoreError> {
    let names: Vec<&str> = lines.iter().filter_map(|line| line.purchase.lead_id.as_deref()).collect();
    let known = lead::resolve_many(tx, &names).await?;
    let mut new: HashMap<&str, NewLead> = HashMap::new();
    let mut order = Vec::new();
    for line in lines {
        let Some(name) = line.purchase.lead_id.as_deref().filter(|name| !known.contains_key(*name)) else {
            continue;
        };
        new.entry(name).or_insert_with(|| {
            order.push(name);
            NewLead {
                external_id: Field::Set(name.to_owned()),
                status: Some("customer".to_owned()),
                ..line.customer.clone()
            }
        });
    }
    let rows: Vec<NewLead> = order.iter().filter_map(|name| new.remove(name)).collect();
    let answers = lead::upsert_many(tx, &engine.ids, &rows, now).await?;
    Ok(order
        .into_iter()
        .zip(answers)
        .filter_map(|(name, answer)| match answer {
            lead::Upserted::Refused(errors) => Some((name.to_owned(), errors)),
            lead::Upserted::Created(_) | lead::Upserted::Updated(_) => None,
        })
        .collect())
}

/// Makes products that are not on file, where rows name them; they cost what the first row says.
async fn goods(engine: &Engine, tx: &mut Tx, lines: &[Line], now: Instant) -> Result<Refusals, StoreError> {
    let names: Vec<&str> = lines.iter().filter_map(|line| line.purchase.product_id.as_deref()).collect();
    let known = product::resolve_many(tx, &names).await?;
    let mut new: HashMap<&str, NewProduct> = HashMap::new();
    let mut order = Vec::new();
    for line in lines {
        let Some(name) = line.purchase.product_id.as_deref().filter(|name| !known.contains_key(*name)) else {
            continue;
        };
        // Without a name the row itself will say that the product does not exist.
        let Some(title) = &line.product_name else { continue };
        new.entry(name).or_insert_with(|| {
            order.push(name);
            NewProduct {
                external_id: Field::Set(name.to_owned()),
                name: Some(title.clone()),
                category: line.category.clone(),
                currency: line.purchase.currency.clone(),
                price: line.purchase.unit_price,
                ..NewProduct::default()
            }
        });
    }
    let rows: Vec<NewProduct> = order.iter().filter_map(|name| new.remove(name)).collect();
    let answers = product::upsert_many(tx, &engine.ids, &rows, ChangeSource::Import, now).await?;
    Ok(order
        .into_iter()
        .zip(answers)
        .filter_map(|(name, answer)| match answer {
            product::Upserted::Refused(errors) => Some((name.to_owned(), errors)),
            product::Upserted::Created(_) | product::Upserted::Updated(_) => None,
        })
        .collect())
}

fn drop_refused(
    lines: &mut Vec<Line>,
    refused: &Refusals,
    name: impl Fn(&Line) -> Option<&str>,
    applied: &mut Applied,
) {
    lines.retain(|line| {
        let Some(errors) = name(line).and_then(|name| refused.get(name)) else { return true };
        applied.reject(of_line(line.line, errors.clone()));
        false
    });
}

/// A row of interests.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InterestRow {
    lead_id: String,
    product_id: String,
    kind: Option<InterestKind>,
    source: Option<String>,
}

pub(super) async fn interests(
    engine: &Engine,
    tx: &mut Tx,
    batch: Vec<Row>,
    now: Instant,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let mut rows = Vec::with_capacity(batch.len());
    for row in batch {
        match read::<InterestRow>(row) {
            Ok(row) => rows.push(row),
            Err(error) => applied.reject([error]),
        }
    }
    let names: Vec<&str> = rows.iter().map(|(_, row)| row.lead_id.as_str()).collect();
    let leads = lead::resolve_many(tx, &names).await?;
    let names: Vec<&str> = rows.iter().map(|(_, row)| row.product_id.as_str()).collect();
    let products = product::resolve_many(tx, &names).await?;
    let mut interests = Vec::with_capacity(rows.len());
    for (line, row) in &rows {
        match (leads.get(&row.lead_id), products.get(&row.product_id)) {
            (Some(lead), Some(product)) => interests.push(Interest {
                id: engine.ids.next(now),
                lead_id: *lead,
                product_id: *product,
                kind: row.kind.unwrap_or(InterestKind::BackInStock),
                source: row.source.clone().unwrap_or_else(|| "import".to_owned()),
                created_at: now,
                ended_at: None,
            }),
            (None, _) => {
                applied.reject([wrong(*line, "leadId", format!("lead `{}` does not exist", row.lead_id))]);
            }
            (_, None) => {
                applied.reject([wrong(
                    *line,
                    "productId",
                    format!("product `{}` does not exist", row.product_id),
                )]);
            }
        }
    }
    for (_, is_new) in interest::add_many(tx, &interests).await? {
        if is_new {
            applied.created += 1;
        } else {
            applied.updated += 1;
        }
    }
    Ok(applied)
}

fn read<T: DeserializeOwned>(row: Row) -> Result<(u64, T), RowError> {
    let fields = row.fields.map_err(|message| wrong(row.line, "", message))?;
    parsed(row.line, fields).map(|value| (row.line, value))
}

fn parsed<T: DeserializeOwned>(line: u64, fields: Map<String, Value>) -> Result<T, RowError> {
    parse_value(Value::Object(fields)).map_err(|problem| {
        let message = match problem.help {
            Some(help) => format!("{}; {help}", problem.message),
            None => problem.message,
        };
        wrong(line, problem.pointer.trim_start_matches('/'), message)
    })
}

fn of_line(line: u64, errors: Vec<FieldError>) -> Vec<RowError> {
    errors.into_iter().map(|error| wrong(line, &error.field, error.message)).collect()
}
