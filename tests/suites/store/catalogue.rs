//! Products with their history, purchases and interests, on both databases.

use anyhow::Context as _;
use callwright_engine::domain::new_product::NewProduct;
use callwright_engine::domain::new_purchase::NewPurchase;
use callwright_engine::domain::product::{ChangeSource, Product};
use callwright_engine::domain::purchase::{Interest, InterestKind};
use callwright_engine::id::{LeadId, ProductId, PurchaseId};
use callwright_engine::money::{Currency, Money, Number};
use callwright_engine::store::product::{self, Edited, ProductFilter, Upserted, history};
use callwright_engine::store::purchase::{self, PurchaseFilter};
use callwright_engine::store::{Tx, campaign, campaign_product, interest};

use crate::given::{ALICE, BOB, after, campaign as given_campaign, described, id, ids, lead, now};
use crate::on_both;

pub fn usd(minor: i64) -> Money {
    Money::of_minor(minor, Currency::USD).expect("an amount")
}

pub fn number(text: &str) -> Option<Number> {
    Some(serde_json::from_str(text).expect("a number"))
}

pub fn lamp(key: &str, price: &str) -> NewProduct {
    NewProduct {
        external_id: key.into(),
        name: Some("Lamp".to_owned()),
        currency: Some("USD".to_owned()),
        price: number(price),
        stock: 5.into(),
        ..NewProduct::default()
    }
}

pub async fn stocked(tx: &mut Tx, key: &str, price: &str) -> anyhow::Result<Product> {
    let made = product::upsert_many(tx, ids(), &[lamp(key, price)], ChangeSource::Api, now()).await?;
    let Some(Upserted::Created(id)) = made.first() else { anyhow::bail!("{made:?}") };
    product::find(tx, *id).await?.context("the product")
}

fn bought(key: &str, lead: &str, product: &str) -> NewPurchase {
    NewPurchase {
        external_id: Some(key.to_owned()),
        order_id: "o1".into(),
        lead_id: Some(lead.to_owned()),
        product_id: Some(product.to_owned()),
        ..NewPurchase::default()
    }
}

async fn record(tx: &mut Tx, rows: &[NewPurchase]) -> anyhow::Result<Vec<PurchaseId>> {
    let answers = purchase::upsert_many(tx, ids(), rows, after(60)).await?;
    answers
        .into_iter()
        .map(|answer| match answer {
            purchase::Upserted::Created(id) | purchase::Upserted::Updated(id) => Ok(id),
            purchase::Upserted::Refused(errors) => anyhow::bail!("{errors:?}"),
        })
        .collect()
}

async fn prices(tx: &mut Tx, product: ProductId) -> anyhow::Result<Vec<String>> {
    let page = history::prices(tx, product, None, 50).await?;
    Ok(page.items.iter().map(|change| change.new.to_string()).collect())
}

fn waits(lead_id: LeadId, product_id: ProductId, kind: InterestKind) -> Interest {
    let source = "test".to_owned();
    Interest { id: id(), lead_id, product_id, kind, source, created_at: now(), ended_at: None }
}

