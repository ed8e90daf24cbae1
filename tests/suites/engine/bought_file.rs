//! A price drop over a file of real purchases: exactly the distinct buyers are called, once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use callwright_engine::definitions::library::Library;
use callwright_engine::domain::new_lead::NewLead;
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::product::ChangeSource;
use callwright_engine::domain::trigger::{TriggerKind, TriggerSource};
use callwright_engine::engine::triggers::NewTrigger;
use callwright_engine::money::{Currency, Money};
use callwright_engine::store::{product, purchase};
use callwright_tests::TestDb;

use crate::given::World;
use crate::triggering::{ENROLLED, counted, finish, number};

/// A whole shop's purchases, as a CSV file with the columns `invoice, stock_code, quantity, purchased_at, unit_price_gbp, customer`
/// or those of `SMALL`: a price drop on the most-bought product calls each distinct buyer once.
#[tokio::test]
async fn a_price_drop_calls_exactly_the_distinct_buyers_of_a_file_of_purchases() -> anyhow::Result<()> {
    let text = match std::env::var_os("CALLWRIGHT_PURCHASES") {
        Some(path) => std::fs::read_to_string(path)?,
        None => SMALL.to_owned(),
    };
    let rows = rows_of(&text)?;
    let db = TestDb::sqlite().await?;
    let start = "2011-01-03T15:00:00Z".parse()?;
    let world = World::starting(db, Library::embedded(), start).await?;
    let campaign = world.campaign("price-drop", |_| ()).await?;
    load(&world, &rows).await?;
    let mut tx = world.engine.db.begin_read().await?;
    let product = product::resolve(&mut tx, "85123A").await?.context("the product")?;
    tx.rollback().await?;
    let expected: BTreeSet<&str> =
        rows.iter().filter(|row| row.code == "85123A").map(|row| row.customer.as_str()).collect();
    let new = NewTrigger {
        product_id: Some(product),
        original: Some(gbp("2.95")?),
        new: Some(gbp("1.50")?),
        ..NewTrigger::new(TriggerKind::PriceDrop, TriggerSource::Api, campaign)
    };
    let raised = world.engine.raise(&new).await?;
    finish(&world.engine, raised.trigger().id, 50).await?;
    finish(&world.engine, world.engine.raise(&new).await?.trigger().id, 50).await?;
    let done = world.engine.trigger(raised.trigger().id).await?;
    assert_eq!((done.eligible, done.skipped.len()), (expected.len() as u64, 0), "{:?}", done.skipped);
    assert_eq!(counted(&world.db.db, ENROLLED, done.id).await?, expected.len() as i64);
    const CALLED: &str =
        "SELECT count(DISTINCT l.external_id) FROM enrollments n JOIN leads l ON l.id = n.lead_id
         WHERE n.entry_key = $1";
    assert_eq!(counted(&world.db.db, CALLED, done.id).await?, expected.len() as i64);
    Ok(())
}

/// Three customers bought it, one of them twice; one bought something else.
const SMALL: &str = "invoice,stock_code,description,quantity,purchased_at,unit_price_gbp,customer,country
1,85123A,HEART HOLDER,6,2010-12-01T08:26:00,2.55,101,United Kingdom
1,71053,LANTERN,6,2010-12-01T08:26:00,3.39,101,United Kingdom
2,85123A,HEART HOLDER,12,2010-12-02T10:00:00,2.95,102,France
3,85123A,HEART HOLDER,2,2010-12-03T11:30:00,2.55,102,France
4,85123A,HEART HOLDER,1,2010-12-05T12:00:00,2.95,103,United Kingdom
5,71053,LANTERN,1,2010-12-06T12:00:00,3.39,104,United Kingdom
";

struct Line {
    id: String,
    code: String,
    quantity: i64,
    at: callwright_engine::clock::Instant,
    price: String,
    customer: String,
}

fn gbp(text: &str) -> anyhow::Result<Money> {
    Ok(Money::parse(text, Currency::find("GBP")?)?)
}

fn rows_of(text: &str) -> anyhow::Result<Vec<Line>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().context("a heading")?.split(',').collect();
    let place =
        |name: &str| names.iter().position(|each| *each == name).with_context(|| format!("no column {name}"));
    let (code, quantity, at, price, customer) = (
        place("stock_code")?,
        place("quantity")?,
        place("purchased_at")?,
        place("unit_price_gbp")?,
        place("customer")?,
    );
    let mut rows = Vec::new();
    for (nth, line) in lines.enumerate() {
        // Descriptions may hold commas in quotes; no other column does.
        let cells = cells_of(line);
        let cell = |at: usize| cells.get(at).cloned().unwrap_or_default();
        rows.push(Line {
            id: format!("line-{nth}"),
            code: cell(code),
            quantity: cell(quantity).parse()?,
            at: format!("{}Z", cell(at)).parse()?,
            price: cell(price),
            customer: cell(customer),
        });
    }
    Ok(rows)
}

fn cells_of(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

async fn load(world: &World, rows: &[Line]) -> anyhow::Result<()> {
    let customers: BTreeSet<&str> = rows.iter().map(|row| row.customer.as_str()).collect();
    for (nth, customer) in customers.into_iter().enumerate() {
        let phone = format!("+1202456{:04}", 1_000 + nth);
        let new =
            NewLead { external_id: customer.into(), phone: phone.as_str().into(), ..NewLead::default() };
        world.lead_like(new).await?;
    }
    let mut products: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.quantity > 0) {
        products.insert(&row.code, &row.price);
    }
    let products: Vec<NewProduct> = products
        .into_iter()
        .map(|(code, price)| NewProduct {
            external_id: code.into(),
            name: Some(code.to_owned()),
            currency: Some("GBP".to_owned()),
            price: Some(number(price)),
            ..NewProduct::default()
        })
        .collect();
    let mut tx = world.engine.db.begin().await?;
    product::upsert_many(&mut tx, &world.engine.ids, &products, ChangeSource::Import, world.now()).await?;
    let bought: Vec<NewPurchase> = rows
        .iter()
        .filter(|row| row.quantity > 0)
        .map(|row| NewPurchase {
            external_id: Some(row.id.clone()),
            lead_id: Some(row.customer.clone()),
            product_id: Some(row.code.clone()),
            quantity: Some(row.quantity),
            unit_price: Some(number(&row.price)),
            purchased_at: Some(row.at),
            ..NewPurchase::default()
        })
        .collect();
    for chunk in bought.chunks(500) {
        let made = purchase::upsert_many(&mut tx, &world.engine.ids, chunk, world.now()).await?;
        anyhow::ensure!(made.iter().all(|made| !matches!(made, purchase::Upserted::Refused(_))), "{made:?}");
    }
    tx.commit().await?;
    Ok(())
}