on_both! {
    async fn every_new_price_is_one_line_of_history(db) {
        let mut tx = db.db.begin().await?;
        let product = stocked(&mut tx, "lamp", "849.99").await?;
        let rows = [lamp("lamp", "799.99"), lamp("lamp", "799.99"), lamp("lamp", "810")];
        product::upsert_many(&mut tx, ids(), &rows, ChangeSource::Import, after(60)).await?;
        let change = product::set_price(&mut tx, ids(), product.id, usd(50_000), ChangeSource::Trigger, after(90)).await?;
        assert!(change.context("a change")?.is_drop());
        assert!(product::set_price(&mut tx, ids(), product.id, usd(50_000), ChangeSource::Api, after(95)).await?.is_none());
        assert_eq!(prices(&mut tx, product.id).await?, ["500.00 USD", "810.00 USD", "799.99 USD", "849.99 USD"]);
        assert_eq!(product::find(&mut tx, product.id).await?.context("it")?.price, usd(50_000));
    }

    async fn only_drops_and_restocks_by_others_are_left_to_triggers_and_once(db) {
        let mut tx = db.db.begin().await?;
        let product = stocked(&mut tx, "lamp", "10").await?;
        let change = |price, stock: i64| NewProduct { price: number(price), stock: stock.into(), ..NewProduct::default() };
        for (at, (price, stock)) in [("9", 0), ("12", 3), ("11", 4)].into_iter().enumerate() {
            product::update(&mut tx, ids(), product.id, &change(price, stock), ChangeSource::Api, after(at as i64)).await?;
        }
        product::set_price(&mut tx, ids(), product.id, usd(100), ChangeSource::Trigger, after(9)).await?;
        let drops = history::new_price_changes(&mut tx, 10).await?;
        assert_eq!(drops.iter().map(|drop| drop.new).collect::<Vec<_>>(), [usd(900), usd(1_100)]);
        let restocks = history::new_stock_changes(&mut tx, 10).await?;
        assert_eq!(restocks.iter().map(|change| (change.old, change.new)).collect::<Vec<_>>(), [(Some(0), Some(3))]);
        history::handle_price_changes(&mut tx, &[drops[0].id], after(10)).await?;
        history::handle_stock_changes(&mut tx, &[restocks[0].id], after(10)).await?;
        assert_eq!(history::new_price_changes(&mut tx, 10).await?, drops[1..]);
        assert!(history::new_stock_changes(&mut tx, 10).await?.is_empty());
    }

    async fn a_product_is_kept_as_it_was_described(db) {
        let mut tx = db.db.begin().await?;
        let new: NewProduct = serde_json::from_str(
            r#"{"externalId": "p-1", "name": "Chai", "category": "tea", "currency": "INR", "price": 1234567.5, "stock": null,
                "tags": ["new", "sale"], "attributes": {"grams": 250}}"#,
        )?;
        let made = product::upsert_many(&mut tx, ids(), &[new], ChangeSource::Api, now()).await?;
        let Upserted::Created(id) = made[0] else { anyhow::bail!("{made:?}") };
        let kept = product::find(&mut tx, id).await?.context("it")?;
        assert_eq!(kept.price.written(), "₹ 12,34,567.50");
        assert_eq!((kept.stock, kept.tags.len(), &kept.attributes["grams"]), (None, 2, &250.into()));
        assert_eq!(product::resolve(&mut tx, "p-1").await?, Some(id));
        assert_eq!(product::resolve(&mut tx, &id.to_string().to_uppercase()).await?, Some(id));
        assert_eq!(product::resolve(&mut tx, "p-2").await?, None);
    }

    async fn lists_are_filtered_and_go_on_where_they_stopped(db) {
        let mut tx = db.db.begin().await?;
        let rows: Vec<NewProduct> = (0..5)
            .map(|n: i64| NewProduct {
                name: Some(format!("Lamp {n}%")),
                category: if n % 2 == 0 { "light".into() } else { "other".into() },
                stock: n.into(),
                ..lamp(&format!("p{n}"), "1")
            })
            .collect();
        product::upsert_many(&mut tx, ids(), &rows, ChangeSource::Api, now()).await?;
        let names = |filter: ProductFilter| (filter, 2);
        let (filter, limit) = names(ProductFilter { category: Some("light".to_owned()), ..ProductFilter::default() });
        let first = product::page(&mut tx, &filter, None, limit).await?;
        let second = product::page(&mut tx, &filter, first.next, limit).await?;
        let all: Vec<&str> = first.items.iter().chain(&second.items).map(|product| product.name.as_str()).collect();
        assert_eq!(all, ["Lamp 4%", "Lamp 2%", "Lamp 0%"]);
        assert!(second.next.is_none());
        let count = async |tx: &mut Tx, filter: ProductFilter| -> anyhow::Result<usize> {
            Ok(product::page(tx, &filter, None, 50).await?.items.len())
        };
        assert_eq!(count(&mut tx, ProductFilter { search: Some("LAMP 3%".to_owned()), ..ProductFilter::default() }).await?, 1);
        assert_eq!(count(&mut tx, ProductFilter { search: Some("p3".to_owned()), ..ProductFilter::default() }).await?, 1);
        assert_eq!(count(&mut tx, ProductFilter { is_available: Some(false), ..ProductFilter::default() }).await?, 1);
    }

    async fn another_products_id_cannot_be_taken(db) {
        let mut tx = db.db.begin().await?;
        stocked(&mut tx, "a", "1").await?;
        let other = stocked(&mut tx, "b", "1").await?;
        let change = NewProduct { external_id: "a".into(), ..NewProduct::default() };
        let edited = product::update(&mut tx, ids(), other.id, &change, ChangeSource::Api, after(1)).await?;
        let Edited::Refused(errors) = edited else { anyhow::bail!("{edited:?}") };
        assert_eq!(errors[0].field, "externalId");
    }

    async fn a_repeated_purchase_is_the_same_and_a_partial_one_changes_what_it_says(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let product = stocked(&mut tx, "lamp", "10.50").await?;
        let row = NewPurchase { quantity: Some(3), ..bought("l1", "alice", "lamp") };
        let first = record(&mut tx, &[row.clone(), row.clone()]).await?;
        let again = record(&mut tx, &[NewPurchase { refunded: number("5.25"), quantity: None, ..row }]).await?;
        assert_eq!([first[0], first[0]], [first[1], again[0]]);
        let kept = purchase::find(&mut tx, first[0]).await?.context("it")?;
        assert_eq!((kept.lead_id, kept.product_id, kept.quantity), (alice, product.id, 3));
        assert_eq!((kept.total()?, kept.refunded, kept.counts()), (usd(3_150), usd(525), true));
        assert_eq!(purchase::resolve(&mut tx, "l1").await?, Some(first[0]));
        assert_eq!(purchase::page(&mut tx, &PurchaseFilter::default(), None, 10).await?.items.len(), 1);
    }

    async fn who_and_what_must_exist_and_stay(db) {
        let mut tx = db.db.begin().await?;
        lead(&mut tx, &described("alice", ALICE)).await?;
        lead(&mut tx, &described("bob", BOB)).await?;
        stocked(&mut tx, "lamp", "10.50").await?;
        let rows = [bought("l1", "nobody", "nothing"), bought("l2", "alice", "lamp"), bought("l2", "bob", "lamp"), NewPurchase::default()];
        let answers = purchase::upsert_many(&mut tx, ids(), &rows, now()).await?;
        let fields = |at: usize| match &answers[at] {
            purchase::Upserted::Refused(errors) => errors.iter().map(|error| error.field.as_str()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(fields(0), ["leadId", "productId"]);
        assert!(matches!(answers[1], purchase::Upserted::Created(_)));
        assert_eq!(fields(2), ["leadId"]);
        assert_eq!(fields(3), ["leadId", "productId"]);
    }

    async fn buyers_are_walked_once_each_and_only_those_that_count(db) {
        let mut tx = db.db.begin().await?;
        let mut leads = Vec::new();
        for n in 0..6 {
            leads.push(lead(&mut tx, &described(&format!("lead-{n}"), ALICE)).await?.id);
        }
        let (lamp_id, desk_id) = (stocked(&mut tx, "lamp", "10").await?.id, stocked(&mut tx, "desk", "10").await?.id);
        let line = |n: usize, product: &str| bought(&format!("{n}-{product}"), &format!("lead-{n}"), product);
        let rows = [
            line(0, "lamp"), NewPurchase { external_id: Some("twice".to_owned()), ..line(0, "lamp") }, line(0, "desk"),
            NewPurchase { verified: Some(false), ..line(1, "lamp") },
            NewPurchase { refunded: number("10"), ..line(2, "lamp") },
            NewPurchase { unit_price: number("0"), ..line(3, "lamp") },
            line(4, "desk"), line(5, "lamp"),
        ];
        record(&mut tx, &rows).await?;
        let both = [lamp_id, desk_id];
        let first = purchase::buyers(&mut tx, &both, None, 2).await?;
        let rest = purchase::buyers(&mut tx, &both, first.last().copied(), 9).await?;
        assert_eq!([first, rest].concat(), [leads[0], leads[3], leads[4], leads[5]]);
        assert_eq!(purchase::buyers(&mut tx, &[lamp_id], None, 9).await?, [leads[0], leads[3], leads[5]]);
        assert_eq!(purchase::count_buyers(&mut tx, &both).await?, 4);
        let of = purchase::of_products(&mut tx, &leads[..2], &[lamp_id]).await?;
        assert_eq!(of.len(), 3, "also those that do not count");
    }

    async fn history_is_the_latest_of_each_lead_and_worth_is_what_they_kept(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let bob = lead(&mut tx, &described("bob", BOB)).await?.id;
        stocked(&mut tx, "lamp", "10").await?;
        let mut rows: Vec<NewPurchase> = (0..4)
            .map(|n| NewPurchase { purchased_at: Some(after(-n * 86_400)), ..bought(&format!("a{n}"), "alice", "lamp") })
            .collect();
        rows[1].refunded = number("2.50");
        rows[2].verified = Some(false);
        rows.push(bought("b0", "bob", "lamp"));
        rows.push(NewPurchase { currency: Some("JPY".to_owned()), unit_price: number("500"), ..bought("b1", "bob", "lamp") });
        record(&mut tx, &rows).await?;
        let history = purchase::history(&mut tx, &[alice, bob], 2).await?;
        let keys: Vec<&str> = history.iter().filter_map(|purchase| purchase.external_id.as_deref()).collect();
        assert_eq!(keys.len(), 4);
        assert_eq!(keys[..2], ["a0", "a1"]);
        let worth = purchase::worth(&mut tx, &[alice, bob]).await?;
        let yen = Money::of_minor(500, Currency::find("JPY")?)?;
        assert_eq!(worth, [(alice, usd(2_750)), (bob, yen), (bob, usd(1_000))]);
    }

    async fn waiting_is_said_once_ended_and_begun_anew(db) {
        let mut tx = db.db.begin().await?;
        let alice = lead(&mut tx, &described("alice", ALICE)).await?.id;
        let bob = lead(&mut tx, &described("bob", BOB)).await?.id;
        let product = stocked(&mut tx, "lamp", "10").await?.id;
        let rows = [waits(alice, product, InterestKind::BackInStock), waits(alice, product, InterestKind::WishList), waits(bob, product, InterestKind::WishList)];
        let first = interest::add_many(&mut tx, &rows).await?;
        assert!(first.iter().all(|(_, is_new)| *is_new));
        let again = interest::add_many(&mut tx, &[waits(alice, product, InterestKind::BackInStock)]).await?;
        assert_eq!(again, [(first[0].0.clone(), false)]);
        assert_eq!(interest::waiting(&mut tx, &[product], None, 9).await?, [alice, bob]);
        assert_eq!(interest::count_waiting(&mut tx, &[product]).await?, 2);
        let alices: Vec<_> = interest::among(&mut tx, &[alice], &[product]).await?.iter().map(|each| each.id).collect();
        assert_eq!(interest::end_many(&mut tx, &alices, after(5)).await?, 2);
        assert_eq!(interest::end_many(&mut tx, &alices, after(6)).await?, 0);
        assert_eq!(interest::waiting(&mut tx, &[product], None, 9).await?, [bob]);
        let later = Interest { created_at: after(9), ..waits(alice, product, InterestKind::BackInStock) };
        let (anew, is_new) = interest::add_many(&mut tx, &[later]).await?.remove(0);
        assert!(is_new && anew.ended_at.is_none() && anew.created_at == after(9) && anew.id == first[0].0.id);
    }

    async fn a_campaign_has_the_products_it_was_last_given(db) {
        let mut tx = db.db.begin().await?;
        let campaign_id = {
            let stored = given_campaign("c")?;
            campaign::create(&mut tx, &stored).await?;
            stored.id
        };
        let (a, b) = (stocked(&mut tx, "a", "1").await?.id, stocked(&mut tx, "b", "1").await?.id);
        campaign_product::replace(&mut tx, campaign_id, &[b, a, b]).await?;
        assert_eq!(campaign_product::of(&mut tx, campaign_id).await?, [a, b]);
        campaign_product::replace(&mut tx, campaign_id, &[]).await?;
        assert!(campaign_product::of(&mut tx, campaign_id).await?.is_empty());
    }

    async fn a_product_somebody_bought_is_not_removed(db) {
        let mut tx = db.db.begin().await?;
        lead(&mut tx, &described("alice", ALICE)).await?;
        let (sold, unsold) = (stocked(&mut tx, "sold", "1").await?.id, stocked(&mut tx, "unsold", "1").await?.id);
        record(&mut tx, &[bought("l1", "alice", "sold")]).await?;
        assert!(!product::remove(&mut tx, sold).await?);
        assert!(product::remove(&mut tx, unsold).await?);
        assert!(prices(&mut tx, unsold).await?.is_empty());
    }
}
